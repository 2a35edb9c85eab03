// SPDX-License-Identifier: GPL-2.0-only
/** Text in, scenario documents out. What is wrong is told with its place, and the other documents still load. */
import { depthOffset, LIMITS, type Limits, TOO_DEEP, tooLarge } from './limits.js';
import { accept, firstFew, type Loaded, lineAndColumn, loadYaml, placed, said } from './load-yaml.js';
import { readWithin } from './read.js';
import type { Part, Syntax } from './syntax.js';

export type { Loaded, LoadedDocument, Mistake } from './load-yaml.js';

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
