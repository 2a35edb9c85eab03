// SPDX-License-Identifier: GPL-2.0-only
/** What the letter of v25 says of mirrors and of pages on a device, sentence by sentence. */
import type { Task } from '../../sim/task.js';
import { EFAULT, ENOENT, EPERM } from '../../uapi/errno.js';
import {
  MADV_FREE,
  MADV_PAGEOUT,
  MAP_ANONYMOUS,
  MAP_PRIVATE,
  MAP_SHARED,
  O_RDWR,
  PROT_NONE,
  PROT_READ,
} from '../../uapi/mman.js';
import {
  encodeHeldRange,
  HELD_RANGE_BYTES,
  PAGE_HOLDER_FILE,
  PAGE_HOLDER_GET,
  PAGE_HOLDER_PUT,
} from '../../uapi/page_holder.js';
import { HMM_DMIRROR_PROT_DEV_PRIVATE_LOCAL, HMM_DMIRROR_PROT_WRITE } from '../../uapi/test_hmm_uapi.js';
import type { Hmm } from '../hmm-tests/fixtures.js';
import {
  close,
  type HmmBuffer,
  hmm_buffer_alloc,
  hmm_buffer_free,
  hmm_create_file,
  hmm_dmirror_cmd,
  hmm_migrate_sys_to_dev,
  mirrorBytes,
  WEXITSTATUS,
} from '../hmm-tests/helpers.js';
import { ASSERT_WORDS, fill, I, iPlus, words } from '../hmm-tests/words.js';
import type { Operand } from '../test_context.js';

const NPAGES = 4;

/** A page on this device that may be written to, in a snapshot. */
function onDevice(t: Hmm): Operand {
  const perm = HMM_DMIRROR_PROT_DEV_PRIVATE_LOCAL | HMM_DMIRROR_PROT_WRITE;
  return t.variant.coherent
    ? t.variant.coherentLocal
    : { 'HMM_DMIRROR_PROT_DEV_PRIVATE_LOCAL | HMM_DMIRROR_PROT_WRITE': perm };
}

function* filled(t: Hmm): Task<HmmBuffer> {
  const buffer = yield* hmm_buffer_alloc(t, NPAGES);
  yield* fill(t.sys, words(buffer.ptr, buffer.size), I);
  return buffer;
}

function* toDevice(t: Hmm, buffer: HmmBuffer): Task {
  const ret = yield* hmm_migrate_sys_to_dev(t, t.self.fd, buffer, NPAGES);
  t.ASSERT_EQ({ ret }, 0);
  t.ASSERT_EQ({ 'buffer->cpages': buffer.cpages }, { NPAGES });
}

function* snapshot(t: Hmm, buffer: HmmBuffer): Task<Uint8Array> {
  const ret = yield* hmm_dmirror_cmd(t, t.self.fd, 'SNAPSHOT', buffer, NPAGES);
  t.ASSERT_EQ({ ret }, 0);
  return yield* mirrorBytes(t, buffer, NPAGES);
}

/** Somebody in the kernel who keeps pages with get_user_pages(), by way of `holder`. Return: how many, or -errno. */
function* hold(t: Hmm, holder: number, addr: number, pages: number): Task<number> {
  const arg = yield* t.sys.malloc(HELD_RANGE_BYTES);
  yield* t.sys.storeBytes(arg, encodeHeldRange(addr, pages));
  const got = yield* t.sys.ioctl(holder, PAGE_HOLDER_GET, arg);
  yield* t.sys.free(arg);
  return got;
}

/** A device that has read and written pages holds none of them: all go elsewhere, or are freed. */
export function* mirroring_pins_nothing(t: Hmm): Task {
  const buffer = yield* filled(t);
  for (const op of ['READ', 'WRITE'] as const) {
    const ret = yield* hmm_dmirror_cmd(t, t.self.fd, op, buffer, NPAGES);
    t.ASSERT_EQ({ ret }, 0);
  }
  // Migration takes nothing that somebody holds.
  yield* toDevice(t, buffer);
  yield* hmm_buffer_free(t, buffer);
}

/** Migration leaves a page alone that somebody holds in system memory, and the others go. */
export function* pinned_pages_stay(t: Hmm): Task {
  const { sys, self } = t;
  const buffer = yield* filled(t);
  const holder = yield* sys.open(PAGE_HOLDER_FILE, O_RDWR);
  t.ASSERT_GE({ holder }, 0);
  t.ASSERT_EQ({ held: yield* hold(t, holder, buffer.ptr + self.page_size, 1) }, 1);

  const ret = yield* hmm_migrate_sys_to_dev(t, self.fd, buffer, NPAGES);
  // The device could not read all of it where it was to be.
  t.ASSERT_EQ({ ret }, { '-ENOENT': -ENOENT });
  const m = yield* snapshot(t, buffer);
  t.ASSERT_EQ({ 'm[0]': m[0]! }, onDevice(t));
  t.ASSERT_EQ({ 'm[1]': m[1]! }, { HMM_DMIRROR_PROT_WRITE });
  t.ASSERT_EQ({ 'm[2]': m[2]! }, onDevice(t));

  t.ASSERT_EQ({ put: yield* sys.ioctl(holder, PAGE_HOLDER_PUT, 0) }, 0);
  yield* close(sys, holder);
  yield* toDevice(t, buffer);
  yield* ASSERT_WORDS(t, words(buffer.mirror, buffer.size), I);
  yield* hmm_buffer_free(t, buffer);
}

/** Nobody gets hold of a device's page: one that the CPU cannot reach comes home first, one that it can is refused. */
export function* device_pages_are_not_pinned(t: Hmm): Task {
  const { sys, variant } = t;
  const buffer = yield* filled(t);
  yield* toDevice(t, buffer);
  const holder = yield* sys.open(PAGE_HOLDER_FILE, O_RDWR);
  t.ASSERT_GE({ holder }, 0);
  const held = yield* hold(t, holder, buffer.ptr, 1);
  t.ASSERT_EQ({ held }, variant.coherent ? { '-EFAULT': -EFAULT } : 1);

  const m = yield* snapshot(t, buffer);
  t.ASSERT_EQ({ 'm[0]': m[0]! }, variant.coherent ? onDevice(t) : { HMM_DMIRROR_PROT_WRITE });
  t.ASSERT_EQ({ 'm[1]': m[1]! }, onDevice(t));
  yield* close(sys, holder);
  yield* ASSERT_WORDS(t, words(buffer.ptr, buffer.size), I);
  yield* hmm_buffer_free(t, buffer);
}

/** The CPU touches one page: it comes home, where the CPU cannot reach it; the others stay. */
export function* cpu_access_brings_back(t: Hmm): Task {
  const { sys, self, variant } = t;
  const buffer = yield* filled(t);
  yield* toDevice(t, buffer);
  const val = yield* sys.load32(buffer.ptr + self.page_size);
  t.ASSERT_EQ({ val }, self.page_size / 4);

  const m = yield* snapshot(t, buffer);
  t.ASSERT_EQ({ 'm[0]': m[0]! }, onDevice(t));
  t.ASSERT_EQ({ 'm[1]': m[1]! }, variant.coherent ? onDevice(t) : { HMM_DMIRROR_PROT_WRITE });
  t.ASSERT_EQ({ 'm[2]': m[2]! }, onDevice(t));
  yield* hmm_buffer_free(t, buffer);
}

function* writeAndExit(t: Hmm, { ptr, size }: HmmBuffer): Task {
  yield* ASSERT_WORDS(t, words(ptr, size), I);
  yield* fill(t.sys, words(ptr, size), iPlus(1));
  yield* t.sys.exit(0);
}

/** Memory that was on the device when the process forked: what the child writes stays the child's. */
export function* cow_after_fork_in_child(t: Hmm): Task {
  const buffer = yield* filled(t);
  yield* toDevice(t, buffer);
  const pid = yield* t.fork((child) => writeAndExit(child, buffer));
  t.ASSERT_GT({ pid }, 0);
  const status = yield* t.sys.waitpid(pid);
  t.ASSERT_EQ({ 'WEXITSTATUS(status)': WEXITSTATUS(status) }, 0);
  yield* ASSERT_WORDS(t, words(buffer.ptr, buffer.size), I);
  yield* hmm_buffer_free(t, buffer);
}

function* waitAndLook(t: Hmm, { ptr, size }: HmmBuffer): Task {
  yield* t.sys.nanosleep(1_000_000);
  yield* ASSERT_WORDS(t, words(ptr, size), I);
  yield* t.sys.exit(0);
}

/** And what the parent's device writes afterwards stays the parent's. */
export function* cow_after_fork_in_parent(t: Hmm): Task {
  const { sys, self } = t;
  const buffer = yield* filled(t);
  yield* toDevice(t, buffer);
  const pid = yield* t.fork((child) => waitAndLook(child, buffer));
  t.ASSERT_GT({ pid }, 0);
  yield* fill(sys, words(buffer.mirror, buffer.size), iPlus(1));
  const ret = yield* hmm_dmirror_cmd(t, self.fd, 'WRITE', buffer, NPAGES);
  t.ASSERT_EQ({ ret }, 0);
  const status = yield* sys.waitpid(pid);
  t.ASSERT_EQ({ 'WEXITSTATUS(status)': WEXITSTATUS(status) }, 0);
  yield* ASSERT_WORDS(t, words(buffer.ptr, buffer.size), iPlus(1));
  yield* hmm_buffer_free(t, buffer);
}

/** Pages that the program has given up are kept all the same where the device has written to them since. */
export function* device_write_marks_dirty(t: Hmm): Task {
  const { sys, self } = t;
  const buffer = yield* filled(t);
  const { ptr, mirror, size } = buffer;
  // A device that has the pages writes without a fault.
  yield* fill(sys, words(mirror, size), I);
  let ret = yield* hmm_dmirror_cmd(t, self.fd, 'WRITE', buffer, NPAGES);
  t.ASSERT_EQ({ ret }, 0);
  ret = yield* sys.madvise(ptr, size, MADV_FREE);
  t.ASSERT_EQ({ ret }, 0);
  yield* fill(sys, words(mirror, self.page_size), iPlus(7));
  ret = yield* hmm_dmirror_cmd(t, self.fd, 'WRITE', buffer, 1);
  t.ASSERT_EQ({ ret }, 0);
  ret = yield* sys.madvise(ptr, size, MADV_PAGEOUT);
  t.ASSERT_EQ({ ret }, 0);

  yield* ASSERT_WORDS(t, words(ptr, self.page_size), iPlus(7));
  // What the device has not written to is gone: reclaim was there.
  const val = yield* sys.load32(ptr + 2 * self.page_size);
  t.ASSERT_EQ({ val }, 0);
  yield* hmm_buffer_free(t, buffer);
}

/** What the device reads at `addr`, and what it writes there, is what the program has. */
function* sharedWithDevice(t: Hmm, buffer: HmmBuffer, addr: number): Task {
  const { sys, self } = t;
  const page = words(addr, self.page_size);
  yield* fill(sys, page, iPlus(3));
  const at = { ...buffer, ptr: addr };
  let ret = yield* hmm_dmirror_cmd(t, self.fd, 'READ', at, 1);
  t.ASSERT_EQ({ ret }, 0);
  yield* ASSERT_WORDS(t, words(buffer.mirror, self.page_size), iPlus(3));
  yield* fill(sys, words(buffer.mirror, self.page_size), iPlus(5));
  ret = yield* hmm_dmirror_cmd(t, self.fd, 'WRITE', at, 1);
  t.ASSERT_EQ({ ret }, 0);
  yield* ASSERT_WORDS(t, page, iPlus(5));
}

/** Any address of the process is one of the device's: of private and shared memory, of files, of malloc(). */
export function* any_address(t: Hmm): Task {
  const { sys, self } = t;
  const buffer = yield* hmm_buffer_alloc(t, NPAGES);
  yield* sharedWithDevice(t, buffer, buffer.ptr);
  const heap = yield* sys.malloc(2 * self.page_size);
  yield* sharedWithDevice(t, buffer, heap + self.page_size - (heap % self.page_size));
  yield* sys.free(heap);

  const shared = yield* hmm_buffer_alloc(t, 1, { flags: MAP_SHARED | MAP_ANONYMOUS });
  yield* sharedWithDevice(t, buffer, shared.ptr);
  const fd = yield* hmm_create_file(sys, self.page_size);
  t.ASSERT_GE({ fd }, 0);
  for (const flags of [MAP_SHARED, MAP_PRIVATE]) {
    const file = yield* hmm_buffer_alloc(t, 1, { flags, fd });
    yield* sharedWithDevice(t, buffer, file.ptr);
    yield* hmm_buffer_free(t, file);
  }
  yield* close(sys, fd);
  yield* hmm_buffer_free(t, shared);
  yield* hmm_buffer_free(t, buffer);
}

/** With the protection that it has for the CPU. */
export function* protection_of_addresses(t: Hmm): Task {
  const { sys, self } = t;
  const buffer = yield* filled(t);
  const { ptr, size } = buffer;
  const access = (op: 'READ' | 'WRITE'): Task<number> => hmm_dmirror_cmd(t, self.fd, op, buffer, NPAGES);
  t.ASSERT_EQ({ ret: yield* access('WRITE') }, 0);
  t.ASSERT_EQ({ ret: yield* sys.mprotect(ptr, size, PROT_READ) }, 0);
  t.ASSERT_EQ({ ret: yield* access('READ') }, 0);
  t.ASSERT_EQ({ ret: yield* access('WRITE') }, { '-EPERM': -EPERM });
  t.ASSERT_EQ({ ret: yield* sys.mprotect(ptr, size, PROT_NONE) }, 0);
  t.ASSERT_EQ({ ret: yield* access('READ') }, { '-EFAULT': -EFAULT });
  t.ASSERT_EQ({ ret: yield* sys.munmap(ptr, size) }, 0);
  t.ASSERT_EQ({ ret: yield* access('READ') }, { '-EFAULT': -EFAULT });
  yield* hmm_buffer_free(t, { ...buffer, ptr: 0 });
}
