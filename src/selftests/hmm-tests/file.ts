// SPDX-License-Identifier: GPL-2.0-only
/** hmm-tests.c: the device reading and writing a mapped file. */
import type { Task } from '../../sim/task.js';
import { MAP_SHARED, PROT_READ, PROT_WRITE } from '../../uapi/mman.js';
import type { Hmm } from './fixtures.js';
import {
  allocMirror,
  bufferOf,
  defaultPages,
  type HmmBuffer,
  hmm_buffer_alloc,
  hmm_buffer_free,
  hmm_create_file,
  hmm_dmirror_cmd,
  mapBuffer,
  newBuffer,
} from './helpers.js';
import { ASSERT_WORDS, fill, I, words, ZERO } from './words.js';

/** What file_read begins with: where a buffer is made in parts, its mapping comes later. */
function* unreadBuffer(t: Hmm, size: number, fd: number): Task<HmmBuffer> {
  if (t.variant.allocatesAtOnce) {
    return yield* bufferOf(t, size, { prot: PROT_READ, flags: MAP_SHARED, fd });
  }
  const buffer = yield* newBuffer(t, size, fd);
  yield* allocMirror(t, buffer, size);
  return buffer;
}

/** Read mmap'ed file memory. */
export function* file_read(t: Hmm): Task {
  const { sys, self } = t;
  const npages = defaultPages(t);
  const size = npages * self.page_size;
  const fd = yield* hmm_create_file(sys, size);
  t.ASSERT_GE({ fd }, 0);
  const buffer = yield* unreadBuffer(t, size, fd);
  const { mirror } = buffer;

  // The file's contents come from the mirror, which is cleared before the device fills it again.
  yield* fill(sys, words(mirror, size), I);
  const len = yield* sys.pwrite(fd, mirror, size, 0);
  t.ASSERT_EQ({ len }, { size });
  yield* fill(sys, words(mirror, size), ZERO);
  if (buffer.ptr === 0) yield* mapBuffer(t, buffer, PROT_READ, MAP_SHARED);

  const ret = yield* hmm_dmirror_cmd(t, self.fd, 'READ', buffer, npages);
  t.ASSERT_EQ({ ret }, 0);
  t.ASSERT_EQ({ 'buffer->cpages': buffer.cpages }, { npages });
  t.ASSERT_EQ({ 'buffer->faults': buffer.faults }, 1);
  yield* ASSERT_WORDS(t, words(mirror, size), I);
  yield* hmm_buffer_free(t, buffer);
}

/** Write mmap'ed file memory. */
export function* file_write(t: Hmm): Task {
  const { sys, self } = t;
  const npages = defaultPages(t);
  const size = npages * self.page_size;
  const fd = yield* hmm_create_file(sys, size);
  t.ASSERT_GE({ fd }, 0);
  const buffer = yield* hmm_buffer_alloc(t, npages, { prot: PROT_READ | PROT_WRITE, flags: MAP_SHARED, fd });
  const { ptr, mirror } = buffer;

  yield* fill(sys, words(mirror, size), I);
  const ret = yield* hmm_dmirror_cmd(t, self.fd, 'WRITE', buffer, npages);
  t.ASSERT_EQ({ ret }, 0);
  t.ASSERT_EQ({ 'buffer->cpages': buffer.cpages }, { npages });
  t.ASSERT_EQ({ 'buffer->faults': buffer.faults }, 1);
  yield* ASSERT_WORDS(t, words(ptr, size), I);

  // What the device wrote must be in the file too.
  const len = yield* sys.pread(fd, mirror, size, 0);
  t.ASSERT_EQ({ len }, { size });
  yield* ASSERT_WORDS(t, words(mirror, size), I);
  yield* hmm_buffer_free(t, buffer);
}
