// SPDX-License-Identifier: GPL-2.0-only
/** Finds, reads and writes the files that hold scenarios, as texts: what loads them may be another thread. */
import { readFileSync, statSync } from 'node:fs';
import { gunzipSync, gzipSync } from 'node:zlib';
import { LIMITS, type Limits, tooLarge } from '../scenario/limits.js';
import { type Part, partsOf, type Syntax, sniffSyntax, syntaxOf } from '../scenario/syntax.js';
import { UsageError } from '../sim/errors.js';
import { HostError, isRefusal } from './files/host-error.js';
import { replaceFile } from './files/safe-file.js';
import { type InputMistake, inputPieces, readErrorText, STDIN, textOf } from './input.js';
import { walkScenarios } from './scenario-walk.js';

const LINE_FEED = 0x0a;

/** JSON Lines may be so many times as large as one line, or one document. */
const STREAMED = 128;
/** The same where all of them are kept at once. */
const KEPT = 32;

/** A file as it was read. */
export class TextFile {
  constructor(
    /** As the user named it; "-" is standard input. */
    readonly name: string,
    readonly syntax: Syntax,
    /** Whole lines each. */
    readonly pieces: readonly Buffer[],
  ) {}

  /** Not of JSON Lines that are longer than a string can be. */
  get text(): string {
    return Buffer.concat(this.pieces).toString('utf8');
  }

  /** Parts of so many lines. Throws UsageError for a piece that is no UTF-8. */
  *parts(lines: number): Generator<Part> {
    let line = 1;
    for (const piece of this.pieces) {
      const text = textOf(piece, displayName(this), line);
      yield* partsOf(text, displayName(this), this.syntax, lines, line);
      line += countLines(piece);
    }
  }
}

/** A file's name in messages. */
function displayName({ name }: { readonly name: string }): string {
  return name === STDIN ? 'stdin' : name;
}

export function countLines(bytes: Buffer): number {
  let lines = 0;
  for (let at = bytes.indexOf(LINE_FEED); at >= 0; at = bytes.indexOf(LINE_FEED, at + 1)) lines++;
  return lines;
}

/** One buffer, without a copy where the parts follow one another in one. */
function joined(parts: readonly Buffer[]): Buffer {
  const [first] = parts;
  if (first === undefined) return Buffer.alloc(0);
  let end = first.byteOffset;
  for (const { buffer, byteOffset, length } of parts) {
    if (buffer !== first.buffer || byteOffset !== end) return Buffer.concat(parts);
    end += length;
  }
  return Buffer.from(first.buffer, first.byteOffset, end - first.byteOffset);
}

/** Collects what may be a document, or lines of some. */
class Pieces {
  readonly whole: Buffer[] = [];
  #open: Buffer[] = [];
  #size = 0;
  #total = 0;
  #lines = 0;

  constructor(
    readonly name: string,
    readonly limits: Limits,
    readonly times: number,
  ) {}

  add(bytes: Buffer): void {
    this.#open.push(bytes);
    this.#size += bytes.length;
    this.#total += bytes.length;
    if (this.#size > this.limits.bytes) this.#cut();
    const most = this.limits.bytes * this.times;
    if (this.#total > most) throw new UsageError(tooLarge(most), this.name);
  }

  end(): TextFile {
    const last = joined(this.#open);
    const pieces = last.length > 0 || this.whole.length === 0 ? [...this.whole, last] : this.whole;
    return new TextFile(this.name, this.#syntaxOf(pieces[0]!), pieces);
  }

  /** More than a document: lines of JSON Lines, or too much. */
  #cut(): void {
    const all = joined(this.#open);
    if (this.#syntaxOf(this.whole[0] ?? all) !== 'jsonl') {
      throw new UsageError(tooLarge(this.limits.bytes), displayName(this));
    }
    const end = all.lastIndexOf(LINE_FEED) + 1;
    if (end === 0) {
      throw new UsageError(tooLarge(this.limits.bytes), `${displayName(this)}:${this.#lines + 1}`);
    }
    const piece = all.subarray(0, end);
    this.whole.push(piece);
    this.#lines += countLines(piece);
    this.#open = [all.subarray(end)];
    this.#size = all.length - end;
  }

  #syntaxOf(first: Buffer): Syntax {
    return syntaxOf(this.name) ?? sniffSyntax(first.toString('utf8'));
  }
}

const isGzip = (bytes: Buffer): boolean => bytes[0] === 0x1f && bytes[1] === 0x8b;

/** Files that are read in one go, without a copy of their pieces. */
const AT_ONCE = 64 << 20;

/** All of a plain file that is not too large for that; undefined for what has to be waited for, or unpacked. */
function plainFile(name: string): Buffer | undefined {
  if (name === STDIN) return undefined;
  const stat = statSync(name);
  if (!stat.isFile() || stat.size > AT_ONCE) return undefined;
  const bytes = readFileSync(name);
  return isGzip(bytes) ? undefined : bytes;
}

/** `times`: how many documents' bytes JSON Lines may have. */
async function read(name: string, limits: Limits, times: number): Promise<TextFile> {
  const pieces = new Pieces(name, limits, times);
  const plain = plainFile(name);
  for (let at = 0; plain !== undefined && at < plain.length; at += limits.bytes)
    pieces.add(plain.subarray(at, at + limits.bytes));
  if (plain === undefined) for await (const piece of inputPieces(name, false)) pieces.add(piece);
  const file = pieces.end();
  if (file.syntax !== 'jsonl') textOf(file.pieces[0]!, displayName(file));
  return file;
}

export function mistakeOf(error: unknown, name: string): InputMistake {
  if (error instanceof UsageError) return { where: error.where ?? name, message: error.what };
  const mistake = { where: displayName({ name }), message: readErrorText(error) };
  return isRefusal(error) ? { ...mistake, refused: true } : mistake;
}

/** The files that an argument stands for. */
function expand(argument: string, mistakes: InputMistake[], note: (line: string) => void): string[] {
  if (argument === STDIN) return [STDIN];
  try {
    if (!statSync(argument).isDirectory()) return [argument];
  } catch (error) {
    mistakes.push(mistakeOf(error, argument));
    return [];
  }
  const { files, skipped, mistakes: unreadable } = walkScenarios(argument);
  for (const { where, message } of skipped) note(`${where}: ${message}`);
  mistakes.push(...unreadable);
  const wanted = '*.yaml, *.yml, *.jsonl, or *.json with steps, .gz or not';
  if (files.length + unreadable.length === 0) {
    mistakes.push({ where: argument, message: `expected scenarios there (${wanted})` });
  }
  return files;
}

/** All that the arguments name, for who looks whether something is among them. */
export function namesOfInputs(args: readonly string[]): string[] {
  return args.flatMap((argument) => [argument, ...expand(argument, [], () => {})]);
}

export interface Reading {
  readonly limits?: Limits | undefined;
  /** Are all documents of JSON Lines kept at once? */
  readonly keeps?: boolean | undefined;
  /** What is told of files that are passed over. */
  readonly note?: (line: string) => void;
}

/** All files that the arguments stand for, and those that cannot be read. */
export async function readTextFiles(
  args: readonly string[],
  { limits = LIMITS, keeps = true, note = () => {} }: Reading = {},
): Promise<{ files: TextFile[]; mistakes: InputMistake[] }> {
  const mistakes: InputMistake[] = [];
  const files: TextFile[] = [];
  for (const name of args.flatMap((argument) => expand(argument, mistakes, note))) {
    try {
      files.push(await read(name, limits, keeps ? KEPT : STREAMED));
    } catch (error) {
      mistakes.push(mistakeOf(error, name));
    }
  }
  return { files, mistakes };
}

/** One file that is on disk, for whoever cannot wait. */
export function readTextFileNow(name: string): TextFile | InputMistake {
  try {
    if (!statSync(name).isFile()) throw new UsageError('expected a file', name);
    const bytes = readFileSync(name);
    const pieces = new Pieces(name, LIMITS, KEPT);
    pieces.add(isGzip(bytes) ? gunzipSync(bytes, { maxOutputLength: LIMITS.bytes }) : bytes);
    return pieces.end();
  } catch (error) {
    const isTooLarge = (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE';
    return isTooLarge ? { where: name, message: tooLarge(LIMITS.bytes) } : mistakeOf(error, name);
  }
}

/** Has the file the bytes of these pieces? */
const isSame = (a: TextFile, b: TextFile): boolean => Buffer.concat(a.pieces).equals(Buffer.concat(b.pieces));

/**
 * Give a file that was read its new text, compressed where the name says so. Throws HostError where it cannot be written,
 * and where somebody has changed it since it was read; then what is there stays.
 */
export async function updateFile(file: TextFile, text: string, limits: Limits = LIMITS): Promise<void> {
  const { name } = file;
  if (!statSync(name).isFile()) throw new HostError('not a file that can be written anew', name);
  const now = await read(name, limits, KEPT);
  // Named twice, it has been updated already.
  if (now.text === text) return;
  if (!isSame(now, file)) throw new HostError('changed while its scenarios ran', name);
  replaceFile(name, name.endsWith('.gz') ? gzipSync(text, { level: 9 }) : text, '--update');
}
