// SPDX-License-Identifier: GPL-2.0-only
/** `hmm-sim fuzz merge`: the findings of all shards of a campaign, each sort as the first seed showed it. */
import { lstatSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CampaignPlan } from '../fuzz/campaign.js';
import { UsageError } from '../sim/errors.js';
import { EXIT_FAILED, EXIT_OK } from './exit-codes.js';
import { makeDirectory } from './files/directory.js';
import { HostError, reasonOf } from './files/host-error.js';
import { checkOutputs } from './files/outputs.js';
import { replaceFile } from './files/safe-file.js';
import { type Entry, type Journal, planText, readJournal } from './fuzz-journal.js';
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

/** How often each was found. One whose scenario an interruption kept from being counted was found once. */
function sumOf(shards: readonly Shard[]): ReadonlyMap<string, number> {
  const sum = new Map<string, number>();
  for (const { journal } of shards) {
    const counts = new Map(Object.entries(journal.state.counts));
    for (const { sort } of journal.entries) sum.set(sort, (sum.get(sort) ?? 0) + (counts.get(sort) ?? 1));
  }
  return sum;
}

/** No scenario that was found is larger. */
const MAX_BYTES = 2 ** 24;

/** A finding's scenario. Throws UsageError or HostError. */
function scenarioAt(path: string): Buffer {
  try {
    const stats = lstatSync(path);
    if (stats.isFile() && stats.size <= MAX_BYTES) return readFileSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new HostError(
      code === 'ENOENT' ? 'the journal names it, and it is not there' : reasonOf(error),
      path,
    );
  }
  throw new UsageError('expected the scenario of a finding', path);
}

/** Return: the exit status, 1 when there are findings. Throws UsageError. */
export function mergeCommand(
  directories: readonly string[],
  out: string,
  print: (line: string) => void,
): number {
  checkOutputs([['--out', out]], () => directories);
  const shards = directories.map(read);
  check(shards);
  const { plan } = shards[0]!.journal;
  const first = firstOfEach(shards);
  const files = new Map<string, Buffer>();
  for (const { entry, directory } of first.values()) {
    if (entry.file !== '') files.set(entry.file, scenarioAt(join(directory, entry.file)));
  }
  makeDirectory(out, '--out');
  for (const [file, scenario] of files) replaceFile(join(out, file), scenario, '--out');
  const done = shards.reduce((sum, { journal }) => sum + journal.state.done, 0);
  const entries = [...first.values()].map(({ entry }) => entry);
  for (const line of summaryLines(`fuzz ${whole(plan)}`, done, entries, sumOf(shards))) print(line);
  const missing = plan.shard[1] - shards.length;
  if (missing > 0) print(`# ${missing} of ${plan.shard[1]} shards are missing`);
  return entries.length > 0 ? EXIT_FAILED : EXIT_OK;
}
