// SPDX-License-Identifier: GPL-2.0-only
/** hmm-tests.c: the device writing huge pages. */
import type { Task } from '../../sim/task.js';
import { MADV_HUGEPAGE } from '../../uapi/mman.js';
import type { Hmm } from './fixtures.js';
import {
  ALIGN,
  hmm_buffer_alloc,
  hmm_buffer_free,
  hmm_dmirror_cmd,
  hugetlbBuffer,
  TWOMEG,
  unmapBuffer,
} from './helpers.js';
import { ASSERT_WORDS, fill, I, words } from './words.js';

/** Write private anonymous huge page. */
export function* anon_write_huge(t: Hmm): Task {
  const { sys, self } = t;
  const buffer = yield* hmm_buffer_alloc(t, (2 * TWOMEG) / self.page_size);
  const { mirror } = buffer;

  const size = TWOMEG;
  const npages = size / self.page_size;
  const map = ALIGN(buffer.ptr, size);
  let ret = yield* sys.madvise(map, size, MADV_HUGEPAGE);
  t.ASSERT_EQ({ ret }, 0);
  const old_ptr = buffer.ptr;
  buffer.ptr = map;

  yield* fill(sys, words(mirror, size), I);
  ret = yield* hmm_dmirror_cmd(t, self.fd, 'WRITE', buffer, npages);
  t.ASSERT_EQ({ ret }, 0);
  t.ASSERT_EQ({ 'buffer->cpages': buffer.cpages }, { npages });
  t.ASSERT_EQ({ 'buffer->faults': buffer.faults }, 1);
  yield* ASSERT_WORDS(t, words(map, size), I);

  buffer.ptr = old_ptr;
  yield* hmm_buffer_free(t, buffer);
}

/** Write huge TLBFS page. */
export function* anon_write_hugetlbfs(t: Hmm): Task {
  const { sys, self } = t;
  const buffer = yield* hugetlbBuffer(t, (size) => size);
  if (buffer === null) return;

  const { ptr, size } = buffer;
  const npages = size / self.page_size;
  yield* fill(sys, words(buffer.mirror, size), I);

  const ret = yield* hmm_dmirror_cmd(t, self.fd, 'WRITE', buffer, npages);
  t.ASSERT_EQ({ ret }, 0);
  t.ASSERT_EQ({ 'buffer->cpages': buffer.cpages }, { npages });
  t.ASSERT_EQ({ 'buffer->faults': buffer.faults }, 1);
  yield* ASSERT_WORDS(t, words(ptr, size), I);

  yield* unmapBuffer(t, buffer);
  yield* hmm_buffer_free(t, buffer);
}
