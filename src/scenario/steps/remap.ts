// SPDX-License-Identifier: GPL-2.0-only
/** mremap(): pages move to another place, or a mapping grows or shrinks where it is. */
import type { z } from 'zod';
import type { Task } from '../../sim/task.js';
import { HPAGE_PMD_NR, MREMAP_DONTUNMAP, MREMAP_FIXED, MREMAP_MAYMOVE, PAGE_SIZE } from '../../uapi/mman.js';
import type { Sys } from '../../user/api.js';
import { type Actor, addressOf } from '../actor.js';
import { retOf, type StepResult } from '../result.js';
import {
  answeredBy,
  type CField,
  defineStep,
  type Fields,
  type Making,
  nameNumber,
  type Range,
  rangeFields,
  smaller,
} from './contract.js';
import { expectRet, pages, place, range, stepSchema, yes } from './fields.js';
import { lengthOf, startOf } from './memory.js';
import { command, numberWord, placeWord, rangeWord } from './words.js';

const schema = stepSchema(
  'mremap',
  {
    ...range,
    to: place.optional(),
    /** The length that the mapping is to have, where it stays. */
    toPages: pages.optional(),
    /** MREMAP_DONTUNMAP. */
    dontunmap: yes.optional(),
  },
  expectRet,
)
  .refine((step) => (step.to === undefined) !== (step.toPages === undefined), {
    error: 'a place to move to, or toPages',
    path: ['to'],
  })
  .refine((step) => step.dontunmap === undefined || step.to !== undefined, {
    error: 'a place to move to, with dontunmap',
    path: ['dontunmap'],
  });

type MremapStep = z.infer<typeof schema>;

function* takeMremap(sys: Sys, _: Actor, step: MremapStep): Task<StepResult> {
  const length = lengthOf(step);
  if (step.to === undefined) {
    return retOf(yield* sys.mremap(startOf(step), length, step.toPages! * PAGE_SIZE, 0));
  }
  const flags = MREMAP_MAYMOVE | MREMAP_FIXED | (step.dontunmap ? MREMAP_DONTUNMAP : 0);
  return retOf(
    yield* sys.mremap(startOf(step), length, length, flags, addressOf(step.to.region, step.to.page)),
  );
}

/** What the step maps that was not mapped before. */
function mapsOf({ to, toPages, region, page, pages: count }: MremapStep): Range {
  if (to !== undefined) return { ...to, pages: count };
  return { region, page, pages: toPages! };
}

function drawMove(where: Range, making: Making): Fields {
  const { dice } = making;
  const region = dice.once(3) ? where.region : making.anyRegion();
  return { ...where, to: { region, page: dice.below(32) } };
}

/** Whole huge pages, to a place for them: what is smaller or lies askew keeps its small pages, and hugetlb refuses it. */
function drawWholeMove(where: Range, making: Making): Fields {
  const { dice } = making;
  const page = where.page - (where.page % HPAGE_PMD_NR);
  const pages = Math.ceil((where.page + where.pages - page) / HPAGE_PMD_NR) * HPAGE_PMD_NR;
  const region = dice.once(2) ? where.region : making.anyRegion();
  return { ...where, page, pages, to: { region, page: HPAGE_PMD_NR * dice.below(4) } };
}

/** Another length in place; mostly none or one page more than it is. */
function drawResize(where: Range, { dice }: Making): Fields {
  const change = dice.weighted({ same: 44, more: 32, less: 12, far: 12 });
  const by = { same: 0, more: 1, less: -1, far: dice.between(-3, 10) }[change];
  return { ...where, toPages: Math.max(0, where.pages + by) };
}

const mremap = defineStep(schema, {
  take: takeMremap,
  answers: () => answeredBy('mremap_to', 'EINVAL', 'EFAULT', 'ENOMEM', 'EAGAIN'),
  concerns: 'mapping',
  maps: mapsOf,
  leaves: ({ dontunmap }) => dontunmap === true,
  naming: { regions: [['to', 'region']] },
  shell: {
    mremap: command(
      'RANGE PLACE|PAGES [dontunmap]',
      'move pages to a place (r1, r1[2]), or give what is mapped there another length',
      [2, 3],
      ([r, to, last], context) => ({
        ...rangeWord(r!, context),
        ...(/^\d/.test(to!) ? { toPages: numberWord(to!, 'a number of pages') } : { to: placeWord(to!) }),
        ...(last === undefined ? {} : { dontunmap: last === 'dontunmap' ? true : last }),
      }),
    ),
  },
  *plainer({ to, dontunmap }) {
    if (dontunmap) yield { dontunmap: undefined };
    if (to === undefined) return;
    for (const lower of smaller(to.page, 0)) yield { to: { ...to, page: lower } };
  },
  draws: {
    mremap: { on: drawMove },
    move_whole: { on: drawWholeMove },
    dontunmap: { on: (where, making) => ({ ...drawMove(where, making), dontunmap: true }) },
    resize: { on: drawResize },
  },
  c: {
    takers: ['mremap', 'mremap_in_place'],
    taker: ({ to }) => (to === undefined ? 'mremap_in_place' : 'mremap'),
    fields(step): CField[] {
      if (step.to === undefined) return [...rangeFields(step), ['npages', step.toPages!]];
      return [
        ...rangeFields(step),
        ['to', `AT(${nameNumber(step.to.region)}, ${step.to.page})`],
        ['flags', step.dontunmap ? 'MREMAP_DONTUNMAP' : 0],
      ];
    },
    listed: () => 0,
  },
});

export const remap = { mremap };
