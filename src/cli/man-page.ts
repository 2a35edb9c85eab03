// SPDX-License-Identifier: GPL-2.0-only
/** man/hmm-sim.1, from the commands. */
import type { Command } from 'commander';
import { type CommandWords, commandWords } from './command-words.js';
import { EXIT_MEANINGS } from './exit-codes.js';

/** roff takes "-" for a hyphen, and what begins with "." or "'" for a request. */
const roff = (text: string): string =>
  text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^(?=[.'])/gm, '\\&');

const entry = (head: string, text: string): string[] => ['.TP', `.B ${roff(head)}`, roff(text)];

function commandLines({ name, summary, usage, options }: CommandWords): string[] {
  return [
    `.SS hmm\\-sim ${roff(`${name} ${usage}`)}`,
    `${roff(`${summary.charAt(0).toUpperCase()}${summary.slice(1)}`)}.`,
    ...options.flatMap(({ flags, help }) => entry(flags, help)),
  ];
}

/** The page as text, ending in a newline. `program` has loaded all its commands. */
export function manPage(program: Command, version: string): string {
  return [
    '.\\" Written by scripts/man-page.js; do not edit.',
    `.TH HMM\\-SIM 1 "" "hmm\\-sim ${roff(version)}"`,
    '.SH NAME',
    `hmm\\-sim \\- ${roff(program.description())}`,
    '.SH SYNOPSIS',
    '.B hmm\\-sim',
    '.I command',
    '[options]',
    '.SH COMMANDS',
    ...commandWords(program).flatMap(commandLines),
    '.SH EXIT STATUS',
    ...EXIT_MEANINGS.flatMap(([code, meaning]) => entry(code, meaning)),
    '',
  ].join('\n');
}
