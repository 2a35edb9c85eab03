// SPDX-License-Identifier: GPL-2.0-only
/** How a command that ends in an exception presents it. */
import { CommanderError } from 'commander';
import { UsageError } from '../sim/errors.js';
import { printable } from '../sim/printable.js';
import { EXIT_INTERNAL, EXIT_IO, EXIT_OK, EXIT_USAGE } from './exit-codes.js';
import { HostError, isSystemError, isTellable, reasonOf } from './files/host-error.js';
import { quoted } from './quoted.js';

/** A bug in hmm-sim, met by a run that can be repeated. */
export class InternalError extends Error {
  constructor(
    cause: unknown,
    readonly seed: number,
    /** The arguments that bring it back, the seed among them. */
    readonly reproduce: readonly string[],
  ) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.name = 'InternalError';
  }
}

/**
 * Run a command and set the exit status that it returns. What is no mistake of the user becomes an InternalError, which
 * the arguments of this process bring back.
 */
export async function runCommandLine(seed: number, command: () => Promise<number>): Promise<void> {
  try {
    process.exitCode = await command();
  } catch (error) {
    if (isTellable(error) || isMissingModule(error)) throw error;
    throw new InternalError(error, seed, process.argv.slice(2));
  }
}

/** A part of the installation is not there; bin/hmm-sim.js tells. */
function isMissingModule(error: unknown): boolean {
  return (error as NodeJS.ErrnoException | null)?.code === 'ERR_MODULE_NOT_FOUND';
}

export interface Presentation {
  readonly exitCode: number;
  /** For stderr. */
  readonly lines: readonly string[];
}

function presentInternal(error: unknown): Presentation {
  const cause = error instanceof InternalError ? error.cause : error;
  const message = error instanceof Error ? error.message : String(error);
  const lines = [`hmm-sim: internal error: ${message}`, 'This is a bug in hmm-sim, not in what it runs.'];
  if (error instanceof InternalError) {
    lines.push(`seed ${error.seed}; to reproduce: hmm-sim ${error.reproduce.map(quoted).join(' ')}`);
  }
  if (cause instanceof Error && cause.stack) lines.push(cause.stack);
  // The stack is of several lines.
  return { exitCode: EXIT_INTERNAL, lines: lines.map((text) => text.split('\n').map(printable).join('\n')) };
}

/** A system call that nobody expected to fail. */
function systemText(error: NodeJS.ErrnoException): string {
  return `${error.path ?? error.syscall}: ${error.code === 'ENOENT' ? 'no such file' : reasonOf(error)}`;
}

/** What to say about an error, and how to exit. */
export function present(error: unknown): Presentation {
  if (error instanceof UsageError)
    return { exitCode: EXIT_USAGE, lines: [printable(`hmm-sim: ${error.message}`)] };
  if (error instanceof HostError)
    return { exitCode: EXIT_IO, lines: [printable(`hmm-sim: ${error.message}`)] };
  if (isSystemError(error)) return { exitCode: EXIT_IO, lines: [printable(`hmm-sim: ${systemText(error)}`)] };
  if (error instanceof CommanderError) {
    // commander has said it already, whatever it was.
    return { exitCode: error.exitCode === 0 ? EXIT_OK : EXIT_USAGE, lines: [] };
  }
  return presentInternal(error);
}

/**
 * commander's complaint, with the suggestion that it puts on a line of its own, as one line. `command` is whose, `taken` what the
 * last option took: where an argument is missing, that may be it.
 */
export function oneLine(complaint: string, command = '', taken?: string): string {
  const said = complaint
    .trim()
    .replace(/^error: /, '')
    .replace(/\s*\n\s*(?=\(Did you mean)/g, ' ');
  const text =
    taken !== undefined && said.startsWith('missing required argument') ? `${said}: ${taken}` : said;
  return `hmm-sim: ${printable(text)}${text.includes('Did you mean') ? '' : ` (see hmm-sim ${command === '' ? '' : `${command} `}--help)`}\n`;
}
