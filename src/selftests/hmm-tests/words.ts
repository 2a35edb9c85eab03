// SPDX-License-Identifier: GPL-2.0-only
/** The C file's loops over int arrays: `ptr[i] = <pattern>` and `ASSERT_EQ(ptr[i], <pattern>)`. */
import type { Task } from '../../sim/task.js';
import type { Mismatch, Sys } from '../../user/api.js';
import type { HmmTest } from './helpers.js';

/** sizeof(int) */
const WORD = 4;

/** An expression of the loop's `unsigned long i`: `first` at i = 0, then `step` more from word to word. */
export interface Pattern {
  /** The expression in C. */
  readonly text: string;
  /** Its value as C prints it. */
  shown(i: number): number | bigint;
  readonly first: number;
  readonly step: -1 | 0 | 1;
}

/** memset(..., 0xFF, ...), to be filled with. */
export const ALL_ONES: Pattern = { text: '-1', first: -1, step: 0, shown: () => -1 };
export const ZERO: Pattern = { text: '0', first: 0, step: 0, shown: () => 0 };
export const I: Pattern = { text: 'i', first: 0, step: 1, shown: (i) => i };
export const MINUS_I: Pattern = {
  text: '-i',
  first: 0,
  step: -1,
  shown: (i) => BigInt.asUintN(64, -BigInt(i)),
};

/** `i + c`, as `text` in messages. */
export function iPlus(c: number, text = 'i + c'): Pattern {
  return { text, first: c, step: 1, shown: (i) => i + c };
}

/** Words i of an array at `base` with from <= i < to. */
export interface Words {
  readonly base: number;
  readonly from: number;
  readonly to: number;
}

/** The words of `bytes` bytes, without the first `skipped` bytes. */
export function words(base: number, bytes: number, skipped = 0): Words {
  return { base, from: skipped / WORD, to: bytes / WORD };
}

/** `for (i = from; i < to; ++i) ptr[i] = <pattern>;` */
export function fill(sys: Sys, { base, from, to }: Words, pattern: Pattern): Task {
  return sys.storeSeq(base + from * WORD, to - from, pattern.first + from * pattern.step, pattern.step);
}

function compare(sys: Sys, { base, from, to }: Words, pattern: Pattern): Task<Mismatch> {
  return sys.checkSeq(base + from * WORD, to - from, pattern.first + from * pattern.step, pattern.step);
}

/** Reports a comparison of words; `seen` is their C expression, `from` the loop's i of the first. */
function report(t: HmmTest, seen: string, found: Mismatch, from: number, { text, shown }: Pattern): void {
  // The words are ints, i is an unsigned long.
  t.ASSERT_EQ_EACH(found.count, { [seen]: found.value | 0 }, { [text]: shown(from + found.index) });
}

/** `for (i = from; i < to; ++i) ASSERT_EQ(ptr[i], <pattern>);` */
export function* ASSERT_WORDS(t: HmmTest, range: Words, pattern: Pattern): Task {
  report(t, 'ptr[i]', yield* compare(t.sys, range, pattern), range.from, pattern);
}

/** `for (...) { ASSERT_EQ(ptr[i], <pattern>); }`: braces let the assertion end the test at the first mismatch. */
export function* ASSERT_EACH_WORD(t: HmmTest, range: Words, pattern: Pattern): Task {
  const found = yield* compare(t.sys, range, pattern);
  report(t, 'ptr[i]', { ...found, count: Math.min(found.count, 1) }, range.from, pattern);
}

/** ASSERT_WORDS() of a loop that leaves words out: those of the ranges are looked at, in their order. */
export function* ASSERT_WORDS_OF(t: HmmTest, ranges: readonly Words[], pattern: Pattern): Task {
  let [count, first]: [number, [Mismatch, number] | undefined] = [0, undefined];
  for (const range of ranges) {
    const found = yield* compare(t.sys, range, pattern);
    count += found.count;
    if (found.count > 0) first ??= [found, range.from];
  }
  const [found, from] = first ?? [{ index: 0, value: 0, expected: 0 }, 0];
  report(t, 'ptr[i]', { ...found, count }, from, pattern);
}

/** `for (i = from; i < to; ++i) ASSERT_EQ(ptr[i]++, i);`, a page at a time. */
export function* ASSERT_WORDS_AND_INCREMENT(t: HmmTest, range: Words): Task {
  const perPage = t.self.page_size / WORD;
  let found: Mismatch = { count: 0, index: 0, value: 0, expected: 0 };
  for (let from = range.from; from < range.to; from += perPage) {
    const page = { base: range.base, from, to: Math.min(from + perPage, range.to) };
    const here = yield* compare(t.sys, page, I);
    if (found.count === 0) found = { ...here, index: here.index + from - range.from };
    else found = { ...found, count: found.count + here.count };
    yield* fill(t.sys, page, iPlus(1));
  }
  report(t, 'ptr[i]++', found, range.from, I);
}
