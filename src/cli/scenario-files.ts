// SPDX-License-Identifier: GPL-2.0-only
/** Finds, reads and writes the files that hold scenarios. */
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { gunzipSync, gzipSync } from 'node:zlib';
import { LIMITS, type Limits, tooLarge } from '../scenario/limits.js';
import {
  type Loaded,
  loadPart,
  type Mistake,
  type Part,
  partsOf,
  type Syntax,
  sniffSyntax,
  syntaxOf,
} from '../scenario/load.js';
import { UsageError } from '../sim/errors.js';
import { inputPieces, readErrorText, STDIN, textOf } from './input.js';
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

export interface ScenarioFile extends Pick<TextFile, 'name' | 'syntax'> {
  readonly loaded: Loaded;
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
    const last = Buffer.concat(this.#open);
    const pieces = last.length > 0 || this.whole.length === 0 ? [...this.whole, last] : this.whole;
    return new TextFile(this.name, this.#syntaxOf(pieces[0]!), pieces);
  }

  /** More than a document: lines of JSON Lines, or too much. */
  #cut(): void {
    const all = Buffer.concat(this.#open);
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
    this.#open = [Buffer.from(all.subarray(end))];
    this.#size = all.length - end;
  }

  #syntaxOf(first: Buffer): Syntax {
    return syntaxOf(this.name) ?? sniffSyntax(first.toString('utf8'));
  }
}

/** `times`: how many documents' bytes JSON Lines may have. */
async function read(name: string, limits: Limits, times: number): Promise<TextFile> {
  const pieces = new Pieces(name, limits, times);
  for await (const piece of inputPieces(name, false)) pieces.add(piece);
  const file = pieces.end();
  if (file.syntax !== 'jsonl') textOf(file.pieces[0]!, displayName(file));
  return file;
}

function mistakeOf(error: unknown, name: string): Mistake {
  if (error instanceof UsageError) return { where: error.where ?? name, message: error.what };
  return { where: displayName({ name }), message: readErrorText(error) };
}

/** The files that an argument stands for. */
function expand(argument: string, mistakes: Mistake[], note: (line: string) => void): string[] {
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
): Promise<{ files: TextFile[]; mistakes: Mistake[] }> {
  const mistakes: Mistake[] = [];
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

function loaded(file: TextFile, limits: Limits): ScenarioFile {
  const { name, syntax } = file;
  const all: Loaded = { documents: [], mistakes: [] };
  try {
    for (const part of file.parts(Number.POSITIVE_INFINITY)) {
      const { documents, mistakes } = loadPart(part, limits);
      for (const document of documents) all.documents.push(document);
      for (const mistake of mistakes) all.mistakes.push(mistake);
    }
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    all.mistakes.push(mistakeOf(error, name));
  }
  return { name, syntax, loaded: all };
}

/** All files that the arguments stand for, and what is wrong with arguments, files and documents. */
export async function readScenarioFiles(
  args: readonly string[],
  reading: Reading = {},
): Promise<{ files: ScenarioFile[]; mistakes: Mistake[] }> {
  const { limits = LIMITS } = reading;
  const { files, mistakes } = await readTextFiles(args, reading);
  const all = files.map((file) => loaded(file, limits));
  return { files: all, mistakes: [...mistakes, ...all.flatMap((file) => file.loaded.mistakes)] };
}

/** One file that is on disk, for whoever cannot wait. */
export function readScenarioFileNow(name: string): { file: ScenarioFile; mistakes: Mistake[] } {
  let file: TextFile;
  try {
    if (!statSync(name).isFile()) throw new UsageError('expected a file', name);
    const bytes = readFileSync(name);
    const pieces = new Pieces(name, LIMITS, KEPT);
    const isGzip = bytes[0] === 0x1f && bytes[1] === 0x8b;
    pieces.add(isGzip ? gunzipSync(bytes, { maxOutputLength: LIMITS.bytes }) : bytes);
    file = pieces.end();
  } catch (error) {
    const isTooLarge = (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE';
    const mistake = isTooLarge ? { where: name, message: tooLarge(LIMITS.bytes) } : mistakeOf(error, name);
    const none = { name, syntax: syntaxOf(name) ?? 'yaml', loaded: { documents: [], mistakes: [] } };
    return { file: none, mistakes: [mistake] };
  }
  const one = loaded(file, LIMITS);
  return { file: one, mistakes: one.loaded.mistakes };
}

/** Write a file's new text, compressed where the name says so. */
export function writeScenarioFile(name: string, text: string): void {
  writeFileSync(name, name.endsWith('.gz') ? gzipSync(text, { level: 9 }) : text);
}
