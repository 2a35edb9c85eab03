// SPDX-License-Identifier: GPL-2.0-only
/** Logs, piece by piece: files, gzip or not, and standard input. */
import { createReadStream } from 'node:fs';
import { pipeline, Readable } from 'node:stream';
import { constants, createGunzip } from 'node:zlib';
import { UsageError } from '../sim/errors.js';

const STDIN = '-';

export const logName = (argument: string): string => (argument === STDIN ? 'stdin' : argument);

function complaint(error: unknown, where: string): UsageError {
  const { code, message } = error as NodeJS.ErrnoException;
  const texts: Readonly<Record<string, string>> = {
    ENOENT: 'no such file or directory',
    EACCES: 'permission denied',
    EISDIR: 'a directory; expected a log',
    Z_DATA_ERROR: 'its compressed data is damaged',
  };
  return new UsageError(texts[code ?? ''] ?? message, where);
}

async function* following(first: Buffer, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  yield first;
  for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
}

async function* pieces(argument: string): AsyncGenerator<Buffer> {
  const source: AsyncIterable<Buffer> = argument === STDIN ? process.stdin : createReadStream(argument);
  const iterator = source[Symbol.asyncIterator]();
  const first = await iterator.next();
  if (first.done) return;
  const all = following(first.value, iterator);
  if (!(first.value[0] === 0x1f && first.value[1] === 0x8b)) {
    yield* all;
    return;
  }
  // A compressed log that is cut is read as far as it goes.
  const unpacked = createGunzip({ finishFlush: constants.Z_SYNC_FLUSH });
  pipeline(Readable.from(all), unpacked, () => {});
  yield* unpacked as AsyncIterable<Buffer>;
}

/** Hands the log's text on as it is read; what is no UTF-8 becomes U+FFFD. Throws UsageError when it cannot be read. */
export async function readLogFile(argument: string, onText: (text: string) => void): Promise<void> {
  const decoder = new TextDecoder();
  try {
    for await (const piece of pieces(argument)) onText(decoder.decode(piece, { stream: true }));
  } catch (error) {
    throw complaint(error, logName(argument));
  }
  onText(decoder.decode());
}
