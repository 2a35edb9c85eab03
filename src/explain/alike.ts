// SPDX-License-Identifier: GPL-2.0-only
/** Which verdicts differ in the numbers of their pages alone: of a quarter of a million, most do. */
import type { Place } from '../watch/observe.js';
import type { Verdict, Why } from './verdict.js';

const sameValue = (a: unknown, b: unknown): boolean =>
  a === b ||
  (Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((one, i) => one === b[i]));

/** The same id with the same values. */
export function sameReason(a: Why, b: Why): boolean {
  if (a === b) return true;
  if (a.id !== b.id) return false;
  const [left, right] = [a, b] as unknown as Readonly<Record<string, unknown>>[];
  const keys = Object.keys(left!);
  return (
    keys.length === Object.keys(right!).length && keys.every((key) => sameValue(left![key], right![key]))
  );
}

function samePlace(a: Place | undefined, b: Place | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return (
    a.where === b.where &&
    a.device === b.device &&
    a.node === b.node &&
    (a.pfn === undefined) === (b.pfn === undefined)
  );
}

/** Return: true only where both have the same words, up to pfns. */
export function isAlike(a: Verdict, b: Verdict): boolean {
  return (
    a.verdict === b.verdict &&
    a.fn === b.fn &&
    a.earlier === undefined &&
    b.earlier === undefined &&
    a.times === b.times &&
    sameReason(a.reason, b.reason) &&
    samePlace(a.from, b.from) &&
    samePlace(a.to, b.to)
  );
}
