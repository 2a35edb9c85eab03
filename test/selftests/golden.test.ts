// SPDX-License-Identifier: GPL-2.0-only
/** The suites of 6.1, 6.12 and 7.3 print what they printed on the real kernels. */
import t from 'tap';
import { Machine, type MachineOptions } from '../../src/machine/machine.js';
import { ktapLines } from '../../src/report/ktap.js';
import { suiteOf } from '../../src/selftests/hmm-tests/suites.js';
import { exitCode, test_harness_run } from '../../src/selftests/kselftest_harness.js';
import type { FilterOption, TestFilter } from '../../src/selftests/test_filter.js';
import type { MachineApi } from '../../src/user/api.js';
import { FakeMachine } from './fake_machine.js';
import { type GoldenRun, goldenRun, withoutFigures, withoutPlace } from './golden_ktap.js';

const GiB = 2 ** 30;
const SPM = { spm_addr_dev0: '0x100000000', spm_addr_dev1: '0x140000000' };
const FAKE_MEM = [0x100000000, 0x140000000].map((start) => ({ start, size: GiB, attribute: 0x40000 }));

function run(
  kernel: string,
  filters: readonly TestFilter[],
  machine: () => MachineApi,
): Omit<GoldenRun, 'stderr'> {
  const suite = suiteOf(kernel)!;
  const stdout: string[] = [];
  const harness = test_harness_run({
    suite,
    machine,
    filters,
    onEvent: (event) => {
      // What the kernel logs is no output of the program.
      if (event.type === 'log' && event.kind === 'warning') return;
      stdout.push(...ktapLines(event, suite.style).map(withoutPlace).map(withoutFigures));
    },
  });
  for (;;) {
    const step = harness.next();
    if (step.done) return { stdout, exitCode: exitCode(step.value) };
  }
}

/** A machine booted as the recordings' was; `spm` with both module parameters. */
function booted(kernel: string, spm: boolean, more: MachineOptions = {}): () => MachineApi {
  return () => {
    const machine = Machine.boot({ kernel, efiFakeMem: spm ? FAKE_MEM : [], ...more });
    const ret = machine.loadModule('test_hmm', spm ? SPM : {});
    if (ret !== 0) throw new Error(`loadModule: ${ret}`);
    return machine;
  };
}

const options = (line: string): TestFilter[] =>
  [...line.matchAll(/-(\w) (\S+)/g)].map(([, option, name]) => ({
    option: option as FilterOption,
    name: name!,
  }));

const NO_MODULE = options('-t open_close -t migrate');

t.test('6.12 without the module, as far as no machine is needed for it', async (t) => {
  const fake = new FakeMachine();
  const { stderr, ...wanted } = goldenRun('6.12-no-module');
  t.same(
    run('6.12', NO_MODULE, () => fake.machine),
    wanted,
  );
  t.same(fake.stderr, stderr);
});

const recordings: readonly [name: string, kernel: string, spm: boolean, MachineOptions, filters: string][] = [
  ['6.12-spm', '6.12', true, {}, ''],
  ['6.12-private', '6.12', false, {}, ''],
  ['6.12-thp-always', '6.12', true, { thp: 'always' }, ''],
  ['6.12-one', '6.12', true, {}, '-f hmm2 -v hmm2_device_coherent'],
  ['6.1-spm', '6.1', true, {}, ''],
  ['6.1-private', '6.1', false, {}, ''],
  ['7.3-spm', '7.3', true, {}, ''],
  ['7.3-private', '7.3', false, {}, ''],
  ['7.3-private-thp-always', '7.3', false, { thp: 'always' }, ''],
];

for (const [name, kernel, spm, more, filters] of recordings) {
  t.test(name, async (t) => {
    const { stderr: _, ...wanted } = goldenRun(name);
    t.same(run(kernel, options(filters), booted(kernel, spm, more)), wanted);
  });
}

t.test('6.12-no-module', async (t) => {
  const { stderr: _, ...wanted } = goldenRun('6.12-no-module');
  t.same(
    run('6.12', NO_MODULE, () => Machine.boot({ kernel: '6.12' })),
    wanted,
  );
});
