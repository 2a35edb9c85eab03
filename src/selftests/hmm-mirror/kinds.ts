// SPDX-License-Identifier: GPL-2.0-only
/** Migration between any two kinds of memory, and what a snapshot shows of each. */
import type { Task } from '../../sim/task.js';
import { ENOENT } from '../../uapi/errno.js';
import { MAP_SHARED, PROT_NONE } from '../../uapi/mman.js';
import {
  HMM_DMIRROR_PROT_DEV_PRIVATE_LOCAL,
  HMM_DMIRROR_PROT_DEV_PRIVATE_REMOTE,
  HMM_DMIRROR_PROT_NONE,
  HMM_DMIRROR_PROT_READ,
  HMM_DMIRROR_PROT_WRITE,
  HMM_DMIRROR_PROT_ZERO,
} from '../../uapi/test_hmm_uapi.js';
import type { Hmm, Hmm2 } from '../hmm-tests/fixtures.js';
import {
  close,
  type HmmTest,
  hmm_buffer_alloc,
  hmm_buffer_free,
  hmm_create_file,
  hmm_dmirror_cmd,
  hmm_migrate_dev_to_sys,
  hmm_migrate_sys_to_dev,
  mirrorBytes,
  WEXITSTATUS,
} from '../hmm-tests/helpers.js';
import { ASSERT_WORDS, fill, I, iPlus, words } from '../hmm-tests/words.js';
import type { Operand } from '../test_context.js';

const WRITE = HMM_DMIRROR_PROT_WRITE;

/** A writable page of the device that looks, and of the other one. */
function places(t: HmmTest): { readonly local: Operand; readonly remote: Operand } {
  if (t.variant.coherent) return { local: t.variant.coherentLocal, remote: t.variant.coherentRemote };
  return {
    local: { 'HMM_DMIRROR_PROT_DEV_PRIVATE_LOCAL | WRITE': HMM_DMIRROR_PROT_DEV_PRIVATE_LOCAL | WRITE },
    remote: { 'HMM_DMIRROR_PROT_DEV_PRIVATE_REMOTE | WRITE': HMM_DMIRROR_PROT_DEV_PRIVATE_REMOTE | WRITE },
  };
}

function* lookAndExit(t: Hmm, ptr: number, size: number): Task {
  yield* ASSERT_WORDS(t, words(ptr, size), iPlus(9));
  yield* t.sys.exit(0);
}

/** A child has its own mapping of the file, and finds its pages by itself. */
function* seenByChild(t: Hmm, ptr: number, size: number): Task {
  const pid = yield* t.fork((child) => lookAndExit(child, ptr, size));
  t.ASSERT_GT({ pid }, 0);
  const status = yield* t.sys.waitpid(pid);
  t.ASSERT_EQ({ 'WEXITSTATUS(status)': WEXITSTATUS(status) }, 0);
}

/** Pages of a shared file go where the CPU reaches them, and nowhere else; read() and a second mapping see the data. */
export function* file_pages(t: Hmm): Task {
  const { sys, self, variant } = t;
  const npages = 2;
  const fd = yield* hmm_create_file(sys, npages * self.page_size);
  t.ASSERT_GE({ fd }, 0);
  const buffer = yield* hmm_buffer_alloc(t, npages, { flags: MAP_SHARED, fd });
  const { ptr, mirror, size } = buffer;
  yield* fill(sys, words(ptr, size), I);
  let ret = yield* hmm_migrate_sys_to_dev(t, self.fd, buffer, npages);
  t.ASSERT_EQ({ ret }, variant.coherent ? 0 : { '-ENOENT': -ENOENT });

  yield* fill(sys, words(mirror, size), iPlus(9));
  ret = yield* hmm_dmirror_cmd(t, self.fd, 'WRITE', buffer, npages);
  t.ASSERT_EQ({ ret }, 0);
  yield* seenByChild(t, ptr, size);
  t.ASSERT_EQ({ read: yield* sys.pread(fd, mirror, size, 0) }, { size });
  yield* ASSERT_WORDS(t, words(mirror, size), iPlus(9));

  ret = yield* hmm_migrate_dev_to_sys(t, self.fd, buffer, npages);
  t.ASSERT_EQ({ ret }, 0);
  t.ASSERT_EQ({ 'buffer->cpages': buffer.cpages }, variant.coherent ? { npages } : 0);
  yield* seenByChild(t, ptr, size);
  yield* close(sys, fd);
  yield* hmm_buffer_free(t, buffer);
}

/** A page never touched, the zero page, a page in RAM, one on the device, and one that nobody may access. */
export function* snapshot_of_kinds(t: Hmm): Task {
  const { sys, self } = t;
  const { page_size } = self;
  const npages = 5;
  const buffer = yield* hmm_buffer_alloc(t, npages);
  const p = buffer.ptr;
  yield* sys.load32(p + page_size);
  for (const page of [2, 3, 4]) yield* sys.store32(p + page * page_size, page);
  let ret = yield* hmm_migrate_sys_to_dev(t, self.fd, { ...buffer, ptr: p + 3 * page_size }, 1);
  t.ASSERT_EQ({ ret }, 0);
  ret = yield* sys.mprotect(p + 4 * page_size, page_size, PROT_NONE);
  t.ASSERT_EQ({ ret }, 0);

  ret = yield* hmm_dmirror_cmd(t, self.fd, 'SNAPSHOT', buffer, npages);
  t.ASSERT_EQ({ ret }, 0);
  const m = yield* mirrorBytes(t, buffer, npages);
  t.ASSERT_EQ({ 'm[0]': m[0]! }, { HMM_DMIRROR_PROT_NONE });
  const zero = HMM_DMIRROR_PROT_ZERO | HMM_DMIRROR_PROT_READ;
  t.ASSERT_EQ({ 'm[1]': m[1]! }, { 'HMM_DMIRROR_PROT_ZERO | HMM_DMIRROR_PROT_READ': zero });
  t.ASSERT_EQ({ 'm[2]': m[2]! }, { HMM_DMIRROR_PROT_WRITE });
  t.ASSERT_EQ({ 'm[3]': m[3]! }, places(t).local);
  t.ASSERT_EQ({ 'm[4]': m[4]! }, { HMM_DMIRROR_PROT_NONE });
  yield* hmm_buffer_free(t, buffer);
}

/** From one device to the other, without the CPU: each sees where the page is, and both read it. */
export function* device_to_device(t: Hmm2): Task {
  const { sys, self } = t;
  const npages = 3;
  const buffer = yield* hmm_buffer_alloc(t, npages);
  yield* fill(sys, words(buffer.ptr, buffer.size), I);
  for (const fd of [self.fd0, self.fd1]) {
    const ret = yield* hmm_migrate_sys_to_dev(t, fd, buffer, npages);
    t.ASSERT_EQ({ ret }, 0);
    t.ASSERT_EQ({ 'buffer->cpages': buffer.cpages }, { npages });
    yield* ASSERT_WORDS(t, words(buffer.mirror, buffer.size), I);
  }
  const { local, remote } = places(t);
  for (const [fd, place] of [
    [self.fd0, remote],
    [self.fd1, local],
  ] as const) {
    t.ASSERT_EQ({ ret: yield* hmm_dmirror_cmd(t, fd, 'SNAPSHOT', buffer, npages) }, 0);
    const [m] = yield* mirrorBytes(t, buffer, npages);
    t.ASSERT_EQ({ 'm[0]': m! }, place);
  }
  t.ASSERT_EQ({ ret: yield* hmm_dmirror_cmd(t, self.fd0, 'READ', buffer, npages) }, 0);
  yield* ASSERT_WORDS(t, words(buffer.mirror, buffer.size), I);
  yield* ASSERT_WORDS(t, words(buffer.ptr, buffer.size), I);
  yield* hmm_buffer_free(t, buffer);
}
