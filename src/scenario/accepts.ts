// SPDX-License-Identifier: GPL-2.0-only
/**
 * A schema as a plain yes or no. zod spends more on a recording than the machine does on running it, because it
 * copies what it reads and keeps track of what is wrong. Whoever only wants to know whether a value fits asks here,
 * and has zod explain where it does not. Both answers come from the one schema.
 */
import { z } from 'zod';

export type Accepts = (value: unknown) => boolean;

/** Schemas and checks that are not known here are asked themselves. */
const ask =
  (schema: z.core.$ZodType): Accepts =>
  (value) =>
    z.safeParse(schema, value).success;

/** What one check of a string, number or list demands; undefined for kinds that are not known here. */
function demand(check: z.core.$ZodCheck): Accepts | undefined {
  const def = check._zod.def as z.core.$ZodCheckDef & Record<string, unknown>;
  const limit = def.value as number;
  switch (def.check) {
    case 'greater_than':
      return def.inclusive ? (value) => (value as number) >= limit : (value) => (value as number) > limit;
    case 'less_than':
      return def.inclusive ? (value) => (value as number) <= limit : (value) => (value as number) < limit;
    case 'max_length':
      return (value) => (value as string).length <= (def.maximum as number);
    case 'min_length':
      return (value) => (value as string).length >= (def.minimum as number);
    case 'string_format':
      return def.pattern instanceof RegExp && !def.pattern.global && !def.pattern.sticky
        ? matches(def.pattern)
        : undefined;
    case 'custom':
      return typeof def.fn === 'function' ? (def.fn as Accepts) : undefined;
    default:
      return undefined;
  }
}

const matches =
  (pattern: RegExp): Accepts =>
  (value) =>
    pattern.test(value as string);

/** `is`, and all checks of the schema; undefined where one of them is not known. */
function withChecks(schema: z.core.$ZodType, is: Accepts): Accepts | undefined {
  const checks = schema._zod.def.checks ?? [];
  const demands = checks.map(demand);
  if (!demands.every((each) => each !== undefined)) return undefined;
  if (demands.length === 0) return is;
  if (demands.length === 1) {
    const [only] = demands as [Accepts];
    return (value) => is(value) && only(value);
  }
  return (value) => {
    if (!is(value)) return false;
    for (const each of demands) if (!each(value)) return false;
    return true;
  };
}

const isString: Accepts = (value) => typeof value === 'string';
const isNumber: Accepts = (value) => typeof value === 'number' && Number.isFinite(value);
const isBoolean: Accepts = (value) => typeof value === 'boolean';

function number(schema: z.core.$ZodNumber): Accepts | undefined {
  const { format } = schema._zod.def as { format?: string };
  if (format === undefined) return withChecks(schema, isNumber);
  return format === 'safeint' ? withChecks(schema, Number.isSafeInteger) : undefined;
}

function array(schema: z.core.$ZodArray): Accepts | undefined {
  const element = compile(schema._zod.def.element);
  return withChecks(schema, (value) => {
    if (!Array.isArray(value)) return false;
    // Not every(), which passes over holes.
    for (const each of value) if (!element(each)) return false;
    return true;
  });
}

function oneOf(values: Iterable<unknown>): Accepts {
  const set = new Set(values);
  return (value) => set.has(value);
}

function strictObject(schema: z.core.$ZodObject): Accepts | undefined {
  const { shape, catchall } = schema._zod.def;
  if (catchall?._zod.def.type !== 'never') return undefined;
  const fields = new Map(Object.entries(shape).map(([key, field]) => [key, compile(field)]));
  const required = Object.keys(shape).filter((key) => shape[key]!._zod.optin !== 'optional');
  return withChecks(schema, (value) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
    const record = value as Record<string, unknown>;
    for (const key of required) if (record[key] === undefined) return false;
    for (const key in record) {
      const field = fields.get(key);
      if (field === undefined || !field(record[key])) return false;
    }
    return true;
  });
}

function union(schema: z.core.$ZodUnion): Accepts {
  const options = schema._zod.def.options.map(compile);
  return (value) => {
    for (const option of options) if (option(value)) return true;
    return false;
  };
}

function discriminatedUnion(schema: z.core.$ZodDiscriminatedUnion): Accepts {
  const { discriminator, options } = schema._zod.def;
  const byValue = new Map<unknown, Accepts>();
  for (const option of options) {
    const accepts = compile(option);
    for (const value of option._zod.propValues?.[discriminator] ?? []) byValue.set(value, accepts);
  }
  return (value) => {
    if (typeof value !== 'object' || value === null) return false;
    return byValue.get((value as Record<string, unknown>)[discriminator])?.(value) ?? false;
  };
}

function known(schema: z.core.$ZodType): Accepts | undefined {
  if (schema instanceof z.ZodObject) return strictObject(schema);
  if (schema instanceof z.ZodOptional) {
    const inner = compile(schema._zod.def.innerType);
    return (value) => value === undefined || inner(value);
  }
  if (schema instanceof z.ZodDiscriminatedUnion) return discriminatedUnion(schema);
  if (schema instanceof z.ZodUnion) return union(schema);
  if (schema instanceof z.ZodArray) return array(schema);
  if (schema instanceof z.ZodLiteral) return oneOf(schema._zod.def.values);
  if (schema instanceof z.ZodEnum) return oneOf(Object.values(schema._zod.def.entries));
  if (schema instanceof z.ZodString) return withChecks(schema, isString);
  if (schema instanceof z.ZodNumber) return number(schema);
  return schema instanceof z.ZodBoolean ? isBoolean : undefined;
}

/** A predicate that is true for just the values that `schema` parses. For schemas that transform nothing. */
export function compile(schema: z.core.$ZodType): Accepts {
  return known(schema) ?? ask(schema);
}
