// SPDX-License-Identifier: GPL-2.0-only
/** Looks into the schema: which fields a mapping may have, and which words stand for a field. */
import { z } from 'zod';
import type { Fields } from './steps/contract.js';
import { type Op, steps } from './steps/index.js';

/** Past optional() and through discriminated unions, by the value that stands there. */
export function chosen(schema: z.core.$ZodType, value: unknown): z.core.$ZodType {
  if (schema instanceof z.ZodOptional) return chosen(schema.unwrap(), value);
  if (!(schema instanceof z.ZodDiscriminatedUnion)) return schema;
  const wanted = (value as Fields | null | undefined)?.[schema.def.discriminator];
  const option = optionsOf(schema).find((each) =>
    each._zod.propValues?.[schema.def.discriminator]?.has(wanted as string),
  );
  return option === undefined ? schema : chosen(option, value);
}

const optionsOf = (schema: z.core.$ZodType): readonly z.core.$ZodType[] =>
  schema instanceof z.ZodDiscriminatedUnion ? schema.options : [schema];

export type Shape = Readonly<Record<string, z.core.$ZodType>>;

const NO_FIELDS: Shape = {};

export const shapeOf = (schema: z.core.$ZodType): Shape =>
  schema instanceof z.ZodObject ? schema.shape : NO_FIELDS;

/** The fields of a step of this kind. */
export function fieldsOf(step: Fields): Shape {
  const { op } = step;
  return typeof op === 'string' && Object.hasOwn(steps, op)
    ? shapeOf(chosen(steps[op as Op].schema, step))
    : NO_FIELDS;
}

export const isOptional = (schema: z.core.$ZodType): boolean => schema._zod.optin === 'optional';

/** The words that the field may be, where it is one of some; in all variants of the step. */
export function choicesOf(op: Op, field: string): readonly string[] {
  const all = optionsOf(steps[op].schema).flatMap((option) => wordsOf(shapeOf(option)[field]));
  return [...new Set(all)];
}

function wordsOf(schema: z.core.$ZodType | undefined): readonly string[] {
  if (schema instanceof z.ZodOptional) return wordsOf(schema.unwrap());
  if (schema instanceof z.ZodEnum) return schema.options as string[];
  if (!(schema instanceof z.ZodLiteral)) return [];
  return [...schema.values].filter((value) => typeof value === 'string');
}
