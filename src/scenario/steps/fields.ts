// SPDX-License-Identifier: GPL-2.0-only
/**
 * The fields that steps are made of, and what can be expected of them. Every message says what was expected, for a
 * reader who sees only `file:line:column: message` (see diagnose.ts).
 */
import { z } from 'zod';
import { errnoByName } from '../../uapi/errno.js';
import { PAGE_SIZE } from '../../uapi/mman.js';
import { FOLDED } from '../folded.js';

/** The largest page number or count: 64 GiB. More is a typing error, not an experiment. */
export const MAX_PAGES = 0x1000000;

// --- scalars ----------------------------------------------------------------------------------------------

/** A string of the form `pattern`; `what` describes it in the message. */
export function named(pattern: RegExp, what: string) {
  return z.string({ error: what }).regex(pattern, { error: what });
}

export function integer(min: number, max: number, what: string) {
  return z.int({ error: what }).min(min, { error: what }).max(max, { error: what });
}

/** A number, or a string that `accepts` takes. Each option carries the message: zod may report one alone. */
export function numberOrText(number: z.ZodType<number>, accepts: (text: string) => boolean, what: string) {
  const text = z.string().refine(accepts, { error: what });
  return z.union([number, text], { error: what });
}

export const processName = named(/^p(0|[1-9]\d{0,4})$/, 'a process: p0, p1 ...');
export const regionName = named(/^r(0|[1-9]\d{0,3})$/, 'a region: r0, r1 ...');
const threadName = named(/^t(0|[1-9]\d{0,2})$/, 'a thread: t0, t1 ...');
export const fdName = named(/^d(0|[1-9]\d{0,4})$/, 'a device fd: d0, d1 ...');
export const page = integer(0, MAX_PAGES, `a page number from 0 to ${MAX_PAGES}`);
export const pages = integer(0, MAX_PAGES, `a number of pages from 0 to ${MAX_PAGES}`);
export const word = integer(0, 0xffffffff, 'a 32-bit word from 0 to 0xffffffff');
export const prot = z.enum(['none', 'r', 'w', 'rw']);
export const share = z.enum(['private', 'shared']);
/** A key that is there, or not. */
export const yes = z.literal(true);

const U64 = 'a 64-bit unsigned number (a string when it is over 2^53)';
const isU64 = (text: string): boolean =>
  /^(0x[0-9a-fA-F]{1,16}|\d{1,20})$/.test(text) && BigInt(text) < 1n << 64n;
export const u64 = numberOrText(integer(0, Number.MAX_SAFE_INTEGER, U64), isU64, U64);

const OFFSET = 'a 64-bit number, with or without a sign (a string when it is over 2^53)';
const isOffset = (text: string): boolean =>
  isU64(text) || (/^-(0x[0-9a-fA-F]{1,16}|\d{1,19})$/.test(text) && BigInt(text.slice(1)) <= 1n << 63n);
/** What is added to an address, which wraps around. */
export const wrapping = numberOrText(
  integer(-Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, OFFSET),
  isOffset,
  OFFSET,
);
/** Its low 64 bits. */
export function bitsOf(offset: number | string): bigint {
  const text = String(offset);
  return BigInt.asUintN(64, text.startsWith('-') ? -BigInt(text.slice(1)) : BigInt(text));
}

// --- expectations -----------------------------------------------------------------------------------------

const RET = '0 or an errno name (EINVAL ...)';
const isErrno = (name: string): boolean => errnoByName(name) !== undefined || /^[1-9]\d{0,3}$/.test(name);
export const ret = z.union([z.literal(0), z.string().refine(isErrno, { error: RET })], { error: RET });
export const count = z.int({ error: 'a count' }).min(0, { error: 'a count' });
export const fn = z.string({ error: 'a kernel function' }).min(1, { error: 'a kernel function' });

const SIGNALS = ['SIGSEGV', 'SIGBUS'] as const;
const storedPage = z.enum(['ok', ...SIGNALS]);
const loadedPage = z.union([word, z.enum(['ok', 'mixed', ...SIGNALS])]);

/** A list with an element a page; in a row, equal ones ("ok x1024") and words that count up ("7..518") may be folded. */
export function eachPage<Element extends z.ZodType>(element: Element, what: string) {
  return z.array(z.union([element, named(FOLDED, what)], { error: what }));
}

/** What a step answers: `fields`, and what any step can: an errno, a kernel that died, or never came back. */
export function expecting<Shape extends z.core.$ZodLooseShape>(fields: Shape) {
  return z.strictObject({ ret: ret.optional(), ...fields, oops: fn.optional(), hang: fn.optional() });
}

export const expectStored = expecting({
  pages: eachPage(storedPage, 'one of ok, SIGSEGV, SIGBUS').optional(),
});
const loadedPages = eachPage(loadedPage, 'a 32-bit word, "mixed", "ok", "SIGSEGV" or "SIGBUS"').optional();
export const expectLoaded = expecting({ pages: loadedPages });

export const expectRet = expecting({});
/** Of a step that may wait in the background. */
export const expectRetOrWait = expecting({ waits: fn.optional() });

/** Of whatever step it is whose answer is waited for. */
export const expectAnything = expecting({
  cpages: count.optional(),
  faults: count.optional(),
  answer: named(/^[A-Z]\w*$/, 'a name: H_SUCCESS ...').optional(),
  data: eachPage(z.union([word, z.literal('mixed')]), 'a 32-bit word, or "mixed"').optional(),
  pages: loadedPages,
});

/** Of a call that transfers bytes, and of one that tells which. */
export const expectBytes = expecting({ bytes: count.optional() });
export const expectTransfer = expecting({
  bytes: count.optional(),
  data: eachPage(z.union([word, z.literal('mixed')]), 'a 32-bit word, or "mixed"').optional(),
});

/** Pages that one step transfers through a buffer of its own. */
export const MAX_TRANSFER = 64;
const fewPages = integer(0, MAX_TRANSFER, `a number of pages from 0 to ${MAX_TRANSFER}`);
export const fewRange = { region: regionName, page, pages: fewPages };

/** No more of a range than one transfer takes. */
export const few = <Where extends { readonly pages: number }>(where: Where): Where => ({
  ...where,
  pages: Math.min(where.pages, MAX_TRANSFER),
});

// --- steps ------------------------------------------------------------------------------------------------

export const place = z.strictObject({ region: regionName, page });
/** Memory of the process, from byte `offset` of a page on, instead of a buffer of the step's own. */
export const buffer = z.strictObject({
  region: regionName,
  page,
  offset: integer(0, PAGE_SIZE - 1, 'a byte of a page from 0 to 4095').optional(),
});

export const range = { region: regionName, page, pages };
/** Of a step that a thread of the process can take, beside the steps that follow. */
export const inThread = { thread: threadName.optional() };

/** A step of these fields. */
export function stepSchema<Op extends string, Shape extends z.core.$ZodLooseShape, Expect extends z.ZodType>(
  op: Op,
  fields: Shape,
  expect: Expect,
) {
  return z.strictObject({
    as: processName.optional(),
    op: z.literal(op),
    ...fields,
    expect: expect.optional(),
  });
}
