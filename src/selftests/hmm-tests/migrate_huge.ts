// SPDX-License-Identifier: GPL-2.0-only
/** hmm-tests.c: migration of huge pages as they are, and of what stands for one; with failing allocations, too. */
import type { Task } from '../../sim/task.js';
import {
  MADV_COLLAPSE,
  MADV_FREE,
  MADV_HUGEPAGE,
  MAP_ANONYMOUS,
  MAP_PRIVATE,
  O_RDONLY,
  PMD_SIZE,
  PROT_READ,
  PROT_WRITE,
} from '../../uapi/mman.js';
import * as uapi from '../../uapi/test_hmm_uapi.js';
import type { Hmm } from './fixtures.js';
import {
  ALIGN,
  bufferOf,
  close,
  type HmmBuffer,
  hmm_buffer_free,
  hmm_dmirror_cmd,
  hmm_migrate_dev_to_sys,
  hmm_migrate_sys_to_dev,
  MAP_FAILED,
  mirrorBytes,
} from './helpers.js';
import { ALL_ONES, ASSERT_EACH_WORD, ASSERT_WORDS, fill, I, type Pattern, words, ZERO } from './words.js';

const READ_WRITE = PROT_READ | PROT_WRITE;

/** A bit of a pagemap entry, and where it is in the upper half of one. */
const PM_SWAP = 1n << 62n;
const PM_PRESENT = 1n << 63n;

/** An int of the third page: that page comes home alone. */
const SOME_WORD = 2048;

/** Room for an aligned huge page and a mirror that holds nothing of it; the buffer's ptr is the huge page's. */
interface HugeBuffer {
  readonly buffer: HmmBuffer;
  readonly npages: number;
  /** As it was mapped. */
  old_ptr: number;
}

function* hugeBuffer(t: Hmm, prot: number, mirror = PMD_SIZE): Task<HugeBuffer> {
  const buffer = yield* bufferOf(t, 2 * PMD_SIZE, { prot, mirror });
  yield* fill(t.sys, words(buffer.mirror, mirror), ALL_ONES);
  const old_ptr = buffer.ptr;
  buffer.ptr = ALIGN(old_ptr, PMD_SIZE);
  return { buffer, npages: PMD_SIZE / t.self.page_size, old_ptr };
}

function* adviseHuge(t: Hmm, { buffer }: HugeBuffer): Task {
  const ret = yield* t.sys.madvise(buffer.ptr, PMD_SIZE, MADV_HUGEPAGE);
  t.ASSERT_EQ({ ret }, 0);
}

function* freeHuge(t: Hmm, { buffer, old_ptr }: HugeBuffer): Task {
  buffer.ptr = old_ptr;
  yield* hmm_buffer_free(t, buffer);
}

function fillHuge(t: Hmm, { buffer }: HugeBuffer): Task {
  return fill(t.sys, words(buffer.ptr, PMD_SIZE), I);
}

function* toDevice(t: Hmm, { buffer, npages }: HugeBuffer): Task {
  const ret = yield* hmm_migrate_sys_to_dev(t, t.self.fd, buffer, npages);
  t.ASSERT_EQ({ ret }, 0);
  t.ASSERT_EQ({ 'buffer->cpages': buffer.cpages }, { npages });
}

function* toDeviceAndCheck(t: Hmm, huge: HugeBuffer, pattern: Pattern): Task {
  yield* toDevice(t, huge);
  yield* ASSERT_WORDS(t, words(huge.buffer.mirror, PMD_SIZE), pattern);
}

/** Migrate private anonymous huge empty page. */
export function* migrate_anon_huge_empty(t: Hmm): Task {
  const huge = yield* hugeBuffer(t, PROT_READ);
  yield* adviseHuge(t, huge);
  yield* toDeviceAndCheck(t, huge, ZERO);
  yield* freeHuge(t, huge);
}

/** Migrate private anonymous huge zero page. */
export function* migrate_anon_huge_zero(t: Hmm): Task {
  const huge = yield* hugeBuffer(t, PROT_READ);
  yield* adviseHuge(t, huge);
  const { ptr } = huge.buffer;
  const val = (yield* t.sys.load32(ptr)) | 0;
  t.ASSERT_EQ({ val }, 0);
  yield* toDeviceAndCheck(t, huge, ZERO);
  yield* ASSERT_EACH_WORD(t, words(ptr, PMD_SIZE), ZERO);
  yield* freeHuge(t, huge);
}

/** Migrate private anonymous huge page and free. */
export function* migrate_anon_huge_free(t: Hmm): Task {
  const huge = yield* hugeBuffer(t, READ_WRITE);
  yield* adviseHuge(t, huge);
  yield* fillHuge(t, huge);
  yield* toDeviceAndCheck(t, huge, I);
  const ret = yield* t.sys.madvise(huge.buffer.ptr, PMD_SIZE, MADV_FREE);
  t.ASSERT_EQ({ ret }, 0);
  yield* freeHuge(t, huge);
}

/** The device sees one huge page of its own, writable. */
function* checkSnapshot(t: Hmm, { buffer, npages }: HugeBuffer): Task {
  const ret = yield* hmm_dmirror_cmd(t, t.self.fd, 'SNAPSHOT', buffer, npages);
  t.ASSERT_EQ({ ret }, 0);
  t.ASSERT_EQ({ 'buffer->cpages': buffer.cpages }, { npages });
  const m = yield* mirrorBytes(t, buffer, npages);
  const prot =
    uapi.HMM_DMIRROR_PROT_DEV_PRIVATE_LOCAL | uapi.HMM_DMIRROR_PROT_WRITE | uapi.HMM_DMIRROR_PROT_PMD;
  const wrong = m.filter((seen) => seen !== prot);
  const text = 'HMM_DMIRROR_PROT_DEV_PRIVATE_LOCAL | HMM_DMIRROR_PROT_WRITE | HMM_DMIRROR_PROT_PMD';
  t.ASSERT_EQ_EACH(wrong.length, { 'm[i]': wrong[0] ?? prot }, { [text]: prot });
}

/** In the page map every page is swapped, none present. */
function* checkPagemap(t: Hmm, { buffer, npages }: HugeBuffer): Task {
  const { sys } = t;
  const pagemap_fd = yield* sys.open('/proc/self/pagemap', O_RDONLY);
  t.ASSERT_GE({ pagemap_fd }, 0);
  const room = yield* sys.malloc(8);
  let entry = PM_SWAP;
  for (let i = 0; i < npages; ++i) {
    const index = buffer.ptr / t.self.page_size + i;
    yield* sys.pread(pagemap_fd, room, 8, index * 8);
    const bytes = yield* sys.loadBytes(room, 8);
    entry = new DataView(bytes.buffer).getBigUint64(0, true);
    if ((entry & PM_SWAP) === 0n || (entry & PM_PRESENT) !== 0n) break;
  }
  // In C each entry is asserted on; the first that is not as it should be ends the loop there, too.
  t.ASSERT_NE({ 'entry & PM_SWAP': entry & PM_SWAP }, 0);
  t.ASSERT_FALSE({ 'PAGEMAP_PRESENT(entry)': entry >> 63n });
  yield* sys.free(room);
  yield* close(sys, pagemap_fd);
}

/** Migrate private anonymous huge page and fault back to sysmem. */
export function* migrate_anon_huge_fault(t: Hmm): Task {
  const { sys } = t;
  const huge = yield* hugeBuffer(t, READ_WRITE);
  const { ptr } = huge.buffer;
  yield* fillHuge(t, huge);
  const ret = yield* sys.madvise(ptr, PMD_SIZE, MADV_COLLAPSE);
  t.ASSERT_EQ({ ret }, 0);
  yield* toDeviceAndCheck(t, huge, I);
  if (!t.variant.coherent) {
    yield* checkSnapshot(t, huge);
    yield* checkPagemap(t, huge);
  }
  yield* ASSERT_WORDS(t, words(ptr, PMD_SIZE), I);
  yield* freeHuge(t, huge);
}

/** The device's next allocation fails. */
function* failNextAllocation(t: Hmm, { buffer }: HugeBuffer): Task {
  const ret = yield* hmm_dmirror_cmd(t, t.self.fd, 'FLAGS', buffer, uapi.HMM_DMIRROR_FLAG_FAIL_ALLOC);
  t.ASSERT_EQ({ ret }, 0);
}

/** Unmaps all and maps as much anew, for a huge page. */
function* mapAgain(t: Hmm, huge: HugeBuffer, prot: number): Task {
  const { sys } = t;
  const { buffer } = huge;
  const ret = yield* sys.munmap(huge.old_ptr, 2 * PMD_SIZE);
  t.ASSERT_EQ({ ret }, 0);
  const flags = MAP_PRIVATE | MAP_ANONYMOUS;
  const addr = yield* sys.mmap(0, 2 * PMD_SIZE, prot, flags, buffer.fd, 0);
  t.ASSERT_NE({ old_ptr: addr < 0 ? MAP_FAILED.MAP_FAILED : addr }, MAP_FAILED);
  huge.old_ptr = addr;
  buffer.ptr = ALIGN(addr, PMD_SIZE);
  yield* adviseHuge(t, huge);
}

/** `ASSERT_EQ(ptr[2048], <value>);`, which brings that page home. */
function* checkSomeWord(t: Hmm, { buffer }: HugeBuffer, value: number): Task {
  const word = (yield* t.sys.load32(buffer.ptr + SOME_WORD * 4)) | 0;
  t.ASSERT_EQ({ 'ptr[2048]': word }, value);
}

/** Migrate private anonymous huge page with allocation errors. */
export function* migrate_anon_huge_err(t: Hmm): Task {
  const huge = yield* hugeBuffer(t, READ_WRITE, 2 * PMD_SIZE);
  const { buffer, npages } = huge;
  yield* adviseHuge(t, huge);
  yield* fillHuge(t, huge);

  // No huge page of the device can be had: it gets small ones.
  yield* failNextAllocation(t, huge);
  yield* toDevice(t, huge);
  yield* ASSERT_EACH_WORD(t, words(buffer.mirror, PMD_SIZE), I);
  yield* checkSomeWord(t, huge, SOME_WORD);

  // Now the way home.
  yield* mapAgain(t, huge, READ_WRITE);
  yield* fillHuge(t, huge);
  yield* toDevice(t, huge);
  yield* failNextAllocation(t, huge);
  const ret = yield* hmm_migrate_dev_to_sys(t, t.self.fd, buffer, npages);
  t.ASSERT_EQ({ ret }, 0);
  yield* checkSomeWord(t, huge, SOME_WORD);
  yield* freeHuge(t, huge);
}

/** Migrate private anonymous huge zero page with allocation errors. */
export function* migrate_anon_huge_zero_err(t: Hmm): Task {
  const huge = yield* hugeBuffer(t, PROT_READ, 2 * PMD_SIZE);
  const { buffer } = huge;
  yield* adviseHuge(t, huge);
  yield* failNextAllocation(t, huge);
  yield* toDeviceAndCheck(t, huge, ZERO);
  yield* checkSomeWord(t, huge, 0);

  // Looked at is where the first mapping was, which is where the second one is.
  const { ptr } = buffer;
  yield* mapAgain(t, huge, PROT_READ);
  const ret = (yield* t.sys.load32(ptr)) | 0;
  t.ASSERT_EQ({ ret }, 0);
  yield* failNextAllocation(t, huge);
  yield* toDevice(t, huge);
  yield* ASSERT_WORDS(t, words(buffer.ptr, PMD_SIZE), ZERO);
  yield* freeHuge(t, huge);
}
