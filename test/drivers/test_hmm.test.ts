// SPDX-License-Identifier: GPL-2.0-only
/** What test_hmm leaves in the kernel log: the words that scripts look for, in each generation. */
import t from 'tap';
import { Machine } from '../../src/machine/machine.js';
import { KernelBug } from '../../src/sim/errors.js';

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
  return Machine.boot({ kernel, efiFakeMem: [range(4 * GiB), range(5 * GiB)] });
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
