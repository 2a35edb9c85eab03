// SPDX-License-Identifier: GPL-2.0-only
/** The shell's one-line commands: text in, a step or a request of the session out. Nothing is executed here. */
import { parseDocument } from 'yaml';
import { formOf } from '../scenario/diagnose.js';
import { actorOf, checkWords, stepCommand, stepOfWords, threadOf, wordsOf } from '../scenario/line.js';
import { readStep } from '../scenario/read.js';
import { referenceLines } from '../scenario/reference.js';
import type { Step } from '../scenario/schema.js';
import { STEP_COMMANDS } from '../scenario/step-commands.js';
import type { Fields } from '../scenario/steps/contract.js';
import type { CommandContext } from '../scenario/steps/words.js';
import { UsageError } from '../sim/errors.js';
import { didYouMean } from '../sim/suggest.js';

export type Command =
  /** `written` is what a document would have for it. */
  | { readonly kind: 'step'; readonly step: Step; readonly written: unknown }
  | { readonly kind: 'as'; readonly process: string }
  | { readonly kind: 'save'; readonly file: string }
  | { readonly kind: 'load'; readonly file: string; readonly name: string | undefined }
  | { readonly kind: 'page'; readonly page: string }
  | { readonly kind: 'why'; readonly locks: boolean }
  | { readonly kind: 'help'; readonly topic: string | undefined }
  | { readonly kind: Plain };

type Plain = 'show' | 'undo' | 'maps' | 'dmesg' | 'lsmod' | 'reset' | 'quit' | 'nothing';

/** Requests of the session itself: the words behind the name, what they do, fewest and most of them. */
interface Request {
  readonly usage: string;
  readonly help: string;
  readonly words: readonly [number, number];
}

function request(usage: string, help: string, words: readonly [number, number]): Request {
  return { usage, help, words };
}

const REQUESTS: Readonly<Record<string, Request>> = {
  as: request('PROCESS [COMMAND ...]', 'act as PROCESS from now on, or for one command', [1, 16]),
  why: request(
    '[--locks]',
    'why the last step did what it did, page by page; with the locks where it slept',
    [0, 1],
  ),
  page: request('PAGE', 'follow a page (r0[0]) through all steps', [1, 1]),
  show: request('', 'draw all pages after every step', [0, 0]),
  undo: request('', 'take the last step back, also after an oops', [0, 0]),
  maps: request('', '/proc/self/maps of the acting process', [0, 0]),
  dmesg: request('', 'the kernel log', [0, 0]),
  lsmod: request('', 'the loaded modules', [0, 0]),
  save: request('FILE', 'write the session as a YAML scenario with its results as expectations', [1, 1]),
  load: request('FILE [NAME]', 'start over with the steps of a scenario document', [1, 64]),
  reset: request('', 'start over on a fresh machine', [0, 0]),
  help: request('[COMMAND]', 'this list, or all there is to say about one command', [0, 1]),
  quit: request('', 'leave (Ctrl-D does, too)', [0, 0]),
};

const REQUEST_NAMES = Object.keys(REQUESTS);
export const COMMAND_NAMES = [...new Set([...Object.keys(STEP_COMMANDS), ...REQUEST_NAMES])];

function requestNamed(word: string): string | undefined {
  return REQUEST_NAMES.find((name) => name === word.toLowerCase());
}

/** The usage of a command, whatever it is. */
export function usageOf(word: string): string | undefined {
  const name = requestNamed(word);
  return stepCommand(word)?.usage ?? (name === undefined ? undefined : REQUESTS[name]!.usage);
}

/** Words that stand behind a command, by that command. */
const OPERANDS: readonly (readonly [command: string, isWord: (word: string) => boolean])[] = [
  ['madvise', (word) => /^MADV_/i.test(word)],
  ['mprotect', (word) => /^PROT_/i.test(word)],
  ['mmap', (word) => /^MAP_/i.test(word)],
];

function unknown(word: string): UsageError {
  const of = OPERANDS.find(([, isWord]) => isWord(word))?.[0];
  if (of !== undefined) return new UsageError(`"${word}" is no command; expected ${of} ${usageOf(of)}`);
  return new UsageError(`unknown command "${word}"${didYouMean(word, COMMAND_NAMES)} (help lists them)`);
}

// --- lines ----------------------------------------------------------------------------------------------

/** A step must meet the schema; its words are then the mistake. */
function checked(name: string, fields: Fields, context: CommandContext, written: unknown): Command {
  const step = { as: context.as, ...fields } as unknown as Step;
  const [complaint] = formOf({ name: 'shell', steps: [step] });
  if (complaint === undefined) return { kind: 'step', step, written };
  throw new UsageError(`${complaint.path.slice(2).join('.')}: ${complaint.message}`, name);
}

function requested(name: string, words: readonly string[]): Command {
  switch (name) {
    case 'as':
      throw new UsageError(`expected a process as p0, got "${words[0]}"`, 'as');
    case 'save':
      return { kind: 'save', file: words[0]! };
    case 'load':
      return {
        kind: 'load',
        file: words[0]!,
        name: words.length === 1 ? undefined : words.slice(1).join(' '),
      };
    case 'page':
      return { kind: 'page', page: words[0]! };
    case 'why':
      if (words.length > 0 && words[0] !== '--locks')
        throw new UsageError(`expected --locks or nothing, got "${words[0]}"`, 'why');
      return { kind: 'why', locks: words.length > 0 };
    case 'help':
      return { kind: 'help', topic: words[0] };
    default:
      return { kind: name as Plain };
  }
}

const REGION = /^r\d/;

/** The CPU loads from regions, the session from files. */
function isRequest(name: string | undefined, [first]: readonly string[]): name is string {
  return name !== undefined && (name !== 'load' || (first !== undefined && !REGION.test(first)));
}

function parseWords(all: readonly string[], context: CommandContext): Command {
  const { as, rest } = actorOf(all);
  if (as !== undefined) {
    return rest.length === 0 ? { kind: 'as', process: as } : parseWords(rest, { ...context, as });
  }
  const { rest: own } = threadOf(all);
  const [word, ...words] = own;
  if (word === undefined) {
    if (all.length > 0) throw new UsageError(`expected a step that ${all[0]} takes`);
    return { kind: 'nothing' };
  }
  const name = requestNamed(word);
  if (isRequest(name, words)) {
    checkWords(name, words, REQUESTS[name]!);
    return requested(name, words);
  }
  if (stepCommand(word) === undefined) throw unknown(word);
  const line = all.join(' ');
  const written = context.as === 'p0' ? line : `as ${context.as} ${line}`;
  return checked(word, stepOfWords(all, context), context, written);
}

/** A step as documents have it: `{ op: load, region: r0 }`, or `- open d0 0: { ret: 0 }`. */
function parseYaml(line: string, context: CommandContext): Command {
  const parsed = parseDocument(line, { prettyErrors: false });
  const [error] = parsed.errors;
  if (error !== undefined) throw new UsageError(`expected a step as YAML: ${error.message}`);
  let value: unknown = parsed.toJS({ maxAliasCount: 0 });
  if (Array.isArray(value) && value.length === 1) value = value[0];
  if (typeof value !== 'object' && typeof value !== 'string') throw new UsageError('expected a step as YAML');
  const fields = readStep(value, context);
  const isMapping = typeof value === 'object' && value !== null && 'op' in value;
  const written = isMapping && context.as !== 'p0' ? { as: context.as, ...(value as Fields) } : value;
  return checked('step', fields, context, written);
}

/** One line of the shell as a command. Throws UsageError with what was expected. */
export function parseCommand(line: string, context: CommandContext): Command {
  if (/^\s*(\{|- )/.test(line)) return parseYaml(line.trim(), context);
  return parseWords(wordsOf(line), context);
}

// --- help -------------------------------------------------------------------------------------------------

const HELP_COLUMN = 26;

const COLUMNS = 120;

/** A form that is too long for a line, broken between its choices. */
function formLines(form: string): string[] {
  const lines: string[] = [];
  for (const choice of form.split(/(?<=\|)/)) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + choice.length <= COLUMNS) lines[lines.length - 1] = last + choice;
    else lines.push(lines.length === 0 ? choice : `  ${choice}`);
  }
  return lines;
}

/** A command's form and what it does, on one line where the form is short. */
function helpOf(name: string, { usage, help }: Pick<Request, 'usage' | 'help'>): string[] {
  const form = `${name} ${usage}`.trimEnd();
  if (form.length < HELP_COLUMN) return [form.padEnd(HELP_COLUMN) + help];
  return [...formLines(form), ' '.repeat(HELP_COLUMN) + help];
}

const NOTES = [
  'RANGE is r0 (all of it), r0[2] (a page) or r0[1..3] (pages 1 to 3). Names are those of the kernel, too, in any case:',
  'SNAPSHOT, MADV_DONTNEED, PROT_READ|PROT_WRITE. A step may be YAML: { op: load, region: r0 }.',
];

/** The help text, one line a command; or all about one command. */
export function helpLines(topic?: string, migrateHasDirection = false): string[] {
  const entries = [...Object.entries(STEP_COMMANDS), ...Object.entries(REQUESTS)];
  if (topic === undefined) return [...entries.flatMap(([name, entry]) => helpOf(name, entry)), ...NOTES];
  const name = requestNamed(topic);
  const step = stepCommand(topic);
  if (step === undefined && name === undefined) throw unknown(topic);
  return [
    ...(step === undefined ? [] : [...helpOf(step.name, step), ...referenceLines(step, migrateHasDirection)]),
    ...(name === undefined ? [] : helpOf(name, REQUESTS[name]!)),
  ];
}
