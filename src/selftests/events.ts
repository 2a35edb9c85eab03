// SPDX-License-Identifier: GPL-2.0-only
/** What a run of the harness tells its listeners. Writers (src/report) turn these into text. */
import type { Hang } from '../sim/errors.js';
import type { MachineApi as Machine } from '../user/api.js';
import type { HarnessStyle } from './harness_style.js';

/** Exit codes of a test and of the suite (kselftest.h). */
export const KSFT_PASS = 0;
export const KSFT_FAIL = 1;
export const KSFT_SKIP = 4;

/** Where an assertion stands: the file as "hmm-tests/migrate.ts", the line counted from 1. */
export interface Location {
  readonly file: string;
  readonly line: number;
}

export interface PlanEvent {
  readonly type: 'plan';
  readonly tests: number;
  readonly cases: number;
  readonly style: HarnessStyle;
  /** What the program printed before. */
  readonly preamble: readonly string[];
}

/** The names of a test; `name` is what result lines show ("hmm.hmm_device_private.migrate"). */
export interface TestName {
  readonly name: string;
  readonly fixture: string;
  /** Empty for a fixture without variants. */
  readonly variant: string;
  readonly test: string;
}

export interface StartEvent extends TestName {
  readonly type: 'start';
}

/**
 * A line about the running test, without its leading "# ". `assertion` lines carry their location;
 * `output` is one that the test itself prints, which has no "# ";
 * `death` lines say how the test ended; `oops` is a report of the simulated kernel, `violation` one of a checker.
 * `warning` is a WARN() of the kernel, as its log has it, and `dmesg` another line of that log.
 */
export interface LogEvent {
  readonly type: 'log';
  readonly kind: 'assertion' | 'skip' | 'death' | 'oops' | 'violation' | 'warning' | 'dmesg' | 'output';
  readonly text: string;
  readonly location?: Location;
  /** Where the C file has the assertion, as far as that is known. */
  readonly inC?: Location;
}

export interface ResultEvent extends TestName {
  readonly type: 'result';
  /** Counted from 1. */
  readonly number: number;
  readonly code: typeof KSFT_PASS | typeof KSFT_FAIL | typeof KSFT_SKIP;
  /** Why it was skipped; empty where the harness shows none. */
  readonly diagnostic: string;
  /** Simulated time that it took. */
  readonly ns: number;
}

export interface Totals {
  readonly pass: number;
  readonly fail: number;
  readonly skip: number;
}

export interface EndEvent {
  readonly type: 'end';
  /** Tests that did not fail, skipped ones included, of `run`. */
  readonly passed: number;
  readonly run: number;
  readonly totals: Totals;
  /** The last words of a kernel that panicked: what was to run after that has not. */
  readonly panic?: string;
}

export type HarnessEvent = PlanEvent | StartEvent | LogEvent | ResultEvent | EndEvent;
export type HarnessListener = (event: HarnessEvent) => void;

/** Looks at the machine around each test (tracing, explanations); changes nothing. */
export interface TestObserver {
  before?(machine: Machine, test: TestName): void;
  /** `hang`: why the test was terminated by timeout. */
  after?(machine: Machine, test: TestName, result: ResultEvent, hang?: Hang): void;
}
