// SPDX-License-Identifier: GPL-2.0-only
/** As much of a JSON Schema validator as the schema of scenarios needs. An unknown keyword throws. */
import { isDeepStrictEqual } from 'node:util';

export type Schema = { readonly [keyword: string]: unknown };

type Rule = (value: never, wanted: never, schema: Schema) => boolean;

const isMapping = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function typeOf(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'array' : typeof value;
}

const hasType = (value: unknown, type: string): boolean =>
  type === 'integer' ? Number.isInteger(value) : typeOf(value) === type;

/** A rule about values of one sort; others pass. */
const about =
  <T>(is: (value: unknown) => value is T, rule: (value: T, wanted: never, schema: Schema) => boolean): Rule =>
  (value, wanted, schema) =>
    !is(value) || rule(value, wanted, schema);

const isNumber = (value: unknown): value is number => typeof value === 'number';
const isString = (value: unknown): value is string => typeof value === 'string';
const isList = (value: unknown): value is unknown[] => Array.isArray(value);

const count = (value: unknown, schemas: readonly Schema[]): number =>
  schemas.filter((schema) => valid(value, schema)).length;

const RULES: Readonly<Record<string, Rule>> = {
  type: (value: unknown, wanted: string | string[]) => [wanted].flat().some((type) => hasType(value, type)),
  const: (value: unknown, wanted: unknown) => isDeepStrictEqual(value, wanted),
  enum: (value: unknown, wanted: unknown[]) => wanted.includes(value),
  minimum: about(isNumber, (value, least: number) => value >= least),
  maximum: about(isNumber, (value, most: number) => value <= most),
  minLength: about(isString, (value, least: number) => value.length >= least),
  pattern: about(isString, (value, pattern: string) => new RegExp(pattern, 'u').test(value)),
  minItems: about(isList, (value, least: number) => value.length >= least),
  maxItems: about(isList, (value, most: number) => value.length <= most),
  items: about(isList, (value, schema: Schema) => value.every((each) => valid(each, schema))),
  minProperties: about(isMapping, (value, least: number) => Object.keys(value).length >= least),
  maxProperties: about(isMapping, (value, most: number) => Object.keys(value).length <= most),
  required: about(isMapping, (value, keys: string[]) => keys.every((key) => Object.hasOwn(value, key))),
  properties: about(isMapping, (value, fields: Record<string, Schema>) =>
    Object.entries(value).every(([key, each]) => !Object.hasOwn(fields, key) || valid(each, fields[key]!)),
  ),
  propertyNames: about(isMapping, (value, schema: Schema) =>
    Object.keys(value).every((key) => valid(key, schema)),
  ),
  additionalProperties: about(isMapping, (value, more: Schema | false, { properties = {} }) =>
    Object.keys(value)
      .filter((key) => !Object.hasOwn(properties as object, key))
      .every((key) => more !== false && valid(value[key], more)),
  ),
  anyOf: (value: unknown, schemas: Schema[]) => count(value, schemas) > 0,
  oneOf: (value: unknown, schemas: Schema[]) => count(value, schemas) === 1,
  allOf: (value: unknown, schemas: Schema[]) => count(value, schemas) === schemas.length,
  not: (value: unknown, schema: Schema) => !valid(value, schema),
  if: (value: unknown, schema: Schema, whole: Schema) => {
    const next = (valid(value, schema) ? whole.then : whole.else) as Schema | undefined;
    return next === undefined || valid(value, next);
  },
};

const NOT_RULES = new Set(['$schema', '$id', 'title', 'description', 'then', 'else']);

export function valid(value: unknown, schema: Schema): boolean {
  return Object.entries(schema).every(([keyword, wanted]) => {
    if (NOT_RULES.has(keyword)) return true;
    const rule = RULES[keyword];
    if (rule === undefined) throw new Error(`no rule for ${keyword}`);
    return rule(value as never, wanted as never, schema);
  });
}

/** All schemas in a schema, with their places. */
export function* nodesOf(schema: Schema, at = ''): Generator<[string, Schema]> {
  yield [at, schema];
  for (const key of ['items', 'propertyNames', 'additionalProperties', 'not', 'if', 'then', 'else']) {
    if (isMapping(schema[key])) yield* nodesOf(schema[key], `${at}/${key}`);
  }
  for (const key of ['anyOf', 'oneOf', 'allOf']) {
    for (const [index, part] of ((schema[key] ?? []) as Schema[]).entries())
      yield* nodesOf(part, `${at}/${key}/${index}`);
  }
  for (const [name, field] of Object.entries((schema.properties ?? {}) as Record<string, Schema>))
    yield* nodesOf(field, `${at}/${name}`);
}
