// SPDX-License-Identifier: GPL-2.0-only
/**
 * The journal of a fuzzing campaign, JSON lines that are only ever added to: what the campaign is, its findings, and
 * how far it is. An interrupted campaign goes on from there.
 */
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import type { CampaignPlan } from '../fuzz/campaign.js';
import { UsageError } from '../sim/errors.js';
import { cannotWrite } from './report-file.js';

const planSchema = z.strictObject({
  version: z.literal(1),
  kernel: z.string(),
  against: z.string().optional(),
  bugs: z.array(z.string()).optional(),
  check: z.boolean(),
  seed: z.int(),
  shard: z.tuple([z.int(), z.int()]),
});

/** A sort of finding as the campaign first met it. */
const entrySchema = z.strictObject({
  sort: z.string(),
  text: z.string(),
  seed: z.int(),
  /** Of the shrunk scenario. */
  steps: z.int(),
  file: z.string(),
});

const stateSchema = z.strictObject({
  /** Scenarios of the shard that have been run, from its first. */
  done: z.int(),
  /** How often each sort was found among them. */
  counts: z.record(z.string(), z.int()),
});

export type Entry = z.infer<typeof entrySchema>;
export type State = z.infer<typeof stateSchema>;

export interface Journal {
  readonly plan: CampaignPlan;
  readonly entries: Entry[];
  state: State;
}

/** Not .jsonl: `run` takes all scenarios of a directory, and this is none. */
const NAME = 'campaign.journal';

/** The lines of a journal, without what was cut off while it was written. */
function linesOf(path: string): unknown[] {
  const text = readFileSync(path, 'utf8');
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  if (whole !== text) truncateSync(path, Buffer.byteLength(whole));
  return whole
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as unknown);
}

/** The journal of a directory; undefined where there is none. Throws UsageError for one that makes no sense. */
export function readJournal(directory: string): Journal | undefined {
  const path = join(directory, NAME);
  if (!existsSync(path)) return undefined;
  try {
    const [head, ...rest] = linesOf(path);
    const { version: _, ...plan } = planSchema.parse(head);
    const journal: Journal = { plan, entries: [], state: { done: 0, counts: {} } };
    for (const line of rest) {
      const state = stateSchema.safeParse(line);
      if (state.success) journal.state = state.data;
      else journal.entries.push(entrySchema.parse(line));
    }
    return journal;
  } catch {
    throw new UsageError('not the journal of a campaign', path);
  }
}

/** The plan in one form, to compare. */
export function planText({ kernel, against, bugs, check, seed, shard }: CampaignPlan): string {
  const words = [`kernel ${kernel}`];
  if (against !== undefined) words.push(`against ${against}`);
  if (bugs !== undefined) words.push(`bugs ${bugs.join(',')}`);
  if (!check) words.push('no checkers');
  words.push(`seed ${seed}`);
  if (shard[1] > 1) words.push(`shard ${shard.join('/')}`);
  return words.join(', ');
}

/** One by one from above: mkdirSync() with `recursive` never returns where a parent exists and takes no directory. */
function makeWithParents(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return;
  const parent = dirname(path);
  if (parent !== path) makeWithParents(parent);
  mkdirSync(path);
}

/** Throws UsageError when there can be none. */
export function makeDirectory(path: string): void {
  try {
    makeWithParents(path);
  } catch (error) {
    throw cannotWrite(path, '--out', error);
  }
}

/** A journal on disk; without a directory, one that nobody keeps. */
export class JournalFile {
  readonly journal: Journal;

  /** Goes on with the campaign whose journal is there. Throws UsageError when it is another one. */
  constructor(
    readonly directory: string | undefined,
    plan: CampaignPlan,
  ) {
    const known = directory === undefined ? undefined : readJournal(directory);
    if (known !== undefined && planText(known.plan) !== planText(plan)) {
      throw new UsageError(`${directory} has a campaign of ${planText(known.plan)}`, '--out');
    }
    this.journal = known ?? { plan, entries: [], state: { done: 0, counts: {} } };
    if (directory === undefined || known !== undefined) return;
    makeDirectory(directory);
    this.#add({ version: 1, ...plan });
  }

  /** The scenario first: what the journal names is there. */
  found(entry: Entry, scenario: string): void {
    this.journal.entries.push(entry);
    if (this.directory === undefined) return;
    writeFileSync(join(this.directory, entry.file), scenario);
    this.#add(entry);
  }

  done(state: State): void {
    this.journal.state = state;
    if (this.directory !== undefined) this.#add(state);
  }

  #add(line: unknown): void {
    appendFileSync(join(this.directory!, NAME), `${JSON.stringify(line)}\n`);
  }
}
