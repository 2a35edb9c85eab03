// SPDX-License-Identifier: GPL-2.0-only
/** Machines that are known by a name. */
import t from 'tap';
import { moduleAt } from '../../src/machine/defaults.js';
import { describeMachine } from '../../src/machine/description.js';
import { Machine } from '../../src/machine/machine.js';
import { PROFILE_NAMES } from '../../src/machine/profiles.js';
import { machineBlock } from '../../src/record/machine-block.js';
import { scenarioSchema } from '../../src/scenario/schema.js';
import { Setups } from '../../src/session/setup.js';
import { KernelBug } from '../../src/sim/errors.js';
import { ENOENT } from '../../src/uapi/errno.js';
import { PANIC } from '../../src/user/kernel-log.js';

const GiB = 2 ** 30;
const CI = { profile: 'mm-ci' } as const;

t.test('what options leave unsaid is as it is there', async (t) => {
  const said = { builtin: true, panicOnOops: true, thp: 'always', swap: 2 * GiB, profile: 'mm-ci' };
  t.match(describeMachine(CI), said);
  t.match(describeMachine({ ...CI, thp: 'never', swap: 0 }), { ...said, thp: 'never', swap: 0 });
  t.match(describeMachine(), { builtin: false, panicOnOops: false, thp: 'madvise', swap: 0, profile: null });
});

t.test('documents: no addresses, unless they say some; the command line goes before them', async (t) => {
  const { module, physical } = new Setups().of({ machine: CI });
  t.strictSame(module, { name: 'test_hmm', params: {} });
  t.strictSame(physical.softReserved, []);
  t.match(new Setups({ profile: 'mm-ci' }).of({ machine: { thp: 'never' } }), {
    thp: 'never',
    swap: 2 * GiB,
  });
  const spm = ['0x100000000', '0x140000000'];
  t.strictSame(new Setups().of({ machine: { ...CI, spm } }).module, moduleAt([0x100000000, 0x140000000]));
});

t.test('in the words of documents', async (t) => {
  t.strictSame(machineBlock(describeMachine({ ...CI, module: moduleAt([]) })), { profile: 'mm-ci', spm: [] });
  t.strictSame(machineBlock(describeMachine({ ...CI, module: moduleAt([]), swap: 0, thp: 'madvise' })), {
    profile: 'mm-ci',
    spm: [],
    swap: 0,
    thp: 'madvise',
  });
});

t.test('what is part of the kernel image is not removed; a module is', async (t) => {
  const machine = Machine.boot({ ...CI, kernel: '6.12', module: moduleAt([]) });
  t.equal(machine.loadModule('test_hmm', {}), 0);
  t.equal(machine.unloadModule('test_hmm'), -ENOENT);
  t.ok(machine.lookup('/dev/hmm_dmirror0'), 'its files are there');
  t.equal(machine.loadModule('nouveau', {}), 0);
  t.equal(machine.unloadModule('nouveau'), 0);
  t.equal(machine.unloadModule('nouveau'), -ENOENT);

  const plain = Machine.boot({ kernel: '6.12' });
  t.equal(plain.loadModule('test_hmm', {}), 0);
  t.equal(plain.unloadModule('test_hmm'), 0);
  t.equal(plain.lookup('/dev/hmm_dmirror0'), undefined);
});

t.test('the last words of a kernel that oopses', async (t) => {
  const oops = (options: object): readonly string[] => {
    const machine = Machine.boot({ ...options, kernel: '6.12' });
    const process = machine.spawn('p');
    t.throws(
      () =>
        machine.call(process, function* () {
          yield* [];
          throw new KernelBug('dmirror_do_fault', 'page fault');
        }),
      { name: 'KernelBug', fn: 'dmirror_do_fault' },
    );
    return machine.dmesg;
  };
  t.equal(oops(CI).at(-1), PANIC);
  t.notOk(oops({}).includes(PANIC));
});

t.test('documents know them all, and no other', async (t) => {
  const named = (profile: string) => scenarioSchema.safeParse({ name: 'x', steps: [], machine: { profile } });
  for (const name of PROFILE_NAMES) t.ok(named(name).success, name);
  t.notOk(named('mm-ci-2').success);
});
