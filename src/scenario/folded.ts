// SPDX-License-Identifier: GPL-2.0-only
/** Lists of an expectation told in short: "ok x1024" for 1,024 pages that answer "ok", "7..518" for words that count up by 1. */

type Element = number | string;

export const FOLDED = /^(?:[^ ]+ x[1-9]\d{0,7}|\d{1,10}\.\.\d{1,10})$/;
const COUNTED = /^(\d+)\.\.(\d+)$/;

/** Fewer than these stand in a document as they are. */
const LEAST = 4;

/** What an element of a list stands for: `times` elements, the first `value`, each `step` above the one before. */
export function runOf(element: unknown): {
  readonly value: unknown;
  readonly times: number;
  readonly step: number;
} {
  const one = { value: element, times: 1, step: 0 };
  if (typeof element !== 'string' || !FOLDED.test(element)) return one;
  const [, first, last] = COUNTED.exec(element) ?? [];
  if (first !== undefined) {
    const times = Number(last) - Number(first) + 1;
    return times > 1 ? { value: Number(first), times, step: 1 } : one;
  }
  const [value, times] = element.split(' x') as [string, string];
  return { value: /^\d+$/.test(value) ? Number(value) : value, times: Number(times), step: 0 };
}

/** Where the run of `list` ends that begins at `from`: of equal elements, or of words that count up. */
function endOfRun(list: readonly Element[], from: number, step: 0 | 1): number {
  const first = list[from]!;
  if (step === 1 && typeof first !== 'number') return from + 1;
  let to = from + 1;
  while (to < list.length && list[to] === (step === 0 ? first : (first as number) + to - from)) to++;
  return to;
}

export function fold(list: readonly Element[], least = LEAST): Element[] {
  const folded: Element[] = [];
  for (let from = 0; from < list.length; ) {
    const equal = endOfRun(list, from, 0);
    const counted = endOfRun(list, from, 1);
    if (equal - from >= least) folded.push(`${list[from]} x${equal - from}`);
    else if (counted - from >= LEAST) folded.push(`${list[from]}..${list[counted - 1]}`);
    else folded.push(...list.slice(from, equal));
    from = counted - from >= LEAST ? counted : equal;
  }
  return folded;
}

/** Longer lists are folded wherever they are printed. */
const MOST_PRINTED = 1024;

/** Longer lists are folded where an answer is written into a document. */
const MOST_WRITTEN = 8;

/** An answer with its lists of more than `most` elements folded. */
function foldedOver<T extends object>(answer: T, most: number): T {
  const long = Object.entries(answer).filter(([, list]) => Array.isArray(list) && list.length > most);
  if (long.length === 0) return answer;
  return { ...answer, ...Object.fromEntries(long.map(([key, list]) => [key, fold(list)])) };
}

/** An answer as it is printed. */
export const foldedAnswer = <T extends object>(answer: T): T => foldedOver(answer, MOST_PRINTED);

/** An answer as an expectation has it. */
export const writtenAnswer = <T extends object>(answer: T): T => foldedOver(answer, MOST_WRITTEN);

/** The list spelled out, as far as `most` elements. */
export function unfold(list: readonly unknown[], most: number): unknown[] {
  const all: unknown[] = [];
  for (const element of list) {
    const { value, times, step } = runOf(element);
    for (let i = 0; i < times && all.length < most; i++) all.push(step === 0 ? value : (value as number) + i);
  }
  return all;
}
