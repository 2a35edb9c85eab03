// SPDX-License-Identifier: GPL-2.0-only
/** The JSON Schema of what authors may write, from that of what it is read as: names, defaults and lines. */
import { DEFAULTS, VALUES } from './steps/kernel-names.js';

type Json = Record<string, unknown>;

const isJson = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Fields that a step about pages may leave out, or say as words. */
const PAGES = ['page', 'pages'];

/** Spellings that editors need not complain of; the reader takes any case. */
function spellings(field: string, words: readonly unknown[]): unknown[] {
  const { prefix, others } = VALUES[field]!;
  const kernel = words.map((word) => prefix + String(word).toUpperCase());
  const more = Object.entries(others).filter(([, ours]) => words.includes(ours));
  const either = words.flatMap((word) => [word, String(word).toUpperCase(), String(word).toLowerCase()]);
  return [...new Set([...either, ...kernel, ...more.map(([name]) => name)])];
}

function authoredField(field: string, value: unknown): unknown {
  if (!isJson(value)) return value;
  if (field === 'prot' || field === 'share' || field === 'device')
    return { anyOf: [value, { type: 'string' }] };
  if (field === 'region' || field === 'to' || field === 'buffer')
    return { anyOf: [value, { type: 'string', pattern: '^r\\d+(\\[.*[\\])])?$' }] };
  if (VALUES[field] === undefined) return value;
  const words = Array.isArray(value.enum) ? value.enum : 'const' in value ? [value.const] : [];
  return words.length === 0 ? value : { type: 'string', enum: spellings(field, words) };
}

/** A step of one kind. */
function authoredStep(step: Json): Json {
  const properties = step.properties as Record<string, Json>;
  const named = Object.entries(properties).map(([field, value]) => [field, authoredField(field, value)]);
  const op = String(properties.op?.const);
  const defaults = { ...DEFAULTS[op], ...DEFAULTS[String(properties.cmd?.const)] };
  const optional = new Set([...Object.keys(defaults), ...(op === 'mmap' ? [] : PAGES)]);
  const required = (step.required as string[]).filter((field) => !optional.has(field));
  const flags = op === 'mmap' ? { flags: { type: 'string' } } : {};
  return { ...step, properties: { ...Object.fromEntries(named), ...flags }, required };
}

/** All kinds, whichever unions they stand in. */
function kindsOf(schema: Json): Json[] {
  const options = (schema.oneOf ?? schema.anyOf) as Json[] | undefined;
  return options === undefined ? [authoredStep(schema)] : options.flatMap(kindsOf);
}

const LINE = { type: 'string', pattern: '^[A-Za-z]', description: "a line of the shell: 'open d0 0'" };

const ANSWERED = {
  type: 'object',
  minProperties: 1,
  maxProperties: 1,
  propertyNames: { not: { enum: ['op', 'as', 'expect'] } },
  additionalProperties: { type: ['object', 'null'] },
  description: 'a line of the shell, and what it is to answer',
};

export function authoredSchema(schema: Json): Json {
  const properties = schema.properties as Record<string, Json>;
  const { items, ...steps } = properties.steps!;
  const anyOf = [LINE, ANSWERED, ...kindsOf(items as Json)];
  return { ...schema, properties: { ...properties, steps: { ...steps, items: { anyOf } } } };
}
