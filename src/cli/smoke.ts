// SPDX-License-Identifier: GPL-2.0-only
/** `hmm-sim smoke`: its command line. What is wrong there is said before anything boots. */
import type { Command } from 'commander';
import { generationById } from '../generations/index.js';
import type { MachineDescription } from '../machine/description.js';
import { bailOutLines, TAP_HEADER } from '../report/ktap.js';
import { builtInSuites } from '../selftests/built_in.js';
import type { Suite } from '../selftests/fixture.js';
import { suiteOf } from '../selftests/hmm-tests/suites.js';
import {
  selectTests,
  type TestFilter,
  test_harness_help,
  test_harness_list_tests,
} from '../selftests/test_filter.js';
import { UsageError } from '../sim/errors.js';
import { tellWithoutEffect } from './bug-options.js';
import { elsewhere } from './elsewhere.js';
import { EXIT_LISTED } from './exit-codes.js';
import { InternalError } from './failure.js';
import { isTellable } from './files/host-error.js';
import { checkOutputs } from './files/outputs.js';
import { junitPath } from './github.js';
import { addMachineOptions, type MachineFlags } from './machine-options.js';
import { addFilterOptions, checkFilters } from './smoke-filters.js';
import type { ObserveOptions } from './smoke-observer.js';
import { type ReportPaths, Reports } from './smoke-reports.js';
import type { RunFiles } from './smoke-run.js';
import type { KernelLogOptions } from './smoke-tests.js';
import type { SmokeOrder } from './smoke-worker.js';
import { printErrorLine, printLine } from './terminal.js';
import type { TraceFlags } from './trace-file.js';
import { parseTimeout, TIMEOUT_HELP, TRACE_FUNCTIONS_HELP, TRACE_HELP } from './values.js';

interface SmokeFlags extends MachineFlags, ReportPaths, KernelLogOptions, TraceFlags {
  readonly l?: true;
  readonly h?: true;
  readonly d?: true;
  readonly explain?: boolean;
  readonly locks?: boolean;
  readonly record?: string;
  readonly timeout?: number;
}

export function configure(command: Command): void {
  addMachineOptions(command)
    .helpOption('--help', 'show this help')
    .option('-l', 'list fixtures, variants and tests')
    .option('-h', "show the harness's own help")
    .option('-d', "enable the harness's debug prints, of which hmm-tests has none (7.3 and later)");
  const filters = addFilterOptions(command);
  command
    .option('--junit <file>', 'write the results as JUnit XML too')
    .option('--json <file>', 'write the results as JSON too')
    .option('--timeout <s>', TIMEOUT_HELP, parseTimeout)
    .option('--dmesg', 'print what the kernel logs while each test runs')
    .option('--fail-on-warn', 'a test in which the kernel warns has failed')
    .option('--explain', 'tell why each page did, or did not do, what was asked')
    .option('--locks', 'tell who holds which lock where a test sleeps')
    .option('--trace <file>', TRACE_HELP)
    .option('--trace-functions <file>', TRACE_FUNCTIONS_HELP)
    .option(
      '--suite <file>',
      "a maintainer's own tests, beside the built-in ones (docs/PORTING.md), or kfdtest: AMD's tests of shared virtual memory",
    )
    .option(
      '--record <path>',
      'write tests as scenarios: a directory has one for each, FILE.yaml one of all that run, in a row',
    )
    .action((dev0: string | undefined, dev1: string | undefined, flags: SmokeFlags) => {
      const addresses = [dev0, dev1].filter((address) => address !== undefined);
      return smoke(addresses, flags, filters);
    });
}

async function smoke(
  addresses: readonly string[],
  flags: SmokeFlags,
  filters: readonly TestFilter[],
): Promise<void> {
  const suite = await suiteFor(flags);
  if (flags.d === true && !suite.style.hasDebug)
    throw new UsageError(`the harness of ${flags.kernel} has no debug prints`, '-d');
  if (flags.h) return list(test_harness_help(suite));
  if (flags.l) return list(test_harness_list_tests(suite));
  try {
    checkFilters(suite, filters);
  } catch (error) {
    // Nothing would run, and nothing that reads the stream may take that for passed.
    for (const line of [...(suite.preamble ?? []), TAP_HEADER, ...bailOutLines((error as Error).message)])
      printLine(line);
    throw error;
  }
  if (flags.record !== undefined && flags.suite !== undefined && ownFileOf(flags) === undefined) {
    throw new UsageError(`what ${suite.name} asks of its driver are no steps of scenarios`, '--record');
  }
  const { machineOf } = await import('./flagged-machine.js');
  const { loadDrivers } = await import('./insmod.js');
  const machine = machineOf(addresses, flags, await loadDrivers(flags.insmod));
  const { json, trace, record } = flags;
  const ownTests = ownFileOf(flags);
  const junit = junitPath(flags.junit, 'smoke');
  const outputs = Object.entries({ '--junit': junit, '--json': json, '--trace': trace, '--record': record });
  checkOutputs(outputs, () => (ownTests === undefined ? [] : [ownTests]));
  const reports = new Reports({ ...flags, junit }, suite, {
    suite: suite.name,
    kernel: flags.kernel,
    seed: machine.seed,
  });
  const files = await filesFor(flags, selectTests(suite, filters).length, machine);
  if (flags.seed === undefined) printErrorLine(`seed ${machine.seed} (again: --seed ${machine.seed})`);
  tellWithoutEffect(flags, [flags.kernel], printErrorLine);
  for (const test of timedTests(suite, filters)) {
    printErrorLine(`${test}: its times are simulated, not measured (docs/ARCHITECTURE.md, "Time and tasks")`);
  }
  const { SmokeRun } = await import('./smoke-run.js');
  const { timeout, dmesg, failOnWarn, suite: named } = flags;
  const ownFile = ownFileOf(flags);
  const options = {
    filters,
    timeout,
    dmesg,
    failOnWarn,
    suite: named,
    ownFile,
    observe: observed(flags, files),
  };
  const run = new SmokeRun(reports, files, ownFile);
  const order: SmokeOrder = { addresses, flags: { ...flags, seed: machine.seed }, options };
  try {
    process.exitCode = await run.run((listener) =>
      elsewhere(new URL('./smoke-worker.js', import.meta.url), order, listener),
    );
  } catch (error) {
    if (isTellable(error)) throw error;
    throw new InternalError(error, machine.seed, reproduction(machine.seed, flags));
  }
}

/** Those that run, and print times. */
function timedTests(suite: Suite, filters: readonly TestFilter[]): string[] {
  const selected = new Set(selectTests(suite, filters).map(({ test }) => test));
  return (suite.timed ?? []).filter((test) => selected.has(test));
}

/** The file of --suite, where that is none of the names. */
function ownFileOf({ suite }: SmokeFlags): string | undefined {
  return suite === undefined || suite in builtInSuites ? undefined : suite;
}

/** A suite by its name; or the kernel's, with a maintainer's own tests where there are some. */
async function suiteFor({ kernel, suite }: SmokeFlags): Promise<Suite> {
  if (suite === undefined) return suiteOf(kernel)!;
  const builtIn = builtInSuites[suite];
  if (builtIn !== undefined) return builtIn;
  const { loadOwnTests } = await import('./own-tests.js');
  return (await loadOwnTests(suite)).suiteWith(suiteOf(kernel)!, generationById(kernel)!);
}

/** Explaining, tracing and recording are loaded when they are asked for. */
async function filesFor(
  { trace, traceFunctions, record }: SmokeFlags,
  tests: number,
  machine: MachineDescription,
): Promise<RunFiles> {
  const files: { -readonly [K in keyof RunFiles]: RunFiles[K] } = {};
  if ((trace ?? traceFunctions) !== undefined) {
    const { TraceFiles } = await import('./trace-file.js');
    files.trace = new TraceFiles({ trace, traceFunctions });
  }
  if (record !== undefined) {
    const { recordingWriter } = await import('./smoke-record.js');
    files.record = recordingWriter(record, tests, machine);
  }
  return files;
}

/** What the tests' thread looks at. */
function observed(
  { explain = false, locks = false }: SmokeFlags,
  { trace, record }: RunFiles,
): ObserveOptions | undefined {
  if (!explain && !locks && trace === undefined && record === undefined) return undefined;
  return { explain, locks, record: record?.how, trace: trace?.order ?? {} };
}

function list(lines: readonly string[]): void {
  lines.forEach(printLine);
  process.exitCode = EXIT_LISTED;
}

/** This command line, with the seed that it ran with. */
function reproduction(seed: number, flags: SmokeFlags): string[] {
  const args = process.argv.slice(2);
  return flags.seed === undefined ? [...args, '--seed', String(seed)] : args;
}
