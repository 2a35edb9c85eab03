// SPDX-License-Identifier: GPL-2.0-only
/** The dummy driver of HMM v25: loading, its devices, a full device, and how it ends. */
import t from 'tap';
import type { Generation } from '../../src/generations/types.js';
import { moduleAt } from '../../src/machine/defaults.js';
import { Machine } from '../../src/machine/machine.js';
import { Hang } from '../../src/sim/errors.js';
import type { Task } from '../../src/sim/task.js';
import { EINVAL, ENOENT, ENXIO } from '../../src/uapi/errno.js';
import { O_RDONLY, O_RDWR } from '../../src/uapi/mman.js';
import type { Sys } from '../../src/user/api.js';
import { filledPage, migratePage } from './device_page.js';

const SPM = [0x100000000, 0x140000000];

const boot = (addresses: readonly number[] = SPM): Machine =>
  Machine.boot({ kernel: 'hmm-v25', module: moduleAt(addresses) });

function load(machine: Machine): number {
  const { name, params } = machine.description.module!;
  return machine.loadModule(name, params);
}

t.test('the test module of v25 is another one, and each loads on its kernels alone', async (t) => {
  const machine = boot();
  t.equal(machine.description.module?.name, 'hmm_dmirror');
  t.equal(machine.loadModule('test_hmm', {}), -ENOENT);
  t.equal(load(machine), 0);
  t.equal(Machine.boot({ kernel: '6.12' }).loadModule('hmm_dmirror', {}), -ENOENT);
});

t.test('two devices whose memory the CPU cannot reach, and two that it can', async (t) => {
  const machine = boot();
  load(machine);
  t.strictSame(
    machine.dmesg.filter((line) => line.startsWith('hmm_dmirror')),
    [
      'hmm_dmirror0: device memory [mem 0x3ffff0000000-0x3fffffffffff]',
      'hmm_dmirror1: device memory [mem 0x3fffe0000000-0x3fffefffffff]',
      'hmm_dmirror2: CDM [mem 0x100000000-0x13fffffff]',
      'hmm_dmirror3: CDM [mem 0x140000000-0x17fffffff]',
    ],
  );
  const uevent = machine.call(machine.spawn('p0'), function* (sys) {
    const fd = yield* sys.open('/sys/class/hmm_device/hmm_device2/uevent', O_RDONLY);
    const buf = yield* sys.malloc(64);
    const length = yield* sys.read(fd, buf, 64);
    return new TextDecoder().decode(yield* sys.loadBytes(buf, length));
  });
  t.equal(uevent, 'DEVNAME=hmm_dmirror2\nMINOR=2\n');
});

t.test('an address where nothing is fails the load', async (t) => {
  const machine = Machine.boot({ kernel: 'hmm-v25' });
  t.equal(machine.loadModule('hmm_dmirror', { spm_addr_dev0: '0x900000000000', spm_addr_dev1: '1' }), -ENXIO);
});

t.test('a command that there is not, and a range that is none', async (t) => {
  const machine = boot();
  load(machine);
  const answers = machine.call(machine.spawn('p0'), function* (sys) {
    const fd = yield* sys.open('/dev/hmm_dmirror0', O_RDWR);
    const arg = yield* sys.malloc(64);
    return [yield* sys.ioctl(fd, 0xc02848ff, arg), yield* sys.ioctl(fd, 0xc0284800, arg)];
  });
  t.strictSame(answers, [-EINVAL, -EINVAL]);
});

/** A page of the process on the first device, by a file that is closed again. */
function* onDevice(sys: Sys, generation: Generation): Task<number> {
  return yield* migratePage(sys, generation, 0, yield* filledPage(sys), 'TO_DEV');
}

t.test('rmmod waits for a page that a process has on a device', async (t) => {
  const machine = boot([]);
  load(machine);
  const process = machine.spawn('p0');
  machine.call(process, (sys) => onDevice(sys, machine.generation));
  t.throws(() => machine.unloadModule('hmm_dmirror'), Hang);
  const other = boot([]);
  load(other);
  const gone = other.spawn('p0');
  other.call(gone, (sys) => onDevice(sys, other.generation));
  other.kill(gone);
  t.equal(other.unloadModule('hmm_dmirror'), 0);
  other.leakCheck();
});
