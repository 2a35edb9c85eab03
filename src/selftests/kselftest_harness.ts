// SPDX-License-Identifier: GPL-2.0-only
/**
 * The kselftest harness (tools/testing/selftests/kselftest_harness.h): runs a suite's tests, each in a process of its
 * own, and tells a listener what happens.
 *
 * Fidelity: ported, without XFAIL and TEST_SIGNAL.
 */
import { Hang, InvariantViolation, KernelBug, ProcessDied, TimedOut } from '../sim/errors.js';
import { signalByName } from '../uapi/signal.js';
import type { MachineApi as Machine, ProcessHandle as Process } from '../user/api.js';
import { PANIC, warningTexts } from '../user/kernel-log.js';
import {
  type EndEvent,
  type HarnessListener,
  KSFT_FAIL,
  KSFT_PASS,
  KSFT_SKIP,
  type LogEvent,
  type ResultEvent,
  type TestObserver,
} from './events.js';
import type { Suite, TestInstance } from './fixture.js';
import { locate, type ReadText } from './source_location.js';
import { selectTests, type TestFilter } from './test_filter.js';
import { type Metadata, newMetadata, type TestEnvironment } from './test_metadata.js';

export interface HarnessOptions {
  readonly suite: Suite;
  /** A booted machine with the module loaded; asked again after a test that took its machine down. */
  readonly machine: () => Machine;
  readonly filters?: readonly TestFilter[];
  readonly onEvent: HarnessListener;
  /** Reads source maps, so that compiled code shows the lines of its TypeScript source. */
  readonly readText?: ReadText;
  readonly observer?: TestObserver;
  /** Calls what it is given; throws TimedOut, when that takes too long on the host. */
  readonly guard?: <T>(run: () => T) => T;
  /** Tell all that the kernel logs while a test runs, not its WARN()s alone. */
  readonly dmesg?: boolean;
  /** A test in which the kernel warns has failed. */
  readonly failOnWarn?: boolean;
}

type Code = ResultEvent['code'];

interface Outcome {
  readonly code: Code;
  readonly diagnostic: string;
  /** Why it was terminated by timeout. */
  readonly hang?: Hang;
}

/** How the process of a test ended. */
type Ending =
  | { readonly kind: 'exit'; readonly status: number }
  | { readonly kind: 'signal'; readonly signal: string }
  | { readonly kind: 'timeout'; readonly hang: Hang }
  | { readonly kind: 'abandoned'; readonly reason: string }
  /** `end`: how its process died of it on a machine that goes on. */
  | { readonly kind: 'oops'; readonly bug: KernelBug; readonly end?: Ending }
  | { readonly kind: 'violation'; readonly violation: InvariantViolation };

/** Runs the tests that the filters select. The caller iterates: one result a step, the totals at the end. */
export function* test_harness_run(options: HarnessOptions): Generator<ResultEvent, EndEvent> {
  const run = new HarnessRun(options);
  const tests = selectTests(options.suite, options.filters ?? []);
  run.plan(tests);
  for (const test of tests) {
    yield run.run(test);
    if (run.panicked) break;
  }
  return run.end();
}

/** The exit code of the suite. */
export function exitCode(end: EndEvent): typeof KSFT_PASS | typeof KSFT_FAIL {
  return end.totals.fail === 0 ? KSFT_PASS : KSFT_FAIL;
}

class HarnessRun {
  /** A test has ended the machine for good (oops=panic). */
  panicked = false;
  private machine: Machine | undefined;
  private readonly counts = { [KSFT_PASS]: 0, [KSFT_FAIL]: 0, [KSFT_SKIP]: 0 };
  private number = 0;

  constructor(private readonly options: HarnessOptions) {}

  plan(tests: readonly TestInstance[]): void {
    const { style, preamble = [] } = this.options.suite;
    this.options.onEvent({
      type: 'plan',
      tests: tests.length,
      cases: this.countCases(tests),
      style,
      preamble,
    });
  }

  /** One test from "RUN" to its result. */
  run(test: TestInstance): ResultEvent {
    const { fixture, variant, observer, onEvent } = { ...test, ...this.options };
    const name = { name: test.name, fixture, variant, test: test.test };
    onEvent({ type: 'start', ...name });
    const machine = (this.machine ??= this.options.machine());
    const started = machine.now;
    observer?.before?.(machine, name);

    const logged = machine.dmesg.length;
    const { code, diagnostic, hang } = this.heard(test, machine.dmesg, logged, this.runOn(machine, test));
    this.panicked = machine.dmesg.at(-1) === PANIC;
    const result: ResultEvent = {
      type: 'result',
      ...name,
      number: ++this.number,
      code,
      diagnostic,
      ns: machine.now - started,
    };
    this.counts[code]++;
    observer?.after?.(machine, name, result, hang);
    onEvent(result);
    return result;
  }

  end(): EndEvent {
    const { counts, number } = this;
    const totals = { pass: counts[KSFT_PASS], fail: counts[KSFT_FAIL], skip: counts[KSFT_SKIP] };
    const panic = this.panicked ? { panic: PANIC } : {};
    const end: EndEvent = { type: 'end', passed: number - totals.fail, run: number, totals, ...panic };
    this.options.onEvent(end);
    return end;
  }

  /** A test case is a fixture with a variant. */
  private countCases(tests: readonly TestInstance[]): number {
    const { suite } = this.options;
    if (!suite.style.countsEmptyCases) return new Set(tests.map((t) => `${t.fixture} ${t.variant}`)).size;
    const global = 1;
    return suite.fixtures.reduce((sum, { variants }) => sum + Math.max(variants.length, 1), global);
  }

  /** Tells what the kernel logged while the test ran. Return: its outcome, which a WARN() may change. */
  private heard(test: TestInstance, dmesg: readonly string[], from: number, outcome: Outcome): Outcome {
    const { dmesg: all, failOnWarn, onEvent } = this.options;
    if (dmesg.length === from) return outcome;
    let warning: string | undefined;
    for (const text of dmesg.slice(from)) {
      const [warned] = warningTexts([text]);
      warning ??= warned;
      if (warned !== undefined) onEvent({ type: 'log', kind: 'warning', text });
      else if (all) onEvent({ type: 'log', kind: 'dmesg', text: `dmesg: ${text}` });
    }
    if (!failOnWarn || warning === undefined || outcome.code === KSFT_FAIL) return outcome;
    const text = `${test.test}: Test failed by a kernel WARNING in ${warning}`;
    onEvent({ type: 'log', kind: 'death', text });
    return { code: KSFT_FAIL, diagnostic: '' };
  }

  /** Runs the test in a new process, and ends whatever is left of it. */
  private runOn(machine: Machine, test: TestInstance): Outcome {
    const { c } = this.options.suite;
    const metadata = newMetadata(test.test);
    const children: number[] = [];
    let reason = '';
    const environment: TestEnvironment = {
      style: this.options.suite.style,
      log: (event) => this.options.onEvent(event),
      locate: (stack) => locate(stack, this.options.readText),
      locateInC: (part, made) => {
        const line = c?.line(test, part, made);
        return line === undefined ? undefined : { file: c!.file, line };
      },
      skipped: (why) => {
        reason = why;
      },
      forked: (pid) => children.push(pid),
    };
    let ending = this.ending(machine, test, metadata, environment);
    if (diedAlone(ending)) ending = this.killLeftOver(machine, children) ?? ending;
    if (!diedAlone(ending)) this.machine = undefined;
    const code = this.judge(metadata, ending);
    if (code === KSFT_SKIP) return { code, diagnostic: reason === '' ? 'unknown' : reason };
    const outcome = { code, diagnostic: environment.style.usesResultCode ? reason : '' };
    return ending.kind === 'timeout' ? { ...outcome, hang: ending.hang } : outcome;
  }

  private ending(
    machine: Machine,
    test: TestInstance,
    metadata: Metadata,
    environment: TestEnvironment,
  ): Ending {
    const process = machine.spawn(this.options.suite.name);
    try {
      const { guard = (run) => run() } = this.options;
      const limit = test.timeoutSeconds * 1e9;
      guard(() => machine.call(process, (sys) => test.main(sys, metadata, environment), limit));
      return { kind: 'exit', status: 0 };
    } catch (error) {
      const ending = asEnding(error, process);
      if (ending.kind !== 'oops' || !this.options.suite.style.outlivesOops) return ending;
      if (machine.dmesg.at(-1) === PANIC) return ending;
      return { ...ending, end: make_task_dead(machine, process, ending.bug) };
    }
  }

  /**
   * Children that a failed test did not wait for would run on, and take the CPU from the next test.
   * Return: how the machine ended of it, if it did.
   */
  private killLeftOver(machine: Machine, children: readonly number[]): Ending | undefined {
    try {
      for (const pid of children) {
        const child = machine.process(pid);
        if (child?.alive) machine.kill(child);
      }
      return undefined;
    } catch (error) {
      return endOfMachine(error);
    }
  }

  /** What the harness's parent makes of the exit status (__wait_for_test), said in a line where it is bad. */
  private judge(metadata: Metadata, ending: Ending): Code {
    const { style } = this.options.suite;
    switch (ending.kind) {
      case 'timeout':
        this.log('death', metadata, `Hung in ${ending.hang.where}: ${ending.hang.reason}`);
        return this.fail(metadata, 'Test terminated by timeout');
      case 'abandoned':
        return this.fail(metadata, `The test ${ending.reason}`);
      case 'oops':
        this.log('oops', metadata, `Kernel oops in ${ending.bug.fn}: ${ending.bug.reason}`);
        return ending.end === undefined ? KSFT_FAIL : this.judge(metadata, ending.end);
      case 'violation':
        this.log('violation', metadata, `Invariant violated: ${ending.violation.message}`);
        return KSFT_FAIL;
      case 'signal':
        return this.judgeSignal(metadata, ending.signal);
      case 'exit':
        if (style.sharesMetadata && !style.assertAborts && metadata.aborted)
          return this.judgeSignal(metadata, 'SIGABRT');
        return this.judgeStatus(metadata, ending.status);
    }
  }

  private judgeSignal(metadata: Metadata, signal: string): Code {
    if (signal === 'SIGABRT') return this.fail(metadata, 'Test terminated by assertion');
    return this.fail(metadata, `Test terminated unexpectedly by signal ${signalByName(signal)}`);
  }

  private judgeStatus(metadata: Metadata, exitStatus: number): Code {
    const { style } = this.options.suite;
    const shared = style.sharesMetadata ? metadata.exit_code : KSFT_PASS;
    const status = exitStatus === 0 ? shared : exitStatus;
    if (status === style.skipStatus) return KSFT_SKIP;
    if (status === KSFT_PASS) return KSFT_PASS;
    return this.fail(metadata, style.reportsStep ? `Test failed at step #${status}` : 'Test failed');
  }

  private fail(metadata: Metadata, text: string): Code {
    this.log('death', metadata, text);
    return KSFT_FAIL;
  }

  private log(kind: LogEvent['kind'], metadata: Metadata, text: string): void {
    this.options.onEvent({ type: 'log', kind, text: `${metadata.name}: ${text}` });
  }
}

/** Is the process of the test gone, and the machine as good as before? */
function diedAlone(ending: Ending): boolean {
  if (ending.kind === 'oops') return ending.end !== undefined && diedAlone(ending.end);
  return ending.kind === 'exit' || ending.kind === 'signal';
}

/** die() of a BUG() has another signal than page_fault_oops(). */
const signalOf = ({ reason }: KernelBug): string => (reason.includes('BUG') ? 'SIGSEGV' : 'SIGKILL');

/** The process exits with all that it holds, which may keep it from exiting. */
function make_task_dead(machine: Machine, process: Process, bug: KernelBug): Ending {
  const signal = signalOf(bug);
  try {
    machine.kill(process, signal);
    return { kind: 'signal', signal };
  } catch (error) {
    return endOfMachine(error);
  }
}

/** Throws what is none of the ways in which a machine ends. */
function endOfMachine(error: unknown): Ending {
  if (error instanceof KernelBug) return { kind: 'oops', bug: error };
  if (error instanceof Hang) return { kind: 'timeout', hang: error };
  if (error instanceof InvariantViolation) return { kind: 'violation', violation: error };
  if (error instanceof TimedOut) return { kind: 'abandoned', reason: error.message };
  throw error;
}

function asEnding(error: unknown, process: Process): Ending {
  if (!(error instanceof ProcessDied) || error.pid !== process.pid) return endOfMachine(error);
  if (error.signal !== null) return { kind: 'signal', signal: error.signal };
  return { kind: 'exit', status: error.exitCode ?? 0 };
}
