// SPDX-License-Identifier: GPL-2.0-only
/** `hmm-sim fuzz merge`: the findings of all shards of a campaign, each sort as the first seed showed it. */
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CampaignPlan } from '../fuzz/campaign.js';
import { UsageError } from '../sim/errors.js';
import { EXIT_FAILED, EXIT_OK } from './exit-codes.js';
import { type Entry, type Journal, makeDirectory, planText, readJournal } from './fuzz-journal.js';
import { summaryLines } from './fuzz-summary.js';

interface Shard {
  readonly directory: string;
  readonly journal: Journal;
}

function read(directory: string): Shard {
  const journal = readJournal(directory);
  if (journal === undefined) throw new UsageError('no campaign there', directory);
  return { directory, journal };
}

const whole = (plan: CampaignPlan): string => planText({ ...plan, shard: [1, 1] });

/** Throws UsageError unless the shards are different parts of one campaign. */
function check(shards: readonly Shard[]): void {
  const [first] = shards;
  const seen = new Map<string, string>();
  for (const { directory, journal } of shards) {
    const { plan } = journal;
    if (whole(plan) !== whole(first!.journal.plan) || plan.shard[1] !== first!.journal.plan.shard[1]) {
      throw new UsageError(`another campaign than ${first!.directory}: ${planText(plan)}`, directory);
    }
    const shard = plan.shard.join('/');
    if (seen.has(shard)) throw new UsageError(`shard ${shard}, as ${seen.get(shard)} is`, directory);
    seen.set(shard, directory);
  }
}

/** Of each sort the one with the lowest seed, and where it is. */
function firstOfEach(shards: readonly Shard[]): Map<string, { entry: Entry; directory: string }> {
  const first = new Map<string, { entry: Entry; directory: string }>();
  for (const { directory, journal } of shards) {
    for (const entry of journal.entries) {
      const known = first.get(entry.sort);
      if (known === undefined || entry.seed < known.entry.seed) first.set(entry.sort, { entry, directory });
    }
  }
  return first;
}

function sumOf(shards: readonly Shard[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { journal } of shards) {
    for (const [sort, count] of Object.entries(journal.state.counts)) {
      counts[sort] = (counts[sort] ?? 0) + count;
    }
  }
  return counts;
}

/** Return: the exit status, 1 when there are findings. Throws UsageError. */
export function mergeCommand(
  directories: readonly string[],
  out: string,
  print: (line: string) => void,
): number {
  const shards = directories.map(read);
  check(shards);
  makeDirectory(out);
  const { plan } = shards[0]!.journal;
  const first = firstOfEach(shards);
  for (const { entry, directory } of first.values()) {
    if (entry.file !== '') copyFileSync(join(directory, entry.file), join(out, entry.file));
  }
  const done = shards.reduce((sum, { journal }) => sum + journal.state.done, 0);
  const entries = [...first.values()].map(({ entry }) => entry);
  for (const line of summaryLines(`fuzz ${whole(plan)}`, done, entries, sumOf(shards))) print(line);
  const missing = plan.shard[1] - shards.length;
  if (missing > 0) print(`# ${missing} of ${plan.shard[1]} shards are missing`);
  return entries.length > 0 ? EXIT_FAILED : EXIT_OK;
}
