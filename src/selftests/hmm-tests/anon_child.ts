// SPDX-License-Identifier: GPL-2.0-only
/** hmm-tests.c: the device writing memory that a forked child has inherited. */
import type { Task } from '../../sim/task.js';
import { MAP_ANONYMOUS, MAP_PRIVATE, MAP_SHARED } from '../../uapi/mman.js';
import type { Hmm } from './fixtures.js';
import {
  close,
  defaultPages,
  type HmmBuffer,
  hmm_buffer_alloc,
  hmm_dmirror_cmd,
  hmm_open,
  WIFEXITED,
} from './helpers.js';
import { ASSERT_WORDS, fill, I, MINUS_I, type Pattern, words } from './words.js';

/** The child's half: it sees the parent's values, and its own device writes them. */
function* writeAsChild(t: Hmm, buffer: HmmBuffer, npages: number): Task {
  const { sys } = t;
  const { ptr, mirror, size } = buffer;
  yield* ASSERT_WORDS(t, words(ptr, size), I);
  yield* ASSERT_WORDS(t, words(mirror, size), MINUS_I);

  // A device open mirrors the mm that opened it: the child needs its own.
  const child_fd = yield* hmm_open(sys, 0);
  t.ASSERT_GE({ child_fd }, 0);

  const ret = yield* hmm_dmirror_cmd(t, child_fd, 'WRITE', buffer, npages);
  t.ASSERT_EQ({ ret }, 0);
  t.ASSERT_EQ({ 'buffer->cpages': buffer.cpages }, { npages });
  t.ASSERT_EQ({ 'buffer->faults': buffer.faults }, 1);

  yield* ASSERT_WORDS(t, words(ptr, size), MINUS_I);
  yield* close(sys, child_fd);
  yield* sys.exit(0);
}

/** Parent and child; `left` is what the parent finds in its buffer after the child has written. */
function* writeInChild(t: Hmm, flags: number, left: Pattern): Task {
  const { sys } = t;
  const npages = defaultPages(t);
  const buffer = yield* hmm_buffer_alloc(t, npages, { flags });
  const { ptr, mirror, size } = buffer;

  yield* fill(sys, words(ptr, size), I);
  yield* fill(sys, words(mirror, size), MINUS_I);

  const pid = yield* t.fork((child) => writeAsChild(child, { ...buffer }, npages));
  if (pid === -1) t.ASSERT_EQ({ pid }, 0);
  const ret = yield* sys.waitpid(pid);
  t.ASSERT_EQ({ 'WIFEXITED(ret)': WIFEXITED(ret) }, 1);
  yield* ASSERT_WORDS(t, words(ptr, size), left);
}

/** A device writing a private mapping copies on write when a child has inherited it. */
export function* anon_write_child(t: Hmm): Task {
  yield* writeInChild(t, MAP_PRIVATE | MAP_ANONYMOUS, I);
}

/** A device writing a shared mapping does not: the parent sees what the child's device wrote. */
export function* anon_write_child_shared(t: Hmm): Task {
  yield* writeInChild(t, MAP_SHARED | MAP_ANONYMOUS, MINUS_I);
}
