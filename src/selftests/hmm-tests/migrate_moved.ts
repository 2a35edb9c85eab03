// SPDX-License-Identifier: GPL-2.0-only
/** hmm-tests.c: memory on the device that is unmapped in part, or moved to another address. */
import type { Task } from '../../sim/task.js';
import {
  MADV_HUGEPAGE,
  MADV_NOHUGEPAGE,
  MREMAP_DONTUNMAP,
  MREMAP_FIXED,
  MREMAP_MAYMOVE,
  PMD_SIZE,
} from '../../uapi/mman.js';
import type { Hmm } from './fixtures.js';
import {
  ALIGN,
  bufferOf,
  type HmmBuffer,
  hmm_buffer_free,
  hmm_migrate_sys_to_dev,
  MAP_FAILED,
} from './helpers.js';
import { ALL_ONES, ASSERT_WORDS, ASSERT_WORDS_OF, fill, I, words } from './words.js';

const OFFSETS = [0, PMD_SIZE / 4, PMD_SIZE / 2];
const NO_AND_YES = [false, true];

/** A buffer of `huge` huge pages, whose ptr is the first aligned one. Return: it, and where it was mapped. */
function* alignedBuffer(t: Hmm, huge: number, use_thp: boolean): Task<[buffer: HmmBuffer, old_ptr: number]> {
  const { sys } = t;
  const buffer = yield* bufferOf(t, huge * PMD_SIZE, { mirror: PMD_SIZE });
  yield* fill(sys, words(buffer.mirror, PMD_SIZE), ALL_ONES);
  const old_ptr = buffer.ptr;
  buffer.ptr = ALIGN(old_ptr, PMD_SIZE);
  const ret = yield* sys.madvise(buffer.ptr, PMD_SIZE, use_thp ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
  t.ASSERT_EQ({ ret }, 0);
  return [buffer, old_ptr];
}

function* toDevice(t: Hmm, buffer: HmmBuffer): Task {
  const npages = PMD_SIZE / t.self.page_size;
  const ret = yield* hmm_migrate_sys_to_dev(t, t.self.fd, buffer, npages);
  t.ASSERT_EQ({ ret }, 0);
  t.ASSERT_EQ({ 'buffer->cpages': buffer.cpages }, { npages });
  yield* ASSERT_WORDS(t, words(buffer.mirror, PMD_SIZE), I);
}

/** Half of what is on the device goes, from `offset` on; what is left comes home. */
function* unmapHalf(t: Hmm, use_thp: boolean, offset: number): Task {
  const { sys } = t;
  const [buffer, old_ptr] = yield* alignedBuffer(t, 2, use_thp);
  const { ptr } = buffer;
  yield* fill(sys, words(ptr, PMD_SIZE), I);
  yield* toDevice(t, buffer);
  yield* sys.munmap(ptr + offset, PMD_SIZE / 2);
  const left = [words(ptr, offset), words(ptr, PMD_SIZE, offset + PMD_SIZE / 2)];
  yield* ASSERT_WORDS_OF(t, left, I);
  buffer.ptr = old_ptr;
  yield* hmm_buffer_free(t, buffer);
}

/** Migrate memory and fault back to sysmem after partially unmapping. */
export function* migrate_partial_unmap_fault(t: Hmm): Task {
  for (const use_thp of NO_AND_YES) {
    for (const offset of OFFSETS) yield* unmapHalf(t, use_thp, offset);
  }
}

/** The buffer moves into a hole, `offset` bytes behind its end. */
function* move(t: Hmm, buffer: HmmBuffer, dont_unmap: boolean, offset: number): Task {
  const flags = MREMAP_MAYMOVE | MREMAP_FIXED | (dont_unmap ? MREMAP_DONTUNMAP : 0);
  const map = buffer.ptr;
  const addr = yield* t.sys.mremap(map, PMD_SIZE, PMD_SIZE, flags, map + PMD_SIZE + offset);
  t.ASSERT_NE({ new_ptr: addr < 0 ? MAP_FAILED.MAP_FAILED : addr }, MAP_FAILED);
  buffer.ptr = addr;
}

interface Remap {
  readonly before: boolean;
  readonly dont_unmap: boolean;
  readonly use_thp: boolean;
  readonly offset: number;
}

function* remap(t: Hmm, { before, dont_unmap, use_thp, offset }: Remap): Task {
  const { sys } = t;
  const [buffer, old_ptr] = yield* alignedBuffer(t, 8, use_thp);
  yield* sys.munmap(buffer.ptr + PMD_SIZE, 2 * PMD_SIZE);
  yield* fill(sys, words(buffer.ptr, PMD_SIZE), I);
  if (before) yield* move(t, buffer, dont_unmap, offset);
  yield* toDevice(t, buffer);
  if (!before) yield* move(t, buffer, dont_unmap, offset);
  yield* ASSERT_WORDS(t, words(buffer.ptr, PMD_SIZE), I);
  yield* sys.munmap(buffer.ptr, PMD_SIZE);
  buffer.ptr = old_ptr;
  yield* hmm_buffer_free(t, buffer);
}

/** Memory that moves before or after it goes to the device comes home where it is then. */
export function* migrate_remap_fault(t: Hmm): Task {
  for (const before of NO_AND_YES) {
    for (const dont_unmap of NO_AND_YES) {
      for (const use_thp of NO_AND_YES) {
        for (const offset of OFFSETS) yield* remap(t, { before, dont_unmap, use_thp, offset });
      }
    }
  }
}
