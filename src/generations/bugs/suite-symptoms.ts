// SPDX-License-Identifier: GPL-2.0-only
/** What bugs and conditions of the machine make of the suite, a row for each case of symptoms.ts. */
import { measuredSymptoms } from './symptoms.js';

/** A symptom, and the tests that have it. */
export interface SymptomShown {
  readonly says: string;
  readonly tests: readonly string[];
  /** Those of them that have it only where others ran before on the same machine, and the least of these. */
  readonly after?: readonly { readonly tests: readonly string[]; readonly earlier: readonly string[] }[];
}

export interface SuiteSymptoms {
  readonly kernel: string;
  /** Of the machine, as src/triage/machines.ts names them. */
  readonly condition: string;
  /** The bug that makes the difference; absent where the condition does. */
  readonly bug?: string;
  /** modprobe's error, or "oops: FUNCTION". */
  readonly load?: string;
  readonly shows: readonly SymptomShown[];
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
