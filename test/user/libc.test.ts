// SPDX-License-Identifier: GPL-2.0-only
/** libc: blocks of memory, threads, and raw system calls. */
import t from 'tap';
import type { Task } from '../../src/sim/task.js';
import { EBADF, ENOSYS } from '../../src/uapi/errno.js';
import * as nr from '../../src/uapi/syscalls.js';
import type { Sys, UserMain } from '../../src/user/api.js';
import { ANON, join, PAGE, RW, UserBench } from '../kernel/bench.js';

const ARENA = 1024 * 1024;

t.test('small blocks come from one arena, 16 bytes apart', async (t) => {
  const bench = new UserBench();
  const malloc = (size: number) => bench.call((sys) => sys.malloc(size));
  const first = malloc(1);
  t.same([first % PAGE, malloc(16) - first, malloc(17) - first, malloc(0) - first], [0, 16, 32, 64]);
  t.equal([...bench.process.mm!.vmas].length, 1);
});

t.test('a freed block is the next of its size, last freed first', async (t) => {
  const bench = new UserBench();
  const malloc = (size: number) => bench.call((sys) => sys.malloc(size));
  const free = (addr: number) => bench.call((sys) => sys.free(addr));
  const [a, b, c] = [malloc(20), malloc(32), malloc(100)];
  for (const addr of [a, b, c]) free(addr);
  t.same([malloc(33), malloc(17), malloc(32), malloc(112)], [c + 112, b, a, c]);
});

t.test('a block is freed once, and only where one begins', async (t) => {
  const bench = new UserBench();
  const malloc = (size: number) => bench.call((sys) => sys.malloc(size));
  const a = malloc(64);
  for (const addr of [a, a, a + 16, 0]) bench.call((sys) => sys.free(addr));
  t.same([malloc(64), malloc(64)], [a, a + 64]);
});

t.test('an arena that is full is followed by another', async (t) => {
  const bench = new UserBench();
  const blocks = 1024 / 64;
  const all: number[] = [];
  for (let i = 0; i <= blocks; i++) all.push(bench.call((sys) => sys.malloc(64 * 1024)));
  t.same(
    all.slice(0, blocks).map((addr) => addr - all[0]!),
    Array.from({ length: blocks }, (_, i) => i * 64 * 1024),
  );
  t.equal(all[blocks]! - all[0]!, -ARENA, 'below the first, as mmap() places it');
});

t.test('a large block is a mapping of its own, and free() unmaps it', async (t) => {
  const bench = new UserBench();
  const size = 128 * 1024;
  const at = bench.call((sys) => sys.malloc(size));
  t.equal(at % PAGE, 0);
  t.equal(
    bench.call((sys) => sys.tryStorePage(at + size - PAGE, 1)),
    'ok',
  );
  bench.call((sys) => sys.free(at));
  t.equal(
    bench.call((sys) => sys.tryLoadPage(at)),
    'SIGSEGV',
  );
  t.equal(
    bench.timeOf((sys) => sys.malloc(16)),
    200,
    'mmap() of an arena',
  );
  t.equal(
    bench.timeOf((sys) => sys.malloc(16)),
    0,
    'no system call',
  );
});

t.test('malloc() answers 0 where mmap() has no room', async (t) => {
  const bench = new UserBench();
  t.equal(
    bench.call((sys) => sys.malloc(2 ** 48)),
    0,
  );
});

t.test('a child has its own copy of what malloc() knows', async (t) => {
  const bench = new UserBench();
  const malloc = (process = bench.process) => bench.call((sys) => sys.malloc(16), process);
  const [a, b] = [malloc(), malloc()];
  bench.call((sys) => sys.free(a));
  const child = bench.machine.process(bench.call((sys) => sys.fork()))!;
  t.equal(child.name, 'p0+');
  t.equal(malloc(child), a);
  bench.call((sys) => sys.free(b), child);
  t.same([malloc(child), malloc(child)], [b, b + 16]);
  t.same([malloc(), malloc()], [a, b + 16]);
});

t.test('a new thread runs first, until it sleeps; join() waits for what it returns', async (t) => {
  const bench = new UserBench();
  const order: string[] = [];
  function* main(sys: Sys): Task<number> {
    const thread = yield* sys.pthread_create(function* (own) {
      order.push(`thread of ${own.pid}`);
      yield* own.nanosleep(1000);
      order.push('thread ends');
      return 42;
    });
    order.push('created');
    return yield* join(thread);
  }
  t.equal(bench.call(main), 42);
  t.same(order, ['thread of 1', 'created', 'thread ends']);
  t.equal(bench.process.threads.length, 0);
});

t.test('join() of a thread that has ended answers at once, 0 where it returned nothing', async (t) => {
  const bench = new UserBench();
  const joined = bench.call(function* (sys) {
    const thread = yield* sys.pthread_create(function* () {});
    return [yield* join(thread), yield* join(thread)];
  });
  t.same(joined, [0, 0]);
});

t.test('threads share memory, and exit() of one ends all', async (t) => {
  const bench = new UserBench();
  const at = bench.map(1);
  const death = bench.deathOf(function* (sys) {
    yield* sys.pthread_create(function* (own) {
      yield* own.nanosleep(10_000);
      yield* own.exit(3);
    });
    for (;;) {
      yield* sys.store32(at, (yield* sys.load32(at)) + 1);
      yield* sys.spin();
    }
  });
  t.equal(death, 3);
  t.same([bench.process.mm, bench.process.threads.length], [null, 0]);
});

t.test('a main program ends its process with what it returns', async (t) => {
  const bench = new UserBench();
  const end = (main: UserMain) => {
    const process = bench.machine.start('main', main);
    bench.machine.settle();
    return [process.alive, process.exitCode, process.signal];
  };
  function* five(sys: Sys): Task<number> {
    yield* sys.spin();
    return 5;
  }
  t.same(end(five), [false, 5, null]);
  t.same(
    end((sys) => sys.spin()),
    [false, 0, null],
  );
});

t.test('syscall() takes a number, and 0 for registers that are left out', async (t) => {
  const bench = new UserBench();
  const at = bench.call((sys) => sys.syscall(nr.__NR_mmap, 0, PAGE, RW, ANON, -1, 0)) as number;
  t.equal(
    bench.call((sys) => sys.tryStorePage(at, 1)),
    'ok',
  );
  const fd = bench.call((sys) => sys.syscall(nr.__NR_memfd_create, 'f')) as number;
  t.equal(fd, 3);
  t.equal(
    bench.call((sys) => sys.syscall(nr.__NR_lseek, fd)),
    0,
  );
  t.equal(
    bench.call((sys) => sys.syscall(nr.__NR_close, 9)),
    -EBADF,
  );
  t.equal(
    bench.call((sys) => sys.syscall(9999)),
    -ENOSYS,
  );
});

t.test('random words and stderr go outside', async (t) => {
  const words = () => {
    const bench = new UserBench();
    return bench.call(function* (sys) {
      yield* sys.spin();
      sys.stderr('a line');
      return [sys.random32(), sys.random32(), bench.machine.stderr.join()];
    });
  };
  const [a, b, line] = words();
  t.not(a, b);
  t.equal(line, 'a line');
  t.same(words(), [a, b, line], 'the same machine gives the same words');
});
