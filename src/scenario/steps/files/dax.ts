// SPDX-License-Identifier: GPL-2.0-only
/** Steps on file systems whose files are pages of a device: mount(), umount() and unlink(). */
import { z } from 'zod';
import { UsageError } from '../../../sim/errors.js';
import type { Task } from '../../../sim/task.js';
import { O_CREAT, O_RDWR, PAGE_SIZE } from '../../../uapi/mman.js';
import { DAX_TYPES, PMEM_DEVICES } from '../../../uapi/pmem.js';
import type { Sys } from '../../../user/api.js';
import type { Actor } from '../../actor.js';
import { retOf, type StepResult } from '../../result.js';
import {
  answeredBy,
  type CField,
  defineStep,
  nameNumber,
  nothingPlainer,
  plainNames,
  preferring,
} from '../contract.js';
import { expectRet, regionName, stepSchema } from '../fields.js';
import { command } from '../words.js';

export const disk = z.enum(PMEM_DEVICES, { error: `a device: ${PMEM_DEVICES.join(', ')}` });

type Disk = z.infer<typeof disk>;

/** Where the steps mount a device. */
const mountPoint = (name: Disk): string => `/mnt/${name}`;

/** The file behind a region, on the first device unless told. */
const pathOf = (region: string, on: Disk = 'pmem0'): string => `${mountPoint(on)}/${region}`;

/** The file of a region that is mapped from a DAX file system, created of that length at the region's first mmap. */
export function* daxFileOf(
  sys: Sys,
  actor: Actor,
  region: string,
  on: Disk | undefined,
  length: number,
): Task<number> {
  const known = actor.diskFiles.get(region);
  if (known !== undefined) return known;
  const fd = yield* sys.open(pathOf(region, on), O_CREAT | O_RDWR, 0o600);
  if (fd < 0) return fd;
  const ret = yield* sys.ftruncate(fd, length * PAGE_SIZE);
  if (ret < 0) return ret;
  actor.diskFiles.set(region, fd);
  return fd;
}

export const diskNumber = (on: Disk = 'pmem0'): number => PMEM_DEVICES.indexOf(on);

const diskWord = (word: string | undefined): Disk => {
  const found = PMEM_DEVICES.find((name) => name === word);
  if (found === undefined) throw new UsageError(`expected ${PMEM_DEVICES.join(' or ')}, got "${word}"`);
  return found;
};

// --- mount, umount ----------------------------------------------------------------------------------------

const mount = defineStep(stepSchema('mount', { disk, fs: z.enum(DAX_TYPES) }, expectRet), {
  *take(sys, _, step): Task<StepResult> {
    return retOf(yield* sys.mount(`/dev/${step.disk}`, mountPoint(step.disk), step.fs, 'dax'));
  },
  answers: () => answeredBy('path_mount', 'ENOENT', 'ENODEV', 'ENOTBLK', 'EBUSY', 'EINVAL'),
  concerns: 'call',
  maps: null,
  naming: plainNames,
  shell: {
    mount: command(
      'DISK [ext4|xfs|fuse]',
      'mount -o dax /dev/DISK (pmem0, pmem1); the first mount makes the file system',
      [1, 2],
      ([name, fs = 'ext4']) => ({ disk: diskWord(name), fs }),
    ),
  },
  plainer: (step) => preferring(step, 'fs', 'ext4'),
  draws: { mount: { on: (_, { dice }) => ({ disk: 'pmem0', fs: dice.pick(DAX_TYPES) }) } },
  c: {
    takers: ['mount'],
    taker: () => 'mount',
    fields: (step) => [
      ['device', diskNumber(step.disk)],
      ['flags', DAX_TYPES.indexOf(step.fs)],
    ],
    listed: () => 0,
  },
});

const umount = defineStep(stepSchema('umount', { disk }, expectRet), {
  *take(sys, _, step): Task<StepResult> {
    return retOf(yield* sys.umount(mountPoint(step.disk)));
  },
  answers: () => answeredBy('path_umount', 'EINVAL', 'EBUSY'),
  concerns: 'call',
  maps: null,
  naming: plainNames,
  shell: {
    umount: command('DISK', 'unmount it, where no file of it is open or mapped', [1, 1], ([name]) => ({
      disk: diskWord(name),
    })),
  },
  plainer: nothingPlainer,
  draws: { umount: { on: () => ({ disk: 'pmem0' }) } },
  c: {
    takers: ['umount'],
    taker: () => 'umount',
    fields: (step) => [['device', diskNumber(step.disk)]],
    listed: () => 0,
  },
});

// --- unlink -----------------------------------------------------------------------------------------------

const unlink = defineStep(stepSchema('unlink', { region: regionName, disk: disk.optional() }, expectRet), {
  *take(sys, _, step): Task<StepResult> {
    return retOf(yield* sys.unlink(pathOf(step.region, step.disk)));
  },
  answers: () => answeredBy('do_unlinkat', 'ENOENT'),
  concerns: 'call',
  maps: null,
  naming: plainNames,
  shell: {
    unlink: command(
      'REGION [DISK]',
      'take the name of the DAX file behind a region away',
      [1, 2],
      ([region, name]) => ({
        region,
        ...(name === undefined ? {} : { disk: diskWord(name) }),
      }),
    ),
  },
  plainer: nothingPlainer,
  draws: { unlink: { on: ({ region }) => ({ region }) } },
  c: {
    takers: ['unlink'],
    taker: () => 'unlink',
    fields: (step): CField[] => [
      ['region', nameNumber(step.region)],
      ['device', diskNumber(step.disk)],
    ],
    listed: () => 0,
  },
});

export const dax = { mount, umount, unlink };
