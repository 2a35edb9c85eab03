// SPDX-License-Identifier: GPL-2.0-only
/** How large documents may be, and how much is said of those that are wrong. */
import type { Command } from 'commander';
import { LIMITS, type Limits, limitsFor } from '../scenario/limits.js';
import type { Mistake } from '../scenario/load.js';
import { UsageError } from '../sim/errors.js';
import { parseSize } from './values.js';

const MAX_SIZE = 256 << 20;

function parseMaxSize(text: string): Limits {
  const bytes = parseSize(text, '--max-size');
  if (bytes >= 1 && bytes <= MAX_SIZE) return limitsFor(bytes);
  throw new UsageError(`expected 1 to ${MAX_SIZE >> 20}M, got ${text}`, '--max-size');
}

/** Adds --max-size to a command that reads documents. */
export function addMaxSize(command: Command): Command {
  const help = `bytes that a document may have (default: ${LIMITS.bytes >> 20}M); steps and pages in proportion`;
  return command.option('--max-size <size>', help, parseMaxSize);
}

/** Mistakes that are told one by one. */
const MAX_MISTAKES = 10;

export function fewLines(mistakes: readonly Mistake[]): string[] {
  const lines = mistakes.slice(0, MAX_MISTAKES).map(({ where, message }) => `${where}: ${message}`);
  return mistakes.length > MAX_MISTAKES ? [...lines, `and ${mistakes.length - MAX_MISTAKES} more`] : lines;
}

/** The last mistake that is told, which ends the command and says how many more there are, and the lines before it. */
export function fewOf<M extends Mistake>(mistakes: readonly M[]): { few: string[]; last: M | undefined } {
  const told = mistakes.slice(0, MAX_MISTAKES);
  const few = fewLines(told.slice(0, -1));
  const last = told.at(-1);
  const more = mistakes.length - told.length;
  if (last === undefined || more === 0) return { few, last };
  return { few, last: { ...last, message: `${last.message}, and ${more} more` } };
}
