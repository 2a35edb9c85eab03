// SPDX-License-Identifier: GPL-2.0-only
/** `hmm-sim run`: scenario documents in, KTAP or JSON lines out. */
import { type Command, Option } from 'commander';
import { junitXml } from '../report/junit.js';
import { bailOutLine } from '../report/ktap.js';
import { scenarioJsonLine } from '../report/scenario-json.js';
import { scenarioEndLines, scenarioLines, scenarioPlanLines } from '../report/scenario-ktap.js';
import {
  differenceLines,
  failureOf,
  type ScenarioOutcome,
  type ScenarioTotals,
} from '../report/scenario-outcome.js';
import { RunRecorder } from '../report/summary.js';
import type { LoadedDocument, Mistake } from '../scenario/load.js';
import { MachinePool } from '../scenario/machine-pool.js';
import type { MachineSource, ScenarioRun } from '../scenario/runner.js';
import { type Overrides, Setups } from '../scenario/setup.js';
import { type Update, updateText, withResults } from '../scenario/update.js';
import { KSFT_FAIL, KSFT_PASS, KSFT_SKIP } from '../selftests/events.js';
import { UsageError } from '../sim/errors.js';
import { addBugOptions } from './bug-options.js';
import { EXIT_FAILED, EXIT_OK, EXIT_USAGE } from './exit-codes.js';
import { InternalError } from './failure.js';
import { namePattern } from './name-pattern.js';
import { ReportFile } from './report-file.js';
import type { JobResult } from './run-job.js';
import { runDocuments } from './run-jobs.js';
import { readScenarioFiles, type ScenarioFile, writeScenarioFile } from './scenario-files.js';
import { ktapPainter, onInterrupt, printErrorLine, printLine } from './terminal.js';
import { KERNEL_HELP, parseKernel, parseNumber, TRACE_HELP } from './values.js';

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
    .option('--seed <n>', "of schedule and random data; overrides the documents'", (text) =>
      parseNumber(text, '--seed'),
    )
    .option('--junit <file>', 'write the results as JUnit XML too')
    .option('--trace <file>', TRACE_HELP)
    .addOption(new Option('--jobs <n>', 'worker threads').default(1).argParser(parseJobs));
  addBugOptions(command).action(async (files: string[], options: RunOptions) => {
    const paint = ktapPainter();
    const output = { out: (line: string) => printLine(paint(line)), err: printErrorLine };
    try {
      process.exitCode = await runCommand(files, options, output);
    } catch (error) {
      if (error instanceof UsageError) throw error;
      throw new InternalError(error, options.seed ?? 0, process.argv.slice(2));
    }
  });
}

/** A document that is to run, and the file to update with it. */
interface Selected {
  readonly file: ScenarioFile;
  readonly loaded: LoadedDocument;
  readonly kernel: string;
}

function overridesOf({ kernel, seed, check, bug, fix }: RunOptions): Overrides {
  return { kernel, seed, check, bugs: bug, fixes: fix };
}

/** The documents that can run; those whose machine cannot be built become mistakes. */
function select(files: readonly ScenarioFile[], options: RunOptions, mistakes: Mistake[]): Selected[] {
  const matches = namePattern(options.name);
  const setups = new Setups(overridesOf(options));
  const selected: Selected[] = [];
  for (const file of files) {
    for (const loaded of file.loaded.documents) {
      if (!matches(loaded.document.name)) continue;
      try {
        selected.push({ file, loaded, kernel: setups.of(loaded.document).generation.id });
      } catch (error) {
        if (!(error instanceof UsageError)) throw error;
        mistakes.push({ where: `${loaded.file}:${loaded.line}`, message: `machine: ${error.message}` });
      }
    }
  }
  return selected;
}

/** Can a document expect what this run answered? */
function isRecording({ loadFailure, results }: ScenarioRun): boolean {
  return loadFailure === undefined && !results.some(({ violation }) => violation !== undefined);
}

/** Takes results as they come, and tells everyone who wants to know. */
class Run {
  readonly totals: ScenarioTotals = { pass: 0, fail: 0, skip: 0 };
  readonly #junit = new RunRecorder();
  readonly #updates = new Map<ScenarioFile, Update[]>();
  #number = 0;

  constructor(
    readonly options: RunOptions,
    readonly output: Output,
  ) {}

  begin(count: number): void {
    if (!this.options.json) this.#print(scenarioPlanLines(count));
  }

  finished(selected: Selected, result: JobResult): void {
    const failure = failureOf(selected.loaded, result.run);
    const outcome = { name: selected.loaded.document.name, failure, notes: this.#notes(selected, result) };
    if (this.options.json) this.output.out(this.#jsonLine(selected, result));
    this.#tell(outcome as ScenarioOutcome);
    if (this.options.update && isRecording(result.run)) this.#keep(selected, result);
  }

  skipped(selected: Selected, reason: string): void {
    this.#tell({ name: selected.loaded.document.name, skipped: reason, notes: [] });
  }

  end(): void {
    if (!this.options.json) this.#print(scenarioEndLines(this.totals));
    for (const [file, updates] of this.#updates) {
      const text = updateText(file.text, file.syntax, updates);
      if (text !== file.text) writeScenarioFile(file.name, text);
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

  #notes({ loaded, kernel }: Selected, { run, other }: JobResult): string[] {
    const { against, dmesg } = this.options;
    const differences =
      other === undefined || against === undefined
        ? []
        : differenceLines(loaded.document, [kernel, run], [against, other]);
    return [...differences, ...(dmesg ? run.dmesg.map((line) => `dmesg: ${line}`) : [])];
  }

  #jsonLine({ loaded, kernel }: Selected, { run, other }: JobResult): string {
    const against = other === undefined ? undefined : { kernel: this.options.against!, run: other };
    return scenarioJsonLine(
      loaded.document.name,
      { kernel, run },
      { other: against, dmesg: this.options.dmesg ?? false },
    );
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

  #keep({ file, loaded, kernel }: Selected, { run }: JobResult): void {
    const document = withResults(loaded.document, run.results, kernel);
    const updates = this.#updates.get(file) ?? [];
    updates.push({ line: loaded.line, document });
    this.#updates.set(file, updates);
  }
}

async function runAll(selected: readonly Selected[], run: Run, source: MachineSource): Promise<void> {
  const { against, jobs, bail } = run.options;
  const documents = selected.map(({ loaded }) => loaded.document);
  const job = { overrides: overridesOf(run.options), against };
  let index = 0;
  for await (const result of runDocuments(documents, job, jobs ?? 1, source)) {
    run.finished(selected[index++]!, result);
    if (bail && run.totals.fail > 0) break;
  }
  for (const rest of selected.slice(index)) run.skipped(rest, 'an earlier scenario failed (--bail)');
}

/** Tracing is loaded when it is asked for. */
async function openTrace(path: string, source: MachineSource) {
  const { TraceFile, TracingSource } = await import('./trace-file.js');
  const file = new TraceFile(path);
  return { file, source: new TracingSource(source, file) };
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
  if (options.trace !== undefined && (options.jobs ?? 1) > 1)
    throw new UsageError('a trace has one order of events, so it needs --jobs 1', '--trace');
  const tracing = options.trace === undefined ? undefined : await openTrace(options.trace, source);
  const report = options.junit === undefined ? undefined : new ReportFile(options.junit, '--junit');
  const { files, mistakes } = readScenarioFiles(args);
  const selected = select(files, options, mistakes);
  for (const { where, message } of mistakes) output.err(`${where}: ${message}`);
  if (selected.length === 0 && mistakes.length === 0) {
    throw new UsageError(
      options.name === undefined ? 'no scenarios there' : `no scenario is named like ${options.name}`,
    );
  }

  const run = new Run(options, output);
  const stopListening = onInterrupt(() => {
    if (!options.json) output.out(bailOutLine('interrupted'));
    report?.write(run.junit());
    tracing?.file.close();
  });
  try {
    run.begin(selected.length);
    await runAll(selected, run, tracing?.source ?? source);
    run.end();
  } finally {
    stopListening();
    report?.write(run.junit());
    tracing?.file.close();
  }
  if (mistakes.length > 0) return EXIT_USAGE;
  return run.totals.fail > 0 ? EXIT_FAILED : EXIT_OK;
}
