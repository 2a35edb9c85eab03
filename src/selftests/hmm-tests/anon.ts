// SPDX-License-Identifier: GPL-2.0-only
/** hmm-tests.c: open_close, and the device reading and writing anonymous memory. */
import type { Task } from '../../sim/task.js';
import { EFAULT, EPERM } from '../../uapi/errno.js';
import { PROT_NONE, PROT_READ, PROT_WRITE } from '../../uapi/mman.js';
import type { Hmm } from './fixtures.js';
import { defaultPages, hmm_buffer_alloc, hmm_buffer_free, hmm_dmirror_cmd } from './helpers.js';
import { ASSERT_WORDS, fill, I, MINUS_I, words, ZERO } from './words.js';

/** Opens and closes the device. */
export function* open_close(_t: Hmm): Task {}

/** Read private anonymous memory. */
export function* anon_read(t: Hmm): Task {
  const { sys, self } = t;
  const npages = defaultPages(t);
  const buffer = yield* hmm_buffer_alloc(t, npages);
  const { ptr, mirror, size } = buffer;
  const twoPages = 2 * self.page_size;

  // The first two pages stay untouched: they will be a hole and the zero page.
  yield* fill(sys, words(ptr, size, twoPages), I);
  let ret = yield* sys.mprotect(ptr, size, PROT_READ);
  t.ASSERT_EQ({ ret }, 0);
  const val = yield* sys.load32(ptr + self.page_size);
  t.ASSERT_EQ({ val: val | 0 }, 0);

  ret = yield* hmm_dmirror_cmd(t, self.fd, 'READ', buffer, npages);
  t.ASSERT_EQ({ ret }, 0);
  t.ASSERT_EQ({ 'buffer->cpages': buffer.cpages }, { npages });
  t.ASSERT_EQ({ 'buffer->faults': buffer.faults }, 1);

  yield* ASSERT_WORDS(t, words(mirror, twoPages), ZERO);
  yield* ASSERT_WORDS(t, words(mirror, size, twoPages), I);
  yield* hmm_buffer_free(t, buffer);
}

/** Read private anonymous memory which has been protected with mprotect() PROT_NONE. */
export function* anon_read_prot(t: Hmm): Task {
  const { sys, self } = t;
  const npages = defaultPages(t);
  const buffer = yield* hmm_buffer_alloc(t, npages);
  const { ptr, mirror, size } = buffer;

  yield* fill(sys, words(ptr, size), I);
  // So that a write to the mirror would show.
  yield* fill(sys, words(mirror, size), MINUS_I);
  let ret = yield* sys.mprotect(ptr, size, PROT_NONE);
  t.ASSERT_EQ({ ret }, 0);

  ret = yield* hmm_dmirror_cmd(t, self.fd, 'READ', buffer, npages);
  t.ASSERT_EQ({ ret }, { '-EFAULT': -EFAULT });

  ret = yield* sys.mprotect(ptr, size, PROT_READ);
  t.ASSERT_EQ({ ret }, 0);
  yield* ASSERT_WORDS(t, words(ptr, size), I);
  yield* ASSERT_WORDS(t, words(mirror, size), MINUS_I);
  yield* hmm_buffer_free(t, buffer);
}

/** Write private anonymous memory. */
export function* anon_write(t: Hmm): Task {
  const { sys, self } = t;
  const npages = defaultPages(t);
  const buffer = yield* hmm_buffer_alloc(t, npages);
  const { ptr, mirror, size } = buffer;

  yield* fill(sys, words(mirror, size), I);
  const ret = yield* hmm_dmirror_cmd(t, self.fd, 'WRITE', buffer, npages);
  t.ASSERT_EQ({ ret }, 0);
  t.ASSERT_EQ({ 'buffer->cpages': buffer.cpages }, { npages });
  t.ASSERT_EQ({ 'buffer->faults': buffer.faults }, 1);

  yield* ASSERT_WORDS(t, words(ptr, size), I);
  yield* hmm_buffer_free(t, buffer);
}

/** Write private anonymous memory which has been protected with mprotect() PROT_READ. */
export function* anon_write_prot(t: Hmm): Task {
  const { sys, self } = t;
  const npages = defaultPages(t);
  const buffer = yield* hmm_buffer_alloc(t, npages, { prot: PROT_READ });
  const { ptr, mirror, size } = buffer;

  // The device reads one page: the zero page.
  let ret = yield* hmm_dmirror_cmd(t, self.fd, 'READ', buffer, 1);
  t.ASSERT_EQ({ ret }, 0);
  t.ASSERT_EQ({ 'buffer->cpages': buffer.cpages }, 1);
  t.ASSERT_EQ({ 'buffer->faults': buffer.faults }, 1);

  yield* fill(sys, words(mirror, size), I);
  ret = yield* hmm_dmirror_cmd(t, self.fd, 'WRITE', buffer, npages);
  t.ASSERT_EQ({ ret }, { '-EPERM': -EPERM });
  yield* ASSERT_WORDS(t, words(ptr, size), ZERO);

  // Once writing is allowed, the zero page gives way.
  ret = yield* sys.mprotect(ptr, size, PROT_WRITE | PROT_READ);
  t.ASSERT_EQ({ ret }, 0);
  ret = yield* hmm_dmirror_cmd(t, self.fd, 'WRITE', buffer, npages);
  t.ASSERT_EQ({ ret }, 0);
  t.ASSERT_EQ({ 'buffer->cpages': buffer.cpages }, { npages });
  t.ASSERT_EQ({ 'buffer->faults': buffer.faults }, 1);
  yield* ASSERT_WORDS(t, words(ptr, size), I);
  yield* hmm_buffer_free(t, buffer);
}
