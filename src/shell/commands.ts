// SPDX-License-Identifier: GPL-2.0-only
/** The shell's one-line commands: text in, a step or a request of the session out. Nothing is executed here. */

import { diagnose } from '../scenario/diagnose.js';
import type { Step } from '../scenario/schema.js';
import type { Fields } from '../scenario/steps/contract.js';
import { steps } from '../scenario/steps/index.js';
import type { CommandContext, ShellCommand } from '../scenario/steps/words.js';
import { UsageError } from '../sim/errors.js';

export type Command =
  | { readonly kind: 'step'; readonly step: Step }
  | { readonly kind: 'as'; readonly process: string }
  | { readonly kind: 'save'; readonly file: string }
  | { readonly kind: 'help'; readonly topic: string | undefined }
  | { readonly kind: 'maps' | 'dmesg' | 'lsmod' | 'reset' | 'quit' | 'nothing' };

/** Requests of the session itself: the words behind the name, what they do, fewest and most of them. */
interface Request {
  readonly usage: string;
  readonly help: string;
  readonly words: readonly [number, number];
}

function request(usage: string, help: string, words: readonly [number, number]): Request {
  return { usage, help, words };
}

const REQUESTS = {
  as: request('PROCESS [COMMAND ...]', 'act as PROCESS from now on, or for one command', [1, 16]),
  maps: request('', '/proc/self/maps of the acting process', [0, 0]),
  dmesg: request('', 'the kernel log', [0, 0]),
  lsmod: request('', 'the loaded modules', [0, 0]),
  save: request('FILE', 'write the session as a YAML scenario with its results as expectations', [1, 1]),
  reset: request('', 'start over on a fresh machine', [0, 0]),
  help: request('[COMMAND]', 'this list, or one command', [0, 1]),
  quit: request('', 'leave (Ctrl-D does, too)', [0, 0]),
} as const;

/** A command that is a step: its words, and the op. */
interface StepCommand extends ShellCommand {
  readonly op: string;
}

const STEPS: Readonly<Record<string, StepCommand>> = Object.fromEntries(
  Object.entries(steps).flatMap(([op, { shell }]) =>
    Object.entries<ShellCommand>(shell).map(([name, command]) => [name, { ...command, op }]),
  ),
);

const COMMANDS: Readonly<Record<string, StepCommand | Request>> = { ...STEPS, ...REQUESTS };

function entryOf(name: string): StepCommand | Request {
  if (Object.hasOwn(COMMANDS, name)) return COMMANDS[name]!;
  throw new UsageError(`unknown command "${name}" (help lists them)`);
}

// --- lines ----------------------------------------------------------------------------------------------

/** The words of a line; `#` begins a comment. */
function wordsOf(line: string): string[] {
  const bare = line.replace(/(^|\s)#.*$/, '').trim();
  return bare === '' ? [] : bare.split(/\s+/);
}

/** A step must meet the schema; its words are then the mistake. */
function checked(name: string, fields: Fields, as: string): Step {
  const step = { as, ...fields } as unknown as Step;
  const [complaint] = diagnose({ name: 'shell', steps: [step] });
  if (complaint !== undefined)
    throw new UsageError(`${complaint.path.slice(2).join('.')}: ${complaint.message}`, name);
  return step;
}

function requested(name: string, words: readonly string[], context: CommandContext): Command {
  if (name === 'as') {
    const [process, ...rest] = words as [string, ...string[]];
    if (!/^p\d+$/.test(process)) throw new UsageError(`expected a process as p0, got "${process}"`, 'as');
    return rest.length === 0 ? { kind: 'as', process } : parseWords(rest, { ...context, as: process });
  }
  if (name === 'save') return { kind: 'save', file: words[0]! };
  if (name === 'help') return { kind: 'help', topic: words[0] };
  return { kind: name as 'maps' | 'dmesg' | 'lsmod' | 'reset' | 'quit' };
}

function parseWords([name, ...words]: readonly string[], context: CommandContext): Command {
  if (name === undefined) return { kind: 'nothing' };
  const entry = entryOf(name);
  const [fewest, most] = entry.words;
  if (words.length < fewest || words.length > most) {
    throw new UsageError(`expected ${`${name} ${entry.usage}`.trimEnd()}`);
  }
  if (!('op' in entry)) return requested(name, words, context);
  const fields = { op: entry.op, ...entry.fields(words, context) };
  return { kind: 'step', step: checked(name, fields, context.as) };
}

/** One line of the shell as a command. Throws UsageError with what was expected. */
export function parseCommand(line: string, context: CommandContext): Command {
  return parseWords(wordsOf(line), context);
}

const HELP_COLUMN = 26;

/** A command's form and what it does, on one line where the form is short. */
function helpOf(name: string, { usage, help }: Pick<Request, 'usage' | 'help'>): string[] {
  const form = `${name} ${usage}`.trimEnd();
  if (form.length < HELP_COLUMN) return [form.padEnd(HELP_COLUMN) + help];
  return [form, ' '.repeat(HELP_COLUMN) + help];
}

/** The help text, one line a command; or of one command. */
export function helpLines(topic?: string): string[] {
  if (topic === undefined) {
    const lines = Object.entries(COMMANDS).flatMap(([name, entry]) => helpOf(name, entry));
    return [...lines, 'RANGE is r0 (all of it), r0[2] (a page) or r0[1..3] (pages 1 to 3).'];
  }
  return helpOf(topic, entryOf(topic));
}

/** Tab completion: the candidates for the word under the cursor, and that word. */
export function complete(line: string, names: readonly string[]): [string[], string] {
  const words = line.trimStart().split(/\s+/);
  const word = words.at(-1) ?? '';
  const pool = words.length <= 1 ? Object.keys(COMMANDS) : [...names, ...choices(words[0]!)];
  return [pool.filter((candidate) => candidate.startsWith(word)), word];
}

const CHOICE = /^[a-z_]+$/;

/** The fixed words that a command's usage names (`none|r|w|rw`), and for `help` the commands. */
function choices(name: string): string[] {
  if (name === 'help') return Object.keys(COMMANDS);
  const entry = Object.hasOwn(COMMANDS, name) ? COMMANDS[name]! : undefined;
  if (entry === undefined) return [];
  return entry.usage.split(/[\s|[\]]+/).filter((word) => CHOICE.test(word));
}
