// SPDX-License-Identifier: GPL-2.0-only
/** hmm-tests.c: migration to the device. */
import type { Task } from '../../sim/task.js';
import { ENOENT } from '../../uapi/errno.js';
import { MAP_ANONYMOUS, MAP_PRIVATE, MAP_SHARED } from '../../uapi/mman.js';
import type { Hmm } from './fixtures.js';
import {
  defaultPages,
  type HmmBuffer,
  hmm_buffer_alloc,
  hmm_buffer_free,
  hmm_create_file,
  hmm_dmirror_cmd,
  hmm_migrate_sys_to_dev,
} from './helpers.js';
import { ASSERT_WORDS, fill, I, words } from './words.js';

/** Migrates the whole buffer and checks what the device has read of it. */
function* migrateAndCheck(t: Hmm, buffer: HmmBuffer, npages: number): Task {
  const ret = yield* hmm_migrate_sys_to_dev(t, t.self.fd, buffer, npages);
  t.ASSERT_EQ({ ret }, 0);
  t.ASSERT_EQ({ 'buffer->cpages': buffer.cpages }, { npages });
  yield* ASSERT_WORDS(t, words(buffer.mirror, buffer.size), I);
}

/** Migrate anonymous memory to device private memory. */
export function* migrate(t: Hmm): Task {
  const npages = defaultPages(t);
  const buffer = yield* hmm_buffer_alloc(t, npages);
  yield* fill(t.sys, words(buffer.ptr, buffer.size), I);
  yield* migrateAndCheck(t, buffer, npages);
  yield* hmm_buffer_free(t, buffer);
}

/** Migrate private file memory to device private memory. */
export function* migrate_file_private(t: Hmm): Task {
  const npages = defaultPages(t);
  const fd = yield* hmm_create_file(t.sys, npages * t.self.page_size);
  t.ASSERT_GE({ fd }, 0);
  const buffer = yield* hmm_buffer_alloc(t, npages, { flags: MAP_PRIVATE, fd });
  yield* fill(t.sys, words(buffer.ptr, buffer.size), I);
  yield* migrateAndCheck(t, buffer, npages);
  yield* hmm_buffer_free(t, buffer);
}

/** Fault half of the device's memory back, then migrate the mix of both to the device again. */
export function* migrate_fault(t: Hmm): Task {
  const npages = defaultPages(t);
  const buffer = yield* hmm_buffer_alloc(t, npages);
  const { ptr, size } = buffer;
  yield* fill(t.sys, words(ptr, size), I);
  yield* migrateAndCheck(t, buffer, npages);
  yield* ASSERT_WORDS(t, words(ptr, size / 2), I);
  yield* migrateAndCheck(t, buffer, npages);
  yield* hmm_buffer_free(t, buffer);
}

/** Make the device give its memory back, and find the contents in system memory. */
export function* migrate_release(t: Hmm): Task {
  const npages = defaultPages(t);
  const buffer = yield* hmm_buffer_alloc(t, npages);
  const { ptr, size } = buffer;
  yield* fill(t.sys, words(ptr, size), I);
  yield* migrateAndCheck(t, buffer, npages);

  const ret = yield* hmm_dmirror_cmd(t, t.self.fd, 'RELEASE', buffer, npages);
  t.ASSERT_EQ({ ret }, 0);
  yield* ASSERT_WORDS(t, words(ptr, size / 2), I);
  yield* hmm_buffer_free(t, buffer);
}

/** Anonymous shared memory does not migrate. */
export function* migrate_shared(t: Hmm): Task {
  const npages = defaultPages(t);
  const buffer = yield* hmm_buffer_alloc(t, npages, { flags: MAP_SHARED | MAP_ANONYMOUS });
  const ret = yield* hmm_migrate_sys_to_dev(t, t.self.fd, buffer, npages);
  t.ASSERT_EQ({ ret }, { '-ENOENT': -ENOENT });
  yield* hmm_buffer_free(t, buffer);
}
