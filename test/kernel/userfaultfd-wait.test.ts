// SPDX-License-Identifier: GPL-2.0-only
/** Faults that wait for a userfaultfd, and who resolves them: read(), poll(), UFFDIO_COPY, and what wakes besides. */
import t from 'tap';
import { u64At } from '../../src/sim/bytes.js';
import type { Task } from '../../src/sim/task.js';
import { EAGAIN, EINVAL } from '../../src/uapi/errno.js';
import {
  decodeGupTest,
  encodeGupTest,
  FOLL_WRITE,
  GUP_TEST,
  PIN_BASIC_TEST,
  PIN_FAST_BENCHMARK,
} from '../../src/uapi/gup_test.js';
import { O_CLOEXEC, O_NONBLOCK, O_RDWR } from '../../src/uapi/mman.js';
import { POLLERR, POLLIN, POLLNVAL } from '../../src/uapi/poll.js';
import * as nr from '../../src/uapi/syscalls.js';
import {
  UFFD_API,
  UFFD_EVENT_PAGEFAULT,
  UFFD_FEATURE_SIGBUS,
  UFFD_MSG,
  UFFD_PAGEFAULT_FLAG_WRITE,
  UFFDIO_API,
  UFFDIO_COPY,
  UFFDIO_REGISTER,
  UFFDIO_REGISTER_MODE_MISSING,
  UFFDIO_UNREGISTER,
} from '../../src/uapi/userfaultfd.js';
import type { Sys } from '../../src/user/api.js';
import { join, request, UserBench } from './bench.js';

const PAGE = 4096;

/** A userfaultfd that has [at, at + bytes). */
function* armed(sys: Sys, at: number, bytes: number, flags: number, features = 0): Task<number> {
  const fd = yield* sys.userfaultfd(flags);
  yield* request(sys, fd, UFFDIO_API, UFFD_API, features);
  yield* request(sys, fd, UFFDIO_REGISTER, at, bytes, UFFDIO_REGISTER_MODE_MISSING);
  return fd;
}

function* poll(sys: Sys, fd: number, timeout: number): Task<[number, number]> {
  const room = yield* sys.malloc(8);
  yield* sys.storeBytes(room, Uint8Array.of(fd & 0xff, 0, 0, 0, POLLIN, 0, 0, 0));
  const ret = (yield* sys.syscall(nr.__NR_poll, room, 1, timeout)) as number;
  return [ret, (yield* sys.loadBytes(room, 8))[6]!];
}

t.test('a store waits until another thread has copied the page', async (t) => {
  const bench = new UserBench();
  const at = bench.map(2);
  const told: [number, number, number][] = [];
  const word = bench.call(function* (sys) {
    const fd = yield* armed(sys, at, 2 * PAGE, O_CLOEXEC | O_NONBLOCK);
    const source = yield* sys.malloc(PAGE);
    yield* sys.storeBytes(source, new Uint8Array(PAGE).fill(0xab));
    const thread = yield* sys.pthread_create(function* (other) {
      yield* poll(other, fd, -1);
      const room = yield* other.malloc(UFFD_MSG.size);
      yield* other.read(fd, room, UFFD_MSG.size);
      const message = yield* other.loadBytes(room, UFFD_MSG.size);
      told.push([message[0]!, u64At(message, UFFD_MSG.flags), u64At(message, UFFD_MSG.address)]);
      yield* request(other, fd, UFFDIO_COPY, at + PAGE, source, PAGE, 0);
    });
    yield* sys.storeBytes(at + PAGE + 8, Uint8Array.of(1));
    yield* join(thread);
    return yield* sys.loadBytes(at + PAGE + 7, 3);
  });
  t.same([...word], [0xab, 1, 0xab]);
  t.same(told, [[UFFD_EVENT_PAGEFAULT, UFFD_PAGEFAULT_FLAG_WRITE, at + PAGE]]);
});

t.test('unregistering wakes, and the fault goes its usual way', async (t) => {
  const bench = new UserBench();
  const at = bench.map(1);
  const bytes = bench.call(function* (sys) {
    const fd = yield* armed(sys, at, PAGE, O_CLOEXEC | O_NONBLOCK);
    const thread = yield* sys.pthread_create(function* (other) {
      yield* poll(other, fd, -1);
      yield* request(other, fd, UFFDIO_UNREGISTER, at, PAGE);
    });
    const read = yield* sys.loadBytes(at, 1);
    yield* join(thread);
    return read;
  });
  t.same([...bytes], [0]);
});

t.test('what there is to read', async (t) => {
  const bench = new UserBench();
  const at = bench.map(1);
  const answers = bench.call(function* (sys) {
    const room = yield* sys.malloc(UFFD_MSG.size);
    const fresh = yield* sys.userfaultfd(O_NONBLOCK);
    const early = yield* sys.read(fresh, room, UFFD_MSG.size);
    const fd = yield* armed(sys, at, PAGE, O_NONBLOCK);
    const none = yield* sys.read(fd, room, UFFD_MSG.size);
    const small = yield* sys.read(fd, room, UFFD_MSG.size - 1);
    const quiet = yield* poll(sys, fd, 0);
    const blocking = yield* sys.userfaultfd(0);
    yield* request(sys, blocking, UFFDIO_API, UFFD_API, 0);
    return [early, none, small, quiet, yield* poll(sys, blocking, 0), yield* poll(sys, 77, 0)];
  });
  t.same(answers, [-EINVAL, -EAGAIN, -EINVAL, [0, 0], [1, POLLERR], [1, POLLNVAL]]);
});

t.test('with UFFD_FEATURE_SIGBUS nobody waits; without a handler it is for ever', async (t) => {
  const signalled = new UserBench();
  const at = signalled.map(1);
  const death = signalled.deathOf(function* (sys) {
    yield* armed(sys, at, PAGE, O_NONBLOCK, UFFD_FEATURE_SIGBUS);
    yield* sys.loadBytes(at, 1);
  });
  t.equal(death, 'SIGBUS');
  const waiting = new UserBench();
  const there = waiting.map(1);
  t.throws(
    () =>
      waiting.call(function* (sys) {
        yield* armed(sys, there, PAGE, O_NONBLOCK);
        yield* sys.loadBytes(there, 1);
      }),
    /handle_userfault/,
  );
});

t.test('GUP waits where it may let go of the mmap_lock, and fails where it may not', async (t) => {
  const bench = new UserBench();
  const at = bench.map(4);
  const [locked, pinned, read, plain] = bench.call(function* (sys) {
    const gup = yield* sys.open('/sys/kernel/debug/gup_test', O_RDWR);
    const fd = yield* armed(sys, at, 4 * PAGE, O_CLOEXEC | O_NONBLOCK);
    const source = yield* sys.malloc(PAGE);
    const [arg, into] = [yield* sys.malloc(PAGE), yield* sys.malloc(2 * PAGE)];
    yield* sys.storeBytes(source, new Uint8Array(PAGE).fill(0xcd));
    const thread = yield* sys.pthread_create(function* (other) {
      const room = yield* other.malloc(UFFD_MSG.size);
      for (let brought = 0; brought < 3; brought++) {
        yield* poll(other, fd, -1);
        yield* other.read(fd, room, UFFD_MSG.size);
        const where = u64At(yield* other.loadBytes(room, UFFD_MSG.size), UFFD_MSG.address);
        yield* request(other, fd, UFFDIO_COPY, where, source, PAGE, 0);
      }
    });
    const mlock = yield* sys.mlock(at, PAGE);
    function* pages(number: number, addr: number): Task<number> {
      const struct = { addr, size: PAGE, nr_pages_per_call: 1, gup_flags: FOLL_WRITE };
      yield* sys.storeBytes(arg, encodeGupTest(new Uint8Array(GUP_TEST.size), struct));
      yield* sys.ioctl(gup, number, arg);
      return Number(decodeGupTest(yield* sys.loadBytes(arg, GUP_TEST.size)).size);
    }
    const fast = yield* pages(PIN_FAST_BENCHMARK, at + PAGE);
    const remote = yield* sys.process_vm_readv(sys.pid, into, at + PAGE, 2 * PAGE);
    yield* join(thread);
    return [mlock, fast, remote, yield* pages(PIN_BASIC_TEST, at + 3 * PAGE)];
  });
  t.same([locked, pinned, read, plain], [0, PAGE, 2 * PAGE, 0]);
});

t.test('an eventfd counts, and is read once', async (t) => {
  const bench = new UserBench();
  const answers = bench.call(function* (sys) {
    const fd = (yield* sys.syscall(nr.__NR_eventfd2, 2, O_NONBLOCK)) as number;
    const room = yield* sys.malloc(8);
    yield* sys.storeBytes(room, Uint8Array.of(3, 0, 0, 0, 0, 0, 0, 0));
    const wrote = yield* sys.write(fd, room, 8);
    const ready = yield* poll(sys, fd, 0);
    const first = [yield* sys.read(fd, room, 8), u64At(yield* sys.loadBytes(room, 8), 0)];
    return [wrote, ready, first, yield* sys.read(fd, room, 8), yield* sys.read(fd, room, 7)];
  });
  t.same(answers, [8, [1, POLLIN], [8, 5], -EAGAIN, -EINVAL]);
});
