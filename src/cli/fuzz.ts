// SPDX-License-Identifier: GPL-2.0-only
/** `hmm-sim fuzz`: makes scenarios up, runs them, and keeps the smallest of each sort that finds something. */
import { type Command, Option } from 'commander';
import { type CampaignPlan, shareOf } from '../fuzz/campaign.js';
import { UsageError } from '../sim/errors.js';
import { bugOption, tellWithoutEffect } from './bug-options.js';
import { elsewhere } from './elsewhere.js';
import { EXIT_FAILED, EXIT_OK } from './exit-codes.js';
import { runCommandLine } from './failure.js';
import { demandCategory } from './fuzz-category.js';
import { JournalFile, planText, type State } from './fuzz-journal.js';
import { mergeCommand } from './fuzz-merge.js';
import { nextLines, summaryLines } from './fuzz-summary.js';
import type { FuzzNews, FuzzOrder } from './fuzz-worker.js';
import { addInsmodOption, type InsmodFlags, loadDrivers } from './insmod.js';
import { type ProfileFlags, profileOption } from './machine-profile.js';
import { Progress, statusLine } from './progress.js';
import { breathe, onInterrupt, printErrorLine, printLine } from './terminal.js';
import { DEFAULT_GENERATION, KERNEL_HELP, parseKernel, parseNumber } from './values.js';

interface FuzzFlags extends InsmodFlags, ProfileFlags {
  readonly kernel: string;
  readonly count?: number;
  readonly time?: number;
  readonly seed: number;
  readonly shard: readonly [number, number];
  readonly category?: string;
  readonly against?: string;
  readonly bug?: readonly string[];
  readonly check: boolean;
  readonly out?: string;
}

const DEFAULT_COUNT = 10_000;

/** So many scenarios nobody waits for: only --time ends the campaign. */
const ENDLESS = 1e12;

function parseShard(text: string): [number, number] {
  const [, index, of] = /^(\d+)\/(\d+)$/.exec(text) ?? [];
  const shard: [number, number] = [Number(index), Number(of)];
  if (shard[0] >= 1 && shard[0] <= shard[1] && Number.isSafeInteger(shard[1])) return shard;
  throw new UsageError(`"${text}" is not one part of several (expected 1/4 ... 4/4)`, '--shard');
}

export function configure(command: Command): void {
  addInsmodOption(command)
    .option('--kernel <id>', KERNEL_HELP, (text) => parseKernel(text, '--kernel'), DEFAULT_GENERATION)
    .addOption(profileOption())
    .option(
      '--count <n>',
      `scenarios of the whole campaign (default: ${DEFAULT_COUNT} without --time)`,
      (text) => parseNumber(text, '--count'),
    )
    .option('--time <s>', 'stop after so many seconds', (text) => parseNumber(text, '--time'))
    .option('--seed <n>', 'of the first scenario', (text) => parseNumber(text, '--seed'), 1)
    .addOption(
      new Option('--shard <i/n>', 'do the i-th part of n').default([1, 1], '1/1').argParser(parseShard),
    )
    .option('--category <name>', 'scenarios of one kind only (docs/FUZZING.md; a wrong name lists them)')
    .option('--against <id>', 'find what this kernel answers differently', (text) =>
      parseKernel(text, '--against'),
    )
    .addOption(bugOption())
    .option('--no-check', 'leave the checkers out, for speed')
    .option('--out <dir>', 'write findings there, and the journal by which an interrupted campaign goes on')
    .action((flags: FuzzFlags) => runCommandLine(flags.seed, () => fuzzCommand(flags)));
  command
    .command('merge')
    .summary('join the findings of shards')
    .description('join the findings of shards')
    .argument('<dirs...>', 'what --out of each shard was')
    .addHelpText('after', '\n--out DIR says where the findings of all of them go.')
    .action((directories: string[], _: unknown, merge: Command) => {
      // The option is the parent's: commander hands it the words after the subcommand too.
      const { out } = merge.optsWithGlobals<{ out?: string }>();
      if (out === undefined) throw new UsageError('expected a directory for the findings of all', '--out');
      process.exitCode = mergeCommand(directories, out, printLine);
    });
}

function planOf({
  kernel,
  machine,
  category,
  against,
  bug,
  check,
  seed,
  shard,
  insmod,
}: FuzzFlags): CampaignPlan {
  const optional = {
    ...(category === undefined ? {} : { category }),
    ...(machine === undefined ? {} : { profile: machine }),
    ...(against === undefined ? {} : { against }),
    ...(bug === undefined ? {} : { bugs: [...bug] }),
    ...(insmod.length === 0 ? {} : { insmod: [...insmod] }),
  };
  return { kernel, ...optional, check, seed, shard };
}

/** What the thread tells, on disk and in words. */
class Campaign {
  readonly #file: JournalFile;
  #state: State;

  constructor(
    readonly plan: CampaignPlan,
    readonly out: string | undefined,
  ) {
    this.#file = new JournalFile(out, plan);
    this.#state = this.#file.journal.state;
  }

  /** Run scenarios until `share` of them are done, or it is time to `end`. */
  async run(share: number, end: number): Promise<void> {
    const before = this.#state.done;
    const progress = new Progress('scenarios', share < ENDLESS ? share - before : undefined);
    const order: FuzzOrder = {
      plan: this.plan,
      state: this.#state,
      known: this.#file.journal.entries.map(({ sort }) => sort),
      share,
      end,
      shrinks: this.out !== undefined,
    };
    const tell = (news: FuzzNews): void => {
      if ('showing' in news) statusLine.show(news.showing);
      else if ('found' in news) this.#file.found(news.found, news.scenario);
      else this.#at(news, progress, before);
    };
    await elsewhere(new URL('./fuzz-worker.js', import.meta.url), order, { tell, turn: breathe });
    statusLine.clear();
  }

  #at({ state, keep }: Extract<FuzzNews, { keep: boolean }>, progress: Progress, before: number): void {
    this.#state = state;
    if (keep) this.save();
    progress.at(state.done - before, `, ${this.#file.journal.entries.length} findings`);
  }

  save(): void {
    if (this.#file.journal.state.done !== this.#state.done) this.#file.done(this.#state);
  }

  /** Others may go on with it. */
  close(): void {
    this.#file.close();
  }

  summary(): string[] {
    statusLine.clear();
    const { done, counts } = this.#state;
    return summaryLines(
      `fuzz ${planText(this.plan)}`,
      done,
      this.#file.journal.entries,
      new Map(Object.entries(counts)),
    );
  }

  /** How to go on from what was found. */
  next(): string[] {
    return nextLines(this.plan, this.#file.journal.entries, this.out);
  }

  get found(): boolean {
    return this.#file.journal.entries.length > 0;
  }
}

/** Scenarios of the whole campaign. Throws UsageError where seeds would not be exact any more. */
function totalOf({ count, time, seed }: FuzzFlags): number {
  const most = Number.MAX_SAFE_INTEGER - seed + 1;
  const total = count ?? (time === undefined ? DEFAULT_COUNT : most);
  if (total <= most) return total;
  throw new UsageError(
    `expected at most ${Number.MAX_SAFE_INTEGER} for the last of ${total} scenarios`,
    '--seed',
  );
}

/** Return: the exit status, 1 when there are findings. Throws UsageError. */
async function fuzzCommand(flags: FuzzFlags): Promise<number> {
  const { time } = flags;
  const total = totalOf(flags);
  await loadDrivers(flags.insmod);
  if (flags.category !== undefined) demandCategory(flags.category, flags.kernel);
  const plan = planOf(flags);
  tellWithoutEffect(flags, [flags.kernel], printErrorLine);
  const fuzzer = new Campaign(plan, flags.out);
  const end = time === undefined ? Number.POSITIVE_INFINITY : Date.now() + time * 1000;
  const stopListening = onInterrupt((what) => {
    fuzzer.save();
    for (const line of [...fuzzer.summary(), `# ${what}`]) printLine(line);
  });
  await fuzzer.run(shareOf(plan, total), end);
  stopListening();
  fuzzer.close();
  for (const line of [...fuzzer.summary(), ...fuzzer.next()]) printLine(line);
  return fuzzer.found ? EXIT_FAILED : EXIT_OK;
}
