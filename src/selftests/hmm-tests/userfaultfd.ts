// SPDX-License-Identifier: GPL-2.0-only
/** hmm-tests.c: the device reads pages that a thread of the program brings when they are missed. */
import { putU32, u64At } from '../../sim/bytes.js';
import type { Task } from '../../sim/task.js';
import { MAP_ANONYMOUS, MAP_PRIVATE, O_CLOEXEC, O_NONBLOCK, PROT_READ, PROT_WRITE } from '../../uapi/mman.js';
import * as nr from '../../uapi/syscalls.js';
import * as uffd_abi from '../../uapi/userfaultfd.js';
import type { Sys } from '../../user/api.js';
import type { Hmm } from './fixtures.js';
import {
  allocMirror,
  close,
  type HmmBuffer,
  hmm_buffer_free,
  hmm_dmirror_cmd,
  mapBuffer,
  mirrorBytes,
  NULL,
  newBuffer,
} from './helpers.js';

/** struct pollfd: int fd, short events, short revents. */
const POLLFD = 8;
const POLLIN = 1;
/** What the pages are filled with. */
const PATTERN = 0xab;
/** Room for the structs of the ioctls. */
const ARG_ROOM = 64;

interface UffdThreadArgs {
  readonly uffd: number;
  readonly stop_fd: number;
  readonly page_buffer: number;
  readonly page_size: number;
}

const pollfd = (fd: number): number[] => [fd, POLLIN];

/** Waits for either file. Return: what happened to each; null when poll() failed. */
function* poll(sys: Sys, room: number, fds: readonly number[]): Task<number[] | null> {
  const bytes = new Uint8Array(POLLFD * fds.length);
  for (const [i, fd] of fds.entries()) {
    for (const [field, value] of pollfd(fd).entries()) putU32(bytes, POLLFD * i + 4 * field, value);
  }
  yield* sys.storeBytes(room, bytes);
  const ret = (yield* sys.syscall(nr.__NR_poll, room, fds.length, -1)) as number;
  if (ret <= 0) return null;
  const seen = new DataView((yield* sys.loadBytes(room, bytes.length)).buffer);
  return fds.map((_, i) => seen.getInt16(POLLFD * i + 6, true));
}

/** Answers one fault with a page of the pattern. Return: false when there was none, or the page was not taken. */
function* answerFault(sys: Sys, room: number, args: UffdThreadArgs): Task<boolean> {
  const { uffd, page_buffer, page_size } = args;
  const { UFFD_MSG } = uffd_abi;
  if ((yield* sys.read(uffd, room, UFFD_MSG.size)) !== UFFD_MSG.size) return false;
  const msg = yield* sys.loadBytes(room, UFFD_MSG.size);
  if (msg[0] !== uffd_abi.UFFD_EVENT_PAGEFAULT) return false;
  yield* sys.storeBytes(page_buffer, new Uint8Array(page_size).fill(PATTERN));
  const address = u64At(msg, UFFD_MSG.address);
  const dst = address - (address % page_size);
  const copy = uffd_abi.encodeRequest(uffd_abi.UFFDIO_COPY, dst, page_buffer, page_size);
  yield* sys.storeBytes(room, copy);
  return (yield* sys.ioctl(uffd, uffd_abi.UFFDIO_COPY, room)) >= 0;
}

/** The second thread: until it is told to stop, or something is not as it should be. */
function* uffd_handler_thread(sys: Sys, args: UffdThreadArgs): Task {
  const room = yield* sys.malloc(ARG_ROOM);
  for (;;) {
    const revents = yield* poll(sys, room, [args.uffd, args.stop_fd]);
    if (revents === null || revents[1] !== 0 || (revents[0]! & POLLIN) === 0) break;
    if (!(yield* answerFault(sys, room, args))) break;
  }
  yield* sys.free(room);
}

/** An ioctl whose struct lies in `room`. */
function* request(t: Hmm, fd: number, room: number, number: number, fields: readonly number[]): Task {
  yield* t.sys.storeBytes(room, uffd_abi.encodeRequest(number, ...fields));
  const ret = (yield* t.sys.ioctl(fd, number, room)) < 0 ? -1 : 0;
  t.ASSERT_EQ({ ret }, 0);
}

/** The device's read, while the thread answers its faults. */
function* readAndCheck(t: Hmm, buffer: HmmBuffer, npages: number): Task {
  const ret = yield* hmm_dmirror_cmd(t, t.self.fd, 'READ_UNLOCKED', buffer, npages);
  t.ASSERT_EQ({ ret }, 0);
  t.ASSERT_EQ({ 'buffer->cpages': buffer.cpages }, { npages });
  const wrong = (yield* mirrorBytes(t, buffer, buffer.size)).filter((byte) => byte !== PATTERN);
  const expected = { '(unsigned char)0xAB': PATTERN };
  t.ASSERT_EQ_EACH(wrong.length, { 'ptr[i]': wrong[0] ?? PATTERN }, expected);
}

/** hmm_range_fault_unlocked_timeout() lets go of mmap_lock for faults that userspace resolves. */
export function* userfaultfd_read(t: Hmm): Task {
  const { sys, self } = t;
  const { page_size } = self;
  const npages = 4;
  const size = npages * page_size;
  const uffd = yield* sys.userfaultfd(O_CLOEXEC | O_NONBLOCK);
  if (uffd < 0) return t.SKIP('userfaultfd not available');

  const room = yield* sys.malloc(ARG_ROOM);
  yield* request(t, uffd, room, uffd_abi.UFFDIO_API, [uffd_abi.UFFD_API]);
  const buffer = yield* newBuffer(t, size, -1);
  yield* allocMirror(t, buffer, size);
  yield* mapBuffer(t, buffer, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
  const range = [buffer.ptr, size, uffd_abi.UFFDIO_REGISTER_MODE_MISSING];
  yield* request(t, uffd, room, uffd_abi.UFFDIO_REGISTER, range);

  const stop_fd = (yield* sys.syscall(nr.__NR_eventfd2, 0, O_CLOEXEC)) as number;
  t.ASSERT_GE({ stop_fd: Math.max(stop_fd, -1) }, 0);
  const page_buffer = yield* sys.malloc(page_size);
  t.ASSERT_NE({ 'uffd_args.page_buffer': page_buffer }, NULL);
  const args = { uffd, stop_fd, page_buffer, page_size };
  const thread = yield* sys.pthread_create((of) => uffd_handler_thread(of, args));
  t.ASSERT_EQ({ ret: typeof thread === 'number' ? thread : 0 }, 0);
  if (typeof thread === 'number') return;

  yield* readAndCheck(t, buffer, npages);

  yield* sys.storeBytes(room, Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0));
  const nwrite = yield* sys.write(stop_fd, room, 8);
  t.ASSERT_EQ({ nwrite: nwrite < 0 ? -1 : nwrite }, { 'sizeof(stop)': 8 });
  yield* thread.join();
  yield* close(sys, stop_fd);
  yield* sys.free(page_buffer);
  yield* sys.free(room);
  yield* close(sys, uffd);
  yield* hmm_buffer_free(t, buffer);
}
