// SPDX-License-Identifier: GPL-2.0-only
/** A real path and ours, step by step. */
import { foldRuns } from './functions.js';
import type { Entered, WalkedStep } from './walk.js';

/** Where two paths part. */
export interface Parting {
  /** Functions that both entered before, folded. */
  readonly before: readonly string[];
  /** Undefined where that path ends. */
  readonly real: string | undefined;
  readonly here: Entered | undefined;
}

export interface ComparedStep {
  readonly index: number;
  readonly same: boolean;
  /** Folded. */
  readonly real: readonly string[];
  readonly here: readonly string[];
  readonly parting?: Parting;
}

/** "NAME*3" as three entries. */
function unfold(runs: readonly string[]): string[] {
  return runs.flatMap((run) => {
    const [name, count = '1'] = run.split('*') as [string, string?];
    return Array.from({ length: Number(count) }, () => name);
  });
}

function partingOf(real: readonly string[], here: readonly Entered[]): Parting {
  let n = 0;
  while (n < real.length && n < here.length && real[n] === here[n]!.fn) n++;
  return { before: foldRuns(real.slice(0, n)), real: real[n], here: here[n] };
}

/** `real`: null where nothing was recorded. */
export function compareStep(
  real: readonly string[] | null | undefined,
  { index, entered }: WalkedStep,
): ComparedStep | undefined {
  if (real === null || real === undefined) return undefined;
  const theirs = unfold(real);
  const here = foldRuns(entered.map(({ fn }) => fn));
  const same = theirs.length === entered.length && theirs.every((name, n) => name === entered[n]!.fn);
  const compared = { index, same, real, here };
  return same ? compared : { ...compared, parting: partingOf(theirs, entered) };
}
