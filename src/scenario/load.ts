// SPDX-License-Identifier: GPL-2.0-only
/** Text in, scenario documents out. What is wrong is told with its place, and the other documents still load. */
import { type Document, LineCounter, parseDocument } from 'yaml';
import { type Complaint, pathText } from './diagnose.js';
import { readDocument } from './read.js';
import type { ScenarioDocument } from './schema.js';
import { offsetOf } from './yaml-position.js';

export type Syntax = 'yaml' | 'json' | 'jsonl';

export interface LoadedDocument {
  readonly file: string;
  /** Line that the document starts on, from 1. */
  readonly line: number;
  readonly document: ScenarioDocument;
  /** Its steps in the author's words. */
  readonly written: readonly unknown[];
}

/** One mistake of the author. `where` is "file:line:column", or "file:line" in JSON Lines. */
export interface Mistake {
  readonly where: string;
  readonly message: string;
}

export interface Loaded {
  readonly documents: LoadedDocument[];
  readonly mistakes: Mistake[];
}

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
  let end = offset;
  for (let i = 0; i < count; i++) {
    const newline = text.indexOf('\n', end);
    if (newline < 0) return text.length;
    end = newline + 1;
  }
  return end;
}

/** The parts of a file, in order; `lines` of JSON Lines each. */
export function partsOf(text: string, file: string, syntax: Syntax, lines: number): Part[] {
  if (syntax !== 'jsonl') return [{ file, syntax, line: 1, text }];
  const parts: Part[] = [];
  for (let start = 0; start < text.length; ) {
    const end = linesFrom(text, start, lines);
    parts.push({ file, syntax, line: parts.length * lines + 1, text: text.slice(start, end) });
    start = end;
  }
  return parts;
}

export function loadPart({ text, file, syntax, line }: Part): Loaded {
  const body = text.startsWith('\ufeff') ? text.slice(1) : text;
  if (syntax === 'jsonl') return loadLines(body, file, line);
  return syntax === 'json' ? loadJson(body, file) : loadYaml(body, file);
}

export function load(text: string, file: string, syntax: Syntax): Loaded {
  return loadPart({ text, file, syntax, line: 1 });
}

function lineAndColumn(text: string, offset: number): string {
  const before = text.slice(0, offset).split('\n');
  return `${before.length}:${before.at(-1)!.length + 1}`;
}

function accept(file: string, line: number, read: unknown, written: unknown): LoadedDocument {
  const document = read as ScenarioDocument;
  return { file, line, document, written: (written as { readonly steps: readonly unknown[] }).steps };
}

// --- JSON Lines ---------------------------------------------------------------------------------------

/** V8's complaint without its position, and that position where it tells one. */
function jsonError(error: unknown): { message: string; offset: number | undefined } {
  const text = (error as SyntaxError).message;
  const position = /at position (\d+)/.exec(text)?.[1];
  const message = text.replace(/ (in JSON )?at position \d+.*$/s, '').replace(/, "[\s\S]*$/, '');
  return { message, offset: position === undefined ? undefined : Number(position) };
}

function loadLines(text: string, file: string, first: number): Loaded {
  const loaded: Loaded = { documents: [], mistakes: [] };
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() !== '') loadLine(line, file, first + index, loaded);
  }
  return loaded;
}

function loadLine(line: string, file: string, number: number, loaded: Loaded): void {
  let document: unknown;
  try {
    document = JSON.parse(line);
  } catch (error) {
    const { message, offset } = jsonError(error);
    const where = `${file}:${number}:${(offset ?? line.length) + 1}`;
    loaded.mistakes.push({ where, message: `expected one JSON document a line: ${message}` });
    return;
  }
  const { document: read, complaints } = readDocument(document);
  for (const { path, message } of complaints) {
    loaded.mistakes.push({ where: `${file}:${number}`, message: `${pathText(path)}: ${message}` });
  }
  if (complaints.length === 0) loaded.documents.push(accept(file, number, read, document));
}

// --- one document a file --------------------------------------------------------------------------------

function loadJson(text: string, file: string): Loaded {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (error) {
    const { message, offset } = jsonError(error);
    const where = `${file}:${lineAndColumn(text, offset ?? text.length)}`;
    return { documents: [], mistakes: [{ where, message: `expected a JSON document: ${message}` }] };
  }
  const { document: read, complaints } = readDocument(document);
  if (complaints.length === 0) return { documents: [accept(file, 1, read, document)], mistakes: [] };
  // JSON is YAML, whose parser keeps the place of every value.
  const lines = new LineCounter();
  return {
    documents: [],
    mistakes: place(complaints, parseDocument(text, { lineCounter: lines }), lines, file),
  };
}

function loadYaml(text: string, file: string): Loaded {
  const lines = new LineCounter();
  const parsed = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  if (parsed.errors.length > 0) {
    const mistakes = parsed.errors.map((error) => {
      return { where: position(file, lines, error.pos[0]), message: yamlMessage(error) };
    });
    return { documents: [], mistakes };
  }
  const document = toPlain(parsed);
  if (document instanceof Error) {
    return {
      documents: [],
      mistakes: [{ where: `${file}:1:1`, message: `expected YAML: ${document.message}` }],
    };
  }
  const { document: read, complaints } = readDocument(document);
  if (complaints.length > 0) return { documents: [], mistakes: place(complaints, parsed, lines, file) };
  return { documents: [accept(file, lineOf(parsed, lines), read, document)], mistakes: [] };
}

/** The document as plain values; an Error for an alias that cannot be resolved. */
function toPlain(parsed: Document.Parsed): unknown {
  try {
    return parsed.toJS();
  } catch (error) {
    return error;
  }
}

function yamlMessage(error: { code: string; message: string }): string {
  if (error.code === 'MULTIPLE_DOCS') return 'expected one document a file; use JSON Lines for several';
  return `expected YAML: ${error.message}`;
}

function lineOf(parsed: Document.Parsed, lines: LineCounter): number {
  return lines.linePos(parsed.contents?.range[0] ?? 0).line;
}

function position(file: string, lines: LineCounter, offset: number): string {
  const { line, col } = lines.linePos(offset);
  return `${file}:${line}:${col}`;
}

function place(
  complaints: readonly Complaint[],
  parsed: Document.Parsed,
  lines: LineCounter,
  file: string,
): Mistake[] {
  return complaints.map((complaint) => ({
    where: position(file, lines, offsetOf(parsed, complaint.path, complaint.atKey ?? false)),
    message: `${pathText(complaint.path)}: ${complaint.message}`,
  }));
}
