// SPDX-License-Identifier: GPL-2.0-only
/** What the harness knows of a running test (struct __test_metadata), and what it offers to it. */
import type { Part } from '../generations/suite-courses.js';
import { KSFT_PASS, type Location, type LogEvent } from './events.js';
import type { HarnessStyle } from './harness_style.js';

/** Thrown by a failed ASSERT_*: the harness's longjmp. */
export class TestAborted extends Error {}

/** Shared by all forks of a test, or copied by fork, as the harness's style says. */
export interface Metadata {
  readonly name: string;
  exit_code: number;
  /** Still set after a failed ASSERT: then the next assertion bails out whatever it finds. */
  trigger: boolean;
  aborted: boolean;
  setup_completed: boolean;
  torn_down: boolean;
  /** Counts assertions until one fails; kept below the exit status that means SKIP. */
  step: number;
  /** Failed assertions so far. */
  failures: number;
}

export function newMetadata(name: string): Metadata {
  return {
    name,
    exit_code: KSFT_PASS,
    trigger: false,
    aborted: false,
    setup_completed: false,
    torn_down: false,
    step: 1,
    failures: 0,
  };
}

export interface TestEnvironment {
  readonly style: HarnessStyle;
  log(event: LogEvent): void;
  /** The source line that a stack trace stands in. */
  locate(stack: string): Location;
  /** The place in the C file of the assertion behind the first `made` of a part of the test. */
  locateInC(part: Part, made: number): Location | undefined;
  /** SKIP's reason lies in memory that the harness shares with every process. */
  skipped(reason: string): void;
  /** A process that the test forked; what is left of them ends with the test. */
  forked(pid: number): void;
}
