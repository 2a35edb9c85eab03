// SPDX-License-Identifier: GPL-2.0-only
/** What is wrong with a document, in words: zod's issues become one path and one sentence each. */
import { z } from 'zod';
import { didYouMean } from '../sim/suggest.js';
import { compile } from './accepts.js';
import { absurditiesOf } from './presence.js';
import { type ScenarioDocument, scenarioSchema } from './schema.js';
import { chosen } from './shape.js';
import { namesLike } from './steps/spelled.js';

export type Path = readonly (string | number)[];

export interface Complaint {
  /** Where in the document. */
  readonly path: Path;
  /** Is it the key, not its value, that is wrong? */
  readonly atKey?: boolean;
  readonly message: string;
}

type Issue = z.core.$ZodIssue;

/** A value as a reader would write it, shortened. */
function show(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

function valueAt(document: unknown, path: Path): unknown {
  let value = document;
  for (const key of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = (value as Record<string | number, unknown>)[key];
  }
  return value;
}

const KIND: Readonly<Record<string, string>> = {
  object: 'a mapping',
  array: 'a list',
  string: 'a string',
  number: 'a number',
  int: 'an integer',
  boolean: 'true or false',
};

/** Our own wording comes as the issue's message; zod's generated texts begin with these words. */
const GENERATED = /^(Invalid|Too|Unrecognized)/;

function expectation(issue: Issue): string {
  if (issue.code === 'invalid_type') {
    return GENERATED.test(issue.message) ? (KIND[issue.expected] ?? issue.expected) : issue.message;
  }
  if (issue.code === 'invalid_value') return oneOf(issue.values);
  if (issue.code === 'invalid_union' && issue.discriminator !== undefined) {
    return oneOf((issue as { options?: readonly unknown[] }).options ?? []);
  }
  if (issue.code === 'too_small' && GENERATED.test(issue.message)) return `at least ${issue.minimum}`;
  if (issue.code === 'too_big' && GENERATED.test(issue.message)) return `at most ${issue.maximum}`;
  return issue.message;
}

function oneOf(values: readonly unknown[]): string {
  const words = values.map((value) => (typeof value === 'string' ? value : show(value)));
  return words.length === 1 ? words[0]! : `one of ${words.join(', ')}`;
}

/** Is `word`, which is not a string in the document, one of the strings wanted there (kernel: 6.12)? */
function issueNames(issue: Issue, word: string): boolean {
  return issue.code === 'invalid_value' && issue.values.includes(word);
}

/** The words that are wanted there, where some are. */
function wantedWords(issue: Issue): readonly string[] {
  if (issue.code === 'invalid_value') return issue.values.filter((value) => typeof value === 'string');
  if (issue.code !== 'invalid_union' || issue.discriminator === undefined) return [];
  return ((issue as { options?: readonly unknown[] }).options ?? []).map(String);
}

function suggestion(issue: Issue, key: string | number | undefined, value: unknown): string {
  if (typeof value !== 'string') return '';
  return didYouMean(value, namesLike(String(key), value, wantedWords(issue)));
}

/** The keys that the schema has for the mapping at `path`, given what the document chose on the way. */
function knownKeys(document: unknown, path: Path): string[] {
  let schema: z.core.$ZodType = scenarioSchema;
  let value = document;
  for (const key of [...path, undefined]) {
    schema = chosen(schema, value);
    if (key === undefined) break;
    if (schema instanceof z.ZodArray) schema = schema.element;
    else if (schema instanceof z.ZodObject) schema = schema.shape[key];
    value = valueAt(value, [key]);
  }
  return schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
}

/** Nobody reads more of them. */
const MAX_ISSUES = 100;

function complain(document: unknown, issue: Issue): Complaint[] {
  const path = issue.path.map((key) => (typeof key === 'symbol' ? String(key) : key));
  if (issue.code === 'unrecognized_keys') {
    const known = knownKeys(document, path);
    return issue.keys.slice(0, MAX_ISSUES).map((key) => {
      const message = `unknown key "${key}"${didYouMean(key, known)}, expected ${oneOf(known)}`;
      return { path: [...path, key], atKey: true, message };
    });
  }
  const value = valueAt(document, path);
  const key = path.at(-1);
  if (value === undefined && typeof key === 'string') {
    return [{ path, message: `missing key "${key}", expected ${expectation(issue)}` }];
  }
  const hint = issueNames(issue, String(value)) ? ' (quote it)' : suggestion(issue, key, value);
  return [{ path, message: `expected ${expectation(issue)}, got ${show(value)}${hint}` }];
}

/** Is it what the schema wants? What nobody can mean is another question. */
export const isScenario = compile(scenarioSchema);

/** What no single field of a document of the schema is to blame for. */
export function contradictions({ load, steps }: ScenarioDocument): Complaint[] {
  if (load?.oops !== undefined && steps.length > 0) {
    const message = 'expected none: nobody is left to take them after a load that oopses';
    return [{ path: ['steps'], atKey: true, message }];
  }
  return absurditiesOf(steps).map(({ step, field, message }) => ({ path: ['steps', step, field], message }));
}

function complaintsOf(schema: z.ZodType, value: unknown): Complaint[] {
  const result = schema.safeParse(value);
  if (result.success) return [];
  const complaints = result.error.issues.slice(0, MAX_ISSUES).flatMap((issue) => complain(value, issue));
  // One value can break two rules of the same wording (an integer, and its bounds).
  const said = new Set<string>();
  return complaints.filter(({ path, message }) => {
    const text = `${pathText(path)}: ${message}`;
    return said.has(text) ? false : said.add(text);
  });
}

/** What is wrong with the form of `document`; empty where only its sense may be. */
export const formOf = (document: unknown): Complaint[] =>
  isScenario(document) ? [] : complaintsOf(scenarioSchema, document);

/** Everything that is wrong with `document`; empty for a valid scenario. */
export function diagnose(document: unknown): Complaint[] {
  const complaints = formOf(document);
  return complaints.length > 0 ? complaints : contradictions(document as ScenarioDocument);
}

/** A path as JSONL messages show it: `steps[3].expect.ret`. */
export function pathText(path: Path): string {
  let text = '';
  for (const key of path) {
    if (typeof key === 'number') text += `[${key}]`;
    else if (/^[A-Za-z_]\w*$/.test(key)) text += text === '' ? key : `.${key}`;
    else text += `[${JSON.stringify(key)}]`;
  }
  return text === '' ? 'document' : text;
}
