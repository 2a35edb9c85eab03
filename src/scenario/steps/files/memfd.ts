// SPDX-License-Identifier: GPL-2.0-only
/** The file behind a `file` or `disk` region as a file: pread(), pwrite(), ftruncate(), fallocate(). */
import type { z } from 'zod';
import type { Task } from '../../../sim/task.js';
import { F_SETFL, FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE } from '../../../uapi/fcntl.js';
import { O_DIRECT, PAGE_SIZE } from '../../../uapi/mman.js';
import type { Sys } from '../../../user/api.js';
import { type Actor, buffersFor, REGION_PAGES } from '../../actor.js';
import { retOf, type StepResult } from '../../result.js';
import {
  answeredBy,
  type CField,
  defineStep,
  type Fields,
  type Making,
  nameNumber,
  ONE_AT_A_TIME,
  type Population,
  plainNames,
  preferring,
  preferringSmallWord,
  type Range,
  rangeFields,
  rangeOfFile,
} from '../contract.js';
import {
  buffer,
  expectRetOrWait,
  expectTransfer,
  few,
  pages,
  range,
  regionName,
  stepSchema,
  word,
  yes,
} from '../fields.js';
import { bufferAt, bufferInC, fileOf, lengthOf } from '../memory.js';
import { transferred, wordsInPages } from '../transfer.js';
import { backgroundWord, command, numberWord, placeWord, rangeWord } from '../words.js';

type Buffer = z.infer<typeof buffer>;

/** Where the bytes come from or go to: a place of the program, else a buffer of the step's own. */
function* bufferOf(sys: Sys, actor: Actor, step: Range & { buffer?: Buffer | undefined }): Task<number> {
  return step.buffer === undefined
    ? (yield* buffersFor(sys, actor, step.pages)).mirror
    : bufferAt(step.buffer);
}

/** `RANGE PLACE`, or `RANGE WORD`. */
const isPlace = (text: string): boolean => text.startsWith('r');

/** Whether the word stands among the last ones, and what else does. */
function directWord(words: readonly string[]): { direct: Fields; others: readonly string[] } {
  const others = words.filter((word) => word !== 'direct');
  return { direct: others.length < words.length ? { direct: true } : {}, others };
}

/** The C of a file, a place in it, and a buffer where the program has one. */
function fileFields(step: Range & { buffer?: Buffer | undefined; direct?: true | undefined }): CField[] {
  return [
    ...rangeFields(step),
    ['region', nameNumber(step.region)],
    ['npages', step.page],
    ['buffer', step.buffer === undefined ? 0 : bufferInC(step.buffer)],
    ...(step.direct ? ([['flags', 'O_DIRECT']] as const) : []),
  ];
}

/** Now and then a buffer in mapped memory instead of one of the step's own, which `own` stands for. */
function someBuffer({ dice }: Making, { regions }: Population, own: Fields): Fields {
  if (!dice.once(12)) return own;
  const [region, size] = dice.pick([...regions]);
  return {
    buffer: { region, page: dice.below(size), ...(dice.once(2) ? { offset: dice.below(PAGE_SIZE) } : {}) },
  };
}

/** Between a file and pages of a region, past the page cache. */
function directly(where: Range, making: Making, actor: Population): Fields {
  const { dice } = making;
  const [region, size] = dice.pick([...actor.regions]);
  const buffer = { region, page: dice.below(size) };
  return { ...few(rangeOfFile(where, making, actor)), buffer, direct: true };
}

// --- fread ------------------------------------------------------------------------------------------------

const freadSchema = stepSchema(
  'fread',
  { ...range, buffer: buffer.optional(), direct: yes.optional() },
  expectTransfer,
);

function* takeFread(sys: Sys, actor: Actor, step: z.infer<typeof freadSchema>): Task<StepResult> {
  const fd = yield* fileOf(sys, actor, step.region, step.page + step.pages);
  const at = yield* bufferOf(sys, actor, step);
  if (step.direct) yield* sys.fcntl(fd, F_SETFL, O_DIRECT);
  const bytes = yield* sys.pread(fd, at, lengthOf(step), step.page * PAGE_SIZE);
  if (step.direct) yield* sys.fcntl(fd, F_SETFL, 0);
  if (bytes < 0) return retOf(bytes);
  // What the program has in memory of its own, loads show.
  return step.buffer === undefined ? yield* transferred(sys, at, bytes) : { ret: 0, bytes };
}

const fread = defineStep(freadSchema, {
  take: takeFread,
  answers: () => answeredBy('shmem_file_read_iter', 'EFAULT', 'ENOMEM', 'EIO', 'EBADF'),
  concerns: 'call',
  maps: null,
  naming: { regions: [['buffer', 'region']] },
  shell: {
    fread: command(
      'RANGE [PLACE] [direct]',
      'read pages of the file behind RANGE, into the memory at PLACE; direct: O_DIRECT',
      [1, 3],
      ([r, ...rest], context) => {
        const { direct, others } = directWord(rest);
        const [at] = others;
        return {
          ...rangeWord(r!, context),
          ...(at === undefined ? {} : { buffer: placeWord(at) }),
          ...direct,
        };
      },
    ),
  },
  plainer: (step) => preferring(step, 'direct', undefined),
  draws: {
    fread: {
      on: (where, making, actor) => ({
        ...few(rangeOfFile(where, making, actor)),
        ...someBuffer(making, actor, {}),
      }),
    },
    fread_direct: { on: (where, making, actor) => directly(where, making, actor) },
  },
  c: { takers: ['fread'], taker: () => 'fread', fields: fileFields, listed: ({ pages: count }) => count },
});

// --- fwrite -----------------------------------------------------------------------------------------------

const fwriteSchema = stepSchema(
  'fwrite',
  { ...range, word: word.optional(), buffer: buffer.optional(), direct: yes.optional() },
  expectTransfer,
).refine((step) => (step.word === undefined) !== (step.buffer === undefined), {
  error: 'a 32-bit word from 0 to 0xffffffff, or a buffer',
  path: ['word'],
});

function* takeFwrite(sys: Sys, actor: Actor, step: z.infer<typeof fwriteSchema>): Task<StepResult> {
  const fd = yield* fileOf(sys, actor, step.region, step.page + step.pages);
  const at = yield* bufferOf(sys, actor, step);
  if (step.word !== undefined) yield* wordsInPages(sys, at, step.pages, step.word);
  if (step.direct) yield* sys.fcntl(fd, F_SETFL, O_DIRECT);
  const bytes = yield* sys.pwrite(fd, at, lengthOf(step), step.page * PAGE_SIZE);
  if (step.direct) yield* sys.fcntl(fd, F_SETFL, 0);
  return bytes < 0 ? retOf(bytes) : { ret: 0, bytes };
}

const fwrite = defineStep(fwriteSchema, {
  take: takeFwrite,
  answers: () => answeredBy('shmem_file_write_iter', 'EFAULT', 'ENOMEM', 'ENOSPC', 'EIO', 'EBADF'),
  concerns: 'call',
  maps: null,
  naming: { regions: [['buffer', 'region']] },
  shell: {
    fwrite: command(
      'RANGE WORD|PLACE [direct]',
      'write them: page i full of WORD + i, or the memory at PLACE',
      [2, 3],
      ([r, from, ...rest], context) => ({
        ...rangeWord(r!, context),
        ...(isPlace(from!) ? { buffer: placeWord(from!) } : { word: numberWord(from!, 'a word') }),
        ...directWord(rest).direct,
      }),
    ),
  },
  *plainer(step) {
    if (step.word !== undefined) yield* preferringSmallWord({ word: step.word });
    yield* preferring(step, 'direct', undefined);
  },
  draws: {
    fwrite: {
      on: (where, making, actor) => ({
        ...few(rangeOfFile(where, making, actor)),
        ...someBuffer(making, actor, { word: making.word() }),
      }),
    },
    fwrite_direct: { on: (where, making, actor) => directly(where, making, actor) },
  },
  c: {
    takers: ['fwrite'],
    taker: () => 'fwrite',
    fields: (step) => [...fileFields(step), ['word', `${step.word ?? 0}u`]],
    listed: () => 0,
  },
});

// --- truncate, punch --------------------------------------------------------------------------------------

/** The file of a region that has one. */
export const knownFile = ({ diskFiles, memfds }: Actor, region: string): number =>
  diskFiles.get(region) ?? memfds.get(region) ?? -1;

/** Mostly back to the length that it began with. */
function drawTruncate(where: Range, making: Making, actor: Population): Fields {
  const { dice } = making;
  const { region } = rangeOfFile(where, making, actor);
  const size = actor.regions.get(region)!;
  const length = dice.weighted({ whole: 53, part: 36, none: 10, more: 1 });
  const lengths = { whole: size, part: dice.below(size), none: 0, more: size + dice.below(size) + 1 };
  return { region, pages: lengths[length] };
}

/** Somebody has a page of a file while it is cut off, and lets go of it. */
function drawHeld(making: Making, actor: Population): void {
  const { dice } = making;
  if (actor.files.size === 0) return;
  const as = actor.name;
  const region = dice.pick([...actor.files]);
  const size = actor.regions.get(region)!;
  const page = dice.below(size);
  const hole = { op: 'punch', region, page: dice.below(size), pages: dice.between(1, size) };
  const cut = dice.once(2) ? hole : { op: 'truncate', region, pages: dice.below(size) };
  making.push({ as, op: 'get', region, page, pages: 1 });
  making.push({ as, ...cut, background: true });
  if (dice.once(2)) making.push({ as, op: 'store', region, page, pages: 1, word: making.word() });
  making.push({ as, op: 'put' });
  making.push({ as, op: 'await' });
}

const truncateSchema = stepSchema(
  'truncate',
  { region: regionName, pages, background: yes.optional() },
  expectRetOrWait,
);

const truncate = defineStep(truncateSchema, {
  *take(sys, actor, { region, pages: count }): Task<StepResult> {
    return retOf(yield* sys.ftruncate(knownFile(actor, region), count * PAGE_SIZE));
  },
  answers: () => answeredBy('shmem_setattr', 'EBADF', 'EINVAL', 'ENOMEM'),
  concerns: 'mapping',
  reaches: ({ region, pages: count }) => ({ region, page: count, pages: Math.max(0, REGION_PAGES - count) }),
  maps: null,
  naming: plainNames,
  shell: {
    truncate: command(
      'REGION PAGES [background]',
      'give the file behind a region that length',
      [2, 3],
      ([region, size, last]) => ({
        region,
        pages: numberWord(size!, 'a number of pages'),
        ...backgroundWord(last),
      }),
    ),
  },
  plainer: (step) => preferring(step, 'background', undefined),
  draws: { truncate: { on: drawTruncate }, cut_held: { change: drawHeld } },
  c: {
    takers: ['truncate'],
    taker: () => 'truncate',
    fields: ({ region, pages: count }) => [
      ['region', nameNumber(region)],
      ['pages', count],
    ],
    impossible: ({ background }) => (background ? ONE_AT_A_TIME : undefined),
    listed: () => 0,
  },
});

const punchSchema = stepSchema('punch', { ...range, background: yes.optional() }, expectRetOrWait);

const punch = defineStep(punchSchema, {
  *take(sys, actor, step): Task<StepResult> {
    const fd = knownFile(actor, step.region);
    const mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
    return retOf(yield* sys.fallocate(fd, mode, step.page * PAGE_SIZE, lengthOf(step)));
  },
  answers: () => answeredBy('shmem_fallocate', 'EBADF', 'EINVAL', 'ENOMEM', 'ENODEV'),
  concerns: 'mapping',
  maps: null,
  naming: plainNames,
  shell: {
    punch: command(
      'RANGE [background]',
      'punch a hole into the file behind it',
      [1, 2],
      ([r, last], context) => ({ ...rangeWord(r!, context), ...backgroundWord(last) }),
    ),
  },
  plainer: (step) => preferring(step, 'background', undefined),
  draws: { punch: { on: rangeOfFile } },
  c: {
    takers: ['punch'],
    taker: () => 'punch',
    fields: (step) => fileFields(step),
    impossible: ({ background }) => (background ? ONE_AT_A_TIME : undefined),
    listed: () => 0,
  },
});

export const memfd = { fread, fwrite, truncate, punch };
