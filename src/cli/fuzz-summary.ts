// SPDX-License-Identifier: GPL-2.0-only
/** What a campaign has found, in lines. */
import { join } from 'node:path';
import type { CampaignPlan } from '../fuzz/campaign.js';
import type { Entry } from './fuzz-journal.js';
import { quoted } from './quoted.js';

/** "oops in dmirror_do_read: found 23 times, first by seed 75; 5 steps in oops-dmirror_do_read.yaml". */
function entryLine(entry: Entry, count: number): string {
  const times = count === 1 ? 'found once' : `found ${count} times`;
  const where =
    entry.file === '' ? '' : `; ${entry.steps === 1 ? '1 step' : `${entry.steps} steps`} in ${entry.file}`;
  return `${entry.text}: ${times}, first by seed ${entry.seed}${where}`;
}

/** What the campaign was called with, but for seeds, and what goes on disk. */
function optionsOf({ kernel, profile, category, against, bugs, check, insmod }: CampaignPlan): string {
  const said: readonly (readonly [string, string | undefined])[] = [
    ['--kernel', kernel],
    ['--machine', profile],
    ['--category', category],
    ['--against', against],
    ['--bug', bugs?.join(',')],
    ...(insmod ?? []).map((file) => ['--insmod', quoted(file)] as const),
  ];
  const words = said.flatMap(([option, value]) => (value === undefined ? [] : [`${option} ${value}`]));
  return [...words, ...(check ? [] : ['--no-check'])].join(' ');
}

/** The command that goes on from the first finding, as a line; none where nothing was found. `out`: where findings are. */
export function nextLines(plan: CampaignPlan, entries: readonly Entry[], out: string | undefined): string[] {
  const [first] = [...entries].sort((a, b) => a.seed - b.seed);
  if (first === undefined) return [];
  if (out === undefined)
    return [`# the least of it: hmm-sim fuzz ${optionsOf(plan)} --seed ${first.seed} --count 1 --out DIR`];
  const file = join(out, first.file);
  const insmod = (plan.insmod ?? []).map((driver) => ` --insmod ${quoted(driver)}`).join('');
  const alone = first.sort.startsWith('checker-') ? 'run --check' : 'explain';
  const why = plan.against === undefined ? alone : `run --against ${plan.against}`;
  return [`# why: hmm-sim ${why}${insmod} ${quoted(file)}`];
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
