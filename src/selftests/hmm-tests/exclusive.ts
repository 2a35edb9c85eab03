// SPDX-License-Identifier: GPL-2.0-only
/** hmm-tests.c: exclusive access of the device, and what revokes it. */
import type { Task } from '../../sim/task.js';
import { EPERM } from '../../uapi/errno.js';
import { PROT_READ } from '../../uapi/mman.js';
import type { Hmm } from './fixtures.js';
import {
  defaultPages,
  type HmmBuffer,
  hmm_buffer_alloc,
  hmm_buffer_free,
  hmm_dmirror_cmd,
  WEXITSTATUS,
  WIFEXITED,
} from './helpers.js';
import { ASSERT_WORDS, ASSERT_WORDS_AND_INCREMENT, fill, I, iPlus, words } from './words.js';

/** Basic check of exclusive faulting. */
export function* exclusive(t: Hmm): Task {
  const { sys, self } = t;
  const npages = defaultPages(t);
  const buffer = yield* hmm_buffer_alloc(t, npages);
  const { ptr, mirror, size } = buffer;
  yield* fill(sys, words(ptr, size), I);

  let ret = yield* hmm_dmirror_cmd(t, self.fd, 'EXCLUSIVE', buffer, npages);
  t.ASSERT_EQ({ ret }, 0);
  t.ASSERT_EQ({ 'buffer->cpages': buffer.cpages }, { npages });
  yield* ASSERT_WORDS(t, words(mirror, size), I);

  // The CPU takes every page back.
  yield* ASSERT_WORDS_AND_INCREMENT(t, words(ptr, size));
  yield* ASSERT_WORDS(t, words(ptr, size), iPlus(1, 'i+1'));
  ret = yield* hmm_dmirror_cmd(t, self.fd, 'CHECK_EXCLUSIVE', buffer, npages);
  t.ASSERT_EQ({ ret }, 0);
  yield* hmm_buffer_free(t, buffer);
}

/** The device may not write what mprotect() has made read-only, exclusive or not. */
export function* exclusive_mprotect(t: Hmm): Task {
  const { sys, self } = t;
  const npages = defaultPages(t);
  const buffer = yield* hmm_buffer_alloc(t, npages);
  const { ptr, mirror, size } = buffer;
  yield* fill(sys, words(ptr, size), I);

  let ret = yield* hmm_dmirror_cmd(t, self.fd, 'EXCLUSIVE', buffer, npages);
  t.ASSERT_EQ({ ret }, 0);
  t.ASSERT_EQ({ 'buffer->cpages': buffer.cpages }, { npages });
  yield* ASSERT_WORDS(t, words(mirror, size), I);

  ret = yield* sys.mprotect(ptr, size, PROT_READ);
  t.ASSERT_EQ({ ret }, 0);
  ret = yield* hmm_dmirror_cmd(t, self.fd, 'WRITE', buffer, npages);
  t.ASSERT_EQ({ ret }, { '-EPERM': -EPERM });
  yield* hmm_buffer_free(t, buffer);
}

/** Both processes do this after a fork, neither seeing the other's increments. */
function* incrementAll(t: Hmm, { ptr, size }: HmmBuffer): Task {
  yield* ASSERT_WORDS_AND_INCREMENT(t, words(ptr, size));
  yield* ASSERT_WORDS(t, words(ptr, size), iPlus(1, 'i + 1'));
}

/** Check copy-on-write works. */
export function* exclusive_cow(t: Hmm): Task {
  const { sys, self } = t;
  const npages = defaultPages(t);
  const buffer = yield* hmm_buffer_alloc(t, npages);
  const { ptr, size } = buffer;
  yield* fill(sys, words(ptr, size), I);

  const ret = yield* hmm_dmirror_cmd(t, self.fd, 'EXCLUSIVE', buffer, npages);
  t.ASSERT_EQ({ ret }, 0);
  t.ASSERT_EQ({ 'buffer->cpages': buffer.cpages }, { npages });

  const pid = yield* t.fork(function* (child) {
    yield* incrementAll(child, buffer);
    yield* child.sys.exit(0);
  });
  if (pid === -1) t.ASSERT_EQ({ pid }, 0);
  yield* incrementAll(t, buffer);

  const status = yield* sys.waitpid(pid);
  const waited = typeof status === 'number' ? -1 : status.pid;
  t.ASSERT_EQ({ 'waitpid(pid, &status, 0)': waited }, { pid });
  t.ASSERT_TRUE({ 'WIFEXITED(status)': WIFEXITED(status) });
  t.ASSERT_EQ({ 'WEXITSTATUS(status)': WEXITSTATUS(status) }, 0);
  yield* hmm_buffer_free(t, buffer);
}
