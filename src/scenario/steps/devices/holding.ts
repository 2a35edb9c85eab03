// SPDX-License-Identifier: GPL-2.0-only
/** Somebody in the kernel who keeps pages between system calls: plain references, without FOLL_PIN, or their locks; and who lets allocations fail. */
import { z } from 'zod';
import type { Task } from '../../../sim/task.js';
import { O_RDWR } from '../../../uapi/mman.js';
import {
  encodeHeldRange,
  PAGE_HOLDER_FILE,
  PAGE_HOLDER_GET,
  PAGE_HOLDER_LOCK,
  PAGE_HOLDER_PUT,
  PAGE_HOLDER_UNLOCK,
} from '../../../uapi/page_holder.js';
import type { Sys } from '../../../user/api.js';
import { type Actor, buffersOf } from '../../actor.js';
import { retOf, type StepResult } from '../../result.js';
import {
  answeredBy,
  defineStep,
  nothingPlainer,
  notInC,
  plainNames,
  type Range,
  rangeFields,
} from '../contract.js';
import { count, expecting, expectRet, range, stepSchema } from '../fields.js';
import { startOf } from '../memory.js';
import { command, rangeCommand } from '../words.js';

/** The holder's file, opened when a step first needs it; a child born after that has it, too. */
function* holderOf(sys: Sys, actor: Actor): Task<number> {
  actor.holderFd ??= yield* sys.open(PAGE_HOLDER_FILE, O_RDWR);
  return actor.holderFd;
}

/** A request about a range. Return: what it answered. */
function* requestOf(sys: Sys, actor: Actor, nr: number, step: Range): Task<number> {
  const fd = yield* holderOf(sys, actor);
  const { scratch } = yield* buffersOf(sys, actor);
  yield* sys.storeBytes(scratch, encodeHeldRange(startOf(step), step.pages));
  return yield* sys.ioctl(fd, nr, scratch);
}

// --- get and put ------------------------------------------------------------------------------------------

const get = defineStep(stepSchema('get', range, expecting({ pinned: count.optional() })), {
  *take(sys, actor, step): Task<StepResult> {
    const got = yield* requestOf(sys, actor, PAGE_HOLDER_GET, step);
    return got < 0 ? retOf(got) : { ret: 0, pinned: got };
  },
  answers: () => answeredBy('get_user_pages', 'EFAULT', 'ENOMEM'),
  concerns: 'pins',
  maps: null,
  naming: plainNames,
  shell: {
    get: rangeCommand('get pages for writing and keep them until put, with references instead of pins'),
  },
  plainer: nothingPlainer,
  draws: { get: { share: 12, on: (where) => where } },
  c: { takers: ['get'], taker: () => 'get', fields: rangeFields, listed: () => 0 },
});

const put = defineStep(stepSchema('put', {}, expectRet), {
  *take(sys, actor): Task<StepResult> {
    return retOf(yield* sys.ioctl(yield* holderOf(sys, actor), PAGE_HOLDER_PUT, 0));
  },
  answers: () => answeredBy('put_page'),
  concerns: 'call',
  maps: null,
  naming: plainNames,
  shell: { put: command('', 'drop those references', [0, 0], () => ({})) },
  plainer: nothingPlainer,
  draws: { put: { share: 8, on: () => ({}) } },
  c: { takers: ['put'], taker: () => 'put', fields: () => [], listed: () => 0 },
});

// --- lock and unlock --------------------------------------------------------------------------------------

const NOBODY_CAN = 'no program can hold the lock of a page';

const lock = defineStep(stepSchema('lock', range, expectRet), {
  *take(sys, actor, step): Task<StepResult> {
    return retOf(yield* requestOf(sys, actor, PAGE_HOLDER_LOCK, step));
  },
  answers: () => answeredBy('folio_trylock', 'EFAULT', 'EBUSY'),
  concerns: 'call',
  maps: null,
  naming: plainNames,
  shell: { lock: rangeCommand('somebody in the kernel holds the locks of pages until unlock') },
  plainer: nothingPlainer,
  draws: { lock: { share: 4, on: (where) => where } },
  c: notInC(NOBODY_CAN),
});

const unlock = defineStep(stepSchema('unlock', range, expectRet), {
  *take(sys, actor, step): Task<StepResult> {
    return retOf(yield* requestOf(sys, actor, PAGE_HOLDER_UNLOCK, step));
  },
  answers: () => answeredBy('folio_unlock', 'EINVAL'),
  concerns: 'call',
  maps: null,
  naming: plainNames,
  shell: { unlock: rangeCommand('that one drops them') },
  plainer: nothingPlainer,
  draws: {
    unlock: {
      share: 8,
      on: ({ region }, _, { regions }) => ({ region, page: 0, pages: regions.get(region) ?? 1 }),
    },
  },
  c: notInC(NOBODY_CAN),
});

// --- make_it_fail -----------------------------------------------------------------------------------------

const makeItFailSchema = stepSchema(
  'make_it_fail',
  { value: z.union([z.literal(0), z.literal(1)]) },
  expectRet,
);

/** Write it to /proc/PID/make-it-fail. */
function* takeMakeItFail(sys: Sys, actor: Actor, { value }: { value: 0 | 1 }): Task<StepResult> {
  const { mirror } = yield* buffersOf(sys, actor);
  const fd = yield* sys.open(`/proc/${sys.pid}/make-it-fail`, O_RDWR);
  if (fd < 0) return retOf(fd);
  yield* sys.storeBytes(mirror, new TextEncoder().encode(`${value}`));
  const written = yield* sys.write(fd, mirror, 1);
  yield* sys.close(fd);
  return retOf(Math.min(written, 0));
}

const make_it_fail = defineStep(makeItFailSchema, {
  take: takeMakeItFail,
  answers: () => answeredBy('proc_fault_inject_write', 'EFAULT', 'ENOENT', 'ENOMEM'),
  concerns: 'call',
  maps: null,
  naming: plainNames,
  shell: {
    make_it_fail: command(
      '0|1',
      '1: every allocation of pages of the acting process fails (fail_page_alloc), 0: no longer',
      [1, 1],
      ([value]) => ({ value: Number(value) }),
    ),
  },
  plainer: nothingPlainer,
  draws: {},
  c: {
    takers: ['make_it_fail'],
    taker: () => 'make_it_fail',
    fields: ({ value }) => [['word', value]],
    listed: () => 0,
  },
});

export const holding = { get, put, lock, unlock, make_it_fail };
