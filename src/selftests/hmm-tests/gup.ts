// SPDX-License-Identifier: GPL-2.0-only
/** hmm-tests.c: get_user_pages() of device pages, and copy-on-write of them. */
import type { Task } from '../../sim/task.js';
import * as gup_test from '../../uapi/gup_test.js';
import { O_RDWR } from '../../uapi/mman.js';
import { HMM_DMIRROR_PROT_WRITE } from '../../uapi/test_hmm_uapi.js';
import type { Hmm } from './fixtures.js';
import {
  close,
  type HmmBuffer,
  hmm_buffer_alloc,
  hmm_buffer_free,
  hmm_dmirror_cmd,
  hmm_migrate_sys_to_dev,
  mirrorBytes,
  WIFSIGNALED,
} from './helpers.js';
import { ASSERT_WORDS, fill, I, words } from './words.js';

/** One gup_test ioctl on the page at `addr`. Return: 0 or a positive errno. */
function* gup_test_exec(t: Hmm, gup_fd: number, addr: number, cmd: number, flags: number): Task<number> {
  const { sys } = t;
  const struct = gup_test.encodeGupTest(new Uint8Array(gup_test.GUP_TEST.size), {
    addr,
    size: t.self.page_size,
    nr_pages_per_call: 1,
    gup_flags: gup_test.FOLL_WRITE | flags,
  });
  const arg = yield* sys.malloc(struct.length);
  yield* sys.storeBytes(arg, struct);
  const ret = yield* sys.ioctl(gup_fd, cmd, arg);
  yield* sys.free(arg);
  if (ret < 0) sys.stderr(`ioctl on error: ${-ret}`);
  return ret < 0 ? -ret : 0;
}

/** Pages 0 to 3 are got, got fast, pinned fast for long, and pinned for long. */
function* gupEachPage(t: Hmm, gup_fd: number, { ptr }: HmmBuffer): Task {
  const { page_size } = t.self;
  const { gupLongterm } = t.variant;
  const steps: [cmd: string, request: number, flags: number, flagsText: string][] = [
    ['GUP_BASIC_TEST', gup_test.GUP_BASIC_TEST, 0, '0'],
    ['GUP_FAST_BENCHMARK', gup_test.GUP_FAST_BENCHMARK, 0, '0'],
    ['PIN_FAST_BENCHMARK', gup_test.PIN_FAST_BENCHMARK, gupLongterm, 'FOLL_LONGTERM'],
    ['PIN_LONGTERM_BENCHMARK', gup_test.PIN_LONGTERM_BENCHMARK, 0, '0'],
  ];
  for (const [page, [name, request, flags, flagsText]] of steps.entries()) {
    const offset = page === 0 ? '' : ` + ${page} * self->page_size`;
    const call = `gup_test_exec(gup_fd, (unsigned long)buffer->ptr${offset}, ${name}, 1, self->page_size, ${flagsText})`;
    const ret = yield* gup_test_exec(t, gup_fd, ptr + page * page_size, request, flags);
    t.ASSERT_EQ({ [call]: ret }, 0);
  }
}

/** Four pages, filled and on the device. */
function* bufferOnDevice(t: Hmm, npages: number): Task<HmmBuffer> {
  const buffer = yield* hmm_buffer_alloc(t, npages);
  yield* fill(t.sys, words(buffer.ptr, buffer.size), I);
  const ret = yield* hmm_migrate_sys_to_dev(t, t.self.fd, buffer, npages);
  t.ASSERT_EQ({ ret }, 0);
  t.ASSERT_EQ({ 'buffer->cpages': buffer.cpages }, { npages });
  return buffer;
}

function* takeSnapshot(t: Hmm, buffer: HmmBuffer, npages: number): Task<Uint8Array> {
  const ret = yield* hmm_dmirror_cmd(t, t.self.fd, 'SNAPSHOT', buffer, npages);
  t.ASSERT_EQ({ ret }, 0);
  t.ASSERT_EQ({ 'buffer->cpages': buffer.cpages }, { npages });
  return yield* mirrorBytes(t, buffer, npages);
}

/** Private pages come home when the CPU gets them; coherent ones only when pinned for long. */
export function* hmm_gup_test(t: Hmm): Task {
  const { sys, variant } = t;
  const gup_fd = yield* sys.open('/sys/kernel/debug/gup_test', O_RDWR);
  if (gup_fd < 0) return t.SKIP('Skipping test, could not find gup_test driver');

  const npages = 4;
  const buffer = yield* bufferOnDevice(t, npages);
  const { ptr, mirror, size } = buffer;
  yield* ASSERT_WORDS(t, words(mirror, size), I);
  yield* gupEachPage(t, gup_fd, buffer);

  const m = yield* takeSnapshot(t, buffer, npages);
  const shortTerm = variant.coherent ? variant.coherentLocal : { HMM_DMIRROR_PROT_WRITE };
  t.ASSERT_EQ(shortTerm, { 'm[0]': m[0]! });
  t.ASSERT_EQ(shortTerm, { 'm[1]': m[1]! });
  t.ASSERT_EQ({ HMM_DMIRROR_PROT_WRITE }, { 'm[2]': m[2]! });
  t.ASSERT_EQ({ HMM_DMIRROR_PROT_WRITE }, { 'm[3]': m[3]! });

  yield* ASSERT_WORDS(t, words(ptr, size), I);
  yield* close(sys, gup_fd);
  yield* hmm_buffer_free(t, buffer);
}

/** The child does nothing but keep its copy of the pages, until the parent ends it. */
function* spinForever(t: Hmm): Task {
  for (;;) yield* t.sys.spin();
}

/** A write to device pages that a child shares leaves the parent with copies in system memory. */
export function* hmm_cow_in_device(t: Hmm): Task {
  const { sys } = t;
  const npages = 4;
  const buffer = yield* bufferOnDevice(t, npages);

  const pid = yield* t.fork(spinForever);
  if (pid === -1) t.ASSERT_EQ({ pid }, 0);
  yield* fill(sys, words(buffer.ptr, buffer.size), I);

  const [[name, number]] = Object.entries(t.variant.cowSignal) as [[string, number]];
  const killed = yield* sys.kill(pid, name);
  t.EXPECT_EQ(0, { [`kill(pid, ${name})`]: killed < 0 ? -1 : 0 });
  const status = yield* sys.waitpid(pid);
  const [waited, signal] = typeof status === 'number' ? [-1, null] : [status.pid, status.signal];
  t.EXPECT_EQ({ pid }, { 'waitpid(pid, &status, 0)': waited });
  t.EXPECT_NE(0, { 'WIFSIGNALED(status)': WIFSIGNALED(status) });
  t.EXPECT_EQ({ [name]: number }, { 'WTERMSIG(status)': signal === name ? number : 0 });

  const m = yield* takeSnapshot(t, buffer, npages);
  const wrong = m.filter((seen) => seen !== HMM_DMIRROR_PROT_WRITE);
  t.ASSERT_EQ_EACH(wrong.length, { HMM_DMIRROR_PROT_WRITE }, { 'm[i]': wrong[0] ?? HMM_DMIRROR_PROT_WRITE });
  yield* hmm_buffer_free(t, buffer);
}
