// SPDX-License-Identifier: GPL-2.0-only
/** `hmm-sim run`: scenario documents in, KTAP or JSON lines out. */
import { type Command, Option } from 'commander';
import { junitXml } from '../report/junit.js';
import { bailOutLine } from '../report/ktap.js';
import { scenarioEndLines, scenarioLines, scenarioPlanLines } from '../report/scenario-ktap.js';
import type { ScenarioOutcome, ScenarioTotals } from '../report/scenario-outcome.js';
import { RunRecorder } from '../report/summary.js';
import { type Mistake, type Part, partsOf } from '../scenario/load.js';
import { type Update, updateText } from '../scenario/update.js';
import { KSFT_FAIL, KSFT_PASS, KSFT_SKIP } from '../selftests/events.js';
import { MachinePool } from '../session/machine-pool.js';
import type { MachineSource } from '../session/runner.js';
import { UsageError } from '../sim/errors.js';
import { addBugOptions } from './bug-options.js';
import { EXIT_FAILED, EXIT_OK, EXIT_USAGE } from './exit-codes.js';
import { runCommandLine } from './failure.js';
import { ReportFile } from './report-file.js';
import { type Crew, crewOf, linesAPart } from './run-jobs.js';
import type { PartOptions, Told } from './run-part.js';
import { displayName, readTextFiles, type TextFile, writeScenarioFile } from './scenario-files.js';
import { breathe, ktapPainter, onInterrupt, printErrorLine, printLine } from './terminal.js';
import { KERNEL_HELP, parseKernel, parseNumber, SEED_HELP, TRACE_HELP } from './values.js';

export interface RunOptions {
  readonly kernel?: string;
  readonly json?: boolean;
  readonly update?: boolean;
  readonly against?: string;
  readonly name?: string;
  readonly bail?: boolean;
  readonly dmesg?: boolean;
  readonly check?: boolean;
  readonly seed?: number;
  readonly junit?: string;
  readonly jobs?: number;
  readonly trace?: string;
  readonly bug?: readonly string[];
  readonly fix?: readonly string[];
}

/** Where output goes; lines come without their newline. */
export interface Output {
  out(line: string): void;
  err(line: string): void;
}

function parseJobs(text: string): number {
  const jobs = parseNumber(text, '--jobs');
  if (jobs < 1 || jobs > MAX_JOBS) throw new UsageError(`expected 1 to ${MAX_JOBS}, got ${text}`, '--jobs');
  return jobs;
}

const MAX_JOBS = 256;

export function configure(command: Command): void {
  const kernel = (option: string) => (text: string) => parseKernel(text, option);
  command
    .argument(
      '<files...>',
      'YAML, JSON or JSON Lines (.gz too), directories of them, or - for standard input',
    )
    .option('--kernel <id>', `${KERNEL_HELP}; overrides the documents'`, kernel('--kernel'))
    .option('--json', 'print one JSON line per scenario, with its actual results')
    .option('--update', 'write the actual results into the documents as their expectations')
    .option(
      '--against <id>',
      'run on a second kernel too, and print where answers differ',
      kernel('--against'),
    )
    .option('--name <pattern>', 'only scenarios whose name has PATTERN in it, or matches it with * and ?')
    .option('--bail', 'stop at the first failure')
    .option('--dmesg', 'print the kernel log of each scenario')
    .option('--check', 'run the invariant checkers after every system call')
    .option('--seed <n>', `${SEED_HELP}; overrides the documents'`, (text) => parseNumber(text, '--seed'))
    .option('--junit <file>', 'write the results as JUnit XML too')
    .option('--trace <file>', TRACE_HELP)
    .addOption(new Option('--jobs <n>', 'worker threads').default(1).argParser(parseJobs));
  addBugOptions(command).action((files: string[], options: RunOptions) => {
    const paint = ktapPainter();
    const output = { out: (line: string) => printLine(paint(line)), err: printErrorLine };
    return runCommandLine(options.seed ?? 0, () => runCommand(files, options, output));
  });
}

function partOptions(options: RunOptions): PartOptions {
  const { kernel, seed, check, bug, fix, against, name, json, dmesg, update } = options;
  return { overrides: { kernel, seed, check, bugs: bug, fixes: fix }, against, name, json, dmesg, update };
}

/** Takes results as they come, and tells everyone who wants to know. */
class Run {
  readonly totals: ScenarioTotals = { pass: 0, fail: 0, skip: 0 };
  readonly #junit = new RunRecorder();
  readonly #updates: Update[][] = [];
  #number = 0;

  constructor(
    readonly options: RunOptions,
    readonly output: Output,
  ) {}

  /** Scenarios told of. */
  get count(): number {
    return this.#number;
  }

  begin(count: number): void {
    if (!this.options.json) this.#print(scenarioPlanLines(count));
  }

  /** `file` is an index into the files. */
  finished(file: number, { outcome, json, update }: Told): void {
    if (json !== undefined) this.output.out(json);
    this.#tell(outcome);
    if (update !== undefined) (this.#updates[file] ??= []).push(update);
  }

  skipped(name: string, reason: string): void {
    this.#tell({ name, skipped: reason, notes: [] });
  }

  end(files: readonly TextFile[]): void {
    if (!this.options.json) this.#print(scenarioEndLines(this.totals));
    for (const [index, { name, text, syntax }] of files.entries()) {
      const updates = this.#updates[index];
      if (updates === undefined) continue;
      const updated = updateText(text, syntax, updates);
      if (updated !== text) writeScenarioFile(name, updated);
    }
  }

  junit(): string {
    const { pass, fail, skip } = this.totals;
    this.#junit.onEvent({
      type: 'end',
      passed: pass + skip,
      run: pass + fail + skip,
      totals: { pass, fail, skip },
    });
    const kernel = this.options.kernel ?? 'as the documents say';
    return junitXml(this.#junit, { suite: 'hmm-sim run', kernel, seed: this.options.seed ?? 0 });
  }

  #print(lines: readonly string[]): void {
    for (const line of lines) this.output.out(line);
  }

  #tell(outcome: ScenarioOutcome): void {
    const number = ++this.#number;
    const verdict = outcome.skipped !== undefined ? 'skip' : outcome.failure !== undefined ? 'fail' : 'pass';
    this.totals[verdict]++;
    const lines = scenarioLines(number, outcome);
    if (!this.options.json) this.#print(lines);
    if (this.options.junit !== undefined) this.#record(number, outcome, verdict, lines.slice(1));
  }

  #record(
    number: number,
    outcome: ScenarioOutcome,
    verdict: keyof ScenarioTotals,
    lines: readonly string[],
  ): void {
    const name = { name: outcome.name, fixture: 'scenario', variant: '', test: outcome.name };
    const code = { pass: KSFT_PASS, fail: KSFT_FAIL, skip: KSFT_SKIP } as const;
    this.#junit.onEvent({ type: 'start', ...name });
    const text = [outcome.failure?.differs ?? '', ...lines.map((line) => line.trim())].join('\n');
    if (verdict === 'fail') this.#junit.onEvent({ type: 'log', kind: 'assertion', text });
    this.#junit.onEvent({
      type: 'result',
      ...name,
      number,
      code: code[verdict],
      diagnostic: outcome.skipped ?? '',
      ns: 0,
    });
  }
}

/** Tracing is loaded when it is asked for. */
async function openTrace(path: string, source: MachineSource) {
  const { TraceFile, TracingSource } = await import('./trace-file.js');
  const file = new TraceFile(path);
  return { file, source: new TracingSource(source, file) };
}

/** Scenarios after which signals and output have their turn. */
const TURN = 16;

/** Runs what has been loaded; `fileOf` tells which file each part is from. */
async function runAll(
  crew: Crew,
  names: readonly string[],
  fileOf: readonly number[],
  run: Run,
): Promise<void> {
  let part = 0;
  for await (const results of crew.run()) {
    const file = fileOf[part++]!;
    for (const told of results) {
      if (run.count % TURN === 0) await breathe();
      run.finished(file, told);
      if (!run.options.bail || run.totals.fail === 0) continue;
      for (const name of names.slice(run.count)) run.skipped(name, 'an earlier scenario failed (--bail)');
      return;
    }
  }
}

/** Return: the names of the scenarios that will run. What is wrong with the documents is added to `mistakes`. */
async function loadAll(crew: Crew, parts: readonly Part[], mistakes: Mistake[]): Promise<string[]> {
  const names: string[] = [];
  for await (const part of crew.load(parts)) {
    for (const name of part.names) names.push(name);
    mistakes.push(...part.mistakes);
  }
  return names;
}

function countLines(text: string): number {
  let lines = 0;
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) lines++;
  return lines + 1;
}

function partsOfFiles(files: readonly TextFile[], jobs: number): { parts: Part[]; fileOf: number[] } {
  const lines = linesAPart(
    files.reduce((sum, { text }) => sum + countLines(text), 0),
    jobs,
  );
  const parts: Part[] = [];
  const fileOf: number[] = [];
  for (const [index, file] of files.entries()) {
    for (const part of partsOf(file.text, displayName(file), file.syntax, lines)) {
      parts.push(part);
      fileOf.push(index);
    }
  }
  return { parts, fileOf };
}

/** Return: the exit status. Throws UsageError. */
export async function runCommand(
  args: readonly string[],
  options: RunOptions,
  output: Output,
  source: MachineSource = new MachinePool(),
): Promise<number> {
  if (options.update && args.includes('-'))
    throw new UsageError('standard input cannot be updated', '--update');
  const { jobs = 1 } = options;
  if (options.trace !== undefined && jobs > 1)
    throw new UsageError('a trace has one order of events, so it needs --jobs 1', '--trace');
  const tracing = options.trace === undefined ? undefined : await openTrace(options.trace, source);
  const report = options.junit === undefined ? undefined : new ReportFile(options.junit, '--junit');
  const crew = crewOf(jobs, partOptions(options), tracing?.source ?? source);
  try {
    const { files, mistakes } = readTextFiles(args);
    const { parts, fileOf } = partsOfFiles(files, jobs);
    const names = await loadAll(crew, parts, mistakes);
    for (const { where, message } of mistakes) output.err(`${where}: ${message}`);
    if (names.length === 0 && mistakes.length === 0) {
      throw new UsageError(
        options.name === undefined ? 'no scenarios there' : `no scenario is named like ${options.name}`,
      );
    }
    const run = new Run(options, output);
    const save = () => {
      report?.write(run.junit());
      tracing?.file.close();
    };
    const stopListening = onInterrupt(() => {
      if (!options.json) output.out(bailOutLine('interrupted'));
      save();
    });
    try {
      run.begin(names.length);
      await runAll(crew, names, fileOf, run);
      run.end(files);
    } finally {
      stopListening();
      save();
    }
    if (mistakes.length > 0) return EXIT_USAGE;
    return run.totals.fail > 0 ? EXIT_FAILED : EXIT_OK;
  } finally {
    await crew.stop();
  }
}
