// SPDX-License-Identifier: GPL-2.0-only
/** What a log comes to: types of the verdict on each run, each test, and what explains it. */
import type { KernelReport } from './dmesg.js';
import type { Fit } from './generation.js';
import type { Counts, SuiteRun } from './log.js';

/** KCIDB's. */
export type KcidbStatus = 'FAIL' | 'ERROR' | 'MISS' | 'PASS' | 'SKIP';

/** A condition of the machine that explains skips or failures. */
export interface Condition {
  readonly id: string;
  readonly text: string;
}

/** What may be behind a failure, and how to see it here. */
export interface Candidate {
  /** Absent where the condition alone does it, or nothing is known. */
  readonly bug: string | undefined;
  /** The kernel has the bug as it is. */
  readonly has: boolean;
  readonly kernel: string;
  /** Of src/triage/machines.ts. */
  readonly condition: string;
  /** The test that shows it; undefined: only its scenario does. */
  readonly test: string | undefined;
  /** Tests that have to run before it on the same machine. */
  readonly earlier: readonly string[];
  /** hmm-sim's arguments. */
  readonly command: string;
  readonly scenario: string | undefined;
  /** Why it is thought of. */
  readonly why: string;
  /** Measured: here it makes this test show just this. */
  readonly exact: boolean;
  readonly score: number;
}

/** A test that did not pass, or a report of the kernel beside one that did. */
export interface Finding {
  readonly status: KcidbStatus;
  /** As the log has it. */
  readonly name: string;
  /** In this tool; undefined where the generation has no such test. */
  readonly here: string | undefined;
  readonly number: number | undefined;
  /** The test passed, and the kernel reported something. */
  readonly passed: boolean;
  readonly assertion: string | undefined;
  readonly place: string | undefined;
  readonly failures: number;
  readonly death: string;
  readonly reason: string;
  readonly reports: readonly KernelReport[];
  readonly symptoms: readonly string[];
  readonly condition: Condition | undefined;
  /** Most likely first. */
  readonly candidates: readonly Candidate[];
  readonly notes: readonly string[];
  readonly signature: string;
  readonly excerpt: string;
  readonly line: number;
}

/** A result that hides another. */
export interface Masked {
  readonly id: string;
  readonly text: string;
}

export interface RunVerdict {
  readonly run: SuiteRun;
  readonly fit: Fit;
  readonly status: KcidbStatus;
  readonly counts: Counts & { readonly missing: number };
  readonly conditions: readonly Condition[];
  readonly masked: readonly Masked[];
  readonly findings: readonly Finding[];
  /** Names of the tests that passed, as the log has them. */
  readonly passed: readonly string[];
}

/** Is nothing left to be explained? */
export function explained({ status, condition, candidates }: Finding): boolean {
  if (status === 'SKIP' || status === 'PASS') return true;
  return condition !== undefined || (candidates[0]?.exact ?? false);
}
