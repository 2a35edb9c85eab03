// SPDX-License-Identifier: GPL-2.0-only
/** A title and a description on every node of a JSON Schema: those of its key, or of what it is a part of. */
import { PLACE, RESULTS, type Text } from './field-texts.js';

export type Json = Record<string, unknown>;

type Texts = Readonly<Record<string, Text>>;

/** The text of a key in a table; `of` has keys of its own there, as "of.key". */
export const textsOf =
  (texts: Texts, of = '') =>
  (key: string): Text => {
    const found = texts[`${of}.${key}`] ?? texts[key];
    if (found === undefined) throw new Error(`no text for ${of}.${key}`);
    return found;
  };

/** Keywords whose value is a schema, or a list of them. */
const ONE = ['items', 'propertyNames', 'additionalProperties', 'not', 'if', 'then', 'else'];
const MANY = ['anyOf', 'oneOf', 'allOf'];

const isJson = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Of a part that is no key. */
function partOf(node: Json, whole: Text): Text {
  if ('enum' in node) return { ...whole, title: `${whole.title}: a name` };
  if ('const' in node) return { ...whole, title: `${whole.title}: ${String(node.const)}` };
  const type = typeof node.type === 'string' ? TYPES[node.type] : undefined;
  return type === undefined ? whole : { ...whole, title: `${whole.title}: ${type}` };
}

const TYPES: Readonly<Record<string, string>> = {
  integer: 'a number',
  number: 'a number',
  string: 'a word',
  object: 'a mapping',
};

/** Keys of the mapping that has this text. */
function keysOf({ title }: Text, inner: Texts | undefined): Texts {
  if (inner !== undefined) return inner;
  return /^(to|buffer)\b/.test(title) ? PLACE : RESULTS;
}

/** `inner`: texts of the keys, where it has any; those of a place or of an answer unless told. */
export function labelled(node: Json, text: Text, inner?: Texts): Json {
  const { title, description } = text;
  const result: Json = { title, description, ...node };
  for (const key of ONE) {
    const part = node[key];
    if (isJson(part)) result[key] = labelled(part, partOf(part, text), inner);
  }
  for (const key of MANY) {
    const parts = node[key];
    if (Array.isArray(parts))
      result[key] = parts.map((part: Json) => labelled(part, partOf(part, text), inner));
  }
  if (isJson(node.properties)) {
    const fields = Object.entries(node.properties as Record<string, Json>);
    result.properties = Object.fromEntries(
      fields.map(([key, value]) => [key, labelled(value, keyText(key, value, text, inner))]),
    );
  }
  return result;
}

/** One that has been labelled keeps what it has. */
function keyText(key: string, value: Json, text: Text, inner: Texts | undefined): Text {
  if (typeof value.title === 'string') return { title: value.title, description: String(value.description) };
  return keysOf(text, inner)[key] ?? text;
}
