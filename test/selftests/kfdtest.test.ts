// SPDX-License-Identifier: GPL-2.0-only
/** kfdtest's tests of shared virtual memory: the verdict of each on each machine that it may run on. */
import t from 'tap';
import { withBugs } from '../../src/generations/bugs/index.js';
import { describeMachine } from '../../src/machine/description.js';
import { Machine } from '../../src/machine/machine.js';
import { type HarnessEvent, KSFT_FAIL, KSFT_SKIP } from '../../src/selftests/events.js';
import { kfdtest } from '../../src/selftests/kfdtest/suites.js';
import { test_harness_run } from '../../src/selftests/kselftest_harness.js';
import { selectTests, type TestFilter } from '../../src/selftests/test_filter.js';
import { hmmSim } from '../cli/hmm-sim.js';
import { type Break, controls } from './kfdtest_controls.js';

interface Verdicts {
  readonly total: number;
  readonly failed: readonly string[];
  readonly skipped: readonly string[];
}

/** Runs the suite, or what the filters select, on a machine with these parameters; nothing may be left behind. */
function verdicts(
  kernel: string,
  params: Record<string, string>,
  filters: readonly TestFilter[] = [],
  wrong: { readonly bugs?: readonly string[]; readonly breaks?: Break } = {},
): Verdicts {
  const asked = describeMachine({ kernel, module: { name: 'amdgpu', params } });
  const description = { ...asked, generation: withBugs(asked.generation, wrong.bugs) };
  const isWrong = wrong.bugs !== undefined || wrong.breaks !== undefined;
  let machine: Machine | undefined;
  let restore: (() => void) | undefined;
  const boot = (): Machine => {
    restore?.();
    machine = Machine.bootAs(description);
    machine.loadModule('amdgpu', params);
    restore = wrong.breaks?.(machine);
    return machine;
  };
  const failed: string[] = [];
  const skipped: string[] = [];
  const onEvent = (event: HarnessEvent): void => {
    if (event.type !== 'result') return;
    if (event.code === KSFT_FAIL) failed.push(event.name);
    if (event.code === KSFT_SKIP) skipped.push(event.name);
  };
  const run = test_harness_run({ suite: kfdtest, filters, machine: boot, onEvent });
  let step = run.next();
  while (!step.done) step = run.next();
  restore?.();
  if (!isWrong) machine?.leakCheck();
  return { total: step.value.run, failed, skipped };
}

const both = (...names: readonly string[]): string[] =>
  names.flatMap((name) => [`KFDSVMRangeTest.${name}/0`, `KFDSVMRangeTest.${name}/1`]);

const NEEDS_TWO = both('MultiGPUMigrationTest', 'MultiGPUAccessInPlaceTest');

t.test('52 instances, in the order of googletest', async (t) => {
  const names = selectTests(kfdtest, []).map(({ name }) => name);
  t.equal(names.length, 52);
  t.same(names.slice(0, 3), [...both('BasicSystemMemTest'), 'KFDSVMRangeTest.SetGetAttributesTest/0']);
  t.equal(names.at(-1), 'KFDSVMEvictTest.QueueTest/1');
});

t.test('one GPU: 48 pass, what needs two is skipped', async (t) => {
  const { status, stdout } = hmmSim('smoke', '--suite', 'kfdtest', '--kernel', '6.12', '--seed', '1');
  t.equal(status, 0);
  t.equal(stdout.trimEnd().split('\n').at(-1), '# Totals: pass:48 fail:0 xfail:0 xpass:0 skip:4 error:0');
  t.equal(stdout.split('\n').filter((line) => line.includes('# SKIP at least 2 SVM-capable GPUs')).length, 4);
});

for (const topology of ['pcie', 'hive', 'cpu']) {
  t.test(`two GPUs, ${topology}: all pass`, async (t) => {
    const found = verdicts('6.12', { sim_gpus: '2', sim_topology: topology });
    t.same(found, { total: 52, failed: [], skipped: [] });
  });
}

t.test('an APU, where nothing migrates', async (t) => {
  const found = verdicts('6.12', { sim_topology: 'apu' });
  t.same(found, { total: 52, failed: [], skipped: [...NEEDS_TWO, ...both('HMMProfilingEvent')] });
});

/** What moves little: each kernel has them all. */
const SMALL = [
  'BasicVramTest',
  'EvictSystemRangeTest',
  'MigrateTest',
  'PrefaultPartialRangeTest',
  'ReadOnlyRangeTest',
];

for (const kernel of ['v5-generic', 'v4-coherent', '6.1', '7.3']) {
  for (const topology of ['pcie', 'cpu']) {
    t.test(`${kernel}, ${topology}`, async (t) => {
      const filters = SMALL.map((name) => ({ option: 't', name }) as const);
      t.same(verdicts(kernel, { sim_topology: topology }, filters), { total: 10, failed: [], skipped: [] });
    });
  }
}

t.test('little VRAM', async (t) => {
  const filters = [{ option: 't', name: 'VramOvercommitTest' }] as const;
  t.same(verdicts('6.12', { vramlimit: '256' }, filters), { total: 2, failed: [], skipped: [] });
});

t.test('every test has something that it notices', async (t) => {
  const tests = new Set(selectTests(kfdtest, []).map(({ test }) => test));
  t.strictSame([...tests].sort(), [...new Set(controls.map(({ test }) => test))].sort());
});

for (const { test, what, breaks, bug, only } of controls) {
  t.test(`${test} notices ${what}`, async (t) => {
    const { kernel, params } = bug ?? { kernel: '6.12', params: { sim_gpus: '2', vramlimit: '256' } };
    const filters = [{ option: 't', name: test } as const];
    const right = verdicts(kernel, params, filters);
    t.same(right, { total: 2, failed: [], skipped: [] }, 'as it is');
    const wrong = verdicts(kernel, params, filters, {
      ...(bug === undefined ? {} : { bugs: [bug.id] }),
      ...(breaks === undefined ? {} : { breaks }),
    });
    const noticing = [0, 1].filter((xnack) => only === undefined || only === xnack);
    const fixture = test === 'BasicTest' || test === 'QueueTest' ? 'KFDSVMEvictTest' : 'KFDSVMRangeTest';
    t.same(
      wrong.failed,
      noticing.map((xnack) => `${fixture}.${test}/${xnack}`),
      'wrong',
    );
  });
}
