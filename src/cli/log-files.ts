// SPDX-License-Identifier: GPL-2.0-only
/** Logs, piece by piece: files, gzip or not, and standard input. */

import { tooLarge } from '../scenario/limits.js';
import { UsageError } from '../sim/errors.js';
import { cannotRead, inputPieces, STDIN } from './input.js';

export const logName = (argument: string): string => (argument === STDIN ? 'stdin' : argument);

/** UTF-16 where a mark says so, as PowerShell redirects, or every other byte is 0; else UTF-8. */
function decoderOf([first, second, third, fourth]: Uint8Array): InstanceType<typeof TextDecoder> {
  const wide = first !== 0 && second === 0 && third !== 0 && fourth === 0;
  if ((first === 0xff && second === 0xfe) || wide) return new TextDecoder('utf-16le');
  return new TextDecoder(first === 0xfe && second === 0xff ? 'utf-16be' : 'utf-8');
}

/** Characters without the end of a line: what has more is no log, and may never end (/dev/zero). */
const LONGEST_LINE = 64 * 2 ** 20;

/** Bytes of a log, inflated: what has more takes long to read, and may have no end either. */
export const LARGEST_LOG = 256 * 2 ** 20;

/** Throws UsageError as soon as a line of the text is longer than that. */
class Lines {
  #length = 0;

  constructor(private readonly name: string) {}

  take(text: string): string {
    const end = Math.max(text.lastIndexOf('\n'), text.lastIndexOf('\r'));
    this.#length = end < 0 ? this.#length + text.length : text.length - end - 1;
    if (this.#length > LONGEST_LINE)
      throw new UsageError('no log: more than 64 MiB without the end of a line', this.name);
    return text;
  }
}

/**
 * Hands the log's text on as it is read; what cannot be decoded becomes U+FFFD. Throws UsageError or HostError when it
 * cannot be read, or has more than `most` bytes.
 */
export async function readLogFile(
  argument: string,
  onText: (text: string) => void,
  most = Number.POSITIVE_INFINITY,
): Promise<void> {
  let decoder: InstanceType<typeof TextDecoder> | undefined;
  let bytes = 0;
  const lines = new Lines(logName(argument));
  try {
    for await (const piece of inputPieces(argument, true)) {
      bytes += piece.length;
      if (bytes > most) throw new UsageError(tooLarge(most), logName(argument));
      decoder ??= decoderOf(piece);
      onText(lines.take(decoder.decode(piece, { stream: true })));
    }
  } catch (error) {
    if (error instanceof UsageError) throw error;
    const isDirectory = (error as NodeJS.ErrnoException).code === 'EISDIR';
    throw cannotRead(error, logName(argument), isDirectory ? 'a directory; expected a log' : undefined);
  }
  onText(decoder?.decode() ?? '');
}
