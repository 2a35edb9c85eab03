// SPDX-License-Identifier: GPL-2.0-only
/** Writes results into documents as their expectations, and documents back as text. */
import {
  type Document,
  isMap,
  isScalar,
  isSeq,
  parseDocument,
  type Scalar,
  stringify,
  type YAMLMap,
} from 'yaml';
import { SCHEMA_LINE } from './authored-schema.js';
import { sameResult } from './compare.js';
import { writtenAnswer } from './folded.js';
import { sayingReplace } from './presence.js';
import { expecting, expectOf, inOwnWords, writtenLine } from './read.js';
import type { StepResult } from './result.js';
import type { ScenarioDocument, Step } from './schema.js';
import type { Syntax } from './syntax.js';

/** A document of a file, and what its steps answered. */
export interface Update {
  /** Line that the document starts on (JSON Lines), from 1. */
  readonly line: number;
  readonly document: ScenarioDocument;
}

export interface JudgedUpdate extends Update {
  /** Does it differ from what is there? */
  readonly changes: boolean;
  /** Is all as expected, with it? */
  readonly settles: boolean;
}

/** What says the same already stays as it is written. */
function withExpect(step: Step, result: StepResult | undefined): Step {
  const { expect, ...bare } = step;
  if (result === undefined) return bare as Step;
  return { ...bare, expect: sameResult(expect, result) ? expect : writtenAnswer(result) } as Step;
}

/**
 * `document` as it would be had it been recorded here: every step taken expects its result, steps that an
 * oops kept from running expect nothing, and `source` no longer claims to be a recording if anything changed.
 */
export function withResults(
  document: ScenarioDocument,
  results: readonly StepResult[],
  kernel: string,
): ScenarioDocument {
  const steps = document.steps.map((step, index) => withExpect(step, results[index]));
  const changed = document.steps.some((step, index) => !sameResult(step.expect, results[index]));
  const updated: ScenarioDocument = { ...document, steps };
  if (document.kernel !== undefined && document.kernel !== kernel) updated.kernel = kernel;
  if (document.source !== undefined && changed) updated.source = `simulated: ${kernel}`;
  return updated;
}

/** Does the update say anything that the document does not? */
export function changes(document: ScenarioDocument, updated: ScenarioDocument): boolean {
  const { steps } = updated;
  return (
    document.kernel !== updated.kernel ||
    document.steps.some(({ expect }, index) => !sameResult(expect, steps[index]!.expect))
  );
}

/** The text of a file with these documents in place of the ones it has on their lines. */
export function updateText(text: string, syntax: Syntax, updates: readonly Update[]): string {
  if (text.startsWith(MARK)) return MARK + updateText(text.slice(MARK.length), syntax, updates);
  if (syntax === 'jsonl') return updateLines(text, updates);
  const [update] = updates;
  if (update === undefined) return text;
  const write = syntax === 'json' ? updateJson : updateYaml;
  if (!isOfDos(text)) return write(text, update);
  return write(text.replaceAll('\r\n', '\n'), update).replaceAll('\n', '\r\n');
}

/** A byte order mark, which stays where it is. */
const MARK = '\ufeff';

/** Does every line end as on DOS? They stay so. */
const isOfDos = (text: string): boolean => text.includes('\r\n') && !/(?<!\r)\n/.test(text);

function updateLines(text: string, updates: readonly Update[]): string {
  const lines = text.split('\n');
  for (const { line, document } of updates) {
    const old = lines[line - 1]!;
    const end = old.endsWith('\r') ? '\r' : '';
    lines[line - 1] = JSON.stringify(inOwnWords(JSON.parse(old), document)) + end;
  }
  return lines.join('\n');
}

function updateJson(text: string, { document }: Update): string {
  const indent = /^\{[^\S\n]*\n([ \t]+)/.exec(text.trimStart())?.[1] ?? '';
  return (
    JSON.stringify(inOwnWords(JSON.parse(text), document), null, indent) + (text.endsWith('\n') ? '\n' : '')
  );
}

// --- YAML -----------------------------------------------------------------------------------------------

/** Replace [from, to) of the text by `text`. */
interface Splice {
  readonly from: number;
  readonly to: number;
  readonly text: string;
}

function flow(value: unknown): string {
  return stringify(value, { collectionStyle: 'flow', lineWidth: 0 }).trimEnd();
}

function stepNodes(parsed: Document.Parsed): readonly unknown[] {
  const steps = parsed.get('steps');
  return isSeq(steps) ? steps.items : [];
}

function pairOf(map: YAMLMap, key: string) {
  return map.items.find((pair) => isScalar(pair.key) && pair.key.value === key);
}

/** Where `expect` goes in a step that has none: before the brace, or on a line of its own. */
function insertion(text: string, map: YAMLMap, expect: string): Splice | undefined {
  const [start, end] = map.range!;
  if (map.flow) {
    const brace = end - 1;
    const body = text.slice(start, brace).trimEnd();
    const at = start + body.length;
    return { from: at, to: at, text: `${body.endsWith(',') ? '' : ','} expect: ${expect}` };
  }
  const column = start - (text.lastIndexOf('\n', start - 1) + 1);
  const at = start + text.slice(start, end).trimEnd().length;
  return { from: at, to: at, text: `\n${' '.repeat(column)}expect: ${expect}` };
}

/** A line of the shell becomes the key of what it answers. */
function keySplice(text: string, line: Scalar, expect: string): Splice | undefined {
  if (line.range == null || line.type === 'BLOCK_LITERAL' || line.type === 'BLOCK_FOLDED') return undefined;
  const [from, to] = line.range;
  const at = from + text.slice(from, to).trimEnd().length;
  return { from: at, to: at, text: `: ${expect}` };
}

function spliceFor(text: string, node: unknown, result: StepResult): Splice | undefined {
  const expect = flow(result);
  if (isScalar(node)) return keySplice(text, node, expect);
  if (!isMap(node) || node.range == null) return undefined;
  const key = writtenLine((node as YAMLMap).toJSON())?.line ?? 'expect';
  const pair = pairOf(node as YAMLMap, key);
  if (pair === undefined) return insertion(text, node as YAMLMap, expect);
  const range = (pair.value as { range?: [number, number, number] } | null)?.range;
  if (range == null || range[0] === range[1]) return undefined;
  const [from, to] = range;
  return { from, to: from + text.slice(from, to).trimEnd().length, text: expect };
}

function apply(text: string, splices: readonly Splice[]): string {
  let result = text;
  for (const { from, to, text: insert } of [...splices].sort((a, b) => b.from - a.from)) {
    result = result.slice(0, from) + insert + result.slice(to);
  }
  return result;
}

/** The steps' text with only the expectations that changed replaced; undefined where that is not enough. */
function splicedYaml(text: string, parsed: Document.Parsed, document: ScenarioDocument): string | undefined {
  const nodes = stepNodes(parsed);
  const before = parsed.toJS() as ScenarioDocument;
  const splices: Splice[] = [];
  for (const [index, step] of document.steps.entries()) {
    if (step.expect === undefined || sameResult(expectOf(before.steps[index]), step.expect)) continue;
    const splice = spliceFor(text, nodes[index], step.expect);
    if (splice === undefined) return undefined;
    splices.push(splice);
  }
  return apply(text, splices);
}

function says(text: string, document: unknown): boolean {
  const parsed = parseDocument(text);
  return parsed.errors.length === 0 && canonical(parsed.toJS()) === canonical(document);
}

/** JSON text with keys in one order. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) => {
    if (typeof inner !== 'object' || inner === null || Array.isArray(inner)) return inner;
    return Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}

/**
 * Only the bytes of expectations that differ change, so layout and comments stay. Text where that does not
 * lead to `document` (aliases, odd layouts, another kernel) is written anew from its tree, comments kept.
 */
function updateYaml(text: string, { document }: Update): string {
  const parsed = parseDocument(text);
  const wanted = inOwnWords(parsed.toJS(), document);
  const spliced = splicedYaml(text, parsed, document);
  if (spliced !== undefined && says(spliced, wanted)) return spliced;
  const rewritten = rewrittenYaml(parsed, document);
  return says(rewritten, wanted) ? rewritten : writeYaml(document);
}

function rewriteStep(parsed: Document.Parsed, index: number, step: Step, written: unknown): void {
  const path = ['steps', index];
  const line = writtenLine(written);
  if (line !== undefined)
    parsed.setIn(path, parsed.createNode(expecting(written, step.expect), { flow: true }));
  // An alias repeats another step, whose results need not be this one's.
  else if (!isMap(parsed.getIn(path, true))) parsed.setIn(path, parsed.createNode(step, { flow: true }));
  else if (step.expect === undefined) parsed.deleteIn([...path, 'expect']);
  else parsed.setIn([...path, 'expect'], parsed.createNode(step.expect, { flow: true }));
}

function rewrittenYaml(parsed: Document.Parsed, document: ScenarioDocument): string {
  const before = parsed.toJS() as ScenarioDocument;
  for (const key of ['kernel', 'source'] as const) {
    if (document[key] !== before[key]) parsed.set(key, document[key]);
  }
  for (const [index, step] of document.steps.entries()) {
    const written: unknown = before.steps[index];
    if (!sameResult(expectOf(written), step.expect)) rewriteStep(parsed, index, step, written);
  }
  return parsed.toString({ lineWidth: 0 });
}

/** A step as a line of YAML: what a line answers stands behind it. */
function stepLine(written: unknown): string {
  const line = writtenLine(written);
  if (line === undefined) return `  - ${flow(written)}\n`;
  return `  - ${stringify(line.line, { lineWidth: 0 }).trimEnd()}${line.expect === undefined ? '' : `: ${flow(line.expect)}`}\n`;
}

/** A new YAML document, one step a line; each in the words of `written` where there are any. */
export function writeYaml({ steps, ...head }: ScenarioDocument, written: readonly unknown[] = steps): string {
  const lines = Object.entries(head).map(([key, value]) => `${key}: ${flow(value)}\n`);
  const begin = `${SCHEMA_LINE}${lines.join('')}`;
  if (steps.length === 0) return `${begin}steps: []\n`;
  const said = sayingReplace(steps).map((step, index) =>
    written[index] === steps[index] ? step : expecting(written[index], step.expect),
  );
  return `${begin}steps:\n${said.map(stepLine).join('')}`;
}
