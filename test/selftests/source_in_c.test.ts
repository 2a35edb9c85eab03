// SPDX-License-Identifier: GPL-2.0-only
/** Assertions of the ported suite name the line of hmm-tests.c that stands for them. */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { CONDITIONS } from '../../src/cli/triage-conditions.js';
import { suiteLine } from '../../src/generations/suite-courses.js';
import { suiteLines } from '../../src/generations/suite-lines.js';
import { describeMachine } from '../../src/machine/description.js';
import { Machine } from '../../src/machine/machine.js';
import { jsonReport } from '../../src/report/json.js';
import { junitXml } from '../../src/report/junit.js';
import { ktapLines } from '../../src/report/ktap.js';
import { RunRecorder } from '../../src/report/summary.js';
import { hmmTests } from '../../src/selftests/hmm-tests/suites.js';
import { test_harness_run } from '../../src/selftests/kselftest_harness.js';
import { captureStack } from '../../src/selftests/source_location.js';
import { TestContext } from '../../src/selftests/test_context.js';
import type { TestEnvironment } from '../../src/selftests/test_metadata.js';
import { tapLine } from '../../src/triage/tap.js';

function run(kernel: string, condition: string, recorder?: RunRecorder): string[] {
  const description = describeMachine({ kernel, seed: 0, ...CONDITIONS[condition] });
  const suite = hmmTests(description.generation);
  const lines: string[] = [];
  const boot = () => {
    const machine = Machine.bootAs(description);
    const { module } = description;
    if (module !== null) machine.loadModule(module.name, module.params);
    return machine;
  };
  const steps = test_harness_run({
    suite,
    machine: boot,
    onEvent: (event) => {
      recorder?.onEvent(event);
      lines.push(...ktapLines(event, suite.style));
    },
  });
  for (let step = steps.next(); !step.done; step = steps.next());
  return lines;
}

/** Lines and texts of assertions, in order. */
function assertions(lines: readonly string[]): string[] {
  return lines.flatMap((text) => {
    const line = tapLine(text);
    return line?.kind === 'assertion' ? [`${line.file}:${line.line}:${line.test}:${line.text}`] : [];
  });
}

for (const [name, condition] of [
  ['6.12-thp-always', 'thp-always'],
  ['6.12-no-module', 'no-module'],
] as const) {
  t.test(`the lines that a real kernel's suite printed: ${name}`, async (t) => {
    const recorded = readFileSync(new URL(`../golden/ktap/${name}.txt`, import.meta.url), 'utf8');
    const wanted = assertions(recorded.split('\n'));
    const ours = assertions(run('6.12', condition));
    t.ok(wanted.length > 1);
    t.strictSame(
      wanted.filter((line) => !ours.includes(line)),
      [],
    );
  });
}

interface Asserting {
  readonly part: Parameters<TestEnvironment['locateInC']>[0];
  readonly made: number;
  readonly environment: TestEnvironment;
  readonly metadata: { readonly name: string };
  assert(holds: boolean, text: string, fatal: boolean): void;
}

/** Every assertion that a passing run makes: its way through our source, and its line in C. */
function allAssertions(kernel: string): { test: string; way: string; line: number | undefined }[] {
  const made: { test: string; way: string; line: number | undefined }[] = [];
  const context = TestContext.prototype as unknown as Asserting;
  const { assert } = context;
  context.assert = function (this: Asserting, ...args) {
    const { part, metadata, environment } = this;
    const frames = captureStack().match(/hmm-tests\/\w+\.[jt]s:\d+:\d+/g) ?? [];
    const way = `${part} ${frames.join(' < ')}`;
    made.push({ test: metadata.name, way, line: environment.locateInC(part, this.made)?.line });
    assert.apply(this, args);
  };
  try {
    run(kernel, 'spm');
  } finally {
    context.assert = assert;
  }
  return made;
}

/** Lines that no assertion of a passing run is: fork() failed, or pthread_create(); the rest of a test's rounds. */
const UNSEEN: Readonly<Record<string, readonly string[]>> = {
  6: [
    'hmm.anon_write_child 4',
    'hmm.anon_write_child_shared 4',
    ...[4, 5, 6, 7].map((place) => `hmm.anon_teardown ${place}`),
    'hmm.exclusive_cow 6',
    'hmm.hmm_cow_in_device 5',
  ],
  7: [
    'hmm.anon_write_child 5',
    'hmm.anon_write_child_shared 2',
    ...[2, 3, 4, 5].map((place) => `hmm.anon_teardown ${place}`),
    'hmm.exclusive_cow 4',
    'hmm.hmm_cow_in_device 3',
  ],
};

for (const kernel of ['6.1', '6.12', '7.3']) {
  t.test(`${kernel}: nearly every assertion has a line`, async (t) => {
    const made = allAssertions(kernel);
    const bare = made.filter(({ line }) => line === undefined);
    t.strictSame([...new Set(bare.map(({ test }) => test))], ['anon_teardown']);
    const ways = new Map(made.map(({ test, way }) => [`${test} ${way}`, new Set<number | undefined>()]));
    for (const { test, way, line } of made) ways.get(`${test} ${way}`)!.add(line);
    const known = [...ways].filter(([, lines]) => !lines.has(undefined));
    t.comment(
      `${known.length} of ${ways.size} assertions; ${made.length - bare.length} of ${made.length} made`,
    );
    t.ok(known.length >= 0.98 * ways.size);
    // gup_test_exec() is one loop here and four calls in C; m[0] and m[1] are compared in two branches there.
    t.strictSame(
      known.filter(([, lines]) => lines.size !== 1).map(([way, lines]) => [way.split(' ')[0], lines.size]),
      [
        ['hmm_gup_test', 4],
        ['hmm_gup_test', 2],
        ['hmm_gup_test', 2],
      ],
      'each of the others has one line',
    );
  });
  t.test(`${kernel}: the lines that no assertion of a passing run is`, async (t) => {
    const seen = new Set(allAssertions(kernel).map(({ line }) => line));
    const left = Object.entries(suiteLines[kernel]!).flatMap(([test, lines]) =>
      lines.flatMap((line, place) => (seen.has(line) ? [] : [`${test} ${place}`])),
    );
    t.strictSame(left, UNSEEN[kernel[0]!]);
  });
}

t.test('in every report, and read by triage', async (t) => {
  const recorder = new RunRecorder();
  const line = run('6.12', 'thp-always', recorder).find((text) => text.includes(':exclusive_cow:'))!;
  t.match(
    line,
    /^# hmm-tests\/exclusive\.ts:\d+:exclusive_cow:Expected ret \(-16\) == 0 \(0\) \(hmm-tests\.c:1926\)$/,
  );
  t.strictSame(tapLine(line), {
    kind: 'assertion',
    file: 'hmm-tests.c',
    line: 1926,
    test: 'exclusive_cow',
    text: 'Expected ret (-16) == 0 (0)',
  });
  const info = { suite: 'hmm-tests', kernel: '6.12', seed: 0 };
  t.match(junitXml(recorder, info), / name="exclusive_cow" file="hmm-tests.c" line="1926" time="[\d.]+">/);
  t.match(jsonReport(recorder, info), /"inC": \{\s+"file": "hmm-tests.c",\s+"line": 1926\s+\}/);
});

t.test('where a release has no line', async (t) => {
  const test = { fixture: 'hmm', variant: 'hmm_device_private', test: 'migrate' };
  t.equal(suiteLine('6.12', test, 'own', 4), 991);
  t.equal(suiteLine('6.1', test, 'own', 4), 986);
  t.equal(suiteLine('7.3', test, 'own', 4), 936);
  const child = { ...test, test: 'anon_write_child' };
  t.equal(suiteLine('7.3', child, 'child', 6), 641);
  t.equal(suiteLine('7.3', child, 'childOfMigrated', 1), 630);
  t.equal(suiteLine('7.3', child, 'own', 21), 613, 'the last of the fourth round');
  t.equal(suiteLine('v5-generic', test, 'own', 4), undefined);
  t.equal(suiteLine('6.12', test, 'own', 7), undefined);
  t.equal(suiteLine('6.12', { ...test, test: 'anon_write_child' }, 'unforked', 0), 568);
  t.equal(suiteLine('6.12', test, 'teardown', 0), 162);
});
