// SPDX-License-Identifier: GPL-2.0-only
/** Collects a run's events into one record per test, for reports that are written at the end. */
import {
  type HarnessEvent,
  KSFT_FAIL,
  KSFT_PASS,
  KSFT_SKIP,
  type LogEvent,
  type ResultEvent,
  type Totals,
} from '../selftests/events.js';

export interface TestRecord {
  readonly result: ResultEvent;
  /** What was said while it ran, in order. */
  readonly log: readonly LogEvent[];
}

export class RunRecorder {
  readonly tests: TestRecord[] = [];
  private log: LogEvent[] = [];

  readonly onEvent = (event: HarnessEvent): void => {
    if (event.type === 'start') this.log = [];
    else if (event.type === 'log') this.log.push(event);
    else if (event.type === 'result') this.tests.push({ result: event, log: this.log });
  };

  /** Counted from the tests so far, so that an interrupted run has them too. */
  get totals(): Totals {
    const count = (code: ResultEvent['code']) =>
      this.tests.filter(({ result }) => result.code === code).length;
    return { pass: count(KSFT_PASS), fail: count(KSFT_FAIL), skip: count(KSFT_SKIP) };
  }
}

/** What a report says about the run as a whole. */
export interface RunInfo {
  readonly suite: string;
  readonly kernel: string;
  readonly seed: number;
  /** Why it ended before its end. */
  readonly bailedOut?: string | undefined;
}
