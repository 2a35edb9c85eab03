// SPDX-License-Identifier: GPL-2.0-only
/** What bugs and conditions of the machine make of the suite, a row for each case of symptoms.ts. */
import { measuredSymptoms } from './symptoms.js';

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

/** Cases in which a bug, or a condition, does the same. */
export interface FoldedSymptoms extends Omit<SuiteSymptoms, 'kernel' | 'condition'> {
  /** Each a kernel and a condition, "6.12 spm". */
  readonly cases: readonly string[];
}

const unfolded = ({ cases, ...row }: FoldedSymptoms): SuiteSymptoms[] =>
  cases.map((text) => {
    const [kernel, condition] = text.split(' ') as [string, string];
    return { kernel, condition, ...row };
  });

export const suiteSymptoms: readonly SuiteSymptoms[] = measuredSymptoms.flatMap(unfolded);
