// SPDX-License-Identifier: GPL-2.0-only
import t from 'tap';
import { RECORDING_CONDITIONS } from '../../src/machine/defaults.js';
import { Setups } from '../../src/session/setup.js';

const GiB = 2 ** 30;

t.test('a document without a machine block gets the recording conditions', (t) => {
  const { generation, ...machine } = new Setups().of({ kernel: '6.1' });
  t.equal(generation.id, '6.1');
  t.strictSame(machine, {
    memory: 6 * GiB,
    hugepages: 64,
    profile: null,
    builtin: false,
    panicOnOops: false,
    insmod: [],
    swap: 0,
    thp: 'madvise',
    physBits: 46,
    kaslr: false,
    nodes: 1,
    physical: {
      ram: [
        { start: 2 ** 20, size: 3 * GiB - 2 ** 20 },
        { start: 6 * GiB, size: GiB },
      ],
      softReserved: [
        { start: 4 * GiB, size: GiB },
        { start: 5 * GiB, size: GiB },
      ],
      holes: false,
      physBits: 46,
    },
    spmMemory: true,
    laidOutFor: RECORDING_CONDITIONS.module,
    module: { name: 'test_hmm', params: { spm_addr_dev0: '0x100000000', spm_addr_dev1: '0x140000000' } },
    seed: 0,
    check: false,
    bugs: [],
    fixes: [],
    schedule: 'run-to-block',
    scheduler: null,
  });
  t.equal(new Setups().of({}).generation.id, 'v5-generic');
  t.end();
});

t.test('the machine block and the command line change it', (t) => {
  const machine = { spm: [], memory: '512M', hugepages: 2, thp: 'always', seed: 7 } as const;
  const document = { kernel: '6.12', machine: { ...machine, spm: [] } };
  const { physical, ...setup } = new Setups().of(document);
  t.strictSame(setup.module, { name: 'test_hmm', params: {} });
  t.match(setup, { memory: GiB / 2, hugepages: 2, thp: 'always', seed: 7 });
  t.strictSame(physical.softReserved, []);
  t.match(new Setups({ kernel: '6.1', seed: 9, check: true }).of(document), {
    generation: { id: '6.1' },
    seed: 9,
    check: true,
  });
  const unloaded = new Setups().of({ machine: { module: false } });
  t.equal(unloaded.module, null);
  t.equal(unloaded.physical.softReserved.length, 2, 'the memory is there all the same');
  t.end();
});

t.test('the width of physical addresses', (t) => {
  const { physical, ...setup } = new Setups().of({ machine: { physBits: 40, kaslr: true } });
  t.match(setup, { physBits: 40, kaslr: true });
  t.equal(physical.physBits, 40);
  t.throws(() => new Setups().of({ machine: { physBits: 36, memory: '80G' } }), {
    message: /85899345920 bytes of RAM do not lie within 36-bit physical addresses/,
  });
  t.throws(() => new Setups().of({ machine: { physBits: 36, spm: ['0x1000000000'] } }), {
    message: /is beyond the 36-bit physical addresses/,
  });
  t.end();
});

t.test('bugs of the document and of the command line, in the behaviours of the generation', (t) => {
  const document = {
    kernel: '6.12',
    machine: { bugs: ['stale-mirror-after-close'], fixes: ['npages-overflow'] },
  } as const;
  const overrides = { bugs: ['dead-mirror-loop', 'stale-mirror-after-close'], fixes: ['exclusive-thp-tail'] };
  const setup = new Setups(overrides).of({ ...document, machine: { ...document.machine } as never });
  t.equal(setup.generation.id, '6.12');
  t.strictSame(setup.bugs, ['stale-mirror-after-close', 'dead-mirror-loop']);
  t.strictSame(setup.fixes, ['npages-overflow', 'exclusive-thp-tail']);
  t.match(setup.generation.behaviours, {
    closeEvicts: false,
    mirrorGoneFails: false,
    npagesOverflowChecked: true,
    exclusiveByPage: true,
  });
  t.throws(() => new Setups().of({ machine: { bugs: ['npages-overflw'] } }), {
    name: 'UsageError',
    message:
      'bugs: unknown bug "npages-overflw" (did you mean "npages-overflow"?); "hmm-sim bugs" lists them',
  });
  t.end();
});

t.test('equal machines are one setup', (t) => {
  const setups = new Setups();
  t.equal(
    setups.of({ kernel: '6.12', machine: { seed: 1 } }),
    setups.of({ kernel: '6.12', machine: { seed: 1 } }),
  );
  t.not(setups.of({ kernel: '6.12' }), setups.of({ kernel: '6.1' }));
  t.end();
});

t.test('a machine that cannot be built', (t) => {
  t.throws(() => new Setups().of({ machine: { spm: [1] } }), { name: 'UsageError', where: 'spm_addr_dev0' });
  t.throws(() => new Setups().of({ machine: { memory: '2M' } }), { name: 'UsageError' });
  t.end();
});
