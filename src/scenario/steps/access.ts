// SPDX-License-Identifier: GPL-2.0-only
/** The CPU's own look at memory: stores, loads, /proc/self/pagemap. */
import { z } from 'zod';
import { u32At } from '../../sim/bytes.js';
import type { Task } from '../../sim/task.js';
import { O_RDONLY, PAGE_SIZE } from '../../uapi/mman.js';
import type { Sys } from '../../user/api.js';
import { type Actor, buffersOf, PAGEMAP_CHUNK } from '../actor.js';
import { retOf, type StepResult } from '../result.js';
import { spellPagemap } from '../spelling.js';
import {
  answeredBy,
  defineStep,
  nothingPlainer,
  plainNames,
  preferringSmallWord,
  type Range,
  rangeFields,
} from './contract.js';
import { expecting, loadedPage, named, range, stepSchema, storedPage, word } from './fields.js';
import { startOf } from './memory.js';
import { command, numberWord, rangeCommand, rangeWord } from './words.js';

const ACCESS = answeredBy('handle_mm_fault');

const storeSchema = stepSchema(
  'store',
  { ...range, word },
  expecting({ pages: z.array(storedPage).optional() }),
);

const store = defineStep(storeSchema, {
  *take(sys, _, step): Task<StepResult> {
    const start = startOf(step);
    const pages: string[] = [];
    for (let i = 0; i < step.pages; i++) {
      pages.push(yield* sys.tryStorePage(start + i * PAGE_SIZE, (step.word + i) >>> 0));
    }
    return { pages };
  },
  answers: () => ACCESS,
  concerns: 'access',
  maps: null,
  naming: plainNames,
  shell: {
    store: command('RANGE WORD', 'the CPU fills page i with WORD + i', [2, 2], ([r, first], context) => ({
      ...rangeWord(r!, context),
      word: numberWord(first!, 'a word'),
    })),
  },
  plainer: preferringSmallWord,
  draws: { store: { on: (where, making) => ({ ...where, word: making.word() }) } },
  c: {
    takers: ['store'],
    taker: () => 'store',
    fields: (step) => [...rangeFields(step), ['word', `${step.word}u`]],
    listed: ({ pages }) => pages,
  },
});

const loadSchema = stepSchema('load', range, expecting({ pages: z.array(loadedPage).optional() }));

const load = defineStep(loadSchema, {
  *take(sys, _, step): Task<StepResult> {
    const start = startOf(step);
    const pages: (number | string)[] = [];
    for (let i = 0; i < step.pages; i++) pages.push(yield* sys.tryLoadPage(start + i * PAGE_SIZE));
    return { pages };
  },
  answers: () => ACCESS,
  concerns: 'access',
  maps: null,
  naming: plainNames,
  shell: { load: rangeCommand('the CPU reads pages') },
  plainer: nothingPlainer,
  draws: { load: { on: (where) => where } },
  c: { takers: ['load'], taker: () => 'load', fields: rangeFields, listed: ({ pages }) => pages },
});

// --- pagemap ----------------------------------------------------------------------------------------------

const mapping = named(/^(\.|[PS]f?x?)$/, '"." or P or S, then f, then x');

function* takePagemap(sys: Sys, actor: Actor, step: Range): Task<StepResult> {
  actor.pagemapFd ??= yield* sys.open('/proc/self/pagemap', O_RDONLY);
  if (actor.pagemapFd < 0) return retOf(actor.pagemapFd);

  const buffer = (yield* buffersOf(sys, actor)).scratch + PAGE_SIZE;
  const first = startOf(step) / PAGE_SIZE;
  const map: string[] = [];
  for (let done = 0; done < step.pages; ) {
    const count = Math.min(step.pages - done, PAGEMAP_CHUNK);
    const bytes = yield* sys.pread(actor.pagemapFd, buffer, count * 8, (first + done) * 8);
    if (bytes <= 0) return retOf(bytes);
    const entries = yield* sys.loadBytes(buffer, bytes);
    for (let at = 4; at < bytes; at += 8) map.push(spellPagemap(u32At(entries, at)));
    done += bytes / 8;
  }
  return { map };
}

const pagemapSchema = stepSchema('pagemap', range, expecting({ map: z.array(mapping).optional() }));

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
