// SPDX-License-Identifier: GPL-2.0-only
/** read() and write() with pages of a region as the buffer: the kernel copies, between them and a file of the step's own. */
import type { z } from 'zod';
import type { Task } from '../../../sim/task.js';
import { PAGE_SIZE } from '../../../uapi/mman.js';
import type { Sys } from '../../../user/api.js';
import { type Actor, buffersFor } from '../../actor.js';
import { retOf, type StepResult } from '../../result.js';
import {
  answeredBy,
  defineStep,
  nothingPlainer,
  plainNames,
  preferringSmallWord,
  rangeFields,
} from '../contract.js';
import { expectBytes, expectTransfer, few, fewRange, MAX_TRANSFER, stepSchema, word } from '../fields.js';
import { lengthOf, startOf } from '../memory.js';
import { transferred, wordsInPages } from '../transfer.js';
import { command, rangeAndWord, rangeWord } from '../words.js';

/** The file, which the process makes when it first needs it. */
function* scratchFileOf(sys: Sys, actor: Actor): Task<number> {
  actor.scratchFd ??= yield* sys.memfd_create('scratch', 0);
  return actor.scratchFd;
}

// --- read -------------------------------------------------------------------------------------------------

const readSchema = stepSchema('read', { ...fewRange, word }, expectBytes);

function* takeRead(sys: Sys, actor: Actor, step: z.infer<typeof readSchema>): Task<StepResult> {
  const fd = yield* scratchFileOf(sys, actor);
  const { mirror } = yield* buffersFor(sys, actor, MAX_TRANSFER);
  yield* wordsInPages(sys, mirror, MAX_TRANSFER, step.word);
  yield* sys.pwrite(fd, mirror, MAX_TRANSFER * PAGE_SIZE, 0);
  const bytes = yield* sys.pread(fd, startOf(step), lengthOf(step), 0);
  return bytes < 0 ? retOf(bytes) : { ret: 0, bytes };
}

const read = defineStep(readSchema, {
  take: takeRead,
  answers: () => answeredBy('vfs_read', 'EFAULT', 'ENOMEM'),
  concerns: 'transfer',
  maps: null,
  naming: plainNames,
  shell: {
    pread: command(
      'RANGE WORD',
      'pread() of a file into pages: page i of it is full of WORD + i',
      [2, 2],
      ([r, first], context) => rangeAndWord(r!, first!, context),
    ),
  },
  plainer: preferringSmallWord,
  draws: { pread: { on: (where, making) => ({ ...few(where), word: making.word() }) } },
  c: {
    takers: ['read'],
    taker: () => 'read',
    fields: (step) => [...rangeFields(step), ['word', `${step.word}u`]],
    listed: () => 0,
  },
});

// --- write ------------------------------------------------------------------------------------------------

const writeSchema = stepSchema('write', fewRange, expectTransfer);

function* takeWrite(sys: Sys, actor: Actor, step: z.infer<typeof writeSchema>): Task<StepResult> {
  const fd = yield* scratchFileOf(sys, actor);
  const bytes = yield* sys.pwrite(fd, startOf(step), lengthOf(step), 0);
  if (bytes < 0) return retOf(bytes);
  const { mirror } = yield* buffersFor(sys, actor, MAX_TRANSFER);
  return yield* transferred(sys, mirror, yield* sys.pread(fd, mirror, bytes, 0));
}

const write = defineStep(writeSchema, {
  take: takeWrite,
  answers: () => answeredBy('vfs_write', 'EFAULT', 'ENOMEM'),
  concerns: 'transfer',
  maps: null,
  naming: plainNames,
  shell: {
    pwrite: command('RANGE', 'pwrite() of pages to a file, and what it then has', [1, 1], ([r], context) =>
      rangeWord(r!, context),
    ),
  },
  plainer: nothingPlainer,
  draws: { pwrite: { on: few } },
  c: { takers: ['write'], taker: () => 'write', fields: rangeFields, listed: ({ pages: count }) => count },
});

export const scratch = { read, write };
