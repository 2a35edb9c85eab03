// SPDX-License-Identifier: GPL-2.0-only
/** Text in, scenario documents out. What is wrong is told with its place, and the other documents still load. */
import { depthOffset, LIMITS, type Limits, TOO_DEEP, tooLarge } from './limits.js';
import { accept, firstFew, type Loaded, lineAndColumn, loadYaml, placed, said } from './load-yaml.js';
import { readWithin } from './read.js';

export type Syntax = 'yaml' | 'json' | 'jsonl';

export type { Loaded, LoadedDocument, Mistake } from './load-yaml.js';

/** The syntax that a file name promises (".gz" ignored); undefined for other names. */
export function syntaxOf(file: string): Syntax | undefined {
  const extension = /\.(yaml|yml|json|jsonl)(\.gz)?$/.exec(file)?.[1];
  if (extension === 'yml') return 'yaml';
  return extension as Syntax | undefined;
}

/** The syntax of text without a name, as standard input is. */
export function sniffSyntax(text: string): Syntax {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  if (!/^\s*\{\s*("|$)/.test(lines[0] ?? '')) return 'yaml';
  return lines.length > 1 && lines.every((line) => line.startsWith('{')) ? 'jsonl' : 'json';
}

/** A piece of a file that loads on its own: some lines of JSON Lines, or all of another file. */
export interface Part {
  readonly file: string;
  readonly syntax: Syntax;
  /** Number of its first line, from 1. */
  readonly line: number;
  readonly text: string;
}

/** The offset after `count` more lines. */
function linesFrom(text: string, offset: number, count: number): number {
  if (count === Number.POSITIVE_INFINITY) return text.length;
  let end = offset;
  for (let i = 0; i < count; i++) {
    const newline = text.indexOf('\n', end);
    if (newline < 0) return text.length;
    end = newline + 1;
  }
  return end;
}

/** The parts of a file, in order; `lines` of JSON Lines each. */
export function partsOf(text: string, file: string, syntax: Syntax, lines: number, first = 1): Part[] {
  if (syntax !== 'jsonl') return [{ file, syntax, line: 1, text }];
  const parts: Part[] = [];
  for (let start = 0; start < text.length; ) {
    const end = linesFrom(text, start, lines);
    parts.push({
      file,
      syntax,
      line: first + (start === 0 ? 0 : parts.length * lines),
      text: text.slice(start, end),
    });
    start = end;
  }
  return parts;
}

export function loadPart({ text, file, syntax, line }: Part, limits: Limits = LIMITS): Loaded {
  const body = text.startsWith('\ufeff') ? text.slice(1) : text;
  if (syntax === 'jsonl') return loadLines(body, file, line, limits);
  if (body.length > limits.bytes) {
    return { documents: [], mistakes: [{ where: `${file}:1:1`, message: tooLarge(limits.bytes) }] };
  }
  return syntax === 'json' ? loadJson(body, file, limits) : loadYaml(body, file, limits);
}

export function load(text: string, file: string, syntax: Syntax, limits: Limits = LIMITS): Loaded {
  return loadPart({ text, file, syntax, line: 1 }, limits);
}

// --- JSON Lines ---------------------------------------------------------------------------------------

/** V8's complaint without its position, and that position where it tells one. */
function jsonError(error: unknown): { message: string; offset: number | undefined } {
  const text = (error as SyntaxError).message;
  const position = /at position (\d+)/.exec(text)?.[1];
  const message = text.replace(/ (in JSON )?at position \d+.*$/s, '').replace(/, "[\s\S]*$/, '');
  return { message, offset: position === undefined ? undefined : Number(position) };
}

function loadLines(text: string, file: string, first: number, limits: Limits): Loaded {
  const loaded: Loaded = { documents: [], mistakes: [] };
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue;
    const { documents, mistakes } = loadLine(line, file, first + index, limits);
    loaded.documents.push(...documents);
    loaded.mistakes.push(...mistakes);
  }
  return loaded;
}

function loadLine(line: string, file: string, number: number, limits: Limits): Loaded {
  const where = `${file}:${number}`;
  const wrong = (message: string, offset: number): Loaded => ({
    documents: [],
    mistakes: [{ where: `${where}:${offset + 1}`, message }],
  });
  if (line.length > limits.bytes) return wrong(tooLarge(limits.bytes), 0);
  let document: unknown;
  try {
    document = JSON.parse(line);
  } catch (error) {
    const { message, offset } = jsonError(error);
    return wrong(`expected one JSON document a line: ${message}`, offset ?? line.length);
  }
  const { document: read, complaints } = readWithin(limits, document, line.length);
  if (complaints.length === 0) return { documents: [accept(file, number, read, document)], mistakes: [] };
  const deep = depthOffset(line);
  if (deep !== undefined) return wrong(TOO_DEEP, deep);
  return {
    documents: [],
    mistakes: firstFew(complaints, (complaint) => ({ where, message: said(complaint) })),
  };
}

// --- one document a file --------------------------------------------------------------------------------

/** Larger ones are not parsed again for the place of a mistake. */
const MAX_PLACED = 1 << 20;

function loadJson(text: string, file: string, limits: Limits): Loaded {
  const wrong = (message: string, offset: number): Loaded => ({
    documents: [],
    mistakes: [{ where: `${file}:${lineAndColumn(text, offset)}`, message }],
  });
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (error) {
    const { message, offset } = jsonError(error);
    return wrong(`expected a JSON document: ${message}`, offset ?? text.length);
  }
  const { document: read, complaints } = readWithin(limits, document, text.length);
  if (complaints.length === 0) return { documents: [accept(file, 1, read, document)], mistakes: [] };
  const deep = depthOffset(text);
  if (deep !== undefined) return wrong(TOO_DEEP, deep);
  // JSON is YAML, whose parser keeps the place of every value.
  if (text.length <= MAX_PLACED) return { documents: [], mistakes: placed(text, file, complaints) };
  const where = `${file}:1:1`;
  return {
    documents: [],
    mistakes: firstFew(complaints, (complaint) => ({ where, message: said(complaint) })),
  };
}
