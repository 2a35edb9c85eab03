// SPDX-License-Identifier: GPL-2.0-only
import t from 'tap';
import { moduleAt, RECORDING_CONDITIONS } from '../../src/machine/defaults.js';
import { describeMachine } from '../../src/machine/description.js';
import { Machine } from '../../src/machine/machine.js';

const MiB = 2 ** 20;
const GiB = 2 ** 30;
const SP = 0x40000;

t.test('what is left unsaid', async (t) => {
  const { generation, ...machine } = describeMachine();
  t.equal(generation.id, 'v5-generic');
  t.strictSame(machine, {
    profile: null,
    builtin: false,
    panicOnOops: false,
    memory: 6 * GiB,
    hugepages: 64,
    insmod: [],
    swap: 0,
    thp: 'madvise',
    physBits: 46,
    kaslr: false,
    nodes: 1,
    physical: {
      ram: [
        { start: MiB, size: 3 * GiB - MiB },
        { start: 4 * GiB, size: 3 * GiB },
      ],
      softReserved: [],
      holes: false,
      physBits: 46,
    },
    spmMemory: true,
    module: null,
    laidOutFor: null,
    seed: 0,
    bugs: [],
    fixes: [],
    check: false,
    schedule: 'run-to-block',
    scheduler: null,
  });
  t.strictSame(describeMachine({ memory: undefined, seed: undefined }), describeMachine());
});

t.test('what the recordings were made on', async (t) => {
  const params = { spm_addr_dev0: '0x100000000', spm_addr_dev1: '0x140000000' };
  t.strictSame(RECORDING_CONDITIONS.module, { name: 'test_hmm', params });
  t.strictSame(describeMachine(RECORDING_CONDITIONS).physical.softReserved, [
    { start: 4 * GiB, size: GiB },
    { start: 5 * GiB, size: GiB },
  ]);
});

t.test(
  'memory is reserved where the module looks for it, loaded or not, unless it is said where',
  async (t) => {
    const module = moduleAt([8 * GiB]);
    const reserved = [{ start: 8 * GiB, size: GiB }];
    t.strictSame(describeMachine({ module }).physical.softReserved, reserved);
    t.strictSame(describeMachine({ module }).module, {
      name: 'test_hmm',
      params: { spm_addr_dev0: '0x200000000' },
    });
    const unloaded = describeMachine({ module, load: false });
    t.strictSame(unloaded.physical.softReserved, reserved);
    t.equal(unloaded.module, null);
    const efiFakeMem = [{ start: 5 * GiB, size: 256 * MiB, attribute: SP }];
    t.strictSame(describeMachine({ module, efiFakeMem }).physical.softReserved, [
      { start: 5 * GiB, size: 256 * MiB },
    ]);
  },
);

t.test('what cannot be', async (t) => {
  const fails = (options: Parameters<typeof describeMachine>[0], message: string): void => {
    t.throws(() => describeMachine(options), { name: 'UsageError', message });
  };
  fails(
    { kernel: '6.2' },
    "--kernel: unknown kernel '6.2', expected one of rfc-cdm, hmm-v25, v5-generic, v4-coherent, 6.1, 6.12, 7.3",
  );
  fails(
    { module: { name: 'test_hm', params: {} } },
    'modprobe: unknown module "test_hm" (did you mean "test_hmm"?)',
  );
  fails({ bugs: ['x'] }, '--bug: unknown bug "x"; "hmm-sim bugs" lists them');
  fails({ module: moduleAt([1]) }, 'spm_addr_dev0: 0x1 is in the first megabyte');
  fails({ memory: 3 }, '--memory: 3 bytes is not a positive multiple of 2 MiB');
});

t.test('a machine boots as it is described, again and again', async (t) => {
  const description = describeMachine({ ...RECORDING_CONDITIONS, kernel: '6.12', bugs: ['npages-overflow'] });
  const machine = Machine.bootAs(description);
  t.equal(machine.description, description);
  t.equal(machine.generation.behaviours.npagesOverflowChecked, false);
  const pages = machine.kernel.pages.nr_free_pages;
  t.equal(machine.kernel.hugetlb.nr_huge_pages, 64);
  machine.loadModule('test_hmm', RECORDING_CONDITIONS.module.params);
  t.same(
    [...machine.drivers].map(({ name }) => name),
    ['gup_test', 'page_holder', 'test_hmm'],
  );
  machine.reset();
  t.same(
    [...machine.drivers].map(({ name }) => name),
    ['gup_test', 'page_holder'],
    'modules are gone',
  );
  t.equal(machine.kernel.pages.nr_free_pages, pages);
});
