// SPDX-License-Identifier: GPL-2.0-only
/** What a bug or a condition of the machine makes of the suite: a row of symptoms.ts. */
export interface SuiteSymptoms {
  readonly kernel: string;
  /** Of the machine, as src/triage/machines.ts names them. */
  readonly condition: string;
  /** The bug that makes the difference; absent where the condition does. */
  readonly bug?: string;
  /** modprobe's error, or "oops: FUNCTION". */
  readonly load?: string;
  /** The symptoms, and the tests that have them. */
  readonly shows: readonly { readonly says: string; readonly tests: readonly string[] }[];
}
