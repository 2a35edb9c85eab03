// SPDX-License-Identifier: GPL-2.0-only
/** `hmm-sim differences`: the behaviours in which two kernels differ. */
import { Argument, type Command } from 'commander';
import { generationById } from '../generations/index.js';
import { differencesJson, differencesLines } from '../report/differences.js';
import { printLine } from './terminal.js';
import { KERNEL_HELP, parseKernel } from './values.js';

export function configure(command: Command): void {
  const kernel = (name: string, help: string) =>
    new Argument(`<${name}>`, help).argParser((text: string) => parseKernel(text, name));
  command
    .addArgument(kernel('kernel', KERNEL_HELP))
    .addArgument(kernel('other-kernel', 'another of them'))
    .option('--json', 'print one JSON document')
    .action((a: string, b: string, { json }: { json?: true }) => {
      const [one, other] = [generationById(a)!, generationById(b)!];
      if (json) printLine(differencesJson(one, other));
      else differencesLines(one, other).forEach(printLine);
    });
}
