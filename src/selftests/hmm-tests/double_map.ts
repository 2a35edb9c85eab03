// SPDX-License-Identifier: GPL-2.0-only
/** hmm-tests.c: two devices reading the same memory. */
import type { Task } from '../../sim/task.js';
import { PROT_READ } from '../../uapi/mman.js';
import type { Hmm2 } from './fixtures.js';
import {
  type HmmBuffer,
  hmm_buffer_alloc,
  hmm_buffer_free,
  hmm_dmirror_cmd,
  hmm_migrate_sys_to_dev,
} from './helpers.js';
import { ASSERT_WORDS, fill, I, words } from './words.js';

function* readThrough(t: Hmm2, fd: number, buffer: HmmBuffer, npages: number): Task {
  const ret = yield* hmm_dmirror_cmd(t, fd, 'READ', buffer, npages);
  t.ASSERT_EQ({ ret }, 0);
  t.ASSERT_EQ({ 'buffer->cpages': buffer.cpages }, { npages });
  t.ASSERT_EQ({ 'buffer->faults': buffer.faults }, 1);
  yield* ASSERT_WORDS(t, words(buffer.mirror, buffer.size), I);
}

/** Test two devices reading the same memory (double mapped). */
export function* double_map(t: Hmm2): Task {
  const { sys, self } = t;
  const npages = 6;
  const buffer = yield* hmm_buffer_alloc(t, npages);
  const { ptr, size } = buffer;
  yield* fill(sys, words(ptr, size), I);
  let ret = yield* sys.mprotect(ptr, size, PROT_READ);
  t.ASSERT_EQ({ ret }, 0);

  yield* readThrough(t, self.fd0, buffer, npages);
  yield* readThrough(t, self.fd1, buffer, npages);

  if (t.variant.doubleMapMigrates) {
    ret = yield* hmm_migrate_sys_to_dev(t, self.fd1, buffer, npages);
    t.ASSERT_EQ({ ret }, 0);
    t.ASSERT_EQ({ 'buffer->cpages': buffer.cpages }, { npages });
    yield* readThrough(t, self.fd0, buffer, npages);
  }
  yield* hmm_buffer_free(t, buffer);
}
