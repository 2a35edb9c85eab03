// SPDX-License-Identifier: GPL-2.0-only
/** A step as one line: "MIGRATE_TO_DEV d0 r0[0..3]". Documents and the shell take the same lines. */
import { UsageError } from '../sim/errors.js';
import { didYouMean } from '../sim/suggest.js';
import { canonicalStep } from './canonical-step.js';
import { STEP_COMMANDS, type StepCommand } from './step-commands.js';
import type { Fields } from './steps/contract.js';
import { commandNamed } from './steps/spelled.js';
import type { CommandContext, ShellCommand } from './steps/words.js';

const NAMES = Object.keys(STEP_COMMANDS);

/** The words of a line; `#` begins a comment. "PROT_READ | PROT_WRITE" is one word. */
export function wordsOf(line: string): string[] {
  const bare = line
    .replace(/(^|\s)#.*$/, '')
    .replace(/\s*\|\s*/g, '|')
    .trim();
  return bare === '' ? [] : bare.split(/\s+/);
}

/** Throws UsageError where there are too few or too many. */
export function checkWords(
  name: string,
  words: readonly string[],
  form: Pick<ShellCommand, 'words' | 'usage'>,
): void {
  const [fewest, most] = form.words;
  if (words.length >= fewest && words.length <= most) return;
  throw new UsageError(`expected ${`${name} ${form.usage}`.trimEnd()}`);
}

export function stepCommand(word: string): StepCommand | undefined {
  const name = commandNamed(word, NAMES);
  return name === undefined ? undefined : STEP_COMMANDS[name];
}

const PROCESS = /^p\d+$/;
const THREAD = /^t\d+$/;

/** "as p1 load r0" and "p1 load r0", as reports have it: who acts, and the rest. */
export function actorOf(words: readonly string[]): {
  readonly as?: string;
  readonly rest: readonly string[];
} {
  const [first, second, ...rest] = words;
  if (first === 'as' && second !== undefined && PROCESS.test(second)) return { as: second, rest };
  if (first !== undefined && PROCESS.test(first) && second !== undefined) {
    return { as: first, rest: words.slice(1) };
  }
  return { rest: words };
}

/** "t1 load r0": the thread that takes the step, and the rest. */
export function threadOf(words: readonly string[]): {
  readonly thread?: string;
  readonly rest: readonly string[];
} {
  const [first, ...rest] = words;
  return first !== undefined && THREAD.test(first) ? { thread: first, rest } : { rest: words };
}

/** The fields of the step that these words are; `as` and `thread` only where they name somebody. Throws UsageError. */
export function stepOfWords(all: readonly string[], context: CommandContext): Fields {
  const { as, rest: own } = actorOf(all);
  const { thread, rest } = threadOf(own);
  const [word = '', ...words] = rest;
  const command = stepCommand(word);
  if (command === undefined) {
    throw new UsageError(`unknown step "${word}"${didYouMean(word, NAMES)}`);
  }
  checkWords(word, words, command);
  const taken = { op: command.op, ...command.fields(words, context) };
  const fields = thread === undefined ? taken : { ...taken, thread };
  return canonicalStep(as === undefined ? fields : { as, ...fields }, context);
}
