// SPDX-License-Identifier: GPL-2.0-only
/** Steps that write pages of files back to their disks: fsync(), msync() and sync_file_range(). */
import type { z } from 'zod';
import type { Task } from '../../../sim/task.js';
import {
  SYNC_FILE_RANGE_WAIT_AFTER,
  SYNC_FILE_RANGE_WAIT_BEFORE,
  SYNC_FILE_RANGE_WRITE,
} from '../../../uapi/fcntl.js';
import { MS_SYNC, PAGE_SIZE } from '../../../uapi/mman.js';
import type { Sys } from '../../../user/api.js';
import { REGION_PAGES } from '../../actor.js';
import { retOf, type StepResult } from '../../result.js';
import {
  answeredBy,
  type CField,
  defineStep,
  nameNumber,
  ONE_AT_A_TIME,
  plainNames,
  preferring,
  rangeFields,
  rangeOfFile,
} from '../contract.js';
import { expectRetOrWait, range, regionName, stepSchema, yes } from '../fields.js';
import { lengthOf, startOf } from '../memory.js';
import { backgroundWord, command, rangeWord } from '../words.js';
import { knownFile } from './memfd.js';

const impossible = ({ background }: { background?: true | undefined }): string | undefined =>
  background ? ONE_AT_A_TIME : undefined;

// --- fsync ------------------------------------------------------------------------------------------------

const fsyncSchema = stepSchema('fsync', { region: regionName, background: yes.optional() }, expectRetOrWait);

const fsync = defineStep(fsyncSchema, {
  *take(sys, actor, { region }): Task<StepResult> {
    return retOf(yield* sys.fsync(knownFile(actor, region)));
  },
  answers: () => answeredBy('ext4_sync_file', 'EBADF', 'EINVAL', 'EIO'),
  concerns: 'mapping',
  reaches: ({ region }) => ({ region, page: 0, pages: REGION_PAGES }),
  maps: null,
  naming: plainNames,
  shell: {
    fsync: command(
      'REGION [background]',
      'write the file behind a region back to its disk',
      [1, 2],
      ([region, last]) => ({ region, ...backgroundWord(last) }),
    ),
  },
  plainer: (step) => preferring(step, 'background', undefined),
  draws: { fsync: { on: (where, making, actor) => ({ region: rangeOfFile(where, making, actor).region }) } },
  c: {
    takers: ['fsync'],
    taker: () => 'fsync',
    fields: ({ region }): CField[] => [['region', nameNumber(region)]],
    impossible,
    listed: () => 0,
  },
});

// --- msync ------------------------------------------------------------------------------------------------

const msyncSchema = stepSchema('msync', { ...range, background: yes.optional() }, expectRetOrWait);

const msync = defineStep(msyncSchema, {
  *take(sys, _, step): Task<StepResult> {
    return retOf(yield* sys.msync(startOf(step), lengthOf(step), MS_SYNC));
  },
  answers: () => answeredBy('__x64_sys_msync', 'ENOMEM', 'EINVAL', 'EIO'),
  concerns: 'mapping',
  maps: null,
  naming: plainNames,
  shell: {
    msync: command(
      'RANGE [background]',
      'write what is mapped shared of files back to their disks (MS_SYNC)',
      [1, 2],
      ([r, last], context) => ({ ...rangeWord(r!, context), ...backgroundWord(last) }),
    ),
  },
  plainer: (step) => preferring(step, 'background', undefined),
  draws: { msync: { on: (where) => where } },
  c: {
    takers: ['msync'],
    taker: () => 'msync',
    fields: rangeFields,
    impossible,
    listed: () => 0,
  },
});

// --- sync_file_range --------------------------------------------------------------------------------------

const syncFileRangeSchema = stepSchema(
  'sync_file_range',
  { ...range, wait: yes.optional(), background: yes.optional() },
  expectRetOrWait,
);

type SyncFileRange = z.infer<typeof syncFileRangeSchema>;

const WAIT = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
const WAIT_IN_C = 'SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER';

function* takeSyncFileRange(sys: Sys, fd: number, step: SyncFileRange): Task<StepResult> {
  const flags = step.wait ? WAIT : SYNC_FILE_RANGE_WRITE;
  return retOf(yield* sys.sync_file_range(fd, step.page * PAGE_SIZE, lengthOf(step), flags));
}

const sync_file_range = defineStep(syncFileRangeSchema, {
  take: (sys, actor, step) => takeSyncFileRange(sys, knownFile(actor, step.region), step),
  answers: () => answeredBy('sync_file_range', 'EBADF', 'EINVAL', 'ESPIPE', 'EIO'),
  concerns: 'mapping',
  maps: null,
  naming: plainNames,
  shell: {
    sync_file_range: command(
      'RANGE [wait] [background]',
      'begin to write pages of the file behind RANGE back; wait: until they are written',
      [1, 3],
      ([r, ...rest], context) => {
        const wait = rest[0] === 'wait';
        return {
          ...rangeWord(r!, context),
          ...(wait ? { wait: true } : {}),
          ...backgroundWord(rest[wait ? 1 : 0]),
        };
      },
    ),
  },
  *plainer(step) {
    yield* preferring(step, 'wait', undefined);
    yield* preferring(step, 'background', undefined);
  },
  draws: {
    sync_file_range: {
      on: (where, making, actor) => ({
        ...rangeOfFile(where, making, actor),
        ...(making.dice.once(4) ? { wait: true } : {}),
      }),
    },
  },
  c: {
    takers: ['sync_file_range'],
    taker: () => 'sync_file_range',
    fields: (step) => [
      ...rangeFields(step),
      ['region', nameNumber(step.region)],
      ['npages', step.page],
      ['flags', step.wait ? WAIT_IN_C : 'SYNC_FILE_RANGE_WRITE'],
    ],
    impossible,
    listed: () => 0,
  },
});

export const sync = { fsync, msync, sync_file_range };
