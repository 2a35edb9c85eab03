// SPDX-License-Identifier: GPL-2.0-only
/** What a log holds, before anybody judges it: runs of the suite, results around them, reports of the kernel. */
import type { KernelReport } from './dmesg.js';

export type Status = 'pass' | 'fail' | 'skip' | 'running';

export interface Assertion {
  readonly file: string;
  readonly line: number;
  readonly text: string;
  /** The rest of the text is missing, so that it compares with nothing. */
  readonly cut: boolean;
}

/** What is kept of a test. */
export interface LoggedTest {
  /** "hmm.hmm_device_private.migrate"; only "migrate" where the log says no more. */
  name: string;
  number: number | undefined;
  status: Status;
  reason: string;
  /** The first few. */
  readonly assertions: Assertion[];
  /** All of them, those counted only by the suite too. */
  failures: number;
  /** Of them, those that found 0 where a value was stored. */
  zeros: number;
  death: string;
  readonly noDevice: string[];
  /** The first of them. */
  readonly reports: KernelReport[];
  /** How many followed those. */
  moreReports: number;
  /** Its lines, the first 16,384 characters. */
  excerpt: string;
  readonly line: number;
  /** The line of its result was cut, or broken by the console. */
  garbled: boolean;
}

export interface Counts {
  readonly pass: number;
  readonly fail: number;
  readonly skip: number;
}

/** One execution of hmm-tests. */
export interface SuiteRun {
  /** "6.12.117", of the banner before it. */
  kernel: string | undefined;
  tests: LoggedTest[];
  plan: number | undefined;
  cases: number | undefined;
  totals: Counts | undefined;
  passed: { readonly passed: number; readonly run: number } | undefined;
  bail: string | undefined;
  exit: number | undefined;
  /** How its harness writes: results without a name, steps. */
  readonly style: Set<'unnamed-skip' | 'step' | 'named-skip' | 'no-step'>;
  /** "could not open" lines, by device. */
  readonly noDevice: Set<string>;
  readonly reports: KernelReport[];
  /** What wraps it called it, and its verdicts. */
  readonly outer: Outer[];
  readonly line: number;
  begun: boolean;
  /** Lines of results only, as grep leaves them. */
  ended: boolean;
}

/** A result of a script or runner around the suite. */
export interface Outer {
  readonly what: string;
  readonly verdict: 'pass' | 'fail' | 'skip';
  readonly text: string;
  readonly line: number;
}

/** What the log says of its machine. */
export interface Signs {
  pageSize: number | undefined;
  arm64: boolean;
  noModule: string | undefined;
  rmmod: boolean;
}

export interface Log {
  readonly runs: SuiteRun[];
  /** Outer results that stand by themselves: of the suite, without a line of it. */
  readonly outer: Outer[];
  /** Reports while no suite ran. */
  readonly reports: KernelReport[];
  readonly kernels: string[];
  /** The suite was to be run. */
  announced: boolean;
  /** What -l or -h of the suite prints, which run no test. */
  listed: 'listed its tests' | 'printed its help' | undefined;
  /** Results of other suites. */
  readonly others: { pass: number; fail: number; skip: number };
  readonly signs: Signs;
  lines: number;
  cutLines: number;
  /** The log ends in the middle of a line. */
  cutEnd: boolean;
}
