// SPDX-License-Identifier: GPL-2.0-only
/** Steps that change an address space: mappings, protection, advice, locking. */
import { z } from 'zod';
import { done, type Task } from '../../sim/task.js';
import {
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_HUGETLB,
  MAP_PRIVATE,
  MAP_SHARED,
  O_RDWR,
  O_TMPFILE,
  PAGE_SIZE,
  PROT_NONE,
  PROT_READ,
  PROT_WRITE,
} from '../../uapi/mman.js';
import { DAX_TYPES } from '../../uapi/pmem.js';
import type { Sys } from '../../user/api.js';
import { type Actor, addressOf, DISK, fdOf } from '../actor.js';
import { retOf, type StepResult } from '../result.js';
import {
  answeredBy,
  type CField,
  type Drawing,
  defineStep,
  type Fields,
  type KernelFunction,
  type Making,
  nameNumber,
  nothingPlainer,
  type Population,
  plainNames,
  preferring,
  type Range,
  rangeFields,
  smaller,
} from './contract.js';
import {
  type buffer,
  expectRet,
  fdName,
  inThread,
  page,
  pages,
  prot,
  range,
  regionName,
  share,
  stepSchema,
} from './fields.js';
import { daxFileOf, disk, diskNumber } from './files/dax.js';
import { DEFAULTS } from './kernel-names.js';
import { chosenName, mapFlags, protectionNamed } from './spelled.js';
import { command, numberWord, rangeCommand, rangeWord } from './words.js';

type Prot = z.infer<typeof prot>;

const PROT: Readonly<Record<Prot, number>> = {
  none: PROT_NONE,
  r: PROT_READ,
  w: PROT_WRITE,
  rw: PROT_READ | PROT_WRITE,
};

/** The name of a protection; undefined for one that steps do not know. */
export const protName = (value: number): Prot | undefined =>
  (Object.keys(PROT) as Prot[]).find((name) => PROT[name] === value);

const C_PROT: Readonly<Record<Prot, string>> = {
  none: 'PROT_NONE',
  r: 'PROT_READ',
  w: 'PROT_WRITE',
  rw: 'PROT_READ | PROT_WRITE',
};

export const startOf = (step: Range): number => addressOf(step.region, step.page);
export const bufferAt = ({ region, page: first, offset = 0 }: z.infer<typeof buffer>): number =>
  addressOf(region, first) + offset;
export const bufferInC = ({ region, page: first, offset = 0 }: z.infer<typeof buffer>): string =>
  `AT(${nameNumber(region)}, ${first})${offset === 0 ? '' : ` + ${offset}UL`}`;
export const lengthOf = (step: Range): number => step.pages * PAGE_SIZE;

// --- mmap -------------------------------------------------------------------------------------------------

function mapping<Backing extends string, Shape extends z.core.$ZodLooseShape>(
  backing: Backing,
  fields: Shape,
) {
  const common = {
    region: regionName,
    page: page.optional(),
    pages,
    prot,
    share,
    backing: z.literal(backing),
    /** May what is mapped there go? */
    replace: z.boolean().optional(),
  };
  return stepSchema('mmap', { ...common, ...fields }, expectRet);
}

const mmapSchema = z.discriminatedUnion('backing', [
  mapping('anon', {}),
  mapping('hugetlb', {}),
  mapping('file', {}),
  mapping('disk', {}),
  mapping('dax', { disk: disk.optional() }),
  mapping('device', { fd: fdName }),
]);

type MmapStep = z.infer<typeof mmapSchema>;

/** The memfd behind a `file` region, created of that length at the region's first mmap, fread or fwrite. */
function* memfdOf(sys: Sys, actor: Actor, region: string, length: number): Task<number> {
  const known = actor.memfds.get(region);
  if (known !== undefined) return known;
  const fd = yield* sys.memfd_create(region, 0);
  if (fd < 0) return fd;
  const ret = yield* sys.ftruncate(fd, length * PAGE_SIZE);
  if (ret < 0) return ret;
  actor.memfds.set(region, fd);
  return fd;
}

/** The file on a disk behind a `disk` region, created of that length at the region's first mmap. */
function* diskFileOf(sys: Sys, actor: Actor, region: string, length: number): Task<number> {
  const known = actor.diskFiles.get(region);
  if (known !== undefined) return known;
  const fd = yield* sys.open(DISK, O_TMPFILE | O_RDWR);
  if (fd < 0) return fd;
  const ret = yield* sys.ftruncate(fd, length * PAGE_SIZE);
  if (ret < 0) return ret;
  actor.diskFiles.set(region, fd);
  return fd;
}

/** What fread and fwrite are about: the file on a disk, where the region has one, else its memfd. */
export function fileOf(sys: Sys, actor: Actor, region: string, length: number): Task<number> {
  const onDisk = actor.diskFiles.get(region);
  return onDisk === undefined ? memfdOf(sys, actor, region, length) : done(onDisk);
}

function* takeMmap(sys: Sys, actor: Actor, step: MmapStep): Task<StepResult> {
  let flags = MAP_FIXED | (step.share === 'shared' ? MAP_SHARED : MAP_PRIVATE);
  let fd = -1;
  if (step.backing === 'device') fd = fdOf(actor, step.fd);
  else if (step.backing === 'file') fd = yield* memfdOf(sys, actor, step.region, step.pages);
  else if (step.backing === 'disk') fd = yield* diskFileOf(sys, actor, step.region, step.pages);
  else if (step.backing === 'dax') fd = yield* daxFileOf(sys, actor, step.region, step.disk, step.pages);
  else flags |= MAP_ANONYMOUS | (step.backing === 'hugetlb' ? MAP_HUGETLB : 0);

  const length = step.pages * PAGE_SIZE;
  const start = addressOf(step.region, step.page ?? 0);
  return retOf(yield* sys.mmap(start, length, PROT[step.prot], flags, fd, 0));
}

/** The words behind `mmap r0 PAGES`, in any order: protection, sharing, backing, flags, a device's fd. */
function mappingWords(words: readonly string[]): Fields {
  const fields: Record<string, unknown> = { ...DEFAULTS.mmap };
  for (const word of words) {
    const flags = mapFlags(word);
    const prot = protectionNamed(word);
    if (flags !== undefined) Object.assign(fields, flags);
    else if (prot !== undefined) fields.prot = prot;
    else if (chosenName('share', word, share.options) !== undefined) fields.share = word;
    else if (/^d\d+$/.test(word)) fields.fd = word;
    else if (/^pmem\d+$/.test(word)) fields.disk = word;
    else if (word === 'replace') fields.replace = true;
    else fields.backing = word;
  }
  // Keys in the order of recordings.
  const { fd, disk: on, replace, ...rest } = fields;
  const which = { ...(fd === undefined ? {} : { fd }), ...(on === undefined ? {} : { disk: on }) };
  return { ...rest, ...which, ...(replace === undefined ? {} : { replace }) };
}

function* plainerMmap(step: MmapStep): Iterable<Fields> {
  if (step.page !== undefined) yield { page: undefined };
  yield* preferring(step, 'prot', 'rw');
  yield* preferring(step, 'share', 'private');
  // Only a mapping of a device has an fd.
  if (step.backing !== 'anon') yield { backing: 'anon', fd: undefined, disk: undefined };
  for (const fewer of smaller(step.pages, 1)) yield { pages: fewer };
}

/** What a region has a file of its own for. */
const FILE_BACKINGS: ReadonlySet<string> = new Set(['file', 'disk', 'dax']);

/** Pages that a hugetlb region is made of. */
const HUGE_REGION = 512;

function makeMmap(making: Making, actor: Population): void {
  const { dice, surroundings } = making;
  const as = actor.name;
  const region = making.regionToMap(actor);
  const size = dice.pick(surroundings.pages);
  const backing = dice.weighted(surroundings.backing);
  const shared = dice.below(100) < surroundings.shared;
  const head = { as, op: 'mmap', region, pages: size, prot: dice.weighted(surroundings.prot) };
  // What is mounted already stays so.
  if (backing === 'dax' && actor.files.size === 0)
    making.push({ as, op: 'mount', disk: 'pmem0', fs: dice.pick(DAX_TYPES) });
  if (backing === 'device') {
    making.push({ ...head, share: 'private', backing, fd: actor.fds[0]! });
  } else {
    const whole = backing === 'hugetlb' ? HUGE_REGION : size;
    making.push({ ...head, pages: whole, share: shared ? 'shared' : 'private', backing });
  }
  actor.regions.set(region, size);
  if (FILE_BACKINGS.has(backing)) actor.files.add(region);
  else actor.files.delete(region);
  if (surroundings.advised && size >= HUGE_REGION) {
    making.push({ as, op: 'madvise', region, page: 0, pages: size, advice: 'hugepage' });
  }
}

const mmap = defineStep(mmapSchema, {
  take: takeMmap,
  answers: () =>
    answeredBy('do_mmap', 'EBADF', 'EINVAL', 'ENOMEM', 'EACCES', 'EAGAIN', 'ENODEV', 'EPERM', 'EOVERFLOW'),
  concerns: 'call',
  maps: ({ region, page: first = 0, pages: count }) => ({ region, page: first, pages: count }),
  naming: plainNames,
  shell: {
    mmap: command(
      'REGION PAGES [none|r|w|rw] [private|shared] [anon|hugetlb|file|disk|dax|device FD] [DISK] [replace]',
      'map a region (r0, r1 ...); rw private anon unless told; replace: over what is there',
      [2, 8],
      ([region, size, ...rest]) => ({
        region,
        pages: numberWord(size!, 'a number of pages'),
        ...mappingWords(rest),
      }),
    ),
  },
  plainer: plainerMmap,
  draws: { mmap: { change: makeMmap } },
  c: {
    takers: ['mmap', 'mmap_file', 'mmap_disk', 'mmap_dax', 'mmap_device'],
    taker({ backing }) {
      return backing === 'anon' || backing === 'hugetlb' ? 'mmap' : `mmap_${backing}`;
    },
    fields(step): CField[] {
      const flags = [step.share === 'shared' ? 'MAP_SHARED' : 'MAP_PRIVATE'];
      if (step.backing === 'anon' || step.backing === 'hugetlb') flags.push('MAP_ANONYMOUS');
      if (step.backing === 'hugetlb') flags.push('MAP_HUGETLB');
      return [
        ...rangeFields({ region: step.region, page: step.page ?? 0, pages: step.pages }),
        ['prot', C_PROT[step.prot]],
        ['flags', flags.join(' | ')],
        ['fd', step.backing === 'device' ? nameNumber(step.fd) : 0],
        ['region', FILE_BACKINGS.has(step.backing) ? nameNumber(step.region) : 0],
        ...(step.backing === 'dax' ? ([['device', diskNumber(step.disk)]] as const) : []),
      ];
    },
    listed: () => 0,
  },
});

// --- a system call on a range -----------------------------------------------------------------------------

type RangeCall = (sys: Sys, start: number, length: number) => Task<number>;

/** A step that is one system call, with a range and nothing else. */
function rangeStep<const Op extends string>(op: Op, call: RangeCall, answers: KernelFunction, help: string) {
  return defineStep(stepSchema(op, { ...range, ...inThread }, expectRet), {
    *take(sys, _, step): Task<StepResult> {
      return retOf(yield* call(sys, startOf(step), lengthOf(step)));
    },
    answers: () => answers,
    concerns: 'mapping',
    maps: null,
    naming: plainNames,
    shell: { [op]: rangeCommand(help) },
    plainer: nothingPlainer,
    draws: { [op]: { on: (where: Range) => where } as Drawing } as Record<Op, Drawing>,
    c: { takers: [op], taker: () => op, fields: rangeFields, listed: () => 0 },
  });
}

const munmap = rangeStep(
  'munmap',
  (sys, start, length) => sys.munmap(start, length),
  answeredBy('__vm_munmap', 'EINVAL', 'ENOMEM'),
  'unmap pages',
);

const mlock = rangeStep(
  'mlock',
  (sys, start, length) => sys.mlock(start, length),
  answeredBy('do_mlock', 'EINVAL', 'ENOMEM', 'EAGAIN', 'EPERM'),
  'lock pages in memory',
);

const munlock = rangeStep(
  'munlock',
  (sys, start, length) => sys.munlock(start, length),
  answeredBy('apply_vma_lock_flags', 'EINVAL', 'ENOMEM'),
  'unlock them',
);

const mprotect = defineStep(stepSchema('mprotect', { ...range, prot, ...inThread }, expectRet), {
  *take(sys, _, step): Task<StepResult> {
    return retOf(yield* sys.mprotect(startOf(step), lengthOf(step), PROT[step.prot]));
  },
  answers: () => answeredBy('do_mprotect_pkey', 'EINVAL', 'ENOMEM', 'EACCES'),
  concerns: 'mapping',
  maps: null,
  naming: plainNames,
  shell: {
    mprotect: command('RANGE none|r|w|rw', 'change protection', [2, 2], ([r, to], context) => ({
      ...rangeWord(r!, context),
      prot: to,
    })),
  },
  plainer: (step) => preferring(step, 'prot', 'rw'),
  draws: {
    mprotect: {
      on: (where, { dice }) => ({ ...where, prot: dice.weighted({ r: 30, rw: 45, none: 20, w: 5 }) }),
    },
  },
  c: {
    takers: ['mprotect'],
    taker: () => 'mprotect',
    fields: (step) => [...rangeFields(step), ['prot', C_PROT[step.prot]]],
    listed: () => 0,
  },
});

export const memory = { mmap, munmap, mlock, munlock, mprotect };
