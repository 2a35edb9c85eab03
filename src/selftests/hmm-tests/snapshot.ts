// SPDX-License-Identifier: GPL-2.0-only
/** hmm-tests.c: snapshots of page tables, which fault nothing in. */
import type { Task } from '../../sim/task.js';
import { MAP_PRIVATE, PROT_NONE, PROT_READ, PROT_WRITE } from '../../uapi/mman.js';
import {
  HMM_DMIRROR_PROT_DEV_PRIVATE_LOCAL,
  HMM_DMIRROR_PROT_ERROR,
  HMM_DMIRROR_PROT_NONE,
  HMM_DMIRROR_PROT_PMD,
  HMM_DMIRROR_PROT_PUD,
  HMM_DMIRROR_PROT_READ,
  HMM_DMIRROR_PROT_WRITE,
  HMM_DMIRROR_PROT_ZERO,
} from '../../uapi/test_hmm_uapi.js';
import { hmm_is_private_device } from './device_type.js';
import type { Hmm, Hmm2 } from './fixtures.js';
import {
  type HmmBuffer,
  hmm_buffer_alloc,
  hmm_buffer_free,
  hmm_dmirror_cmd,
  hmm_migrate_sys_to_dev,
  hugetlbBuffer,
  mirrorBytes,
  unmapBuffer,
} from './helpers.js';
import { makeReadOnlyPage, makeZeroPage } from './migrate_mixed.js';
import { fill, I, words } from './words.js';

/** Snapshot a VM_MIXEDMAP mapping: the device's own. */
export function* mixedmap(t: Hmm): Task {
  const { self } = t;
  const npages = 1;
  const buffer = yield* hmm_buffer_alloc(t, npages, { flags: MAP_PRIVATE, fd: self.fd, mirror: npages });
  const ret = yield* hmm_dmirror_cmd(t, self.fd, 'SNAPSHOT', buffer, npages);
  t.ASSERT_EQ({ ret }, 0);
  t.ASSERT_EQ({ 'buffer->cpages': buffer.cpages }, { npages });

  const m = yield* mirrorBytes(t, buffer, npages);
  t.ASSERT_EQ({ 'm[0]': m[0]! }, { HMM_DMIRROR_PROT_READ });
  yield* hmm_buffer_free(t, buffer);
}

/** Page `index` goes to the device behind `fd`. */
function* migrateOne(t: Hmm2, fd: number, buffer: HmmBuffer, p: number, index: number): Task {
  buffer.ptr = p + index * t.self.page_size;
  const ret = yield* hmm_migrate_sys_to_dev(t, fd, buffer, 1);
  t.ASSERT_EQ({ ret }, 0);
  t.ASSERT_EQ({ 'buffer->cpages': buffer.cpages }, 1);
}

/** Pages 5 and 6 in the snapshot of device 0: its own, and device 1's. */
function checkDevicePages(t: Hmm2, m: Uint8Array, is_private: boolean): void {
  if (is_private) {
    t.ASSERT_EQ(
      { 'm[5]': m[5]! },
      {
        'HMM_DMIRROR_PROT_DEV_PRIVATE_LOCAL | HMM_DMIRROR_PROT_WRITE':
          HMM_DMIRROR_PROT_DEV_PRIVATE_LOCAL | HMM_DMIRROR_PROT_WRITE,
      },
    );
    t.ASSERT_EQ({ 'm[6]': m[6]! }, { HMM_DMIRROR_PROT_NONE });
  } else {
    t.ASSERT_EQ({ 'm[5]': m[5]! }, t.variant.coherentLocal);
    t.ASSERT_EQ({ 'm[6]': m[6]! }, t.variant.coherentRemote);
  }
}

/** Snapshot seven pages, each of another kind. */
export function* snapshot(t: Hmm2): Task {
  const { sys, self } = t;
  const { page_size } = self;
  const npages = 7;
  const is_private = yield* hmm_is_private_device(t, self.fd0, 'self->fd0');
  const buffer = yield* hmm_buffer_alloc(t, npages, { prot: PROT_NONE, mirror: npages });
  const p = buffer.ptr;

  let ret = yield* sys.munmap(p + page_size, page_size);
  t.ASSERT_EQ({ ret }, 0);
  const val = yield* makeZeroPage(t, p);
  yield* makeReadOnlyPage(t, p, val);

  // Pages 4 to 6 are read-write; 5 goes to device 0, 6 to device 1.
  ret = yield* sys.mprotect(p + 4 * page_size, 3 * page_size, PROT_READ | PROT_WRITE);
  t.ASSERT_EQ({ ret }, 0);
  yield* sys.store32(p + 4 * page_size, val);
  yield* migrateOne(t, self.fd0, buffer, p, 5);
  yield* migrateOne(t, self.fd1, buffer, p, 6);

  buffer.ptr = p;
  ret = yield* hmm_dmirror_cmd(t, self.fd0, 'SNAPSHOT', buffer, npages);
  t.ASSERT_EQ({ ret }, 0);
  t.ASSERT_EQ({ 'buffer->cpages': buffer.cpages }, { npages });

  const m = yield* mirrorBytes(t, buffer, npages);
  t.ASSERT_EQ({ 'm[0]': m[0]! }, { HMM_DMIRROR_PROT_ERROR });
  t.ASSERT_EQ({ 'm[1]': m[1]! }, { HMM_DMIRROR_PROT_ERROR });
  t.ASSERT_EQ(
    { 'm[2]': m[2]! },
    { 'HMM_DMIRROR_PROT_ZERO | HMM_DMIRROR_PROT_READ': HMM_DMIRROR_PROT_ZERO | HMM_DMIRROR_PROT_READ },
  );
  t.ASSERT_EQ({ 'm[3]': m[3]! }, { HMM_DMIRROR_PROT_READ });
  t.ASSERT_EQ({ 'm[4]': m[4]! }, { HMM_DMIRROR_PROT_WRITE });
  checkDevicePages(t, m, is_private);
  yield* hmm_buffer_free(t, buffer);
}

/** Snapshots a huge page; every entry must have `prot` and the level that the first one has. */
function* snapshotHuge(t: Hmm, buffer: HmmBuffer, npages: number, access: number): Task {
  const ret = yield* hmm_dmirror_cmd(t, t.self.fd, 'SNAPSHOT', buffer, npages);
  t.ASSERT_EQ({ ret }, 0);
  t.ASSERT_EQ({ 'buffer->cpages': buffer.cpages }, { npages });

  const m = yield* mirrorBytes(t, buffer, npages);
  const prot = access | (m[0]! & HMM_DMIRROR_PROT_PUD ? HMM_DMIRROR_PROT_PUD : HMM_DMIRROR_PROT_PMD);
  const wrong = m.filter((seen) => seen !== prot);
  t.ASSERT_EQ_EACH(wrong.length, { 'm[i]': wrong[0] ?? prot }, { prot });
}

/** A huge page shows as one, writable and then read-only. Where suites set up none, it passes without a word when there is no huge page. */
export function* compound(t: Hmm): Task {
  const { sys, self } = t;
  const { page_size } = self;
  const buffer = yield* hugetlbBuffer(t, (size) => size / page_size, true);
  if (buffer === null) return;

  const { ptr, size } = buffer;
  const npages = size / page_size;
  yield* fill(sys, words(ptr, size), I);
  yield* snapshotHuge(t, buffer, npages, HMM_DMIRROR_PROT_WRITE);

  const ret = yield* sys.mprotect(ptr, size, PROT_READ);
  t.ASSERT_EQ({ ret }, 0);
  yield* snapshotHuge(t, buffer, npages, HMM_DMIRROR_PROT_READ);

  yield* unmapBuffer(t, buffer);
  yield* hmm_buffer_free(t, buffer);
}
