// SPDX-License-Identifier: GPL-2.0-only
/** What is wrong with a document, in words: zod's issues become one path and one sentence each. */
import { z } from 'zod';
import { compile } from './accepts.js';
import { type ScenarioDocument, scenarioSchema } from './schema.js';

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

/** Past optional() and through discriminated unions, by the value that stands there. */
function chosen(schema: z.core.$ZodType, value: unknown): z.core.$ZodType {
  if (schema instanceof z.ZodOptional) return chosen(schema.unwrap(), value);
  if (!(schema instanceof z.ZodDiscriminatedUnion)) return schema;
  const name = schema.def.discriminator;
  const wanted = valueAt(value, [name]);
  const option = schema.options.find((each) => each._zod.propValues?.[name]?.has(wanted as string));
  return option === undefined ? schema : chosen(option, value);
}

function complain(document: unknown, issue: Issue): Complaint[] {
  const path = issue.path.map((key) => (typeof key === 'symbol' ? String(key) : key));
  if (issue.code === 'unrecognized_keys') {
    const known = oneOf(knownKeys(document, path));
    return issue.keys.map((key) => {
      return { path: [...path, key], atKey: true, message: `unknown key "${key}", expected ${known}` };
    });
  }
  const value = valueAt(document, path);
  const key = path.at(-1);
  if (value === undefined && typeof key === 'string') {
    return [{ path, message: `missing key "${key}", expected ${expectation(issue)}` }];
  }
  const hint = issueNames(issue, String(value)) ? ' (quote it)' : '';
  return [{ path, message: `expected ${expectation(issue)}, got ${show(value)}${hint}` }];
}

const isScenario = compile(scenarioSchema);

/** What no single field is to blame for. */
function contradictions({ load, steps }: ScenarioDocument): Complaint[] {
  if (load?.oops === undefined || steps.length === 0) return [];
  const message = 'expected none: nobody is left to take them after a load that oopses';
  return [{ path: ['steps'], atKey: true, message }];
}

/** Everything that is wrong with `document`; empty for a valid scenario. */
export function diagnose(document: unknown): Complaint[] {
  if (isScenario(document)) return contradictions(document as ScenarioDocument);
  const result = scenarioSchema.safeParse(document);
  if (result.success) return contradictions(result.data);
  const complaints = result.error.issues.flatMap((issue) => complain(document, issue));
  // One value can break two rules of the same wording (an integer, and its bounds).
  const said = new Set<string>();
  return complaints.filter(({ path, message }) => {
    const text = `${pathText(path)}: ${message}`;
    return said.has(text) ? false : said.add(text);
  });
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
