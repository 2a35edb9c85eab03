// SPDX-License-Identifier: GPL-2.0-only
/** `hmm-sim trace compare`: the functions that a real kernel entered, step by step, against those that are entered here. */

import type { Command } from 'commander';
import { tracedFunctions } from '../generations/traced.js';
import { compareStep } from '../paths/compare.js';
import { type RealPath, RealReader } from '../paths/real.js';
import { walkScenario } from '../paths/walk.js';
import { partingLines } from '../report/paths-text.js';
import type { Limits } from '../scenario/limits.js';
import type { LoadedDocument } from '../scenario/load.js';
import { stepText } from '../scenario/place.js';
import { Setups } from '../session/setup.js';
import { UsageError } from '../sim/errors.js';
import { EXIT_FAILED, EXIT_OK } from './exit-codes.js';
import { runCommandLine } from './failure.js';
import { errorOf } from './input.js';
import { addMaxSize } from './limit-options.js';
import { logName, readLogFile } from './log-files.js';
import { bootChosen } from './scenario-choice.js';
import { readScenarioFiles } from './scenario-files.js';
import { didYouMean } from './suggest.js';
import { breathe, printErrorLine, printLine } from './terminal.js';
import { KERNEL_HELP, parseKernel } from './values.js';

interface CompareFlags {
  readonly json?: true;
  readonly kernel?: string;
  readonly maxSize?: Limits;
}

const REAL_HELP =
  'what a real kernel did: JSON Lines ({"name", "kernel", "steps"}), the text of /sys/kernel/tracing/trace, or of trace-cmd report; .gz or not';

export function configure(command: Command): void {
  // commander would print the help, of many lines, as an error.
  command.allowExcessArguments().action((_, { args: [given] }: Command) => {
    throw new UsageError(
      given === undefined
        ? 'expected a command, compare'
        : `unknown command "${given}"${didYouMean(given, ['compare'])}`,
      'trace',
    );
  });
  addMaxSize(command.command('compare'))
    .description(
      'tell the first function in which a real path and ours part, step by step; exit 0 where all are the same',
    )
    .argument('<real>', REAL_HELP)
    .argument('<scenarios...>', 'the scenarios that it was recorded of: files or directories')
    .option('--json', 'a line of JSON for each step: name, step, same, real, here')
    .option('--kernel <id>', `${KERNEL_HELP}; overrides the recording's`, (text) =>
      parseKernel(text, '--kernel'),
    )
    .action((real: string, scenarios: string[], flags: CompareFlags) =>
      runCommandLine(0, () => compare(real, scenarios, flags)),
    );
}

async function readPaths(file: string, limits: Limits | undefined): Promise<RealPath[]> {
  const reader = new RealReader(logName(file), limits);
  await readLogFile(file, (part) => reader.add(part));
  return reader.end();
}

/** Steps in which memory of the program itself shows, on a real kernel. */
const NOT_COMPARED: ReadonlySet<string> = new Set(['fork', 'exit', 'pagemap']);

interface Counts {
  steps: number;
  same: number;
  scenarios: number;
}

async function compare(real: string, scenarios: readonly string[], flags: CompareFlags): Promise<number> {
  const paths = await readPaths(real, flags.maxSize);
  const { files, mistakes } = await readScenarioFiles(scenarios, {
    limits: flags.maxSize,
    note: printErrorLine,
  });
  const [first] = mistakes;
  if (first !== undefined) {
    if (files.every(({ loaded }) => loaded.documents.length === 0)) throw errorOf(first);
    // Directories of recordings have more than this version knows; what is compared has to load.
    printErrorLine(`${mistakes.length} mistakes in documents, the first at ${first.where}: ${first.message}`);
  }
  const documents = new Map(
    files.flatMap(({ loaded }) => loaded.documents).map((loaded) => [loaded.document.name, loaded]),
  );
  const counts: Counts = { steps: 0, same: 0, scenarios: 0 };
  let missing = 0;
  for (const path of paths) {
    await breathe();
    const loaded = documents.get(path.name);
    if (loaded === undefined) missing++;
    else compareOne(path, loaded, flags, counts);
  }
  if (missing > 0) printErrorLine(`${missing} of ${paths.length} paths are of scenarios that are not there`);
  if (missing === paths.length) throw new UsageError('none of the scenarios was given', real);
  if (!flags.json) {
    const { steps, same } = counts;
    printLine(`# ${same} of ${steps} steps in ${counts.scenarios} scenarios take the same path`);
  }
  return counts.same === counts.steps ? EXIT_OK : EXIT_FAILED;
}

function compareOne(path: RealPath, loaded: LoadedDocument, flags: CompareFlags, counts: Counts): void {
  const kernel = flags.kernel ?? (path.kernel === undefined ? undefined : parseKernel(path.kernel, 'kernel'));
  const setup = new Setups({ kernel }).of(loaded.document);
  const machine = bootChosen({ loaded, setup });
  if (typeof machine === 'string') throw new UsageError(machine, path.name);
  counts.scenarios++;
  const traced = tracedFunctions(setup.generation.version);
  for (const walked of walkScenario(machine, setup, loaded.document)) {
    const compared = compareStep(path.steps[walked.index], walked, traced);
    if (compared === undefined || NOT_COMPARED.has(walked.step.op)) continue;
    counts.steps++;
    if (compared.same) counts.same++;
    const { index: step, same, real, here } = compared;
    if (flags.json) printLine(JSON.stringify({ name: path.name, step, same, real, here }));
    else partingLines(path.name, stepText(walked.step), compared).forEach(printLine);
  }
}
