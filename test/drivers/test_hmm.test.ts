// SPDX-License-Identifier: GPL-2.0-only
/** Loading and unloading test_hmm in each generation: the words in the log that scripts look for, and what becomes of pages. */
import t from 'tap';
import { Machine } from '../../src/machine/machine.js';
import { Hang, KernelBug } from '../../src/sim/errors.js';
import { filledPage, migratePage } from './device_page.js';

const SPM = { spm_addr_dev0: '0x100000000', spm_addr_dev1: '0x140000000' };
const GiB = 2 ** 30;
const LOADED = 'HMM test module loaded. This is only for testing HMM.';
const FIRST_CHUNK = 'added new 256 MB chunk (total 1 chunks, 256 MB)';
const PRIVATE = [
  `${FIRST_CHUNK} PFNs [0x3ffff0000 0x400000000)`,
  `${FIRST_CHUNK} PFNs [0x3fffe0000 0x3ffff0000)`,
];
const COHERENT = [`${FIRST_CHUNK} PFNs [0x140000 0x150000)`, `${FIRST_CHUNK} PFNs [0x100000 0x110000)`];

function machine(kernel: string, size = GiB / 4): Machine {
  const range = (start: number) => ({ start, size, attribute: 0x40000 });
  return Machine.boot({ kernel, efiFakeMem: [range(4 * GiB), range(5 * GiB)], check: true });
}

for (const kernel of ['v4-coherent', '6.1', '6.12']) {
  t.test(`${kernel}: a chunk for each device, then the module`, async (t) => {
    const plain = machine(kernel);
    t.equal(plain.loadModule('test_hmm', {}), 0);
    t.strictSame(plain.dmesg, [...PRIVATE, LOADED]);

    const both = machine(kernel);
    t.equal(both.loadModule('test_hmm', SPM), 0);
    t.strictSame(both.dmesg, [...PRIVATE, ...COHERENT, LOADED]);

    const one = machine(kernel);
    t.equal(one.loadModule('test_hmm', { spm_addr_dev0: SPM.spm_addr_dev0 }), 0);
    t.strictSame(one.dmesg, [...PRIVATE, LOADED], 'one parameter is as good as none');
  });
}

t.test('v5-generic: chunks count as 256 MB, whatever the resource has', async (t) => {
  const plain = machine('v5-generic');
  t.equal(plain.loadModule('test_hmm', {}), 0);
  t.strictSame(plain.dmesg, [...PRIVATE, LOADED]);

  const both = machine('v5-generic', GiB);
  t.equal(both.loadModule('test_hmm', SPM), 0);
  t.strictSame(both.dmesg, [
    `${FIRST_CHUNK} PFNs [0x140000 0x180000)`,
    `${FIRST_CHUNK} PFNs [0x100000 0x140000)`,
    LOADED,
  ]);
});

t.test('v5-generic: one parameter is an error, and then an oops', async (t) => {
  const one = machine('v5-generic');
  t.throws(() => one.loadModule('test_hmm', { spm_addr_dev0: SPM.spm_addr_dev0 }), KernelBug);
  t.strictSame(one.dmesg, ['Both spm_addr_dev parameters should be set']);
});

/** A process with a page on device `minor`, whose file is closed. */
function withDevicePage(kernel: string, minor: number, params: Record<string, string> = {}) {
  const m = machine(kernel);
  t.equal(m.loadModule('test_hmm', params), 0);
  const process = m.spawn('p');
  const addr = m.call(process, filledPage);
  t.equal(
    m.call(process, (sys) => migratePage(sys, m.generation, minor, addr, 'TO_DEV')),
    0,
  );
  return { m, process, addr, touch: () => m.call(process, (sys) => sys.load32(addr)) };
}

t.test('rmmod of 6.12 brings home what is on a device', async (t) => {
  const { m, touch } = withDevicePage('6.12', 0);
  m.unloadModule('test_hmm');
  t.equal(touch(), 42);
});

t.test('rmmod of v4-coherent waits, and evicts nothing', async (t) => {
  const { m } = withDevicePage('v4-coherent', 2, SPM);
  t.throws(() => m.unloadModule('test_hmm'), new Hang('memunmap_pages', 'waits for ever'));
});

t.test('rmmod of v5-generic waits for nothing, and leaves entries without a page', async (t) => {
  const touched = withDevicePage('v5-generic', 0);
  touched.m.unloadModule('test_hmm');
  t.throws(() => touched.touch(), { name: 'KernelBug', fn: 'do_swap_page' });

  const generic = withDevicePage('v5-generic', 0, SPM);
  generic.m.unloadModule('test_hmm');
  t.equal(generic.touch(), 42, 'the CPU reaches the memory as before');
  const unmap = () => generic.m.call(generic.process, (sys) => sys.munmap(generic.addr, 4096));
  t.throws(unmap, { name: 'KernelBug', fn: 'zap_pte_range' });
});
