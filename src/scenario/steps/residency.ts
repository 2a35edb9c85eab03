// SPDX-License-Identifier: GPL-2.0-only
/** mincore(): which pages are in memory. */
import { z } from 'zod';
import type { Task } from '../../sim/task.js';
import { PAGE_SIZE } from '../../uapi/mman.js';
import { buffersFor } from '../actor.js';
import { retOf, type StepResult } from '../result.js';
import { answeredBy, defineStep, nothingPlainer, plainNames, rangeFields } from './contract.js';
import { eachPage, expecting, range, stepSchema } from './fields.js';
import { lengthOf, startOf } from './memory.js';
import { rangeCommand } from './words.js';

const CORE = '0 or 1';
const expectCore = expecting({ core: eachPage(z.union([z.literal(0), z.literal(1)]), CORE).optional() });

const mincore = defineStep(stepSchema('mincore', range, expectCore), {
  *take(sys, actor, step): Task<StepResult> {
    const { mirror } = yield* buffersFor(sys, actor, Math.ceil(step.pages / PAGE_SIZE));
    const ret = yield* sys.mincore(startOf(step), lengthOf(step), mirror);
    if (ret < 0) return retOf(ret);
    return { ret: 0, core: Array.from(yield* sys.loadBytes(mirror, step.pages), (byte) => byte & 1) };
  },
  answers: () => answeredBy('do_mincore', 'ENOMEM', 'EINVAL', 'EFAULT'),
  concerns: 'call',
  maps: null,
  naming: plainNames,
  shell: { mincore: rangeCommand('which pages are in memory: 1, or 0') },
  plainer: nothingPlainer,
  draws: { mincore: { on: (where) => where } },
  c: { takers: ['mincore'], taker: () => 'mincore', fields: rangeFields, listed: ({ pages }) => pages },
});

export const residency = { mincore };
