// SPDX-License-Identifier: GPL-2.0-only
/** One YAML document, within limits that are known before it is parsed. */
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  visit,
} from 'yaml';
import { type Complaint, type Path, pathText } from './diagnose.js';
import { type Limits, MAX_DEPTH, TOO_DEEP, tooMany } from './limits.js';
import { readWithin } from './read.js';
import type { ScenarioDocument } from './schema.js';

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

export function accept(file: string, line: number, read: unknown, written: unknown): LoadedDocument {
  const document = read as ScenarioDocument;
  return { file, line, document, written: (written as { readonly steps: readonly unknown[] }).steps };
}

export const said = ({ path, message }: Complaint): string => `${pathText(path)}: ${message}`;

/** Mistakes of a document that are told one by one. */
const MAX_MISTAKES = 10;

/** The first of them, and how many more there are. */
export function firstFew(
  complaints: readonly Complaint[],
  tell: (complaint: Complaint) => Mistake,
): Mistake[] {
  const told = complaints.slice(0, MAX_MISTAKES).map(tell);
  const more = complaints.length - told.length;
  return more === 0 ? told : [...told, { where: told[0]!.where, message: `and ${more} more like these` }];
}

/** What the parser says of a text, and where. */
interface Wrong {
  readonly offset: number;
  readonly message: string;
}

/** More are garbage, of which the first says enough. */
const MAX_WRONG = 10;

/** What the lexer puts between the words of the text. */
const MARKS = '\u0002\u0018\u001f';

/** Whatever the parser would take too long over: aliases are counted when they stand for something. */
function excessOfText(text: string, { values }: Limits): Wrong | undefined {
  let [offset, count, depth, dashes] = [0, 0, 0, 0];
  for (const token of new Lexer().lex(text)) {
    if (token === '[' || token === '{') depth++;
    else if (token === ']' || token === '}') depth--;
    else if (token === '-' || token === '?' || token === ':') dashes++;
    else if (token === '\n' || token === '\r\n') dashes = 0;
    if (depth > MAX_DEPTH || (depth <= 0 && dashes > MAX_DEPTH)) return { offset, message: TOO_DEEP };
    if (++count > values) return { offset, message: tooMany('words and marks', values) };
    if (!MARKS.includes(token)) offset += token.length;
  }
  return undefined;
}

/** Of a text, what is enough to see that it is a log. */
const LOG_HEAD = 65_536;
const LOG = /TAP version 1[34]|# +RUN +\w+\.\w|^\W*(?:not )?ok \d+ \w/m;

/** The parser takes its own lack of stack for an error of the text. */
const STACK = 'Maximum call stack size exceeded';

function yamlMessage({ code, message }: { code: string; message: string }): string {
  if (code === 'MULTIPLE_DOCS') return 'expected one document a file; use JSON Lines for several';
  return message === STACK ? TOO_DEEP : `expected YAML: ${message}`;
}

/** The parser compares each key with every other. */
function repeatedKeys(document: Document.Parsed): Wrong[] {
  const repeated: Wrong[] = [];
  visit(document, {
    Map: (_, { items }) => {
      const seen = new Set<unknown>();
      for (const { key } of items) {
        if (!isScalar(key)) continue;
        if (seen.has(key.value)) {
          repeated.push({ offset: key.range?.[0] ?? 0, message: 'expected YAML: Map keys must be unique' });
        }
        seen.add(key.value);
      }
    },
  });
  return repeated;
}

function wrongIn(document: Document.Parsed): Wrong[] {
  const wrong = document.errors.map((error) => ({ offset: error.pos[0], message: yamlMessage(error) }));
  if (wrong.length > MAX_WRONG) return [wrong[0]!];
  return [...wrong, ...repeatedKeys(document)].sort((a, b) => a.offset - b.offset).slice(0, MAX_WRONG);
}

/** The document as plain values; an Error for an alias that cannot be resolved. */
function toPlain(parsed: Document.Parsed): unknown {
  try {
    return parsed.toJS();
  } catch (error) {
    return error;
  }
}

/** The parsed text; undefined where its blocks are too deep for the parser. */
function parse(text: string, lineCounter: LineCounter): Document.Parsed | undefined {
  try {
    return parseDocument(text, { lineCounter, prettyErrors: false, uniqueKeys: false, logLevel: 'error' });
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function position(file: string, lines: LineCounter, offset: number): string {
  const { line, col } = lines.linePos(offset);
  return `${file}:${line}:${col}`;
}

/** The mistakes of a document that is YAML, or JSON, each where it stands in the text. */
export function placed(text: string, file: string, complaints: readonly Complaint[]): Mistake[] {
  const lines = new LineCounter();
  return placedIn(parse(text, lines)!, lines, file, complaints);
}

function placedIn(
  parsed: Document.Parsed,
  lines: LineCounter,
  file: string,
  complaints: readonly Complaint[],
): Mistake[] {
  return firstFew(complaints, (complaint) => ({
    where: position(file, lines, offsetOf(parsed, complaint.path, complaint.atKey ?? false)),
    message: said(complaint),
  }));
}

export function lineAndColumn(text: string, offset: number): string {
  const before = text.slice(0, offset).split('\n');
  return `${before.length}:${before.at(-1)!.length + 1}`;
}

export function loadYaml(text: string, file: string, limits: Limits): Loaded {
  const excess = excessOfText(text, limits);
  const told = (where: string, message: string): Loaded => ({
    documents: [],
    mistakes: [{ where: `${file}:${where}`, message }],
  });
  if (excess !== undefined) return told(lineAndColumn(text, excess.offset), excess.message);
  const lines = new LineCounter();
  const parsed = parse(text, lines);
  if (parsed === undefined) return told('1:1', TOO_DEEP);
  const wrong = wrongIn(parsed);
  if ((wrong.length > 0 || isScalar(parsed.contents)) && LOG.test(text.slice(0, LOG_HEAD)))
    return told('1:1', 'expected a scenario, got a log of tests: hmm-sim triage reads those');
  if (wrong.length > 0) {
    const mistakes = wrong.map(({ offset, message }) => ({ where: position(file, lines, offset), message }));
    return { documents: [], mistakes };
  }
  const document = toPlain(parsed);
  if (document instanceof Error) return told('1:1', `expected YAML: ${document.message}`);
  const { document: read, complaints } = readWithin(limits, document);
  if (complaints.length > 0) return { documents: [], mistakes: placedIn(parsed, lines, file, complaints) };
  const { line } = lines.linePos(parsed.contents?.range[0] ?? 0);
  return { documents: [accept(file, line, read, document)], mistakes: [] };
}

// --- places in a text ------------------------------------------------------------------------------------

function startOf(node: unknown, otherwise: number): number {
  return (node as Node | null)?.range?.[0] ?? otherwise;
}

function pairOf(node: unknown, key: string | number): Pair | undefined {
  if (!isMap(node)) return undefined;
  return node.items.find((pair) => (isScalar(pair.key) ? pair.key.value : pair.key) === key);
}

/** Offset of the value at `path` (of its key, when `atKey`), or of the nearest thing that is there. */
function offsetOf(document: Document.Parsed, path: Path, atKey: boolean): number {
  let node: unknown = document.contents;
  let offset = startOf(node, 0);
  for (const [depth, key] of path.entries()) {
    // An alias stands for what it names; its own place is the better one to point at.
    const target = isAlias(node) ? node.resolve(document) : node;
    const pair = pairOf(target, key);
    if (pair !== undefined) {
      offset = startOf(pair.key, offset);
      node = pair.value;
      if (atKey && depth === path.length - 1) return offset;
    } else if (isSeq(target) && typeof key === 'number') {
      node = target.items[key];
    } else {
      return offset;
    }
    offset = startOf(node, offset);
  }
  return offset;
}

/** The line, from 1, of a step of a document that is YAML, or JSON. */
export function stepLine(text: string, step: number): number {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  return lines.linePos(offsetOf(document, ['steps', step], false)).line;
}
