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

/** DIVERGES: nobody waits here for a fault to be resolved; userfaultfd_read fails where it asks for that. */
function withoutWaiting({ stdout, ...rest }: Omit<GoldenRun, 'stderr'>): Omit<GoldenRun, 'stderr'> {
  const name = /^((?:ok|# {12}OK).* )(hmm\.\w+\.userfaultfd_read)$/;
  const failures = stdout.filter((line) => /^ok \d+ hmm\.\w+\.userfaultfd_read$/.test(line)).length;
  const failing = (line: string, i: number): string[] => {
    if (!name.test(line) || stdout[i + 1]?.includes('# SKIP')) return [line];
    if (line.startsWith('ok')) return [`not ${line}`];
    const why = ['Expected ret (-1) == 0 (0)', 'Test terminated by assertion'];
    return [
      `# FILE:userfaultfd_read:${why[0]}`,
      `# userfaultfd_read: ${why[1]}`,
      line.replace('  OK', 'FAIL'),
    ];
  };
  const recounted = (line: string): string =>
    line
      .replace(/^# \w+: (\d+)( \/ \d+ tests passed\.)$/, (_, n, of) => `# FAILED: ${n - failures}${of}`)
      .replace(/pass:(\d+) fail:(\d+)/, (_, p, f) => `pass:${p - failures} fail:${Number(f) + failures}`);
  if (failures === 0) return { stdout, ...rest };
  return { stdout: stdout.flatMap(failing).map(recounted), exitCode: 1 };
}

for (const [name, kernel, spm, more, filters] of recordings) {
  t.test(name, async (t) => {
    const { stderr: _, ...golden } = goldenRun(name);
    const wanted = withoutWaiting(golden);
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
