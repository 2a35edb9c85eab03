// SPDX-License-Identifier: GPL-2.0-only
/** Pages that the hardware loses: what the kernel says of them, and counts. What becomes of memory is in test/derived/hwpoison-*. */
import t from 'tap';
import { Machine } from '../../src/machine/machine.js';
import type { TraceEvent } from '../../src/mm/trace.js';
import type { Task } from '../../src/sim/task.js';
import { EBUSY, EINVAL, EIO, ENOMEM } from '../../src/uapi/errno.js';
import {
  MADV_HWPOISON,
  MADV_PAGEOUT,
  MADV_SOFT_OFFLINE,
  MAP_ANONYMOUS,
  MAP_HUGETLB,
  MAP_PRIVATE,
  MAP_SHARED,
  O_RDONLY,
  O_RDWR,
  O_TMPFILE,
  PAGE_SIZE,
  PR_MCE_KILL,
  PR_MCE_KILL_CLEAR,
  PR_MCE_KILL_DEFAULT,
  PR_MCE_KILL_EARLY,
  PR_MCE_KILL_GET,
  PR_MCE_KILL_LATE,
  PR_MCE_KILL_SET,
  PROT_READ,
  PROT_WRITE,
} from '../../src/uapi/mman.js';
import type { Sys } from '../../src/user/api.js';

const RW = PROT_READ | PROT_WRITE;
const MiB = 2 ** 20;

/** Runs a program on a machine that is checked. Return: the kernel log without pfns, and events of pages that are lost. */
function run(
  kernel: string,
  main: (sys: Sys) => Task,
  hugepages = 0,
): { log: string[]; events: TraceEvent[] } {
  const machine = Machine.boot({ kernel, memory: 192 * MiB, hugepages, check: true, swap: 64 * MiB });
  const events: TraceEvent[] = [];
  machine.kernel.trace = {
    emit: (event) => {
      if (/^(poison_unmap|memory_failure|soft_offline)$/.test(event.event)) events.push(event);
    },
  };
  machine.call(machine.spawn('p0'), main);
  const log = machine.dmesg.filter((line) => line.startsWith('Memory failure'));
  return { log: log.map((line) => line.replace(/0x[0-9a-f]+/, 'PFN')), events };
}

const told = (events: readonly TraceEvent[]): string[] =>
  events.map(({ event, args }) => [event, ...Object.values(args ?? {})].join(' '));

function* memory(sys: Sys, pages: number): Task<number> {
  return yield* sys.mmap(0, pages * PAGE_SIZE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

function* fileOnDisk(sys: Sys, pages: number): Task<{ fd: number; at: number }> {
  const fd = yield* sys.open('/var/tmp', O_TMPFILE | O_RDWR);
  yield* sys.ftruncate(fd, pages * PAGE_SIZE);
  return { fd, at: yield* sys.mmap(0, pages * PAGE_SIZE, RW, MAP_SHARED, fd, 0) };
}

function* corrupted(sys: Sys): Task<string> {
  const buf = yield* memory(sys, 1);
  yield* sys.store32(buf, 0);
  const fd = yield* sys.open('/proc/meminfo', O_RDONLY);
  const len = yield* sys.read(fd, buf, PAGE_SIZE);
  const text = new TextDecoder().decode(yield* sys.loadBytes(buf, len));
  yield* sys.close(fd);
  return /HardwareCorrupted: *(\d+) kB/.exec(text)![1]!;
}

t.test('the log says what a page was and what became of it, and meminfo counts it', async (t) => {
  const { log, events } = run('6.1', function* (sys) {
    const { fd, at } = yield* fileOnDisk(sys, 2);
    yield* sys.store32(at, 1);
    yield* sys.store32(at + PAGE_SIZE, 2);
    yield* sys.fsync(fd);
    t.equal(yield* sys.madvise(at, PAGE_SIZE, MADV_HWPOISON), 0);
    yield* sys.store32(at + PAGE_SIZE, 3);
    t.equal(yield* sys.madvise(at + PAGE_SIZE, PAGE_SIZE, MADV_HWPOISON), 0);
    const anon = yield* memory(sys, 3);
    yield* sys.store32(anon, 1);
    yield* sys.store32(anon + PAGE_SIZE, 1);
    t.equal(yield* sys.madvise(anon, PAGE_SIZE, MADV_HWPOISON), 0);
    t.equal(yield* sys.madvise(anon + PAGE_SIZE, PAGE_SIZE, MADV_SOFT_OFFLINE), 0);
    yield* sys.load32(anon + 2 * PAGE_SIZE);
    t.equal(yield* sys.madvise(anon + 2 * PAGE_SIZE, PAGE_SIZE, MADV_HWPOISON), -EBUSY);
    t.equal(yield* corrupted(sys), '20', 'ignored ones, and those that were about to be lost, count');
    t.equal(yield* sys.fsync(fd), -EIO);
    yield* sys.close(fd);
  });
  t.strictSame(log, [
    'Memory failure: PFN: corrupted page was clean: dropped without side effects',
    'Memory failure: PFN: recovery action for clean LRU page: Recovered',
    'Memory failure: PFN: recovery action for dirty LRU page: Recovered',
    'Memory failure: PFN: recovery action for dirty LRU page: Recovered',
    'Memory failure: PFN: recovery action for reserved kernel page: Ignored',
  ]);
  t.strictSame(told(events), [
    'poison_unmap file',
    'memory_failure clean LRU page Recovered',
    'poison_unmap hwpoison',
    'memory_failure dirty LRU page Recovered',
    'poison_unmap hwpoison',
    'memory_failure dirty LRU page Recovered',
    'soft_offline migrated',
    'memory_failure reserved kernel page Ignored',
  ]);
});

t.test('a page of the swap cache that is clean is read again', async (t) => {
  const { log, events } = run('6.12', function* (sys) {
    const at = yield* memory(sys, 1);
    yield* sys.store32(at, 42);
    yield* sys.madvise(at, PAGE_SIZE, MADV_PAGEOUT);
    // Somebody else has the slot, too.
    yield* sys.fork();
    t.equal(yield* sys.load32(at), 42);
    t.equal(yield* sys.madvise(at, PAGE_SIZE, MADV_HWPOISON), 0);
    t.equal(yield* sys.load32(at), 42);
  });
  t.strictSame(told(events), ['poison_unmap swap', 'memory_failure clean swapcache page Recovered']);
  t.strictSame(log, [
    'Memory failure: PFN: keeping poisoned page in swap cache',
    'Memory failure: PFN: recovery action for clean swapcache page: Recovered',
  ]);
});

/** HugePages_Total and HugePages_Free of /proc/meminfo. */
function* pool(sys: Sys): Task<string> {
  const buf = yield* memory(sys, 1);
  const fd = yield* sys.open('/proc/meminfo', O_RDONLY);
  yield* sys.store32(buf, 0);
  const len = yield* sys.read(fd, buf, PAGE_SIZE);
  const text = new TextDecoder().decode(yield* sys.loadBytes(buf, len));
  yield* sys.close(fd);
  const [, total, free] = /HugePages_Total: *(\d+)\nHugePages_Free: *(\d+)/.exec(text)!;
  return `${total} ${free}`;
}

function* hugePages(sys: Sys, pages: number, share = MAP_PRIVATE): Task<number> {
  return yield* sys.mmap(0, pages * 2 * MiB, RW, share | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
}

t.test('a huge page of the pool leaves it, and all but the lost page is free memory', async (t) => {
  for (const [kernel, by] of [
    ['6.1', 'try_to_unmap_one'],
    ['7.3', 'try_to_unmap_poisoned_hugetlb_one'],
  ] as const) {
    const { log, events } = run(
      kernel,
      function* (sys) {
        const at = yield* hugePages(sys, 2);
        yield* sys.load32(at);
        t.equal(yield* pool(sys), '4 3');
        t.equal(yield* sys.madvise(at + 7 * PAGE_SIZE, PAGE_SIZE, MADV_HWPOISON), 0);
        t.equal(yield* pool(sys), '3 3');
        t.equal(yield* corrupted(sys), '4');
        yield* sys.store32(at + 2 * MiB, 1);
        t.equal(yield* pool(sys), '3 2');
        yield* sys.munmap(at, 4 * MiB);
        t.equal(yield* pool(sys), '3 3');
      },
      4,
    );
    t.strictSame(log, ['Memory failure: PFN: recovery action for huge page: Recovered']);
    t.strictSame(told(events), ['poison_unmap hwpoison', 'memory_failure huge page Recovered'], by);
  }
});

t.test("a file's huge page is never free again, and the pool has it still", async (t) => {
  const { log } = run(
    '6.1',
    function* (sys) {
      const at = yield* hugePages(sys, 1, MAP_SHARED);
      yield* sys.store32(at, 1);
      t.equal(yield* sys.madvise(at, PAGE_SIZE, MADV_HWPOISON), 0);
      yield* sys.munmap(at, 2 * MiB);
      t.equal(yield* pool(sys), '3 2');
      const rest = yield* hugePages(sys, 2);
      yield* sys.store32(rest, 1);
      t.equal(yield* sys.madvise(rest, PAGE_SIZE, MADV_HWPOISON), 0);
      t.equal(yield* pool(sys), '2 1');
      yield* sys.store32(rest + 2 * MiB, 1);
      yield* sys.munmap(rest, 4 * MiB);
      const one = yield* hugePages(sys, 1);
      t.equal(yield* pool(sys), '2 1');
      t.equal(yield* sys.madvise(one, PAGE_SIZE, MADV_HWPOISON), 0);
      t.equal(yield* pool(sys), '1 0');
      t.equal(yield* hugePages(sys, 1), -ENOMEM);
    },
    3,
  );
  t.strictSame(log, Array(3).fill('Memory failure: PFN: recovery action for huge page: Recovered'));
});

t.test(
  'a huge page that is about to be lost moves to another of the pool, or to one beside it',
  async (t) => {
    const { events } = run(
      '6.12',
      function* (sys) {
        const at = yield* hugePages(sys, 1);
        yield* sys.store32(at, 42);
        t.equal(yield* sys.madvise(at + PAGE_SIZE, PAGE_SIZE, MADV_SOFT_OFFLINE), 0);
        t.equal(yield* pool(sys), '1 0');
        // No other is left: a fresh one takes its place in the pool.
        t.equal(yield* sys.madvise(at, PAGE_SIZE, MADV_SOFT_OFFLINE), 0);
        t.equal(yield* pool(sys), '1 0');
        t.equal(yield* sys.load32(at), 42);
        t.equal(yield* corrupted(sys), '8');
        yield* sys.munmap(at, 2 * MiB);
        t.equal(yield* pool(sys), '1 1');
      },
      2,
    );
    t.strictSame(told(events), ['soft_offline migrated', 'soft_offline migrated']);
  },
);

t.test('whoever comes while huge pages move waits, and finds what they hold', async (t) => {
  for (let seed = 1; seed <= 40; seed++) {
    const machine = Machine.boot({
      kernel: '7.3',
      memory: 192 * MiB,
      hugepages: 3,
      check: true,
      seed,
      schedule: 'random',
    });
    machine.call(machine.spawn('p0'), function* (sys) {
      const share = seed % 2 === 0 ? MAP_SHARED : MAP_PRIVATE;
      const at = yield* hugePages(sys, 1, share);
      yield* sys.store32(at, 42);
      const child = yield* sys.fork(function* (sys) {
        for (let i = 0; i < 4; i++) yield* sys.madvise(at + i * PAGE_SIZE, PAGE_SIZE, MADV_SOFT_OFFLINE);
        yield* sys.exit(0);
      });
      for (let i = 0; i < 8; i++) {
        t.equal(yield* sys.load32(at), 42);
        yield* sys.mprotect(at, 2 * MiB, i % 2 === 0 ? PROT_READ : RW);
      }
      yield* sys.waitpid(child);
      t.equal(yield* sys.load32(at), 42);
    });
  }
});

/** A process that says when it wants to know, and has `at` from its parent. Return: its pid. */
function* child(sys: Sys, policy: number): Task<number> {
  return yield* sys.fork(function* (sys) {
    yield* sys.prctl(PR_MCE_KILL, PR_MCE_KILL_SET, policy);
    yield* sys.nanosleep(1e6);
    yield* sys.exit(7);
  });
}

const endOf = function* (sys: Sys, pid: number): Task<string | number | null> {
  const status = yield* sys.waitpid(pid);
  return typeof status === 'number' ? status : (status.signal ?? status.exitCode);
};

t.test('whoever asked for it is told of a loss at once, others when they come for the page', async (t) => {
  for (const backing of ['memory', 'huge pages'] as const) {
    const { log } = run(
      '6.1',
      function* (sys) {
        const at = backing === 'memory' ? yield* memory(sys, 1) : yield* hugePages(sys, 1);
        yield* sys.store32(at, 1);
        const early = yield* child(sys, PR_MCE_KILL_EARLY);
        const late = yield* child(sys, PR_MCE_KILL_LATE);
        yield* sys.nanosleep(1000);
        t.equal(yield* sys.madvise(at, PAGE_SIZE, MADV_HWPOISON), 0);
        t.equal(yield* endOf(sys, early), 'SIGBUS');
        t.equal(yield* endOf(sys, late), 7);
      },
      2,
    );
    const what = backing === 'memory' ? 'dirty LRU page' : 'huge page';
    t.strictSame(log, [
      'Memory failure: PFN: Sending SIGBUS to p0+:2 due to hardware memory corruption',
      `Memory failure: PFN: recovery action for ${what}: Recovered`,
    ]);
  }
});

t.test('what everybody is told who says nothing (vm.memory_failure_early_kill)', async (t) => {
  const { log } = run('6.1', function* (sys) {
    const at = yield* memory(sys, 2);
    const fd = yield* sys.open('/proc/sys/vm/memory_failure_early_kill', O_RDWR);
    yield* sys.storeBytes(at + PAGE_SIZE, new TextEncoder().encode('1'));
    t.equal(yield* sys.write(fd, at + PAGE_SIZE, 1), 1);
    const silent = yield* child(sys, PR_MCE_KILL_DEFAULT);
    const late = yield* child(sys, PR_MCE_KILL_LATE);
    yield* sys.prctl(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_LATE);
    yield* sys.nanosleep(1000);
    t.equal(yield* sys.madvise(at + PAGE_SIZE, PAGE_SIZE, MADV_HWPOISON), 0);
    t.equal(yield* endOf(sys, silent), 'SIGBUS');
    t.equal(yield* endOf(sys, late), 7);
    yield* sys.storeBytes(at, new TextEncoder().encode('2'));
    t.equal(yield* sys.write(fd, at, 1), -EINVAL);
    yield* sys.close(fd);
  });
  t.equal(log.length, 2);
});

t.test('prctl() of the policy', async (t) => {
  run('6.12', function* (sys) {
    const get = (): Task<number> => sys.prctl(PR_MCE_KILL_GET, 0, 0);
    t.equal(yield* get(), PR_MCE_KILL_DEFAULT);
    t.equal(yield* sys.prctl(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_EARLY), 0);
    t.equal(yield* get(), PR_MCE_KILL_EARLY);
    t.equal(yield* sys.prctl(PR_MCE_KILL, PR_MCE_KILL_CLEAR, 0), 0);
    t.equal(yield* get(), PR_MCE_KILL_DEFAULT);
    // What is refused has set half of it.
    t.equal(yield* sys.prctl(PR_MCE_KILL, PR_MCE_KILL_SET, 3), -EINVAL);
    t.equal(yield* get(), PR_MCE_KILL_EARLY);
    t.equal(yield* sys.prctl(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_LATE), 0);
    t.equal(yield* get(), PR_MCE_KILL_LATE);
    t.equal(yield* sys.prctl(PR_MCE_KILL, PR_MCE_KILL_CLEAR, 1), -EINVAL);
    t.equal(yield* sys.prctl(PR_MCE_KILL, 2, 0), -EINVAL);
    t.equal(yield* sys.prctl(PR_MCE_KILL_GET, 1, 0), -EINVAL);
    t.equal(yield* sys.prctl(1, 0, 0), -EINVAL);
  });
});
