// SPDX-License-Identifier: GPL-2.0-only
/** Lists of an expectation with what repeats itself told once: "ok x1024" for 1,024 pages that answer "ok". */

type Element = number | string;

export const FOLDED = /^[^ ]+ x[1-9]\d{0,7}$/;

/** Fewer than these stand in a document as they are. */
const LEAST = 4;

/** What an element of a list stands for, and how often. */
export function runOf(element: unknown): { readonly value: unknown; readonly times: number } {
  if (typeof element !== 'string' || !FOLDED.test(element)) return { value: element, times: 1 };
  const [value, times] = element.split(' x') as [string, string];
  return { value: /^\d+$/.test(value) ? Number(value) : value, times: Number(times) };
}

export function fold(list: readonly Element[], least = LEAST): Element[] {
  const folded: Element[] = [];
  for (let from = 0, to = 0; from < list.length; from = to) {
    while (to < list.length && list[to] === list[from]) to++;
    if (to - from < least) folded.push(...list.slice(from, to));
    else folded.push(`${list[from]} x${to - from}`);
  }
  return folded;
}

/** Longer lists are folded wherever they are printed. */
const MOST_PRINTED = 1024;

/** An answer as it is printed. */
export function foldedAnswer<T extends object>(answer: T): T {
  const long = Object.entries(answer).filter(([, list]) => Array.isArray(list) && list.length > MOST_PRINTED);
  if (long.length === 0) return answer;
  return { ...answer, ...Object.fromEntries(long.map(([key, list]) => [key, fold(list)])) };
}

/** The list spelled out, as far as `most` elements. */
export function unfold(list: readonly unknown[], most: number): unknown[] {
  const all: unknown[] = [];
  for (const element of list) {
    const { value, times } = runOf(element);
    for (let i = 0; i < times && all.length < most; i++) all.push(value);
  }
  return all;
}
