// SPDX-License-Identifier: GPL-2.0-only
/** Exit codes of every command. */

export const EXIT_OK = 0;
/** A test or scenario failed, or the module did not load. */
export const EXIT_FAILED = 1;
/** What the harness answers to -l and -h (KSFT_SKIP). */
export const EXIT_LISTED = 4;
/** The command line or a document is wrong; the valid documents have run. */
export const EXIT_USAGE = 64;
/** A bug in hmm-sim. */
export const EXIT_INTERNAL = 70;
/** The world refused: a full disk, a file that may not be read or written, or was changed meanwhile. EX_IOERR of sysexits.h. */
export const EXIT_IO = 74;
/** Ended by a signal, as a shell tells it: 128 and its number. Ctrl-C is SIGINT. */
export const EXIT_OF_SIGNAL = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;
/** Whoever read the output went away, as SIGPIPE tells it. */
export const EXIT_PIPE = 141;

/** What stands in the table of README.md too. */
export const EXIT_MEANINGS: readonly (readonly [code: string, meaning: string])[] = [
  ['0', 'no test failed (skips included)'],
  ['1', 'a test failed, or the module killed the kernel while it loaded'],
  ['4', 'smoke -l, smoke -h, as the harness has it'],
  ['64', 'wrong usage, a file that is not there, or an invalid document; the valid ones have run'],
  [
    '70',
    'a bug in hmm-sim; it says how to reproduce it. A scenario that meets one is in error, the others have run',
  ],
  [
    '74',
    'the world refused: a full disk, a file that is there and may not be read or written, or was changed meanwhile; one line says which, and what could be done is',
  ],
  ['129, 130, 143', 'ended by SIGHUP, SIGINT (Ctrl-C), SIGTERM'],
  ['141', 'whoever read the output went away'],
];
