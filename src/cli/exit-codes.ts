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
