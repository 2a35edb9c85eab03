// SPDX-License-Identifier: GPL-2.0-only
/** What a campaign has found, in lines. */
import type { Entry } from './fuzz-journal.js';

/** "oops in dmirror_do_read: found 23 times, first by seed 75; 5 steps in oops-dmirror_do_read.yaml". */
function entryLine(entry: Entry, count: number): string {
  const times = count === 1 ? 'found once' : `found ${count} times`;
  const where =
    entry.file === '' ? '' : `; ${entry.steps === 1 ? '1 step' : `${entry.steps} steps`} in ${entry.file}`;
  return `${entry.text}: ${times}, first by seed ${entry.seed}${where}`;
}

export function summaryLines(
  head: string,
  done: number,
  entries: readonly Entry[],
  counts: ReadonlyMap<string, number>,
): string[] {
  const ordered = [...entries].sort((a, b) => a.seed - b.seed || (a.sort < b.sort ? -1 : 1));
  const findings = entries.length === 1 ? '1 finding' : `${entries.length} findings`;
  return [
    `# ${head}: ${done} scenarios, ${findings}`,
    ...ordered.map((entry) => entryLine(entry, counts.get(entry.sort) ?? 1)),
  ];
}
