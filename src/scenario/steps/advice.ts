// SPDX-License-Identifier: GPL-2.0-only
/** madvise(), with every advice that documents know. */
import { z } from 'zod';
import type { Task } from '../../sim/task.js';
import {
  MADV_COLD,
  MADV_COLLAPSE,
  MADV_DONTFORK,
  MADV_DONTNEED,
  MADV_DONTNEED_LOCKED,
  MADV_FREE,
  MADV_GUARD_INSTALL,
  MADV_GUARD_REMOVE,
  MADV_HUGEPAGE,
  MADV_HWPOISON,
  MADV_NOHUGEPAGE,
  MADV_PAGEOUT,
  MADV_POPULATE_READ,
  MADV_POPULATE_WRITE,
  MADV_REMOVE,
  MADV_SOFT_OFFLINE,
  MADV_WILLNEED,
  MADV_WIPEONFORK,
} from '../../uapi/mman.js';
import { retOf, type StepResult } from '../result.js';
import {
  answeredBy,
  type Drawing,
  defineStep,
  type KernelFunction,
  nothingPlainer,
  plainNames,
  rangeFields,
} from './contract.js';
import { expectRet, inThread, range, stepSchema } from './fields.js';
import { lengthOf, startOf } from './memory.js';
import { command, rangeWord } from './words.js';

interface Advice {
  readonly value: number;
  readonly answers: KernelFunction;
}

const BEHAVIOUR = answeredBy('madvise_vma_behavior', 'EINVAL', 'ENOMEM', 'EAGAIN');
const DROP = answeredBy('madvise_dontneed_free', 'EINVAL', 'ENOMEM');
const POPULATE = answeredBy('madvise_populate', 'EINVAL', 'ENOMEM', 'EFAULT', 'EHWPOISON');
const COLLAPSE = answeredBy('madvise_collapse', 'EINVAL', 'ENOMEM', 'EAGAIN', 'EBUSY');

const RECLAIM = answeredBy('madvise_pageout', 'EINVAL', 'ENOMEM');
const REMOVE = answeredBy('madvise_remove', 'EINVAL', 'ENOMEM', 'EACCES', 'ENODEV');
const WILLNEED = answeredBy('madvise_willneed', 'EINVAL', 'ENOMEM', 'EBADF');
const GUARD = answeredBy('madvise_guard_install', 'EINVAL', 'ENOMEM');

const POISON = answeredBy(
  'madvise_inject_error',
  'EFAULT',
  'EBUSY',
  'EHWPOISON',
  'ENOMEM',
  'ENXIO',
  'EIO',
  'ENOTRECOVERABLE',
);

const ADVICE = {
  hugepage: { value: MADV_HUGEPAGE, answers: BEHAVIOUR },
  nohugepage: { value: MADV_NOHUGEPAGE, answers: BEHAVIOUR },
  dontneed: { value: MADV_DONTNEED, answers: DROP },
  free: { value: MADV_FREE, answers: DROP },
  dontfork: { value: MADV_DONTFORK, answers: BEHAVIOUR },
  wipeonfork: { value: MADV_WIPEONFORK, answers: BEHAVIOUR },
  populate_read: { value: MADV_POPULATE_READ, answers: POPULATE },
  populate_write: { value: MADV_POPULATE_WRITE, answers: POPULATE },
  collapse: { value: MADV_COLLAPSE, answers: COLLAPSE },
  cold: { value: MADV_COLD, answers: RECLAIM },
  pageout: { value: MADV_PAGEOUT, answers: RECLAIM },
  remove: { value: MADV_REMOVE, answers: REMOVE },
  willneed: { value: MADV_WILLNEED, answers: WILLNEED },
  dontneed_locked: { value: MADV_DONTNEED_LOCKED, answers: DROP },
  guard_install: { value: MADV_GUARD_INSTALL, answers: GUARD },
  guard_remove: { value: MADV_GUARD_REMOVE, answers: GUARD },
  hwpoison: { value: MADV_HWPOISON, answers: POISON },
  soft_offline: { value: MADV_SOFT_OFFLINE, answers: POISON },
} as const satisfies Readonly<Record<string, Advice>>;

type AdviceName = keyof typeof ADVICE;

const NAMES = Object.keys(ADVICE) as AdviceName[];

/** The name of an advice; undefined for one that steps do not know. */
export const adviceName = (value: number): AdviceName | undefined =>
  NAMES.find((name) => ADVICE[name].value === value);

const draws = Object.fromEntries(
  NAMES.map((advice): [AdviceName, Drawing] => [advice, { on: (where) => ({ ...where, advice }) }]),
) as Record<AdviceName, Drawing>;

const madvise = defineStep(
  stepSchema('madvise', { ...range, advice: z.enum(NAMES), ...inThread }, expectRet),
  {
    *take(sys, _, step): Task<StepResult> {
      return retOf(yield* sys.madvise(startOf(step), lengthOf(step), ADVICE[step.advice].value));
    },
    answers: ({ advice }) => ADVICE[advice].answers,
    concerns: 'mapping',
    maps: null,
    naming: plainNames,
    shell: {
      madvise: command(
        `RANGE ${NAMES.join('|')}`,
        'give advice about pages',
        [2, 2],
        ([r, advice], context) => ({
          ...rangeWord(r!, context),
          advice,
        }),
      ),
    },
    plainer: nothingPlainer,
    draws,
    c: {
      takers: ['madvise'],
      taker: () => 'madvise',
      fields: (step) => [...rangeFields(step), ['flags', `MADV_${step.advice.toUpperCase()}`]],
      listed: () => 0,
    },
  },
);

export const advice = { madvise };
