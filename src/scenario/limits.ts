// SPDX-License-Identifier: GPL-2.0-only
/** How much a document may ask of whoever reads and runs it: it may be a stranger's. */
import type { Complaint } from './diagnose.js';

export interface Limits {
  /** Of a YAML or JSON document, and of a line of JSON Lines. */
  readonly bytes: number;
  readonly steps: number;
  /** Numbers, words, lists and mappings, those that aliases repeat among them; in YAML its marks too. */
  readonly values: number;
  /** That steps answer for one by one. */
  readonly pages: number;
}

export const LIMITS: Limits = {
  bytes: 8 << 20,
  steps: 100_000,
  values: 1_500_000,
  pages: 1 << 20,
};

/** Whoever takes larger documents takes more of everything, in proportion; never less. */
export function limitsFor(bytes: number): Limits {
  const times = Math.max(1, bytes / LIMITS.bytes);
  return {
    bytes,
    steps: Math.floor(LIMITS.steps * times),
    values: Math.floor(LIMITS.values * times),
    pages: Math.floor(LIMITS.pages * times),
  };
}

/** Lists and mappings in one another; the schema has a handful. */
export const MAX_DEPTH = 64;

const RAISE = '(--max-size raises that)';

function inUnits(bytes: number): string {
  const units = ['', 'K', 'M', 'G'];
  let unit = 0;
  for (; bytes % 1024 === 0 && unit < units.length - 1; unit++) bytes /= 1024;
  return `${bytes}${units[unit]}`;
}

export const tooLarge = (bytes: number): string => `expected at most ${inUnits(bytes)} bytes ${RAISE}`;
export const tooMany = (what: string, most: number): string => `expected at most ${most} ${what} ${RAISE}`;
export const TOO_DEEP = `expected at most ${MAX_DEPTH} lists and mappings in one another`;

/** What is too deep, or too much, in a value that may even have itself in it. */
export function excessOf(document: unknown, { steps, values }: Limits): Complaint | undefined {
  const listed = (document as { steps?: unknown } | null)?.steps;
  if (Array.isArray(listed) && listed.length > steps) {
    return { path: ['steps', steps], message: tooMany('steps', steps) };
  }
  const path: (string | number)[] = [];
  let count = 0;
  const walk = (value: unknown): string | undefined => {
    if (++count > values) return tooMany('values', values);
    if (typeof value !== 'object' || value === null) return undefined;
    if (path.length >= MAX_DEPTH) return TOO_DEEP;
    for (const [key, inner] of Array.isArray(value) ? value.entries() : Object.entries(value)) {
      path.push(key);
      const message = walk(inner);
      if (message !== undefined) return message;
      path.pop();
    }
    return undefined;
  };
  const message = walk(document);
  // Deeper, and aliases have no place of their own.
  return message === undefined ? undefined : { path: path.slice(0, 2), message };
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** The offset behind the string that begins at `start`. */
function stringEnd(json: string, start: number): number {
  for (let i = start + 1; i < json.length; i++) {
    const character = json.charCodeAt(i);
    if (character === QUOTE) return i;
    if (character === BACKSLASH) i++;
  }
  return json.length;
}

/** The offset at which JSON is too deep; undefined where it is not. */
export function depthOffset(json: string): number | undefined {
  let depth = 0;
  for (let i = 0; i < json.length; i++) {
    const character = json[i];
    if (character === '"') i = stringEnd(json, i);
    else if (character === '[' || character === '{') depth++;
    else if (character === ']' || character === '}') depth--;
    if (depth > MAX_DEPTH) return i;
  }
  return undefined;
}
