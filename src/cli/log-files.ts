// SPDX-License-Identifier: GPL-2.0-only
/** Logs, piece by piece: files, gzip or not, and standard input. */
import { UsageError } from '../sim/errors.js';
import { inputPieces, readErrorText, STDIN } from './input.js';

export const logName = (argument: string): string => (argument === STDIN ? 'stdin' : argument);

function complaint(error: unknown, where: string): UsageError {
  const isDirectory = (error as NodeJS.ErrnoException).code === 'EISDIR';
  return new UsageError(isDirectory ? 'a directory; expected a log' : readErrorText(error), where);
}

/** Hands the log's text on as it is read; what is no UTF-8 becomes U+FFFD. Throws UsageError when it cannot be read. */
export async function readLogFile(argument: string, onText: (text: string) => void): Promise<void> {
  const decoder = new TextDecoder();
  try {
    for await (const piece of inputPieces(argument, true)) onText(decoder.decode(piece, { stream: true }));
  } catch (error) {
    throw complaint(error, logName(argument));
  }
  onText(decoder.decode());
}
