// SPDX-License-Identifier: GPL-2.0-only
/** The CPU's own look at memory: stores, loads, /proc/self/pagemap. */
import type { z } from 'zod';
import { u32At } from '../../sim/bytes.js';
import { WORDS_PER_PAGE } from '../../sim/contents.js';
import type { Task } from '../../sim/task.js';
import { O_RDONLY, PAGE_SIZE } from '../../uapi/mman.js';
import type { Sys } from '../../user/api.js';
import { type Actor, buffersOf, PAGEMAP_CHUNK } from '../actor.js';
import { retOf, type StepResult } from '../result.js';
import { spellPagemap } from '../spelling.js';
import {
  answeredBy,
  type CField,
  defineStep,
  type Fields,
  nothingPlainer,
  plainNames,
  preferringSmallWord,
  type Range,
  rangeFields,
} from './contract.js';
import {
  eachPage,
  expecting,
  expectLoaded,
  expectStored,
  inThread,
  integer,
  MAX_PAGES,
  named,
  range,
  stepSchema,
  word,
} from './fields.js';
import { startOf } from './memory.js';
import { command, numberWord, rangeAndWord, rangeCommand, rangeWord } from './words.js';

const ACCESS = answeredBy('handle_mm_fault');

// --- which words ------------------------------------------------------------------------------------------

const signed = integer(-0x80000000, 0x7fffffff, 'a 32-bit difference');

/** Which words of the range, and what they are. */
const wordwise = {
  step: signed.optional(),
  offset: integer(0, WORDS_PER_PAGE - 1, 'a word of a page from 0 to 1023').optional(),
  words: integer(1, MAX_PAGES, 'a number of words').optional(),
};

interface Wordwise extends Range {
  readonly step?: number | undefined;
  readonly offset?: number | undefined;
  readonly words?: number | undefined;
}

/** Words of one page, the first being the index-th that the step accesses. */
interface Span {
  readonly addr: number;
  readonly count: number;
  readonly index: number;
}

/** Does the step say which words, or what each of them is? Otherwise each page is of one word. */
const isWordwise = ({ step, offset, words }: Wordwise): boolean =>
  step !== undefined || offset !== undefined || words !== undefined;

function* spansOf(step: Wordwise): Iterable<Span> {
  const { offset = 0, words = step.pages * WORDS_PER_PAGE - offset } = step;
  const start = startOf(step);
  const end = Math.min(offset + words, step.pages * WORDS_PER_PAGE);
  for (let at = offset; at < end; ) {
    const count = Math.min(WORDS_PER_PAGE - (at % WORDS_PER_PAGE), end - at);
    yield { addr: start + at * 4, count, index: at - offset };
    at += count;
  }
}

/** Whole pages instead, each of one word. */
function* plainerWords(step: Wordwise): Iterable<Fields> {
  if (isWordwise(step)) yield { step: undefined, offset: undefined, words: undefined };
}

function wordFields(step: Wordwise): CField[] {
  const { offset = 0, words = step.pages * WORDS_PER_PAGE - offset } = step;
  return [
    ['first', offset],
    ['words', Math.max(0, Math.min(words, step.pages * WORDS_PER_PAGE - offset))],
    ['increment', `(uint32_t)${step.step ?? 0}`],
  ];
}

// --- store ------------------------------------------------------------------------------------------------

const storeSchema = stepSchema('store', { ...range, word, ...wordwise, ...inThread }, expectStored);

type StoreStep = z.infer<typeof storeSchema>;

function* takeStore(sys: Sys, _: Actor, step: StoreStep): Task<StepResult> {
  const pages: string[] = [];
  if (isWordwise(step)) {
    const { word: first, step: each = 0 } = step;
    for (const { addr, count, index } of spansOf(step)) {
      pages.push(yield* sys.tryStoreWords(addr, count, (first + index * each) >>> 0, each));
    }
    return { pages };
  }
  const start = startOf(step);
  for (let i = 0; i < step.pages; i++) {
    pages.push(yield* sys.tryStorePage(start + i * PAGE_SIZE, (step.word + i) >>> 0));
  }
  return { pages };
}

const store = defineStep(storeSchema, {
  take: takeStore,
  answers: () => ACCESS,
  concerns: 'access',
  maps: null,
  naming: plainNames,
  shell: {
    store: command(
      'RANGE WORD [STEP]',
      'the CPU fills page i with WORD + i; with STEP, word i with WORD + i * STEP',
      [2, 3],
      ([r, first, step], context) => ({
        ...rangeAndWord(r!, first!, context),
        ...(step === undefined ? {} : { step: numberWord(step, 'a difference') }),
      }),
    ),
  },
  *plainer(step) {
    yield* preferringSmallWord(step);
    yield* plainerWords(step);
  },
  draws: { store: { on: (where, making) => ({ ...where, word: making.word() }) } },
  c: {
    takers: ['store', 'store_words'],
    taker: (step) => (isWordwise(step) ? 'store_words' : 'store'),
    fields: (step) => [
      ...rangeFields(step),
      ['word', `${step.word}u`],
      ...(isWordwise(step) ? wordFields(step) : []),
    ],
    listed: ({ pages }) => pages,
  },
});

// --- load -------------------------------------------------------------------------------------------------

const loadSchema = stepSchema(
  'load',
  { ...range, word: word.optional(), ...wordwise, add: signed.optional(), ...inThread },
  expectLoaded,
);

type LoadStep = z.infer<typeof loadSchema>;

const isPlainLoad = (step: LoadStep): boolean =>
  !isWordwise(step) && step.word === undefined && step.add === undefined;

function* takeLoad(sys: Sys, _: Actor, step: LoadStep): Task<StepResult> {
  const pages: (number | string)[] = [];
  if (isPlainLoad(step)) {
    const start = startOf(step);
    for (let i = 0; i < step.pages; i++) pages.push(yield* sys.tryLoadPage(start + i * PAGE_SIZE));
    return { pages };
  }
  const { word: first, step: each = 0, add } = step;
  for (const { addr, count, index } of spansOf(step)) {
    const seen =
      first === undefined
        ? yield* sys.tryLoadWords(addr, count)
        : yield* sys.tryCheckWords(addr, count, (first + index * each) >>> 0, each);
    const stored = add === undefined || isSignal(seen) ? 'ok' : yield* sys.tryAddWords(addr, count, add);
    pages.push(stored === 'ok' ? seen : stored);
  }
  return { pages };
}

const isSignal = (seen: number | string): boolean => typeof seen === 'string' && seen.startsWith('SIG');

const load = defineStep(loadSchema, {
  take: takeLoad,
  answers: () => ACCESS,
  concerns: 'access',
  maps: null,
  naming: plainNames,
  shell: {
    load: command(
      'RANGE [WORD STEP]',
      'the CPU reads pages; with WORD and STEP, "ok" where word i is WORD + i * STEP',
      [1, 3],
      ([r, first, step], context) => ({
        ...rangeWord(r!, context),
        ...(first === undefined ? {} : { word: numberWord(first, 'a word') }),
        ...(step === undefined ? {} : { step: numberWord(step, 'a difference') }),
      }),
    ),
  },
  *plainer(step) {
    yield* plainerWords(step);
    if (step.add !== undefined) yield { add: undefined };
  },
  draws: { load: { on: (where) => where } },
  c: {
    takers: ['load', 'load_words'],
    taker: (step) => (isPlainLoad(step) ? 'load' : 'load_words'),
    fields(step) {
      if (isPlainLoad(step)) return rangeFields(step);
      const { word: first, add = 0 } = step;
      return [
        ...rangeFields(step),
        ...wordFields(step),
        ['compare', first === undefined ? 0 : 'true'],
        ['word', `${first ?? 0}u`],
        ['add', `(uint32_t)${add}`],
      ];
    },
    listed: ({ pages }) => pages,
  },
});

// --- pagemap ----------------------------------------------------------------------------------------------

const MAPPING = '"." or P or S, then f, then x';
const mapping = named(/^(\.|[PS]f?x?)$/, MAPPING);

/** Entries of a range, 8 bytes each, as they are read. Return: or what read() answered in place of some. */
export function* pagemapEntries(sys: Sys, actor: Actor, step: Range): Task<readonly Uint8Array[] | number> {
  actor.pagemapFd ??= yield* sys.open('/proc/self/pagemap', O_RDONLY);
  if (actor.pagemapFd < 0) return actor.pagemapFd;

  const buffer = (yield* buffersOf(sys, actor)).scratch + PAGE_SIZE;
  const first = startOf(step) / PAGE_SIZE;
  const parts: Uint8Array[] = [];
  for (let done = 0; done < step.pages; ) {
    const count = Math.min(step.pages - done, PAGEMAP_CHUNK);
    const bytes = yield* sys.pread(actor.pagemapFd, buffer, count * 8, (first + done) * 8);
    if (bytes <= 0) return bytes;
    parts.push(yield* sys.loadBytes(buffer, bytes));
    done += bytes / 8;
  }
  return parts;
}

function* takePagemap(sys: Sys, actor: Actor, step: Range): Task<StepResult> {
  const parts = yield* pagemapEntries(sys, actor, step);
  if (typeof parts === 'number') return retOf(parts);
  const map: string[] = [];
  for (const entries of parts)
    for (let at = 4; at < entries.length; at += 8) map.push(spellPagemap(u32At(entries, at)));
  return { map };
}

const pagemapSchema = stepSchema('pagemap', range, expecting({ map: eachPage(mapping, MAPPING).optional() }));

const pagemap = defineStep(pagemapSchema, {
  take: takePagemap,
  answers: () => answeredBy('pagemap_read', 'EFAULT', 'ENOMEM'),
  concerns: 'call',
  maps: null,
  naming: plainNames,
  shell: {
    pagemap: rangeCommand('/proc/self/pagemap: P present, S swap-type, f file or shared, x exclusive'),
  },
  plainer: nothingPlainer,
  draws: { pagemap: { on: (where) => where } },
  c: { takers: ['pagemap'], taker: () => 'pagemap', fields: rangeFields, listed: ({ pages }) => pages },
});

export const access = { store, load, pagemap };
