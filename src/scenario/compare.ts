// SPDX-License-Identifier: GPL-2.0-only
/** Does a step's result meet its expectation? Only the keys that the expectation names count. */
import { runOf, unfold } from './folded.js';
import { fatalKey, type StepResult } from './result.js';
import type { ScenarioDocument } from './schema.js';

/** The first thing that is not as expected. */
export interface Difference {
  /** Index into `steps`, from 0. */
  readonly step: number;
  /** The first key that differs: `ret`, `perm[3]`, or `oops` where nothing of the sort was expected. */
  readonly key: string;
  readonly expected: unknown;
  readonly actual: unknown;
}

type Keyed = Readonly<Record<string, unknown>>;

function differenceOfLists(
  key: string,
  expected: readonly unknown[],
  actual: readonly unknown[],
): Omit<Difference, 'step'> | null {
  const length = Math.max(expected.length, actual.length);
  for (let i = 0; i < length; i++) {
    if (expected[i] === actual[i]) continue;
    // Only a list that differs can be a folded one. One more than there are: what is too long differs there.
    if (runOf(expected[i]).times > 1)
      return differenceOfLists(key, unfold(expected, actual.length + 1), actual);
    return { key: `${key}[${i}]`, expected: expected[i], actual: actual[i] };
  }
  return null;
}

function differenceOf(key: string, expected: unknown, actual: unknown): Omit<Difference, 'step'> | null {
  if (Array.isArray(expected) && Array.isArray(actual)) return differenceOfLists(key, expected, actual);
  return expected === actual ? null : { key, expected, actual };
}

/** The first key of `expect` that `actual` does not have so; null when all agree. */
function unexpected(expect: Keyed, actual: Keyed): Omit<Difference, 'step'> | null {
  for (const key in expect) {
    const expected = expect[key];
    if (expected === undefined) continue;
    const difference = differenceOf(key, expected, actual[key]);
    if (difference !== null) return difference;
  }
  return null;
}

/** How the machine ended, where that is not what `expect` says; null when it lives, or ended as expected. */
function unexpectedEnd(expect: StepResult | undefined, actual: StepResult): Omit<Difference, 'step'> | null {
  const fatal = fatalKey(actual);
  // A kernel that dies is never what was wanted, unless the document says so.
  if (fatal === undefined || (fatal !== 'violation' && expect?.[fatal] !== undefined)) return null;
  return { key: fatal, expected: undefined, actual: actual[fatal] };
}

/** What differs in one step of a run; null when it answered as expected. */
function differenceAt(
  document: ScenarioDocument,
  results: readonly StepResult[],
  step: number,
): Difference | null {
  const expect: StepResult | undefined = document.steps[step]?.expect;
  const actual = results[step]!;
  const end = step === results.length - 1 ? unexpectedEnd(expect, actual) : null;
  const difference = end ?? (expect === undefined ? null : unexpected(expect as Keyed, actual as Keyed));
  return difference === null ? null : { step, ...difference };
}

/** The first step of `document` that did not answer as expected. A run ends early after an oops or a hang. */
export function compareScenario(
  document: ScenarioDocument,
  results: readonly StepResult[],
): Difference | null {
  for (let step = 0; step < results.length; step++) {
    const difference = differenceAt(document, results, step);
    if (difference !== null) return difference;
  }
  return null;
}

/** All steps that did not. */
export function differencesOf(document: ScenarioDocument, results: readonly StepResult[]): Difference[] {
  return results.flatMap((_, step) => differenceAt(document, results, step) ?? []);
}

/** Are two results the same in every key? */
export function sameResult(a: StepResult | undefined, b: StepResult | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  for (const key of keys) {
    if (differenceOf(key, (a as Keyed)[key], (b as Keyed)[key]) !== null) return false;
  }
  return true;
}
