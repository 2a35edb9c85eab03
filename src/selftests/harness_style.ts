// SPDX-License-Identifier: GPL-2.0-only
/** What the kselftest harness of one time does and prints differently from another's. Pure data. */

export interface HarnessStyle {
  /** "M test cases" counts cases without a selected test too; the empty fixture "global" is one. */
  readonly countsEmptyCases: boolean;
  /** The test runs in a grandchild, and all forks share its metadata; else each fork has its own copy. */
  readonly sharesMetadata: boolean;
  /**
   * What follows a failed ASSERT of a test: its teardown; its teardown over and over, because an assertion there
   * bails out into the teardown again; or abort() on the spot.
   */
  readonly afterAbort: 'teardown' | 'teardown-again' | 'abort';
  /** A failed EXPECT ends in "Test failed at step #n" instead of "Test failed". */
  readonly reportsStep: boolean;
  /** The exit status by which a test's process says SKIP. */
  readonly skipStatus: number;
  /**
   * Result lines are ksft_test_result_code()'s: the name, then a directive or diagnostic. Else a SKIP shows its reason
   * instead of its name, and other results have no diagnostic.
   */
  readonly usesResultCode: boolean;
}

/** Linux 6.12: the test is a grandchild of the harness, its metadata is shared memory. */
export const HARNESS_6_12: HarnessStyle = {
  countsEmptyCases: false,
  sharesMetadata: true,
  afterAbort: 'teardown',
  reportsStep: false,
  skipStatus: 4,
  usesResultCode: true,
};

/** Linux 6.1. */
export const HARNESS_6_1: HarnessStyle = {
  countsEmptyCases: true,
  sharesMetadata: false,
  afterAbort: 'teardown-again',
  reportsStep: true,
  skipStatus: 255,
  usesResultCode: false,
};

/** Linux 5.14 to 5.17: as 6.1's, before failed assertions ran the teardown. */
export const HARNESS_5_14: HarnessStyle = { ...HARNESS_6_1, afterAbort: 'abort' };
