// SPDX-License-Identifier: GPL-2.0-only
/** hmm-tests.c: memory that goes away while the device reads it. */
import type { Task } from '../../sim/task.js';
import type { UserMain } from '../../user/api.js';
import type { Hmm } from './fixtures.js';
import {
  defaultPages,
  type HmmBuffer,
  hmm_buffer_alloc,
  hmm_buffer_free,
  hmm_dmirror_cmd,
  NTIMES,
} from './helpers.js';
import { ASSERT_WORDS, fill, iPlus, words } from './words.js';

/** The unmapping thread waits for less than this. */
const MAX_DELAY_NS = 32000;

/** The second thread: after a random delay the upper half of the buffer is gone. */
function unmap_buffer(buffer: HmmBuffer): UserMain {
  return function* (sys) {
    yield* sys.nanosleep(sys.random32() % MAX_DELAY_NS);
    yield* sys.munmap(buffer.ptr + buffer.size / 2, buffer.size / 2);
    buffer.ptr = 0;
  };
}

/** One round: the read may fail, but if it succeeds, what it has read must be right. */
function* readWhileUnmapping(t: Hmm, npages: number, c: number): Task {
  const buffer = yield* hmm_buffer_alloc(t, npages);
  const { ptr, mirror, size } = buffer;
  yield* fill(t.sys, words(ptr, size), iPlus(c));

  const thread = yield* t.sys.pthread_create(unmap_buffer(buffer));
  if (typeof thread === 'number') return t.ASSERT_EQ({ rc: thread }, 0);
  const rc = yield* hmm_dmirror_cmd(t, t.self.fd, 'READ', buffer, npages);
  if (rc === 0) {
    t.ASSERT_EQ({ 'buffer->cpages': buffer.cpages }, { npages });
    t.ASSERT_EQ({ 'buffer->faults': buffer.faults }, 1);
    yield* ASSERT_WORDS(t, words(mirror, size), iPlus(c));
  }
  yield* thread.join();
  yield* hmm_buffer_free(t, buffer);
}

/** Try reading anonymous memory while it is being unmapped. */
export function* anon_teardown(t: Hmm): Task {
  const npages = defaultPages(t);
  for (let c = 0; c < NTIMES; ++c) yield* readWhileUnmapping(t, npages, c);
}
