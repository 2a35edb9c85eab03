// SPDX-License-Identifier: GPL-2.0-only
/** `hmm-sim export`: scenario documents in, a C program for a real kernel out. */
import type { Command } from 'commander';
import { countExpectations, type Exported, exportC } from '../export/export-c.js';
import type { Limits } from '../scenario/limits.js';
import type { Mistake } from '../scenario/load.js';
import { Setups } from '../session/setup.js';
import { UsageError } from '../sim/errors.js';
import { EXIT_OK } from './exit-codes.js';
import { checkOutputs } from './files/outputs.js';
import { exitFor } from './input.js';
import { addMaxSize, fewLines } from './limit-options.js';
import { namePattern } from './name-pattern.js';
import { ReportFile } from './report-file.js';
import { readScenarioFiles, type ScenarioFile } from './scenario-files.js';
import { printErrorLine, printLine, printNow } from './terminal.js';
import { namesOfInputs } from './text-files.js';
import { KERNEL_HELP, parseKernel } from './values.js';

export interface ExportCommandOptions {
  readonly c: string;
  readonly expect?: boolean;
  readonly kernel?: string;
  readonly name?: string;
  readonly maxSize?: Limits;
}

const STDOUT = '-';

export function configure(command: Command): void {
  addMaxSize(command)
    .argument('<files...>', 'scenario documents, as hmm-sim run takes them')
    .requiredOption('--c <file>', 'the C program to write, or - for standard output')
    .option('--expect', 'put what the documents expect into the program, as tests')
    .option('--kernel <id>', `${KERNEL_HELP}; overrides the documents'`, (text) =>
      parseKernel(text, '--kernel'),
    )
    .option('--name <pattern>', 'only scenarios whose name has PATTERN in it, or matches it with * and ?')
    .action(async (files: string[], options: ExportCommandOptions) => {
      process.exitCode = await exportCommand(files, options);
    });
}

/** The documents that are asked for, each with its machine; those without a possible one become mistakes. */
function select(
  files: readonly ScenarioFile[],
  options: ExportCommandOptions,
  mistakes: Mistake[],
): Exported[] {
  const matches = namePattern(options.name);
  const setups = new Setups(options.kernel === undefined ? {} : { kernel: options.kernel });
  const selected: Exported[] = [];
  for (const { file, line, document } of files.flatMap(({ loaded }) => loaded.documents)) {
    if (!matches(document.name)) continue;
    try {
      selected.push({ document, setup: setups.of(document) });
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      mistakes.push({ where: `${file}:${line}`, message: `machine: ${error.message}` });
    }
  }
  return selected;
}

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;

function summary(selected: readonly Exported[], { c, expect }: ExportCommandOptions): string {
  const documents = selected.map(({ document }) => document);
  const steps = documents.reduce((sum, document) => sum + document.steps.length, 0);
  const tests = expect ? `, ${counted(countExpectations(documents), 'test')}` : '';
  return `${c}: ${counted(documents.length, 'scenario')}, ${counted(steps, 'step')}${tests}`;
}

/** Return: the exit status. Throws UsageError. */
export async function exportCommand(args: readonly string[], options: ExportCommandOptions): Promise<number> {
  if (options.c !== STDOUT) checkOutputs([['--c', options.c]], () => namesOfInputs(args));
  const reading = { limits: options.maxSize, note: printErrorLine };
  const { files, mistakes } = await readScenarioFiles(args, reading);
  const selected = select(files, options, mistakes);
  for (const line of fewLines(mistakes)) printErrorLine(line);
  if (selected.length === 0) {
    if (mistakes.length > 0) return exitFor(mistakes);
    const { name } = options;
    throw new UsageError(name === undefined ? 'no scenarios there' : `no scenario is named like ${name}`);
  }
  if (options.expect && countExpectations(selected.map(({ document }) => document)) === 0) {
    throw new UsageError(
      'no step expects anything (hmm-sim run --update writes what it answers)',
      '--expect',
    );
  }
  const text = exportC(selected, { expect: options.expect ?? false });
  if (options.c === STDOUT) {
    printNow(text);
  } else {
    new ReportFile(options.c, '--c').write(text);
    printLine(summary(selected, options));
  }
  return mistakes.length > 0 ? exitFor(mistakes) : EXIT_OK;
}
