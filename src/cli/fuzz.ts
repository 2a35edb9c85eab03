// SPDX-License-Identifier: GPL-2.0-only
/** `hmm-sim fuzz`: makes scenarios up, runs them, and keeps the smallest of each sort that finds something. */
import { type Command, Option } from 'commander';
import { type CampaignPlan, laboratoryOf, scenarioOf, seedOf, shareOf } from '../fuzz/campaign.js';
import { type Finding, sortOf } from '../fuzz/findings.js';
import { findingsOf, goalOf, type Laboratory } from '../fuzz/goals.js';
import type { ScenarioDocument } from '../scenario/schema.js';
import { writeYaml } from '../scenario/update.js';
import { MachinePool } from '../session/machine-pool.js';
import { UsageError } from '../sim/errors.js';
import { bugOption, tellWithoutEffect } from './bug-options.js';
import { EXIT_FAILED, EXIT_OK } from './exit-codes.js';
import { runCommandLine } from './failure.js';
import { fileOf, JournalFile, planText } from './fuzz-journal.js';
import { mergeCommand } from './fuzz-merge.js';
import { summaryLines } from './fuzz-summary.js';
import { Progress, statusLine } from './progress.js';
import { shrinkTowards } from './shrinking.js';
import { breathe, onInterrupt, printErrorLine, printLine } from './terminal.js';
import { DEFAULT_GENERATION, KERNEL_HELP, parseKernel, parseNumber } from './values.js';

interface FuzzFlags {
  readonly kernel: string;
  readonly count?: number;
  readonly time?: number;
  readonly seed: number;
  readonly shard: readonly [number, number];
  readonly against?: string;
  readonly bug?: readonly string[];
  readonly check: boolean;
  readonly out?: string;
}

const DEFAULT_COUNT = 10_000;

/** So many scenarios nobody waits for: only --time ends the campaign. */
const ENDLESS = 1e12;

/** Milliseconds after which signals have their turn. */
const TURN_MS = 100;

/** Scenarios between two lines of the journal: what a kill loses, and has to be run again. */
const STRIDE = 64;

/** Runs that shrinking one finding may take. */
const SHRINK_LIMIT = 3000;

function parseShard(text: string): [number, number] {
  const [, index, of] = /^(\d+)\/(\d+)$/.exec(text) ?? [];
  const shard: [number, number] = [Number(index), Number(of)];
  if (shard[0] >= 1 && shard[0] <= shard[1] && Number.isSafeInteger(shard[1])) return shard;
  throw new UsageError(`"${text}" is not one part of several (expected 1/4 ... 4/4)`, '--shard');
}

export function configure(command: Command): void {
  command
    .option('--kernel <id>', KERNEL_HELP, (text) => parseKernel(text, '--kernel'), DEFAULT_GENERATION)
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

function planOf({ kernel, against, bug, check, seed, shard }: FuzzFlags): CampaignPlan {
  const optional = {
    ...(against === undefined ? {} : { against }),
    ...(bug === undefined ? {} : { bugs: [...bug] }),
  };
  return { kernel, ...optional, check, seed, shard };
}

class Fuzzer {
  readonly #lab: Laboratory;
  readonly #file: JournalFile;
  readonly #counts: Map<string, number>;
  #done: number;

  constructor(
    readonly plan: CampaignPlan,
    readonly out: string | undefined,
  ) {
    this.#lab = laboratoryOf(new MachinePool(), plan);
    this.#file = new JournalFile(out, plan);
    const { done, counts } = this.#file.journal.state;
    this.#done = done;
    this.#counts = new Map(Object.entries(counts));
  }

  /** Run scenarios until `share` of them are done, or `over` says so. */
  async run(share: number, over: () => boolean): Promise<void> {
    const before = this.#done;
    let due = 0;
    const total = share < ENDLESS ? share - before : undefined;
    const progress = new Progress('scenarios', total);
    while (this.#done < share && !over()) {
      await this.#scenario(seedOf(this.plan, this.#done));
      this.#done++;
      if (this.#done % STRIDE === 0) this.save();
      else if (Date.now() < due) continue;
      due = Date.now() + TURN_MS;
      progress.at(this.#done - before, `, ${this.#file.journal.entries.length} findings`);
      await breathe();
    }
    this.save();
    statusLine.clear();
  }

  save(): void {
    const { done } = this.#file.journal.state;
    if (done !== this.#done) this.#file.done({ done: this.#done, counts: Object.fromEntries(this.#counts) });
  }

  /** Others may go on with it. */
  close(): void {
    this.#file.close();
  }

  summary(): string[] {
    statusLine.clear();
    const head = `fuzz ${planText(this.plan)}`;
    return summaryLines(head, this.#done, this.#file.journal.entries, this.#counts);
  }

  get found(): boolean {
    return this.#file.journal.entries.length > 0;
  }

  async #scenario(seed: number): Promise<void> {
    const document = scenarioOf(this.plan, seed);
    const findings = findingsOf(this.#lab, document);
    for (const finding of findings) {
      const sort = sortOf(finding);
      const known = this.#file.journal.entries.some((entry) => entry.sort === sort);
      if (!known) await this.#keep(finding, document, seed);
    }
    // Counted once all of them are kept: an interrupt before that runs the scenario again.
    for (const sort of findings.map(sortOf)) this.#counts.set(sort, (this.#counts.get(sort) ?? 0) + 1);
  }

  async #keep(finding: Finding, document: ScenarioDocument, seed: number): Promise<void> {
    const sort = sortOf(finding);
    const goal = goalOf(this.#lab, document, finding);
    if (this.out === undefined) {
      this.#file.found({ sort, text: goal.text, seed, steps: document.steps.length, file: '' }, '');
      return;
    }
    const found = await shrinkTowards(goal, {
      limit: SHRINK_LIMIT,
      progress: ({ best }) => statusLine.show(`${goal.text}: ${best.steps.length} steps`),
    });
    const { name: _, kernel, source, steps, ...rest } = found.document;
    const from = `found by fuzz, seed ${seed}, ${document.steps.length} steps: ${source}`;
    const file = fileOf(sort);
    const scenario = writeYaml({ name: sort, kernel, source: from, ...rest, steps });
    this.#file.found({ sort, text: goal.text, seed, steps: steps.length, file }, scenario);
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
  const plan = planOf(flags);
  tellWithoutEffect(flags, [flags.kernel], printErrorLine);
  const fuzzer = new Fuzzer(plan, flags.out);
  const end = time === undefined ? Number.POSITIVE_INFINITY : Date.now() + time * 1000;
  const stopListening = onInterrupt((what) => {
    fuzzer.save();
    for (const line of [...fuzzer.summary(), `# ${what}`]) printLine(line);
  });
  await fuzzer.run(shareOf(plan, total), () => Date.now() >= end);
  stopListening();
  fuzzer.close();
  for (const line of fuzzer.summary()) printLine(line);
  return fuzzer.found ? EXIT_FAILED : EXIT_OK;
}
