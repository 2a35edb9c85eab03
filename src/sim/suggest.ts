// SPDX-License-Identifier: GPL-2.0-only
/** "Did you mean": the known name that is nearest to what somebody typed. */

/** Edits (insert, delete or replace a character, swap two) that make `a` into `b`. */
export function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replace = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const swap = swapped ? before[j - 2]! + 1 : Number.POSITIVE_INFINITY;
      next.push(Math.min(replace, row[j]! + 1, next[j - 1]! + 1, swap));
    }
    [before, row] = [row, next];
  }
  return row[b.length]!;
}

/** The nearest of `known`, or undefined when none is near. The first one wins a tie. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const limit = Math.max(1, Math.floor(name.length * 0.4));
  let best: string | undefined;
  let bestDistance = limit + 1;
  for (const candidate of known) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

/** ' (did you mean "x"?)', or nothing when no name is near. */
export function didYouMean(name: string, known: readonly string[]): string {
  const best = nearest(name, known);
  return best === undefined ? '' : ` (did you mean "${best}"?)`;
}
