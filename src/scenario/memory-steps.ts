// SPDX-License-Identifier: GPL-2.0-only
/** Steps that a program takes without the driver: mappings, loads and stores, /proc/self/pagemap. */
import { u32At } from '../sim/bytes.js';
import type { Task } from '../sim/task.js';
import {
  MADV_COLLAPSE,
  MADV_DONTFORK,
  MADV_DONTNEED,
  MADV_FREE,
  MADV_HUGEPAGE,
  MADV_NOHUGEPAGE,
  MADV_POPULATE_READ,
  MADV_POPULATE_WRITE,
  MADV_WIPEONFORK,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_HUGETLB,
  MAP_PRIVATE,
  MAP_SHARED,
  MREMAP_FIXED,
  MREMAP_MAYMOVE,
  O_RDONLY,
  PAGE_SIZE,
  PROT_NONE,
  PROT_READ,
  PROT_WRITE,
} from '../uapi/mman.js';
import type { Sys } from '../user/api.js';
import { type Actor, addressOf, fdOf, PAGEMAP_CHUNK } from './actor.js';
import { retOf, type StepResult } from './result.js';
import type { Step, StepOf } from './schema.js';
import { spellPagemap } from './spelling.js';

const PROT: Readonly<Record<StepOf<'mprotect'>['prot'], number>> = {
  none: PROT_NONE,
  r: PROT_READ,
  w: PROT_WRITE,
  rw: PROT_READ | PROT_WRITE,
};

const ADVICE: Readonly<Record<StepOf<'madvise'>['advice'], number>> = {
  hugepage: MADV_HUGEPAGE,
  nohugepage: MADV_NOHUGEPAGE,
  dontneed: MADV_DONTNEED,
  free: MADV_FREE,
  dontfork: MADV_DONTFORK,
  wipeonfork: MADV_WIPEONFORK,
  populate_read: MADV_POPULATE_READ,
  populate_write: MADV_POPULATE_WRITE,
  collapse: MADV_COLLAPSE,
};

/** The memfd behind a `file` region, created at the region's first mmap. */
function* memfdOf(sys: Sys, actor: Actor, step: StepOf<'mmap'>): Task<number> {
  const known = actor.memfds.get(step.region);
  if (known !== undefined) return known;
  const fd = yield* sys.memfd_create(step.region, 0);
  if (fd < 0) return fd;
  const ret = yield* sys.ftruncate(fd, step.pages * PAGE_SIZE);
  if (ret < 0) return ret;
  actor.memfds.set(step.region, fd);
  return fd;
}

export function* mmap(sys: Sys, actor: Actor, step: StepOf<'mmap'>): Task<StepResult> {
  let flags = MAP_FIXED | (step.share === 'shared' ? MAP_SHARED : MAP_PRIVATE);
  let fd = -1;
  if (step.backing === 'device') fd = fdOf(actor, step.fd);
  else if (step.backing === 'file') fd = yield* memfdOf(sys, actor, step);
  else flags |= MAP_ANONYMOUS | (step.backing === 'hugetlb' ? MAP_HUGETLB : 0);

  const length = step.pages * PAGE_SIZE;
  return retOf(yield* sys.mmap(addressOf(step.region, 0), length, PROT[step.prot], flags, fd, 0));
}

type RangeStep = Extract<Step, { region: string; page: number; pages: number }>;

const startOf = (step: RangeStep): number => addressOf(step.region, step.page);
const lengthOf = (step: RangeStep): number => step.pages * PAGE_SIZE;

export function* munmap(sys: Sys, step: StepOf<'munmap'>): Task<StepResult> {
  return retOf(yield* sys.munmap(startOf(step), lengthOf(step)));
}

export function* mlock(sys: Sys, step: StepOf<'mlock'>): Task<StepResult> {
  return retOf(yield* sys.mlock(startOf(step), lengthOf(step)));
}

export function* munlock(sys: Sys, step: StepOf<'munlock'>): Task<StepResult> {
  return retOf(yield* sys.munlock(startOf(step), lengthOf(step)));
}

export function* mprotect(sys: Sys, step: StepOf<'mprotect'>): Task<StepResult> {
  return retOf(yield* sys.mprotect(startOf(step), lengthOf(step), PROT[step.prot]));
}

export function* madvise(sys: Sys, step: StepOf<'madvise'>): Task<StepResult> {
  return retOf(yield* sys.madvise(startOf(step), lengthOf(step), ADVICE[step.advice]));
}

export function* mremap(sys: Sys, step: StepOf<'mremap'>): Task<StepResult> {
  const length = lengthOf(step);
  const target = addressOf(step.to.region, step.to.page);
  return retOf(yield* sys.mremap(startOf(step), length, length, MREMAP_MAYMOVE | MREMAP_FIXED, target));
}

export function* store(sys: Sys, step: StepOf<'store'>): Task<StepResult> {
  const start = startOf(step);
  const pages: string[] = [];
  for (let i = 0; i < step.pages; i++) {
    pages.push(yield* sys.tryStorePage(start + i * PAGE_SIZE, (step.word + i) >>> 0));
  }
  return { pages };
}

export function* load(sys: Sys, step: StepOf<'load'>): Task<StepResult> {
  const start = startOf(step);
  const pages: (number | string)[] = [];
  for (let i = 0; i < step.pages; i++) pages.push(yield* sys.tryLoadPage(start + i * PAGE_SIZE));
  return { pages };
}

export function* pagemap(sys: Sys, actor: Actor, step: StepOf<'pagemap'>): Task<StepResult> {
  actor.pagemapFd ??= yield* sys.open('/proc/self/pagemap', O_RDONLY);
  if (actor.pagemapFd < 0) return retOf(actor.pagemapFd);

  const buffer = actor.buffers.scratch + PAGE_SIZE;
  const first = startOf(step) / PAGE_SIZE;
  const map: string[] = [];
  for (let done = 0; done < step.pages; ) {
    const count = Math.min(step.pages - done, PAGEMAP_CHUNK);
    const bytes = yield* sys.pread(actor.pagemapFd, buffer, count * 8, (first + done) * 8);
    if (bytes <= 0) return retOf(bytes);
    const entries = yield* sys.loadBytes(buffer, bytes);
    for (let at = 4; at < bytes; at += 8) map.push(spellPagemap(u32At(entries, at)));
    done += bytes / 8;
  }
  return { map };
}
