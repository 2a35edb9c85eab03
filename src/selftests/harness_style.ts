// SPDX-License-Identifier: GPL-2.0-only
/** What the kselftest harness of one time does and prints differently from another's. Pure data. */
import type { HarnessId } from '../generations/types.js';

export interface HarnessStyle {
  /** "M test cases" counts cases without a selected test too; the empty fixture "global" is one. */
  readonly countsEmptyCases: boolean;
  /** The test runs in a grandchild, and all forks share its metadata; else each fork has its own copy. */
  readonly sharesMetadata: boolean;
  /** A failed ASSERT jumps to before the teardown, also from the teardown itself; else the teardown runs once. */
  readonly teardownStartsAgain: boolean;
  /** A failed ASSERT tears down and aborts its process, a test's child too. Else only what shares no metadata aborts. */
  readonly assertAborts: boolean;
  /** A failed EXPECT ends in "Test failed at step #n" instead of "Test failed". */
  readonly reportsStep: boolean;
  /** The exit status by which a test's process says SKIP. */
  readonly skipStatus: number;
  /**
   * Result lines are ksft_test_result_code()'s: the name, then a directive or diagnostic. Else a SKIP shows its reason
   * instead of its name, and other results have no diagnostic.
   */
  readonly usesResultCode: boolean;
  /** How suites of that time leave a fixture's setup after SKIP; exit(0) looks like success. */
  readonly skipInSetup: 'exit' | 'return';
  /** The end says how many tests were skipped, where some were (ksft_print_cnts()). */
  readonly countsSkips: boolean;
  /** -h tells of -d, the debug prints. */
  readonly hasDebug: boolean;
  /**
   * A kernel oops kills the test's process, and what it left behind stays for the next test, as on a real machine. Else the next
   * test gets a fresh machine.
   */
  readonly outlivesOops: boolean;
}

/** Linux 6.12: the test is a grandchild of the harness, its metadata is shared memory. */
export const HARNESS_6_12: HarnessStyle = {
  countsEmptyCases: false,
  sharesMetadata: true,
  teardownStartsAgain: false,
  assertAborts: false,
  reportsStep: false,
  skipStatus: 4,
  usesResultCode: true,
  skipInSetup: 'return',
  countsSkips: false,
  hasDebug: false,
  outlivesOops: false,
};

/** Linux 7.3. */
export const HARNESS_7_3: HarnessStyle = {
  ...HARNESS_6_12,
  assertAborts: true,
  countsSkips: true,
  hasDebug: true,
  outlivesOops: true,
};

/** Linux 6.1. */
export const HARNESS_6_1: HarnessStyle = {
  countsEmptyCases: true,
  sharesMetadata: false,
  teardownStartsAgain: true,
  assertAborts: false,
  reportsStep: true,
  skipStatus: 255,
  usesResultCode: false,
  skipInSetup: 'exit',
  countsSkips: false,
  hasDebug: false,
  outlivesOops: false,
};

/** By the name that a generation has for its harness. */
export const harnessStyles: Readonly<Record<HarnessId, HarnessStyle>> = {
  'without-filters': HARNESS_6_1,
  'with-filters': HARNESS_6_12,
  'with-debug': HARNESS_7_3,
};
