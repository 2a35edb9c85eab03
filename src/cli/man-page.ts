// SPDX-License-Identifier: GPL-2.0-only
/** man/hmm-sim.1, from the commands. */
import type { Command } from 'commander';
import { type CommandWords, commandWords } from './command-words.js';

/** What stands in the table of README.md too. */
const STATUS: readonly (readonly [code: string, meaning: string])[] = [
  ['0', 'no test failed (skips included)'],
  ['1', 'a test failed, or the module killed the kernel while it loaded'],
  ['4', 'smoke -l, smoke -h, as the harness has it'],
  ['64', 'wrong usage, or an invalid document; the valid ones have run'],
  [
    '70',
    'a bug in hmm-sim; it says how to reproduce it. A scenario that meets one is in error, the others have run',
  ],
  [
    '74',
    'the world refused: a full disk, a file that may not be read or written, or that was changed meanwhile; one line says which',
  ],
  ['129, 130, 143', 'ended by SIGHUP, SIGINT (Ctrl-C), SIGTERM'],
  ['141', 'whoever read the output went away'],
];

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
    ...STATUS.flatMap(([code, meaning]) => entry(code, meaning)),
    '',
  ].join('\n');
}
