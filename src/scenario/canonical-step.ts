// SPDX-License-Identifier: GPL-2.0-only
/**
 * A step as people write it, made into one of the schema: names of the kernel, what the shell leaves out, ranges as
 * r0[0..3]. What makes no sense stays as it is, for the schema to refuse.
 */
import { choicesOf, fieldsOf, isOptional } from './shape.js';
import { STEP_COMMANDS } from './step-commands.js';
import type { Fields } from './steps/contract.js';
import { type Op, steps } from './steps/index.js';
import { DEFAULTS, VALUES } from './steps/kernel-names.js';
import { chosenName, commandNamed, mapFlags, protectionNamed } from './steps/spelled.js';
import { type CommandContext, deviceWord, placeWord, rangeWord } from './steps/words.js';

const OPS = Object.keys(steps);
const COMMAND_NAMES = Object.keys(STEP_COMMANDS);

/** The op, by the name of its command, or by its own in any case: READ is an ioctl. */
function withOp(step: Fields): Fields {
  const { op } = step;
  if (typeof op !== 'string') return step;
  // read and write are system calls; with an fd of a device, its commands.
  if (Object.hasOwn(steps, op) && (step.fd === undefined || 'fd' in fieldsOf(step))) return step;
  const name = commandNamed(op, COMMAND_NAMES);
  if (name === undefined) {
    const own = chosenName('op', op, OPS);
    return own === undefined ? step : { ...step, op: own };
  }
  const command = STEP_COMMANDS[name]!;
  const cmd = chosenName('cmd', name, choicesOf(command.op, 'cmd'));
  return { ...step, op: command.op, ...(cmd === undefined ? {} : { cmd }) };
}

/** Values that have names, one field after the other. */
function withNames(step: Fields): Fields {
  const named: Record<string, unknown> = { ...step };
  for (const field of Object.keys(VALUES)) {
    const value = step[field];
    if (typeof value !== 'string') continue;
    const name = chosenName(field, value, choicesOf(step.op as Op, field));
    if (name !== undefined) named[field] = name;
  }
  if (typeof step.prot === 'string') named.prot = protectionNamed(step.prot) ?? step.prot;
  if (typeof step.device === 'string') named.device = read(step.device, deviceWord);
  return named;
}

/** `flags`, or `share` with flags in it, as mmap() has them. */
function withFlags(step: Fields): Fields {
  if (step.op !== 'mmap') return step;
  const { flags, ...bare } = step;
  const text = flags ?? (typeof step.share === 'string' && step.share.includes('|') ? step.share : undefined);
  const fields = typeof text === 'string' ? mapFlags(text) : undefined;
  return fields === undefined ? step : { ...bare, ...fields };
}

function withDefaults(step: Fields): Fields {
  return { ...DEFAULTS[step.op as string], ...DEFAULTS[String(step.cmd)], ...step };
}

/** What the word means; the word itself where it means nothing. */
function read<T>(word: string, as: (word: string) => T): T | string {
  try {
    return as(word);
  } catch {
    return word;
  }
}

/** r0[0..3] as a region with its pages, r1[2] as a place. */
function withWords(step: Fields, context: CommandContext): Fields {
  const words: Record<string, unknown> = { ...step };
  for (const key of ['to', 'buffer']) {
    const value = step[key];
    if (typeof value === 'string') words[key] = read(value, placeWord);
  }
  const { region } = step;
  if (typeof region !== 'string' || !region.includes('[')) return words;
  const range = read(region, (word) => rangeWord(word, context));
  return typeof range === 'string' ? words : { ...words, ...range };
}

/** A step about pages that names none is about all of the region; one that names a first page, about that. */
function withPages(step: Fields, context: CommandContext): Fields {
  const { region, page, pages } = step;
  const fields = fieldsOf(step);
  if (typeof region !== 'string' || fields.page === undefined || isOptional(fields.page)) return step;
  if (pages !== undefined) return page === undefined ? { ...step, page: 0 } : step;
  const all = page === undefined ? context.pagesOf(region) : 1;
  return all === undefined ? step : { ...step, page: page ?? 0, pages: all };
}

/** Kernel people write errnos with a sign. */
function withResult(step: Fields): Fields {
  const { expect } = step;
  const ret = (expect as Fields | null | undefined)?.ret;
  if (typeof ret !== 'string' || !ret.startsWith('-E')) return step;
  return { ...step, expect: { ...(expect as Fields), ret: ret.slice(1) } };
}

export function canonicalStep(written: Fields, context: CommandContext): Fields {
  const step = withOp(written);
  if (typeof step.op !== 'string' || !Object.hasOwn(steps, step.op)) return step;
  const named = withDefaults(withNames(withFlags(step)));
  return withResult(withPages(withWords(named, context), context));
}
