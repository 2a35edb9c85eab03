// SPDX-License-Identifier: GPL-2.0-only
/** Words of the shell as fields of steps. Throws UsageError with what was expected. */
import { UsageError } from '../../sim/errors.js';
import type { Fields, Range } from './contract.js';

/** What words on a line mean depends on this much of the session. */
export interface CommandContext {
  /** The process that acts. */
  readonly as: string;
  /** Pages that the region was mapped with, or undefined. */
  pagesOf(region: string): number | undefined;
  /** v5-generic: one MIGRATE whose struct says which way. */
  readonly migrateHasDirection: boolean;
}

export interface ShellCommand {
  /** The words behind the name. */
  readonly usage: string;
  readonly help: string;
  /** Fewest and most words. */
  readonly words: readonly [number, number];
  /** The step's fields, without `op`. */
  readonly fields: (words: readonly string[], context: CommandContext) => Fields;
}

export function numberWord(word: string, what: string): number {
  const value = /^(0x[0-9a-fA-F]+|\d+)$/.test(word) ? Number(word) : Number.NaN;
  if (!Number.isSafeInteger(value)) throw new UsageError(`expected ${what}, got "${word}"`);
  return value;
}

/** The minor number of a device by its name, or by the number itself; undefined for anything else. */
function deviceNumber(word: string): number | undefined {
  const minor = /^(?:(?:\/dev\/)?hmm_dmirror)?(0x[0-9a-f]+|\d+)$/i.exec(word)?.[1];
  return minor === undefined ? undefined : Number(minor);
}

/** The minor number, or the name of another driver's device file. */
export function deviceWord(word: string): number | string {
  const name = /^(?:\/dev\/)?([a-z][\w.-]*(?:\/[a-zA-Z][\w-]*)?)$/.exec(word)?.[1];
  if (name !== undefined && !name.startsWith('hmm_dmirror')) return name;
  return deviceNumber(word) ?? numberWord(word, 'a minor number, or a device');
}

const RANGE = /^(r\d+)(?:\[(?:(\w+)\.\.\)|(\w*)(\.\.(\w*))?\]))?$/;

/** `r0` (all of it), `r0[3]` (a page), `r0[1..3]` (pages 1 to 3), `r0[1..]`, `r0[..3]`, `r0[1..)` (no page at all). */
export function rangeWord(word: string, context: CommandContext): Range {
  const match = RANGE.exec(word);
  const [, region, empty, first = '', dots, last = ''] = match ?? [];
  if (region === undefined) throw new UsageError(`expected a range as r0, r0[2] or r0[1..3], got "${word}"`);
  if (empty !== undefined) return { region, page: numberWord(empty, 'a page number'), pages: 0 };
  const page = first === '' ? 0 : numberWord(first, 'a page number');
  if (dots === undefined && first !== '') return { region, page, pages: 1 };

  const end = last === '' ? context.pagesOf(region) : numberWord(last, 'a page number') + 1;
  if (end === undefined) throw new UsageError(`${region} is not mapped: say which pages, as ${region}[0..3]`);
  if (end <= page) throw new UsageError(`expected a range that does not end before its start, got "${word}"`);
  return { region, page, pages: end - page };
}

/** `r1[3]` or `r1`: one place. */
export function placeWord(word: string): { region: string; page: number } {
  const match = /^(r\d+)(?:\[(\w+)\])?$/.exec(word);
  if (match === null) throw new UsageError(`expected a place as r1 or r1[2], got "${word}"`);
  return { region: match[1]!, page: match[2] === undefined ? 0 : numberWord(match[2], 'a page number') };
}

/** `RANGE WORD`: pages, and the word that fills them. */
export function rangeAndWord(range: string, word: string, context: CommandContext): Fields {
  return { ...rangeWord(range, context), word: numberWord(word, 'a word') };
}

export function command(
  usage: string,
  help: string,
  words: readonly [number, number],
  fields: ShellCommand['fields'],
): ShellCommand {
  return { usage, help, words, fields };
}

/** A command that is about a range, and no more. */
export function rangeCommand(help: string): ShellCommand {
  return command('RANGE', help, [1, 1], ([r], context) => rangeWord(r!, context));
}

/** `truncate r0 1 background`. */
export const backgroundWord = (word: string | undefined): Fields => {
  if (word === undefined) return {};
  if (word !== 'background') throw new UsageError(`expected "background", got "${word}"`);
  return { background: true };
};
