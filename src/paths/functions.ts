// SPDX-License-Identifier: GPL-2.0-only
/** Functions in the order in which they are entered, with those in a row folded. */
import { OTHER_NAMES, TRACED_FUNCTIONS } from '../generations/traced.js';

/** The traced function that a kernel's name stands for; undefined for another. */
export function tracedFunction(name: string): string | undefined {
  const known = OTHER_NAMES.get(name) ?? name;
  return TRACED_FUNCTIONS.has(known) ? known : undefined;
}

/** So many entries of one function in a row. */
export interface Run {
  readonly name: string;
  readonly count: number;
}

const RUN = /^(.*)\*([1-9]\d{0,9})$/;

/** Names, and "NAME*3" for three in a row, as runs of which no two in a row have one name. */
export function runsOf(names: Iterable<string>): Run[] {
  const runs: { name: string; count: number }[] = [];
  for (const text of names) {
    const [, name = text, count = '1'] = RUN.exec(text) ?? [];
    const last = runs.at(-1);
    if (last?.name === name) last.count += Number(count);
    else runs.push({ name, count: Number(count) });
  }
  return runs;
}

/** The same of those that are traced, under the names that they have here. */
export function tracedRuns(names: Iterable<string>, traced: ReadonlySet<string>): Run[] {
  const runs: { name: string; count: number }[] = [];
  for (const { name: theirs, count } of runsOf(names)) {
    const name = OTHER_NAMES.get(theirs) ?? theirs;
    const last = runs.at(-1);
    if (!traced.has(name)) continue;
    if (last?.name === name) last.count += count;
    else runs.push({ name, count });
  }
  return runs;
}

/** "NAME*3" for three entries in a row. */
export const runText = ({ name, count }: Run): string => (count === 1 ? name : `${name}*${count}`);

export const foldRuns = (names: Iterable<string>): string[] => runsOf(names).map(runText);
