// SPDX-License-Identifier: GPL-2.0-only
/** Which pages are in memory (mincore), and which memory there is: the blocks in which pages lie go out of use, and come back. */
import { z } from 'zod';
import { u32At } from '../../sim/bytes.js';
import type { Task } from '../../sim/task.js';
import { ENOENT } from '../../uapi/errno.js';
import { O_RDWR, PAGE_SIZE } from '../../uapi/mman.js';
import type { Sys } from '../../user/api.js';
import { type Actor, buffersFor, buffersOf } from '../actor.js';
import { retOf, type StepResult } from '../result.js';
import { pagemapEntries } from './access.js';
import {
  answeredBy,
  defineStep,
  nothingPlainer,
  notInC,
  plainNames,
  preferring,
  type Range,
  rangeFields,
} from './contract.js';
import { eachPage, expecting, expectRetOrWait, range, stepSchema, yes } from './fields.js';
import { lengthOf, startOf } from './memory.js';
import { backgroundWord, command, rangeCommand, rangeWord } from './words.js';

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

// --- memory hotplug ---

/** Base pages of a memory block, as /sys/devices/system/memory/block_size_bytes has it. */
const BLOCK_PAGES = 32768;
/** Bits of a pfn in the upper half of an entry of /proc/self/pagemap. */
const PFN_HIGH = 0x7fffff;

/** Numbers of the blocks in which the pages lie that are present, in ascending order. */
function* blocksOf(sys: Sys, actor: Actor, step: Range): Task<readonly number[]> {
  const parts = yield* pagemapEntries(sys, actor, step);
  const blocks = new Set<number>();
  for (const entries of typeof parts === 'number' ? [] : parts) {
    for (let at = 0; at < entries.length; at += 8) {
      const pfn = u32At(entries, at) + (u32At(entries, at + 4) & PFN_HIGH) * 2 ** 32;
      if (pfn > 0) blocks.add(Math.floor(pfn / BLOCK_PAGES));
    }
  }
  return [...blocks].sort((a, b) => a - b);
}

/** Return: 0 or -errno. */
function* setState(sys: Sys, actor: Actor, block: number, state: 'offline' | 'online'): Task<number> {
  const { scratch } = yield* buffersOf(sys, actor);
  const fd = yield* sys.open(`/sys/devices/system/memory/memory${block}/state`, O_RDWR);
  if (fd < 0) return fd;
  yield* sys.storeBytes(scratch, new TextEncoder().encode(state));
  const written = yield* sys.write(fd, scratch, state.length);
  yield* sys.close(fd);
  return Math.min(written, 0);
}

const offline = defineStep(stepSchema('offline', { ...range, background: yes.optional() }, expectRetOrWait), {
  *take(sys, actor, step): Task<StepResult> {
    const blocks = yield* blocksOf(sys, actor, step);
    if (blocks.length === 0) return retOf(-ENOENT);
    for (const block of blocks) {
      const ret = yield* setState(sys, actor, block, 'offline');
      if (ret !== 0) return retOf(ret);
      actor.offlineBlocks.add(block);
    }
    return retOf(0);
  },
  answers: () => answeredBy('offline_pages', 'EBUSY', 'EINTR', 'EINVAL', 'ENOENT'),
  concerns: 'mapping',
  maps: null,
  naming: plainNames,
  shell: {
    offline: command(
      'RANGE [background]',
      'take the memory blocks of 128 MiB out of use in which pages lie, moving what is there',
      [1, 2],
      ([r, last], context) => ({ ...rangeWord(r!, context), ...backgroundWord(last) }),
    ),
  },
  plainer: (step) => preferring(step, 'background', undefined),
  // What somebody pins is not moved before the pin is gone.
  draws: { offline: { on: (where) => ({ ...where, background: true }) } },
  c: notInC('what else lies in a memory block differs from machine to machine'),
});

const online = defineStep(stepSchema('online', { background: yes.optional() }, expectRetOrWait), {
  *take(sys, actor): Task<StepResult> {
    for (const block of actor.offlineBlocks) {
      const ret = yield* setState(sys, actor, block, 'online');
      if (ret !== 0) return retOf(ret);
    }
    actor.offlineBlocks.clear();
    return retOf(0);
  },
  answers: () => answeredBy('online_pages', 'EHWPOISON', 'EINTR', 'EINVAL', 'ENOENT'),
  concerns: 'call',
  maps: null,
  naming: plainNames,
  shell: {
    online: command('[background]', 'those memory blocks are memory again', [0, 1], ([last]) =>
      backgroundWord(last),
    ),
  },
  plainer: (step) => preferring(step, 'background', undefined),
  draws: {
    online: { change: (making, actor) => making.push({ as: actor.name, op: 'online', background: true }) },
  },
  c: notInC('there is nothing to bring back where nothing was taken out of use'),
});

export const residency = { mincore, offline, online };
