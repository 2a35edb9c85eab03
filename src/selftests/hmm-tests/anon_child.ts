// SPDX-License-Identifier: GPL-2.0-only
/** hmm-tests.c: the device writing memory that a forked child has inherited. */
import type { Task } from '../../sim/task.js';
import { MADV_HUGEPAGE, MAP_ANONYMOUS, MAP_PRIVATE, MAP_SHARED, PMD_SIZE } from '../../uapi/mman.js';
import type { Hmm } from './fixtures.js';
import {
  ALIGN,
  bufferOf,
  close,
  defaultPages,
  HMM_BUFFER_SIZE,
  type HmmBuffer,
  hmm_buffer_alloc,
  hmm_buffer_free,
  hmm_dmirror_cmd,
  hmm_migrate_sys_to_dev,
  hmm_open,
  WIFEXITED,
} from './helpers.js';
import { ASSERT_WORDS, fill, I, MINUS_I, type Pattern, words } from './words.js';

/**
 * The child's half: it sees the parent's values, and its own device writes them. Where the parent had migrated them,
 * the mirror holds what that read, and the child looks at neither.
 */
function* writeAsChild(t: Hmm, buffer: HmmBuffer, npages: number, migrated = false): Task {
  const { sys, self } = t;
  const { ptr, mirror } = buffer;
  const size = npages * self.page_size;
  yield* ASSERT_WORDS(t, words(ptr, size), I);
  if (!migrated) yield* ASSERT_WORDS(t, words(mirror, size), MINUS_I);

  // A device open mirrors the mm that opened it: the child needs its own.
  const child_fd = yield* hmm_open(sys, 0);
  t.ASSERT_GE({ child_fd }, 0);

  const ret = yield* hmm_dmirror_cmd(t, child_fd, 'WRITE', buffer, npages);
  t.ASSERT_EQ({ ret }, 0);
  t.ASSERT_EQ({ 'buffer->cpages': buffer.cpages }, { npages });
  t.ASSERT_EQ({ 'buffer->faults': buffer.faults }, 1);

  if (!migrated) yield* ASSERT_WORDS(t, words(ptr, size), MINUS_I);
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

/** A round of the test below: of huge pages or small ones, which are on the device when the child comes, or are not. */
function* writeInChildOnce(t: Hmm, use_thp: boolean, migrate: boolean): Task {
  const { sys, self } = t;
  const size = use_thp ? PMD_SIZE : HMM_BUFFER_SIZE;
  const npages = size / self.page_size;
  t.ASSERT_NE({ npages }, 0);
  const buffer = yield* bufferOf(t, 2 * size, { mirror: size });
  const old_ptr = buffer.ptr;
  if (use_thp) {
    buffer.ptr = ALIGN(old_ptr, size);
    const ret = yield* sys.madvise(buffer.ptr, size, MADV_HUGEPAGE);
    t.ASSERT_EQ({ ret }, 0);
  }
  yield* fill(sys, words(buffer.ptr, size), I);
  yield* fill(sys, words(buffer.mirror, size), MINUS_I);
  if (migrate) {
    const ret = yield* hmm_migrate_sys_to_dev(t, self.fd, buffer, npages);
    t.ASSERT_EQ({ ret }, 0);
    t.ASSERT_EQ({ 'buffer->cpages': buffer.cpages }, { npages });
  }

  const part = migrate ? 'childOfMigrated' : 'child';
  const pid = yield* t.fork((child) => writeAsChild(child, { ...buffer }, npages, migrate), part);
  if (pid === -1) t.ASSERT_EQ({ pid }, 0);
  const ret = yield* sys.waitpid(pid);
  t.ASSERT_EQ({ 'WIFEXITED(ret)': WIFEXITED(ret) }, 1);
  yield* ASSERT_WORDS(t, words(buffer.ptr, size), I);
  buffer.ptr = old_ptr;
  yield* hmm_buffer_free(t, buffer);
}

/** anon_write_child of 7.x: the same of huge pages, too, and of memory that is on a device. */
export function* anon_write_child_migrated(t: Hmm): Task {
  for (const migrate of [false, true]) {
    for (const use_thp of [false, true]) yield* writeInChildOnce(t, use_thp, migrate);
  }
}
