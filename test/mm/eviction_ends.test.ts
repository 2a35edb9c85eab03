// SPDX-License-Identifier: GPL-2.0-only
/**
 * An eviction ends: whoever has a page of a device keeps it there for his time, and nobody may keep one for long. A pin for long
 * moves the page to system memory (from 6.1 on), or is refused.
 */
import t from 'tap';
import { translate } from '../../src/checkers/tlb.js';
import { Machine, type Process } from '../../src/machine/machine.js';
import { Hang } from '../../src/sim/errors.js';
import type { Task } from '../../src/sim/task.js';
import {
  encodePinLongtermTest,
  PIN_LONGTERM_TEST,
  PIN_LONGTERM_TEST_FLAG_USE_WRITE,
  PIN_LONGTERM_TEST_START,
} from '../../src/uapi/gup_test.js';
import { O_RDWR, PAGE_SIZE } from '../../src/uapi/mman.js';
import {
  encodeHeldRange,
  PAGE_HOLDER_FILE,
  PAGE_HOLDER_GET,
  PAGE_HOLDER_PUT,
} from '../../src/uapi/page_holder.js';
import type { Sys } from '../../src/user/api.js';
import { filledPage, migratePageAndKeep } from '../drivers/device_page.js';

const SPM = { spm_addr_dev0: '0x100000000', spm_addr_dev1: '0x140000000' };

interface OnDevice {
  readonly machine: Machine;
  readonly process: Process;
  readonly addr: number;
}

/** A page of a process on the first coherent device. */
function onDevice(kernel: string): OnDevice {
  const machine = Machine.boot({ kernel, module: { name: 'test_hmm', params: SPM } });
  t.equal(machine.loadModule('test_hmm', SPM), 0);
  const process = machine.spawn('p0');
  const addr = machine.call(process, function* (sys) {
    const addr = yield* filledPage(sys);
    // A file that is closed takes its pages home.
    yield* migratePageAndKeep(sys, machine.generation, 2, addr, 'TO_DEV');
    return addr;
  });
  return { machine, process, addr };
}

/** The driver takes the page home, if it can. */
function home({ machine, process, addr }: OnDevice): void {
  const { ret } = machine.call(process, (sys) =>
    migratePageAndKeep(sys, machine.generation, 2, addr, 'TO_SYS'),
  );
  t.equal(ret, 0);
}

const isOnDevice = ({ machine, process, addr }: OnDevice): boolean =>
  machine.kernel.is_zone_device_page(translate(process.ownMm, addr).page);

/** A request of page_holder about the page. Return: its file. */
function* hold(sys: Sys, addr: number): Task<number> {
  const fd = yield* sys.open(PAGE_HOLDER_FILE, O_RDWR);
  const arg = yield* sys.malloc(64);
  yield* sys.storeBytes(arg, encodeHeldRange(addr, 1));
  t.equal(yield* sys.ioctl(fd, PAGE_HOLDER_GET, arg), 1);
  return fd;
}

/** A pin for long of the page. Return: what gup_test answers. */
function* pinForLong(sys: Sys, addr: number): Task<number> {
  const gup = yield* sys.open('/sys/kernel/debug/gup_test', O_RDWR);
  const arg = yield* sys.malloc(64);
  const pin = { addr, size: PAGE_SIZE, flags: PIN_LONGTERM_TEST_FLAG_USE_WRITE };
  yield* sys.storeBytes(arg, encodePinLongtermTest(new Uint8Array(PIN_LONGTERM_TEST.size), pin));
  return yield* sys.ioctl(gup, PIN_LONGTERM_TEST_START, arg);
}

t.test('who has a page for a time keeps the device from being emptied for that time', (t) => {
  const there = onDevice('6.12');
  const { machine, process, addr } = there;
  const fd = machine.call(process, (sys) => hold(sys, addr));
  home(there);
  t.ok(isOnDevice(there), 'it stays for now');
  machine.call(process, (sys) => sys.ioctl(fd, PAGE_HOLDER_PUT, 0));
  home(there);
  t.notOk(isOnDevice(there), 'it comes home then');
  machine.unloadModule('test_hmm');
  t.end();
});

t.test('a pin for long moves the page, and the device can be emptied', (t) => {
  for (const kernel of ['6.12', '7.3']) {
    const there = onDevice(kernel);
    const { machine, process, addr } = there;
    t.equal(
      machine.call(process, (sys) => pinForLong(sys, addr)),
      0,
      kernel,
    );
    t.notOk(isOnDevice(there), kernel);
    machine.unloadModule('test_hmm');
  }
  t.end();
});

t.test('without that rule it never could', (t) => {
  for (const kernel of ['6.12', '7.3']) {
    const there = onDevice(kernel);
    const { machine, process, addr } = there;
    // What a pin of a page of any other memory does: it is left where it is.
    const { kernel: k } = machine;
    const page = translate(process.ownMm, addr).page;
    const pgmap = k.pgmapOf(page);
    Object.assign(pgmap, { type: 'MEMORY_DEVICE_GENERIC' });
    t.equal(
      machine.call(process, (sys) => pinForLong(sys, addr)),
      0,
      kernel,
    );
    Object.assign(pgmap, { type: 'MEMORY_DEVICE_COHERENT' });
    t.ok(isOnDevice(there), kernel);
    t.throws(() => machine.unloadModule('test_hmm'), new Hang('memunmap_pages', 'waits for ever'), kernel);
  }
  t.end();
});
