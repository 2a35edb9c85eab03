// SPDX-License-Identifier: GPL-2.0-only
/** The memfd behind a `file` region, read and written as a file: pread() and pwrite() between it and a buffer. */
import type { z } from 'zod';
import type { Task } from '../../sim/task.js';
import { PAGE_SIZE } from '../../uapi/mman.js';
import type { Sys } from '../../user/api.js';
import type { Actor } from '../actor.js';
import { retOf, type StepResult } from '../result.js';
import { answeredBy, defineStep, nameNumber, nothingPlainer, type Range, rangeFields } from './contract.js';
import { buffer, count, expecting, range, stepSchema } from './fields.js';
import { bufferAt, bufferInC, lengthOf, memfdOf } from './memory.js';
import { command, placeWord, rangeWord } from './words.js';

type FileCall = (sys: Sys, fd: number, buffer: number, bytes: number, at: number) => Task<number>;

type FileStep = Range & { readonly buffer: z.infer<typeof buffer> };

function fileStep<const Op extends string>(op: Op, call: FileCall, fn: string, help: string) {
  const schema = stepSchema(op, { ...range, buffer }, expecting({ bytes: count.optional() }));
  return defineStep(schema, {
    *take(sys, actor, step): Task<StepResult> {
      return yield* takeFileCall(sys, actor, step as FileStep, call);
    },
    answers: () => answeredBy(fn, 'EFAULT', 'ENOMEM', 'ENOSPC', 'EBADF'),
    concerns: 'call',
    maps: null,
    naming: { regions: [['buffer', 'region']] },
    shell: {
      [op]: command('RANGE PLACE', help, [2, 2], ([r, at], context) => ({
        ...rangeWord(r!, context),
        buffer: placeWord(at!),
      })),
    },
    plainer: nothingPlainer,
    draws: {},
    c: {
      takers: [op],
      taker: () => op,
      fields(step) {
        const { region, page, buffer: at } = step as unknown as FileStep;
        return [
          ...rangeFields(step as unknown as FileStep),
          ['region', nameNumber(region)],
          ['npages', page],
          ['buffer', bufferInC(at)],
        ];
      },
      listed: () => 0,
    },
  });
}

function* takeFileCall(sys: Sys, actor: Actor, step: FileStep, call: FileCall): Task<StepResult> {
  const fd = yield* memfdOf(sys, actor, step.region, step.page + step.pages);
  if (fd < 0) return retOf(fd);
  const bytes = yield* call(sys, fd, bufferAt(step.buffer), lengthOf(step), step.page * PAGE_SIZE);
  return bytes < 0 ? retOf(bytes) : { ret: 0, bytes };
}

const fread = fileStep(
  'fread',
  (sys, fd, buffer, bytes, at) => sys.pread(fd, buffer, bytes, at),
  'shmem_file_read_iter',
  'read pages of the file behind RANGE into the memory at PLACE',
);

const fwrite = fileStep(
  'fwrite',
  (sys, fd, buffer, bytes, at) => sys.pwrite(fd, buffer, bytes, at),
  'shmem_file_write_iter',
  'write them from there',
);

export const memfd = { fread, fwrite };
