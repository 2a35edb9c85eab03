// SPDX-License-Identifier: GPL-2.0-only
/** Logs, piece by piece: files, gzip or not, and standard input. */
import { cannotRead, inputPieces, STDIN } from './input.js';

export const logName = (argument: string): string => (argument === STDIN ? 'stdin' : argument);

/** UTF-16 where a mark says so, as PowerShell redirects; else UTF-8. */
function decoderOf([first, second]: Uint8Array): InstanceType<typeof TextDecoder> {
  if (first === 0xff && second === 0xfe) return new TextDecoder('utf-16le');
  return new TextDecoder(first === 0xfe && second === 0xff ? 'utf-16be' : 'utf-8');
}

/** Hands the log's text on as it is read; what cannot be decoded becomes U+FFFD. Throws UsageError or HostError when it cannot be read. */
export async function readLogFile(argument: string, onText: (text: string) => void): Promise<void> {
  let decoder: InstanceType<typeof TextDecoder> | undefined;
  try {
    for await (const piece of inputPieces(argument, true)) {
      decoder ??= decoderOf(piece);
      onText(decoder.decode(piece, { stream: true }));
    }
  } catch (error) {
    const isDirectory = (error as NodeJS.ErrnoException).code === 'EISDIR';
    throw cannotRead(error, logName(argument), isDirectory ? 'a directory; expected a log' : undefined);
  }
  onText(decoder?.decode() ?? '');
}
