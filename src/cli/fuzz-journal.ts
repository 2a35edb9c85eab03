// SPDX-License-Identifier: GPL-2.0-only
/**
 * The journal of a fuzzing campaign, JSON lines that are only ever added to: what the campaign is, its findings, and
 * how far it is. An interrupted campaign goes on from there. A journal may be a stranger's: nothing in it is believed.
 */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { type CampaignPlan, seedOf } from '../fuzz/campaign.js';
import { PROFILE_NAMES } from '../machine/profiles.js';
import { UsageError } from '../sim/errors.js';
import { appendText, cutFile, makeDirectory } from './files/directory.js';
import { HostError, isSystemError, reasonOf } from './files/host-error.js';
import { replaceFile } from './files/safe-file.js';
import { CampaignLock } from './fuzz-lock.js';

const OPTION = '--out';

const amount = z.int().nonnegative();

const planSchema = z.strictObject({
  version: z.literal(1),
  kernel: z.string(),
  profile: z.enum(PROFILE_NAMES).optional(),
  category: z.string().optional(),
  against: z.string().optional(),
  bugs: z.array(z.string()).optional(),
  check: z.boolean(),
  insmod: z.array(z.string()).optional(),
  seed: amount,
  shard: z.tuple([amount, amount]).refine(([index, of]) => index >= 1 && index <= of),
});

/** The file of a finding, in the campaign's directory: never the journal, and in no other directory. */
export const fileOf = (sort: string): string => `${sort.replace(/[^\w.-]/g, '_')}.yaml`;

/** A sort of finding as the campaign first met it. */
const entrySchema = z
  .strictObject({
    sort: z.string(),
    text: z.string(),
    seed: amount,
    /** Of the shrunk scenario. */
    steps: amount,
    /** Of the sort's name, or none. */
    file: z.string(),
  })
  .refine(({ sort, file }) => file === '' || file === fileOf(sort));

const stateSchema = z.strictObject({
  /** Scenarios of the shard that have been run, from its first. */
  done: amount,
  /** How often each sort was found among them. */
  counts: z.record(z.string(), amount),
});

export type Entry = z.infer<typeof entrySchema>;
export type State = z.infer<typeof stateSchema>;

export interface Journal {
  readonly plan: CampaignPlan;
  /** Each sort once. */
  readonly entries: Entry[];
  state: State;
}

/** Not .jsonl: `run` takes all scenarios of a directory, and this is none. */
const NAME = 'campaign.journal';

/** No campaign writes as much. */
const MAX_BYTES = 2 ** 28;

/** The lines of a journal, without what was cut off while it was written. */
function wholeLines(path: string): string {
  const stats = statSync(path);
  if (!stats.isFile() || stats.size > MAX_BYTES) throw new Error('no journal');
  const text = readFileSync(path, 'utf8');
  return text.slice(0, text.lastIndexOf('\n') + 1);
}

/** Throws for what no campaign writes. */
function parse(text: string): Journal {
  const lines = text.split('\n').slice(0, -1);
  const [head, ...rest] = lines.map((line) => JSON.parse(line) as unknown);
  const { version: _, ...plan } = planSchema.parse(head);
  const journal: Journal = { plan, entries: [], state: { done: 0, counts: {} } };
  const known = new Set<string>();
  for (const line of rest) {
    const state = stateSchema.safeParse(line);
    if (state.success) {
      journal.state = state.data;
      continue;
    }
    const entry = entrySchema.parse(line);
    if (!known.has(entry.sort)) journal.entries.push(entry);
    known.add(entry.sort);
  }
  amount.parse(seedOf(plan, journal.state.done));
  return journal;
}

/** The journal of a directory; undefined where there is none. Throws UsageError for one that makes no sense. */
export function readJournal(directory: string): Journal | undefined {
  const path = join(directory, NAME);
  try {
    if (statSync(path, { throwIfNoEntry: false }) === undefined) return undefined;
    return parse(wholeLines(path));
  } catch (error) {
    // Nothing can be there; whoever writes there says so.
    if (isSystemError(error) && error.code === 'ENOTDIR') return undefined;
    if (isSystemError(error)) throw new HostError(`cannot be read: ${reasonOf(error)}`, path);
    throw new UsageError('not the journal of a campaign', path);
  }
}

/** The plan in one form, to compare. */
export function planText(plan: CampaignPlan): string {
  const { kernel, profile, category, against, bugs, check, insmod, seed, shard } = plan;
  const words = [`kernel ${kernel}`];
  if (profile !== undefined) words.push(`machine ${profile}`);
  if (category !== undefined) words.push(`category ${category}`);
  if (against !== undefined) words.push(`against ${against}`);
  if (bugs !== undefined) words.push(`bugs ${bugs.join(',')}`);
  if (insmod !== undefined) words.push(`insmod ${insmod.join(' ')}`);
  if (!check) words.push('no checkers');
  words.push(`seed ${seed}`);
  if (shard[1] > 1) words.push(`shard ${shard.join('/')}`);
  return words.join(', ');
}

/** A journal on disk; without a directory, one that nobody keeps. */
export class JournalFile {
  readonly journal: Journal;
  readonly #lock: CampaignLock | undefined;

  /** Goes on with the campaign whose journal is there. Throws UsageError when it is another one, or somebody is at it. */
  constructor(
    readonly directory: string | undefined,
    plan: CampaignPlan,
  ) {
    const fresh: Journal = { plan, entries: [], state: { done: 0, counts: {} } };
    if (directory === undefined) {
      this.journal = fresh;
      return;
    }
    demandSame(directory, plan);
    makeDirectory(directory, OPTION);
    this.#lock = new CampaignLock(directory);
    // Again, now that nobody adds to it.
    const known = demandSame(directory, plan);
    this.journal = known ?? fresh;
    if (known === undefined) replaceFile(this.#path, `${JSON.stringify({ version: 1, ...plan })}\n`, OPTION);
    // What is added would else stand in the line that was cut off.
    else cutFile(this.#path, Buffer.byteLength(wholeLines(this.#path)), OPTION);
  }

  /** The scenario first: what the journal names is there. */
  found(entry: Entry, scenario: string): void {
    if (this.directory !== undefined) {
      replaceFile(join(this.directory, entry.file), scenario, OPTION);
      this.#add(entry);
    }
    this.journal.entries.push(entry);
  }

  done(state: State): void {
    if (this.directory !== undefined) this.#add(state);
    this.journal.state = state;
  }

  /** Others may go on with it. */
  close(): void {
    this.#lock?.release();
  }

  get #path(): string {
    return join(this.directory!, NAME);
  }

  #add(line: unknown): void {
    appendText(this.#path, `${JSON.stringify(line)}\n`, OPTION);
  }
}

/** The journal that is there. Throws UsageError when it is that of another campaign. */
function demandSame(directory: string, plan: CampaignPlan): Journal | undefined {
  const known = readJournal(directory);
  if (known === undefined || planText(known.plan) === planText(plan)) return known;
  throw new UsageError(`${directory} has a campaign of ${planText(known.plan)}`, OPTION);
}
