// SPDX-License-Identifier: GPL-2.0-only
/** Runs suites made of single test bodies, and gives back what the harness prints. */
import { ktapLines } from '../../src/report/ktap.js';
import { RunRecorder } from '../../src/report/summary.js';
import type { EndEvent, HarnessEvent } from '../../src/selftests/events.js';
import { FIXTURE, type Suite } from '../../src/selftests/fixture.js';
import { HARNESS_6_12, type HarnessStyle } from '../../src/selftests/harness_style.js';
import { type HarnessOptions, test_harness_run } from '../../src/selftests/kselftest_harness.js';
import type { TestBody } from '../../src/selftests/test_context.js';
import { FakeMachine } from './fake_machine.js';

/** `fd` shows whether the teardown has run. */
export interface Self {
  fd: number;
}
export type Body = TestBody<Self, null>;

/** A body that never sleeps. */
export function atOnce(run: (c: Parameters<Body>[0]) => void): Body {
  // biome-ignore lint/correctness/useYield: a task is a generator, also one that never sleeps
  return function* (c) {
    run(c);
  };
}

export interface SuiteParts {
  style?: HarnessStyle;
  setup?: Body;
  teardown?: Body;
  tests: Readonly<Record<string, Body>>;
  timeouts?: Readonly<Record<string, number>>;
}

export function suiteOfBodies(parts: SuiteParts): Suite {
  const nothing = atOnce(() => {});
  const fixture = FIXTURE<Self, null>({
    name: 'fix',
    data: { fd: 3 },
    setup: parts.setup ?? nothing,
    teardown: parts.teardown ?? nothing,
    variants: { '': null },
    tests: parts.tests,
    timeouts: parts.timeouts,
  });
  return { name: 'fake-tests', style: parts.style ?? HARNESS_6_12, fixtures: [fixture] };
}

export interface Run {
  readonly lines: string[];
  readonly end: EndEvent;
  readonly recorder: RunRecorder;
  readonly machines: readonly FakeMachine[];
}

/** Assertion lines lose their line number: it is that of the test file. */
const withoutLine = (line: string): string => line.replace(/\.test\.ts:\d+:/, '.test.ts:N:');

export function runSuite(suite: Suite, more: Partial<HarnessOptions> = {}): Run {
  const lines: string[] = [];
  const recorder = new RunRecorder();
  const machines: FakeMachine[] = [];
  const onEvent = (event: HarnessEvent): void => {
    lines.push(...ktapLines(event, suite.style).map(withoutLine));
    recorder.onEvent(event);
  };
  const machine = () => {
    const fake = new FakeMachine();
    machines.push(fake);
    return fake.machine;
  };
  const run = test_harness_run({ suite, machine, onEvent, ...more });
  for (;;) {
    const step = run.next();
    if (step.done) return { lines, end: step.value, recorder, machines };
  }
}

/** The lines between "RUN" and the end of a suite with this one test. */
export function runOne(body: Body, parts: Partial<SuiteParts> = {}): string[] {
  const { lines } = runSuite(suiteOfBodies({ ...parts, tests: { one: body } }));
  return lines.slice(4, -2);
}
