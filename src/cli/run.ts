// SPDX-License-Identifier: GPL-2.0-only
/** `hmm-sim run`: scenario documents in, KTAP or JSON lines out. */
import { type Command, Option } from 'commander';
import type { Limits } from '../scenario/limits.js';
import type { Mistake } from '../scenario/load.js';
import type { MachineSource } from '../session/runner.js';
import { UsageError } from '../sim/errors.js';
import { addBugOptions, tellWithoutEffect } from './bug-options.js';
import { EXIT_FAILED, EXIT_IO, EXIT_OK } from './exit-codes.js';
import { runCommandLine } from './failure.js';
import { allOf } from './files/all-of.js';
import { isTellable } from './files/host-error.js';
import { checkOutputs } from './files/outputs.js';
import { junitPath } from './github.js';
import { exitFor } from './input.js';
import { addInsmodOption, loadDrivers } from './insmod.js';
import { addMaxSize } from './limit-options.js';
import { type ProfileFlags, profileOption } from './machine-profile.js';
import { ReportFile } from './report-file.js';
import { type Crew, crewOf, linesAPart, type SourcePart } from './run-jobs.js';
import type { PartOptions } from './run-part.js';
import { type Output, RunReport } from './run-report.js';
import { breathe, ktapPainter, onInterrupt, printErrorLine, printText } from './terminal.js';
import { countLines, namesOfInputs, readTextFiles, type TextFile } from './text-files.js';
import type { TraceFiles, TraceFlags } from './trace-file.js';
import {
  KERNEL_HELP,
  parseKernel,
  parseNumber,
  parseTimeout,
  SEED_HELP,
  TIMEOUT_HELP,
  TRACE_FUNCTIONS_HELP,
  TRACE_HELP,
} from './values.js';

export interface RunOptions extends TraceFlags, ProfileFlags {
  readonly kernel?: string;
  readonly json?: boolean;
  readonly update?: boolean;
  readonly against?: string;
  readonly name?: string;
  readonly list?: boolean;
  readonly bail?: boolean;
  readonly dmesg?: boolean;
  readonly locks?: boolean;
  readonly check?: boolean;
  readonly seed?: number;
  readonly junit?: string;
  readonly jobs?: number;
  readonly bug?: readonly string[];
  readonly fix?: readonly string[];
  readonly timeout?: number;
  readonly maxSize?: Limits;
  readonly insmod?: readonly string[];
}

export type { Output } from './run-report.js';

function parseJobs(text: string): number {
  const jobs = parseNumber(text, '--jobs');
  if (jobs < 1 || jobs > MAX_JOBS) throw new UsageError(`expected 1 to ${MAX_JOBS}, got ${text}`, '--jobs');
  return jobs;
}

const MAX_JOBS = 256;

/** What --machine is to documents. */
const INSTEAD = "; instead of the documents' own, but for what these say of it";

export function configure(command: Command): void {
  const kernel = (option: string) => (text: string) => parseKernel(text, option);
  command
    .argument(
      '<files...>',
      'YAML, JSON or JSON Lines (.gz too), directories of them, or - for standard input',
    )
    .option('--kernel <id>', `${KERNEL_HELP}; overrides the documents'`, kernel('--kernel'))
    .addOption(profileOption(INSTEAD))
    .option('--json', 'print one JSON line per scenario, with its actual results')
    .option('--update', 'write the actual results into the documents as their expectations, and exit 0')
    .option(
      '--against <id>',
      'run on a second kernel too, and print where answers differ',
      kernel('--against'),
    )
    .option('--name <pattern>', 'only scenarios whose name has PATTERN in it, or matches it with * and ?')
    .option('--list', 'print where the scenarios are and what they are called, and run none')
    .option('--bail', 'stop at the first failure')
    .option('--dmesg', 'print the kernel log of each scenario')
    .addOption(new Option('--locks', 'tell who holds which lock where a step sleeps').conflicts('json'))
    .option('--check', 'run the invariant checkers after every system call')
    .option('--seed <n>', `${SEED_HELP}; overrides the documents'`, (text) => parseNumber(text, '--seed'))
    .option('--junit <file>', 'write the results as JUnit XML too')
    .option('--timeout <s>', TIMEOUT_HELP, parseTimeout)
    .option('--trace <file>', TRACE_HELP)
    .option('--trace-functions <file>', TRACE_FUNCTIONS_HELP)
    .addOption(new Option('--jobs <n>', 'worker threads').default(1).argParser(parseJobs));
  addInsmodOption(addBugOptions(addMaxSize(command))).action((files: string[], options: RunOptions) => {
    const paint = ktapPainter();
    const output = { out: (line: string) => printText(paint(line)), err: printErrorLine };
    return runCommandLine(options.seed ?? 0, () => runCommand(files, options, output));
  });
}

function partOptions(options: RunOptions, trace: TraceFiles | undefined): PartOptions {
  const { kernel, seed, check, bug, fix, against, name, json, dmesg, locks, update, timeout, maxSize } =
    options;
  const { insmod, machine: profile } = options;
  return {
    overrides: { kernel, profile, seed, check, bugs: bug, fixes: fix },
    against,
    name,
    json,
    dmesg,
    locks,
    update,
    timeout,
    limits: maxSize,
    insmod,
    // What is traced is what is told of.
    bail: options.bail && trace !== undefined,
    trace: trace?.order,
  };
}

/** Tracing is loaded when it is asked for. */
async function openTrace(flags: TraceFlags): Promise<TraceFiles> {
  const { TraceFiles } = await import('./trace-file.js');
  return new TraceFiles(flags);
}

/** Scenarios after which signals and output have their turn. */
const TURN = 16;

/** Runs what has been loaded, and ends the trace where there is one. */
async function runAll(crew: Crew, names: readonly string[], run: RunReport): Promise<void> {
  await takeAll(crew, names, run);
  const { trace, traceFunctions } = run.options;
  if (trace !== undefined || traceFunctions !== undefined) await crew.finish();
}

async function takeAll(crew: Crew, names: readonly string[], run: RunReport): Promise<void> {
  const { bail } = run.options;
  const first = run.count;
  for await (const { source: file, told: results } of crew.run()) {
    for (const told of results) {
      if (run.count % TURN === 0) await breathe();
      run.finished(file, told);
      if (!bail || !run.failed) continue;
      for (const name of names.slice(run.count - first)) run.skipped(name, BAILED);
      return;
    }
  }
}

const BAILED = 'an earlier scenario failed (--bail)';

/** The names of the scenarios that will run, their places and their kernels. What is wrong with the documents is added to `mistakes`. */
async function loadAll(
  crew: Crew,
  parts: () => Iterable<SourcePart>,
  mistakes: Mistake[],
): Promise<{ names: string[]; places: string[]; kernels: Set<string> }> {
  const names: string[] = [];
  const places: string[] = [];
  const kernels = new Set<string>();
  for await (const part of crew.load(parts)) {
    for (const [n, name] of part.names.entries()) {
      names.push(name);
      places.push(`${part.file}:${part.lines[n]}: ${name}`);
    }
    for (const kernel of part.kernels) kernels.add(kernel);
    mistakes.push(...part.mistakes);
  }
  return { names, places, kernels };
}

/** What cannot be read as text is added to `unreadable`. */
function* partsOfFiles(
  files: readonly TextFile[],
  jobs: number,
  unreadable: Mistake[],
): Generator<SourcePart> {
  const all = files.flatMap(({ pieces }) => pieces);
  const lines = linesAPart(
    all.reduce((sum, piece) => sum + countLines(piece) + 1, 0),
    jobs,
  );
  for (const [source, file] of files.entries()) {
    try {
      for (const part of file.parts(lines)) yield { ...part, source };
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      const mistake = { where: error.where ?? file.name, message: error.what };
      // These parts may be taken once more.
      if (!unreadable.some(({ where }) => where === mistake.where)) unreadable.push(mistake);
    }
  }
}

/** Return: the exit status. Throws UsageError. Machines of `source` run in this thread. */
export async function runCommand(
  args: readonly string[],
  options: RunOptions,
  output: Output,
  source?: MachineSource,
): Promise<number> {
  if (options.update && args.includes('-'))
    throw new UsageError('standard input cannot be updated', '--update');
  await loadDrivers(options.insmod);
  const { jobs = 1 } = options;
  const traced = options.trace === undefined ? '--trace-functions' : '--trace';
  const tracing = options.trace ?? options.traceFunctions;
  if (tracing !== undefined && jobs > 1)
    throw new UsageError('a trace has one order of events, so it needs --jobs 1', traced);
  const junit = options.list ? undefined : junitPath(options.junit, 'run');
  const outputs = { '--junit': junit, '--trace': options.trace, '--trace-functions': options.traceFunctions };
  checkOutputs(Object.entries(outputs), () => namesOfInputs(args));
  const trace = tracing === undefined ? undefined : await openTrace(options);
  const report = junit === undefined ? undefined : new ReportFile(junit, '--junit');
  const crew = await crewOf(jobs, partOptions(options, trace), source);
  const run = new RunReport(options, output, report !== undefined);
  const save = () => {
    allOf(
      () => report?.write(run.junit()),
      () => trace?.close(),
    );
  };
  const stopListening = onInterrupt((what) => {
    run.bailOut(what);
    save();
  });
  let status: number;
  try {
    status = await loadAndRun(args, crew, jobs, run);
  } catch (error) {
    run.bailOut(isTellable(error) ? (error as Error).message : 'internal error');
    throw error;
  } finally {
    stopListening();
    await crew.stop();
    save();
  }
  if (run.bug !== undefined) throw run.bug;
  return status;
}

async function loadAndRun(
  args: readonly string[],
  crew: Crew,
  jobs: number,
  run: RunReport,
): Promise<number> {
  const { name, list } = run.options;
  if (!list) run.header();
  await breathe();
  const { maxSize, update } = run.options;
  const reading = { limits: maxSize, keeps: update, note: run.output.err };
  const { files, mistakes: unreadable } = await readTextFiles(args, reading);
  const mistakes: Mistake[] = [];
  const parts = () => partsOfFiles(files, jobs, unreadable);
  const { names, places, kernels } = await loadAll(crew, parts, mistakes);
  tellWithoutEffect(run.options, kernels, run.output.err);
  const wrong = [...unreadable, ...mistakes];
  run.mistakes(wrong);
  if (names.length + unreadable.length === 0)
    throw new UsageError(name === undefined ? 'no scenarios there' : `no scenario is named like ${name}`);
  if (list) {
    for (const place of places) run.output.out(place);
    return wrong.length > 0 ? exitFor(wrong) : EXIT_OK;
  }
  await run.begin(unreadable.length + names.length, files);
  for (const mistake of unreadable) run.unreadable(mistake);
  if (run.options.bail && run.failed) for (const skipped of names) run.skipped(skipped, BAILED);
  else await runAll(crew, names, run);
  await run.end(files);
  if (run.leftUnwritten) return EXIT_IO;
  if (wrong.length > 0) return exitFor(wrong);
  return run.failsStill ? EXIT_FAILED : EXIT_OK;
}
