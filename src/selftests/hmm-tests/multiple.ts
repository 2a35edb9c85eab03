// SPDX-License-Identifier: GPL-2.0-only
/** hmm-tests.c: the same again and again; to the device and back. */
import type { Task } from '../../sim/task.js';
import { hmm_is_private_device } from './device_type.js';
import type { Hmm } from './fixtures.js';
import {
  defaultPages,
  type HmmBuffer,
  hmm_buffer_alloc,
  hmm_buffer_free,
  hmm_dmirror_cmd,
  hmm_migrate_dev_to_sys,
  hmm_migrate_sys_to_dev,
  NTIMES,
} from './helpers.js';
import { ASSERT_WORDS, fill, I, iPlus, words } from './words.js';

/** A filled buffer, migrated to the device, which must have read what the CPU wrote. */
function* migratedBuffer(t: Hmm, npages: number): Task<HmmBuffer> {
  const buffer = yield* hmm_buffer_alloc(t, npages);
  const { ptr, mirror, size } = buffer;
  yield* fill(t.sys, words(ptr, size), I);
  const ret = yield* hmm_migrate_sys_to_dev(t, t.self.fd, buffer, npages);
  t.ASSERT_EQ({ ret }, 0);
  t.ASSERT_EQ({ 'buffer->cpages': buffer.cpages }, { npages });
  yield* ASSERT_WORDS(t, words(mirror, size), I);
  return buffer;
}

/**
 * Migrate anonymous memory to device memory and back to system memory multiple times. A CPU access brings private
 * memory back; memory that the CPU can access where it is must be told to come back.
 */
export function* migrate_multiple(t: Hmm): Task {
  const is_private = yield* hmm_is_private_device(t, t.self.fd, 'self->fd');
  const npages = defaultPages(t);
  for (let c = 0; c < NTIMES; c++) {
    const buffer = yield* migratedBuffer(t, npages);
    if (!is_private) {
      const ret = yield* hmm_migrate_dev_to_sys(t, t.self.fd, buffer, npages);
      t.ASSERT_EQ({ ret }, 0);
      if (t.variant.countsPagesToSys) t.ASSERT_EQ({ 'buffer->cpages': buffer.cpages }, { npages });
    }
    yield* ASSERT_WORDS(t, words(buffer.ptr, buffer.size), I);
    yield* hmm_buffer_free(t, buffer);
  }
}

/** Migrate to the device and explicitly back, without a page fault. */
export function* migrate_ping_pong(t: Hmm): Task {
  const npages = defaultPages(t);
  const buffer = yield* migratedBuffer(t, npages);
  const ret = yield* hmm_migrate_dev_to_sys(t, t.self.fd, buffer, npages);
  t.ASSERT_EQ({ ret }, 0);
  yield* ASSERT_WORDS(t, words(buffer.ptr, buffer.size), I);
  yield* hmm_buffer_free(t, buffer);
}

/** Read anonymous memory multiple times. */
export function* anon_read_multiple(t: Hmm): Task {
  const npages = defaultPages(t);
  for (let c = 0; c < NTIMES; c++) {
    const buffer = yield* hmm_buffer_alloc(t, npages);
    const { ptr, mirror, size } = buffer;
    yield* fill(t.sys, words(ptr, size), iPlus(c));

    const ret = yield* hmm_dmirror_cmd(t, t.self.fd, 'READ', buffer, npages);
    t.ASSERT_EQ({ ret }, 0);
    t.ASSERT_EQ({ 'buffer->cpages': buffer.cpages }, { npages });
    t.ASSERT_EQ({ 'buffer->faults': buffer.faults }, 1);
    yield* ASSERT_WORDS(t, words(mirror, size), iPlus(c, 'i + c'));
    yield* hmm_buffer_free(t, buffer);
  }
}
