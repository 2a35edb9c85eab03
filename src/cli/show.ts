// SPDX-License-Identifier: GPL-2.0-only
/** `hmm-sim show`: a scenario as a picture, in the terminal or as an HTML file. */
import { Chalk } from 'chalk';
import type { Command } from 'commander';
import { drawScenario, type Grid, type Tone } from '../explain/show-grid.js';
import { gridHtml } from '../report/grid-html.js';
import { gridText, type TonePainter } from '../report/grid-text.js';
import { EXIT_FAILED, EXIT_OK } from './exit-codes.js';
import { runCommandLine } from './failure.js';
import { checkOutputs } from './files/outputs.js';
import { ReportFile } from './report-file.js';
import { addChoiceOptions, bootChosen, type ChoiceOptions, chooseScenarios } from './scenario-choice.js';
import { breathe, colours, printErrorLine, printText } from './terminal.js';
import { namesOfInputs } from './text-files.js';

interface ShowFlags extends ChoiceOptions {
  readonly html?: string;
}

/** Of a line that goes to no terminal. */
const DEFAULT_WIDTH = 120;

export function configure(command: Command): void {
  addChoiceOptions(command)
    .option('--html <file>', 'write an HTML file instead, which needs no network')
    .action((file: string, flags: ShowFlags) => runCommandLine(flags.seed ?? 0, () => show(file, flags)));
}

/** Return: the exit status. Throws UsageError. */
async function show(file: string, flags: ShowFlags): Promise<number> {
  checkOutputs([['--html', flags.html]], () => namesOfInputs([file]));
  const chosen = await chooseScenarios(file, flags);
  const report = flags.html === undefined ? undefined : new ReportFile(flags.html, '--html');
  const grids: Grid[] = [];
  let status = EXIT_OK;
  for (const one of chosen) {
    await breathe();
    const { document } = one.loaded;
    const machine = bootChosen(one);
    if (typeof machine === 'string') {
      printErrorLine(`${document.name}: ${machine}`);
      status = EXIT_FAILED;
      continue;
    }
    const grid = drawScenario(machine, one.setup, document);
    if (report !== undefined) grids.push(grid);
    else print(grid, one === chosen[0]);
  }
  report?.write(gridHtml(grids));
  return status;
}

function print(grid: Grid, first: boolean): void {
  if (!first) printText('');
  const width = process.stdout.columns ?? DEFAULT_WIDTH;
  gridText(grid, { width, paint: gridPainter() }).forEach(printText);
}

export function gridPainter(): TonePainter {
  if (!colours()) return (text) => text;
  const chalk = new Chalk({ level: 1 });
  const paints: Readonly<Record<Tone, (text: string) => string>> = {
    unmapped: chalk.dim,
    none: chalk.dim,
    zero: chalk.gray,
    system: chalk.green,
    'huge-local': chalk.blueBright,
    'huge-remote': chalk.magenta,
    'private-local': chalk.blueBright,
    'private-remote': chalk.magenta,
    'coherent-local': chalk.cyan,
    'coherent-remote': chalk.yellow,
    exclusive: chalk.red,
    migrating: chalk.inverse,
    swapped: chalk.inverse,
    hwpoison: chalk.red,
    dax: chalk.cyan,
  };
  return (text, tone) => paints[tone](text);
}
