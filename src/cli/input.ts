// SPDX-License-Identifier: GPL-2.0-only
/** What comes in: a file or standard input, gzip or not, piece by piece, and as text that is UTF-8. */
import { isUtf8 } from 'node:buffer';
import { createReadStream } from 'node:fs';
import { pipeline, Readable } from 'node:stream';
import { constants, createGunzip } from 'node:zlib';
import type { Mistake } from '../scenario/load.js';
import { UsageError } from '../sim/errors.js';
import { EXIT_IO, EXIT_USAGE } from './exit-codes.js';
import { HostError, isRefusal } from './files/host-error.js';

export const STDIN = '-';

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or directory',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  ENOTDIR: 'not in a directory',
  ELOOP: 'symbolic links that lead in a circle',
  ENXIO: 'no such device',
  EIO: 'it cannot be read (input/output error)',
  Z_DATA_ERROR: 'its compressed data is damaged',
  Z_BUF_ERROR: 'its compressed data is cut short',
};

/** Why something cannot be read, in words. */
export function readErrorText(error: unknown): string {
  const { code = '', message } = error as NodeJS.ErrnoException;
  return reasons[code] ?? message;
}

/** What is wrong with an argument, or a document. */
export interface InputMistake extends Mistake {
  /** It is the world that refused to have it read. */
  readonly refused?: true;
}

/** How a command ends with these mistakes. */
export function exitFor(mistakes: readonly InputMistake[]): number {
  return mistakes.some(({ refused }) => refused) ? EXIT_IO : EXIT_USAGE;
}

/** The error that ends a command with a mistake. */
export function errorOf({ where, message, refused }: InputMistake): UsageError | HostError {
  return refused ? new HostError(message, where) : new UsageError(message, where);
}

/** What to throw for it: the world's refusal, or the user's mistake. */
export function cannotRead(
  error: unknown,
  where: string,
  what = readErrorText(error),
): UsageError | HostError {
  return isRefusal(error) ? new HostError(what, where) : new UsageError(what, where);
}

async function* following(first: Buffer, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  yield first;
  for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
}

/** Waits for data that comes late. With `cut`, compressed data that ends early is read as far as it goes. */
export async function* inputPieces(name: string, cut: boolean): AsyncGenerator<Buffer> {
  const source: AsyncIterable<Buffer> =
    name === STDIN ? process.stdin : createReadStream(name, { highWaterMark: 1 << 20 });
  const iterator = source[Symbol.asyncIterator]();
  const first = await iterator.next();
  if (first.done) return;
  const all = following(first.value, iterator);
  if (!(first.value[0] === 0x1f && first.value[1] === 0x8b)) {
    yield* all;
    return;
  }
  const unpacked = createGunzip(cut ? { finishFlush: constants.Z_SYNC_FLUSH } : {});
  pipeline(Readable.from(all), unpacked, () => {});
  yield* unpacked as AsyncIterable<Buffer>;
}

/** The encoding of text that is no UTF-8, where it can be told. */
function otherEncoding(bytes: Buffer): string | undefined {
  const start = bytes.subarray(0, 4).toString('hex');
  if (start === 'fffe0000' || start === '0000feff') return 'UTF-32';
  if (start.startsWith('fffe') || /^(?!00)..00(?!00)..00$/.test(start)) return 'UTF-16 (little endian)';
  if (start.startsWith('feff') || /^00(?!00)..00(?!00)..$/.test(start)) return 'UTF-16 (big endian)';
  return undefined;
}

const LINE_FEED = 0x0a;

/** The number, from 1, of the first line that `isWrong`. */
function lineThat(isWrong: (line: Buffer) => boolean, bytes: Buffer): number {
  for (let [start, line] = [0, 1]; ; line++) {
    const end = bytes.indexOf(LINE_FEED, start);
    if (end < 0 || isWrong(bytes.subarray(start, end))) return line;
    start = end + 1;
  }
}

/** Text of whole lines, which begin with line `first`. Throws UsageError for what is no UTF-8. */
export function textOf(bytes: Buffer, name: string, first = 1): string {
  const encoding = first === 1 ? otherEncoding(bytes) : undefined;
  if (encoding !== undefined) throw new UsageError(`expected UTF-8, got ${encoding}`, name);
  if (!isUtf8(bytes)) {
    const line = lineThat((one) => !isUtf8(one), bytes);
    throw new UsageError('expected UTF-8, got other bytes', `${name}:${first - 1 + line}`);
  }
  if (bytes.includes(0)) {
    const line = lineThat((one) => one.includes(0), bytes);
    throw new UsageError('expected text, got a NUL byte', `${name}:${first - 1 + line}`);
  }
  return bytes.toString('utf8');
}
