// SPDX-License-Identifier: GPL-2.0-only
/** hmm-tests.c: migration of a range that holds one page of each kind, with two devices. */
import type { Task } from '../../sim/task.js';
import { EINVAL, ENOENT } from '../../uapi/errno.js';
import { PROT_NONE, PROT_READ, PROT_WRITE } from '../../uapi/mman.js';
import type { Hmm2 } from './fixtures.js';
import { hmm_buffer_alloc, hmm_buffer_free, hmm_migrate_sys_to_dev } from './helpers.js';

const READ_WRITE = PROT_READ | PROT_WRITE;

/** In a PROT_NONE mapping, page 2 becomes the read-only zero page. Return: 3, for the other pages to hold. */
export function* makeZeroPage(t: Hmm2, p: number): Task<number> {
  const { sys } = t;
  const { page_size } = t.self;
  const ret = yield* sys.mprotect(p + 2 * page_size, page_size, PROT_READ);
  t.ASSERT_EQ({ ret }, 0);
  const val = ((yield* sys.load32(p + 2 * page_size)) + 3) | 0;
  t.ASSERT_EQ({ val }, 3);
  return val;
}

/** Page 3 is written, then becomes read-only. */
export function* makeReadOnlyPage(t: Hmm2, p: number, val: number): Task {
  const { sys } = t;
  const { page_size } = t.self;
  let ret = yield* sys.mprotect(p + 3 * page_size, page_size, READ_WRITE);
  t.ASSERT_EQ({ ret }, 0);
  yield* sys.store32(p + 3 * page_size, val);
  ret = yield* sys.mprotect(p + 3 * page_size, page_size, PROT_READ);
  t.ASSERT_EQ({ ret }, 0);
}

/** Try to migrate various memory types to device private memory. */
export function* migrate_mixed(t: Hmm2): Task {
  const { sys, self } = t;
  const { page_size } = self;
  const npages = 6;
  const buffer = yield* hmm_buffer_alloc(t, npages, { prot: PROT_NONE });
  const p = buffer.ptr;

  // A protected area is an error.
  let ret = yield* hmm_migrate_sys_to_dev(t, self.fd1, buffer, npages);
  t.ASSERT_EQ({ ret }, { '-EINVAL': -EINVAL });

  // So is a hole, here of page 1.
  ret = yield* sys.munmap(p + page_size, page_size);
  t.ASSERT_EQ({ ret }, 0);
  ret = yield* hmm_migrate_sys_to_dev(t, self.fd1, buffer, 3);
  t.ASSERT_EQ({ ret }, { '-EINVAL': -EINVAL });

  const val = yield* makeZeroPage(t, p);
  yield* makeReadOnlyPage(t, p, val);

  // Pages 4 and 5 are read-write.
  ret = yield* sys.mprotect(p + 4 * page_size, 2 * page_size, READ_WRITE);
  t.ASSERT_EQ({ ret }, 0);
  yield* sys.store32(p + 4 * page_size, val);
  yield* sys.store32(p + 5 * page_size, val);

  // All four go to device 1.
  buffer.ptr = p + 2 * page_size;
  ret = yield* hmm_migrate_sys_to_dev(t, self.fd1, buffer, 4);
  t.ASSERT_EQ({ ret }, 0);
  t.ASSERT_EQ({ 'buffer->cpages': buffer.cpages }, 4);

  // Page 5 does not go on from device 1 to device 0.
  buffer.ptr = p + 5 * page_size;
  ret = yield* hmm_migrate_sys_to_dev(t, self.fd0, buffer, 1);
  t.ASSERT_EQ({ ret }, { '-ENOENT': -ENOENT });

  buffer.ptr = p;
  yield* hmm_buffer_free(t, buffer);
}
