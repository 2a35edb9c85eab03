// SPDX-License-Identifier: GPL-2.0-only
/** A real path and ours, step by step. Runs stay folded: a stranger's "NAME*4000000000" is two words. */
import { TRACED_FUNCTIONS } from '../generations/traced.js';
import { foldRuns, type Run, runsOf, runText, tracedRuns } from './functions.js';
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

/** How many entries from the beginning are the same; undefined: all, in both. */
function sameEntries(real: readonly Run[], here: readonly Run[]): number | undefined {
  let n = 0;
  for (let i = 0; i < Math.max(real.length, here.length); i++) {
    const [a, b] = [real[i], here[i]];
    if (a === undefined || b === undefined || a.name !== b.name) return n;
    n += Math.min(a.count, b.count);
    if (a.count !== b.count) return n;
  }
  return undefined;
}

function nameAt(runs: readonly Run[], n: number): string | undefined {
  for (const { name, count } of runs) {
    if (n < count) return name;
    n -= count;
  }
  return undefined;
}

/** `real`: null where nothing was recorded. `traced`: the functions that the kernel's tracer is set to. */
export function compareStep(
  real: readonly string[] | null | undefined,
  { index, entered: all }: WalkedStep,
  traced: ReadonlySet<string> = TRACED_FUNCTIONS,
): ComparedStep | undefined {
  if (real === null || real === undefined) return undefined;
  const entered = all.filter(({ fn }) => traced.has(fn));
  const names = entered.map(({ fn }) => fn);
  const [theirs, ours] = [tracedRuns(real, traced), runsOf(names)];
  const n = sameEntries(theirs, ours);
  const compared = { index, same: n === undefined, real: theirs.map(runText), here: ours.map(runText) };
  if (n === undefined) return compared;
  const parting = { before: foldRuns(names.slice(0, n)), real: nameAt(theirs, n), here: entered[n] };
  return { ...compared, parting };
}
