// SPDX-License-Identifier: GPL-2.0-only
/** The shell's one-line commands: text in, a step or a request of the session out. Nothing is executed here. */

import { diagnose } from '../scenario/diagnose.js';
import { ADVICE, GUP_KINDS, type Step } from '../scenario/schema.js';
import { UsageError } from '../sim/errors.js';

/** What words on a line mean depends on this much of the session. */
export interface CommandContext {
  /** The process that acts. */
  readonly as: string;
  /** Pages that the region was mapped with, or undefined. */
  pagesOf(region: string): number | undefined;
  /** v5-generic: one MIGRATE whose struct says which way. */
  readonly migrateHasDirection: boolean;
}

export type Command =
  | { readonly kind: 'step'; readonly step: Step }
  | { readonly kind: 'as'; readonly process: string }
  | { readonly kind: 'save'; readonly file: string }
  | { readonly kind: 'help'; readonly topic: string | undefined }
  | { readonly kind: 'maps' | 'dmesg' | 'lsmod' | 'reset' | 'quit' | 'nothing' };

type Fields = Record<string, unknown>;

interface Entry {
  /** The words behind the name. */
  readonly usage: string;
  readonly help: string;
  /** Fewest and most words. */
  readonly words: readonly [number, number];
  /** The step's fields, `op` included. */
  readonly fields?: (words: readonly string[], context: CommandContext) => Fields;
}

// --- words ----------------------------------------------------------------------------------------------

function number(word: string, what: string): number {
  const value = /^(0x[0-9a-fA-F]+|\d+)$/.test(word) ? Number(word) : Number.NaN;
  if (!Number.isSafeInteger(value)) throw new UsageError(`expected ${what}, got "${word}"`);
  return value;
}

const RANGE = /^(r\d+)(?:\[(\w*)(\.\.(\w*))?\])?$/;

/** `r0` (all of it), `r0[3]` (a page), `r0[1..3]` (pages 1 and 2), `r0[1..]`, `r0[..3]`. */
function range(word: string, context: CommandContext): { region: string; page: number; pages: number } {
  const match = RANGE.exec(word);
  const [, region, first = '', dots, last = ''] = match ?? [];
  if (region === undefined) throw new UsageError(`expected a range as r0, r0[2] or r0[1..3], got "${word}"`);
  const page = first === '' ? 0 : number(first, 'a page number');
  if (dots === undefined && first !== '') return { region, page, pages: 1 };

  const end = last === '' ? context.pagesOf(region) : number(last, 'a page number');
  if (end === undefined) throw new UsageError(`${region} is not mapped: say which pages, as ${region}[0..4]`);
  if (end < page) throw new UsageError(`expected a range that ends after its start, got "${word}"`);
  return { region, page, pages: end - page };
}

/** `r1[3]` or `r1`: one place. */
function place(word: string): { region: string; page: number } {
  const match = /^(r\d+)(?:\[(\w+)\])?$/.exec(word);
  if (match === null) throw new UsageError(`expected a place as r1 or r1[2], got "${word}"`);
  return { region: match[1]!, page: match[2] === undefined ? 0 : number(match[2], 'a page number') };
}

const isProt = (word: string): boolean => /^(none|r|w|rw)$/.test(word);

/** The words behind `mmap r0 PAGES`, in any order: protection, sharing, backing, a device's fd. */
function mapping(words: readonly string[]): Fields {
  const fields: Fields = { prot: 'rw', share: 'private', backing: 'anon' };
  for (const word of words) {
    if (isProt(word)) fields.prot = word;
    else if (word === 'private' || word === 'shared') fields.share = word;
    else if (/^d\d+$/.test(word)) fields.fd = word;
    else fields.backing = word;
  }
  // Keys in the order of recordings.
  const { fd, ...rest } = fields;
  return fd === undefined ? rest : { ...rest, fd };
}

// --- the table ------------------------------------------------------------------------------------------

function onRange(op: string, help: string): Entry {
  return { usage: 'RANGE', help, words: [1, 1], fields: ([r], context) => ({ op, ...range(r!, context) }) };
}

function ioctl(cmd: string, help: string): Entry {
  return {
    usage: 'FD RANGE',
    help,
    words: [2, 2],
    fields: ([fd, r], context) => ({ op: 'ioctl', cmd, fd, ...range(r!, context) }),
  };
}

function migrate(toDevice: boolean, help: string): Entry {
  return {
    usage: 'FD RANGE',
    help,
    words: [2, 2],
    fields([fd, r], context) {
      const where = range(r!, context);
      if (context.migrateHasDirection) return { op: 'ioctl', cmd: 'MIGRATE', fd, ...where, toDevice };
      return { op: 'ioctl', cmd: toDevice ? 'MIGRATE_TO_DEV' : 'MIGRATE_TO_SYS', fd, ...where };
    },
  };
}

/** A command on the device as a whole. */
function ofDevice(cmd: string, help: string): Entry {
  return { usage: 'FD', help, words: [1, 1], fields: ([fd]) => ({ op: 'ioctl', cmd, fd }) };
}

function plain(usage: string, help: string, words: readonly [number, number]): Entry {
  return { usage, help, words };
}

export const COMMANDS: Readonly<Record<string, Entry>> = {
  open: {
    usage: 'FD MINOR',
    help: 'open /dev/hmm_dmirrorMINOR under the name FD (d0, d1 ...)',
    words: [2, 2],
    fields: ([fd, minor]) => ({ op: 'open', fd, device: number(minor!, 'a minor number') }),
  },
  close: { usage: 'FD', help: 'close it', words: [1, 1], fields: ([fd]) => ({ op: 'close', fd }) },
  mmap: {
    usage: 'REGION PAGES [none|r|w|rw] [private|shared] [anon|hugetlb|file|device FD]',
    help: 'map a region (r0, r1 ...); rw private anon unless told',
    words: [2, 6],
    fields: ([region, pages, ...rest]) => ({
      op: 'mmap',
      region,
      pages: number(pages!, 'a number of pages'),
      ...mapping(rest),
    }),
  },
  munmap: onRange('munmap', 'unmap pages'),
  mprotect: {
    usage: 'RANGE none|r|w|rw',
    help: 'change protection',
    words: [2, 2],
    fields: ([r, prot], context) => ({ op: 'mprotect', ...range(r!, context), prot }),
  },
  madvise: {
    usage: `RANGE ${ADVICE.join('|')}`,
    help: 'give advice about pages',
    words: [2, 2],
    fields: ([r, advice], context) => ({ op: 'madvise', ...range(r!, context), advice }),
  },
  mremap: {
    usage: 'RANGE PLACE',
    help: 'move pages to a place (r1, r1[2])',
    words: [2, 2],
    fields: ([r, to], context) => ({ op: 'mremap', ...range(r!, context), to: place(to!) }),
  },
  mlock: onRange('mlock', 'lock pages in memory'),
  munlock: onRange('munlock', 'unlock them'),
  store: {
    usage: 'RANGE WORD',
    help: 'the CPU fills page i with WORD + i',
    words: [2, 2],
    fields: ([r, word], context) => ({ op: 'store', ...range(r!, context), word: number(word!, 'a word') }),
  },
  load: onRange('load', 'the CPU reads pages'),
  pagemap: onRange('pagemap', '/proc/self/pagemap: P present, S swap-type, f file or shared, x exclusive'),
  read: ioctl('READ', 'the device reads pages'),
  write: {
    usage: 'FD RANGE WORD',
    help: 'the device fills page i with WORD + i',
    words: [3, 3],
    fields: ([fd, r, word], context) => ({
      op: 'ioctl',
      cmd: 'WRITE',
      fd,
      ...range(r!, context),
      word: number(word!, 'a word'),
    }),
  },
  migrate_to_dev: migrate(true, 'migrate pages to the device'),
  migrate_to_sys: migrate(false, 'migrate pages back to system memory'),
  snapshot: ioctl('SNAPSHOT', 'what the device sees of pages, without faults'),
  exclusive: ioctl('EXCLUSIVE', 'give the device exclusive access'),
  check_exclusive: ioctl('CHECK_EXCLUSIVE', 'is the access exclusive still?'),
  release: ofDevice('RELEASE', 'take the memory of the device away (6.x)'),
  get_mem_dev_type: ofDevice('GET_MEM_DEV_TYPE', 'which memory the device has (v4-coherent, v5-generic)'),
  ioctl_raw: {
    usage: 'FD NR REGION OFFSET NPAGES',
    help: 'an ioctl by number, on REGION + OFFSET bytes, with any 64-bit npages',
    words: [5, 5],
    fields: ([fd, nr, region, offset, npages]) => ({
      op: 'ioctl_raw',
      fd,
      nr: number(nr!, 'an ioctl number'),
      region,
      offset: number(offset!, 'a byte offset'),
      npages,
    }),
  },
  gup: {
    usage: `RANGE ${GUP_KINDS.join('|')}`,
    help: 'get_user_pages through gup_test, and put them',
    words: [2, 2],
    fields: ([r, kind], context) => ({ op: 'gup', ...range(r!, context), kind }),
  },
  pin: {
    usage: 'RANGE [write]',
    help: 'pin pages for long, until unpin',
    words: [1, 2],
    fields([r, write], context) {
      if (write !== undefined && write !== 'write') throw new UsageError(`expected "write", got "${write}"`);
      return { op: 'pin', ...range(r!, context), write: write !== undefined };
    },
  },
  unpin: { usage: '', help: 'drop that pin', words: [0, 0], fields: () => ({ op: 'unpin' }) },
  fork: {
    usage: 'PROCESS',
    help: 'fork the acting process; the child is PROCESS (p1, p2 ...)',
    words: [1, 1],
    fields: ([child]) => ({ op: 'fork', child }),
  },
  exit: { usage: '', help: 'SIGKILL the acting process', words: [0, 0], fields: () => ({ op: 'exit' }) },
  as: plain('PROCESS [COMMAND ...]', 'act as PROCESS from now on, or for one command', [1, 16]),
  maps: plain('', '/proc/self/maps of the acting process', [0, 0]),
  dmesg: plain('', 'the kernel log', [0, 0]),
  lsmod: plain('', 'the loaded modules', [0, 0]),
  save: plain('FILE', 'write the session as a YAML scenario with its results as expectations', [1, 1]),
  reset: plain('', 'start over on a fresh machine', [0, 0]),
  help: plain('[COMMAND]', 'this list, or one command', [0, 1]),
  quit: plain('', 'leave (Ctrl-D does, too)', [0, 0]),
};

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

function request(name: string, words: readonly string[], context: CommandContext): Command {
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
  const entry = Object.hasOwn(COMMANDS, name) ? COMMANDS[name]! : undefined;
  if (entry === undefined) throw new UsageError(`unknown command "${name}" (help lists them)`);
  const [fewest, most] = entry.words;
  if (words.length < fewest || words.length > most) {
    throw new UsageError(`expected ${`${name} ${entry.usage}`.trimEnd()}`);
  }
  if (entry.fields === undefined) return request(name, words, context);
  return { kind: 'step', step: checked(name, entry.fields(words, context), context.as) };
}

/** One line of the shell as a command. Throws UsageError with what was expected. */
export function parseCommand(line: string, context: CommandContext): Command {
  return parseWords(wordsOf(line), context);
}

const HELP_COLUMN = 26;

/** A command's form and what it does, on one line where the form is short. */
function helpOf(name: string, { usage, help }: Entry): string[] {
  const form = `${name} ${usage}`.trimEnd();
  if (form.length < HELP_COLUMN) return [form.padEnd(HELP_COLUMN) + help];
  return [form, ' '.repeat(HELP_COLUMN) + help];
}

/** The help text, one line a command; or of one command. */
export function helpLines(topic?: string): string[] {
  if (topic === undefined) {
    const lines = Object.entries(COMMANDS).flatMap(([name, entry]) => helpOf(name, entry));
    return [...lines, 'RANGE is r0 (all of it), r0[2] (a page) or r0[1..3] (pages 1 and 2).'];
  }
  const entry = Object.hasOwn(COMMANDS, topic) ? COMMANDS[topic]! : undefined;
  if (entry === undefined) throw new UsageError(`unknown command "${topic}" (help lists them)`);
  return helpOf(topic, entry);
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
