// SPDX-License-Identifier: GPL-2.0-only
/** Reclaim that meets pages of files which have to be written first: whom it wakes, what it marks, and how long it waits. */
import t from 'tap';
import type { Kernel } from '../../src/mm/kernel.js';
import { PG_active, PG_dirty, PG_reclaim, PG_writeback } from '../../src/mm/page_flags.js';
import type { TraceEvent, TraceEventOf } from '../../src/mm/trace.js';
import { try_to_free_pages } from '../../src/mm/vmscan.js';
import type { Task } from '../../src/sim/task.js';
import { SYNC_FILE_RANGE_WRITE } from '../../src/uapi/fcntl.js';
import {
  MADV_PAGEOUT,
  MAP_ANONYMOUS,
  MAP_PRIVATE,
  O_RDWR,
  PAGE_SIZE,
  PROT_READ,
  PROT_WRITE,
} from '../../src/uapi/mman.js';
import type { Sys } from '../../src/user/api.js';
import { mappedFile, WatchedProcess } from './watched_process.js';

const RW = PROT_READ | PROT_WRITE;
const MS = 1_000_000;

/** A machine of 64 MiB without swap, with one process; what it tells of is kept. */
class Reclaiming extends WatchedProcess {
  constructor(kernel = '6.12') {
    super(kernel, 2 ** 26);
  }

  get k(): Kernel {
    return this.machine.kernel;
  }

  told<E extends TraceEvent['event']>(name: E): TraceEventOf<E>[] {
    return this.events.filter((event): event is TraceEventOf<E> => event.event === name);
  }

  /** Who was throttled, and why. */
  get throttled(): string[] {
    return this.told('mm_vmscan_throttled').map(({ args }) => `${args.task} ${args.reason}`);
  }
}

/** A file of so many pages, and a shared mapping of it, all of it written to. */
function* dirtyFile(sys: Sys, pages: number): Task<{ fd: number; addr: number }> {
  const file = yield* mappedFile(sys, pages);
  yield* sys.storeSeq(file.addr, (pages * PAGE_SIZE) / 4, 1, 1);
  return file;
}

function* filled(sys: Sys, pages: number): Task<number> {
  const addr = yield* sys.mmap(0, pages * PAGE_SIZE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  yield* sys.storeSeq(addr, (pages * PAGE_SIZE) / 4, 1, 1);
  return addr;
}

for (const kernel of ['6.1', '6.12', '7.3']) {
  t.test(`${kernel}: a flusher writes what is dirty, reclaim waits for it, and nobody dies`, (t) => {
    const it = new Reclaiming(kernel);
    const addr = it.run(function* (sys) {
      const { addr } = yield* dirtyFile(sys, 9000);
      yield* filled(sys, 9600);
      return addr;
    });
    t.same(it.told('oom_kill'), []);
    t.equal(it.told('wakeup_flusher_threads').length, 1);
    t.match(it.told('wakeup_flusher_threads')[0]!.args, {
      task: 'kswapd0',
      by: 'kswapd',
      list: 'inactive file',
    });
    t.match(it.told('writeback_pages_written')[0]!.args, { pages: 9000 });
    const woken = it.events.findIndex(({ event }) => event === 'wakeup_flusher_threads');
    const writing = it.events.findIndex(({ event }) => event === 'folio_start_writeback');
    t.ok(writing > woken, 'nobody writes before');
    t.ok(it.throttled.includes('kswapd0 VMSCAN_THROTTLE_WRITEBACK'));
    // It was woken as soon as so many pages had been written, not by the clock.
    const { args } = it.told('mm_vmscan_throttled').find((event) => event.args.task === 'kswapd0')!;
    t.equal(args.usec_timeout, 100_000);
    t.ok(args.usec_delayed < 100_000);
    t.notOk(it.k.reclaims[0]!.writeback, 'there is memory again');
    it.run(function* (sys) {
      t.equal(yield* sys.load32(addr + 8999 * PAGE_SIZE), (8999 * PAGE_SIZE) / 4 + 1);
    });
    it.end();
    t.end();
  });
}

t.test('a dirty page that is to go is marked, and goes first once it is written', (t) => {
  const it = new Reclaiming();
  it.run(function* (sys) {
    const { fd, addr } = yield* dirtyFile(sys, 4);
    yield* sys.madvise(addr, 3 * PAGE_SIZE, MADV_PAGEOUT);
    t.same(it.told('wakeup_flusher_threads'), [], 'whoever advises wakes nobody');
    for (const index of [0, 1, 2])
      t.equal(it.flags(index) & (PG_dirty | PG_reclaim | PG_active), PG_dirty | PG_reclaim | PG_active);
    t.equal(it.flags(3) & PG_reclaim, 0);
    // Whoever writes to it wants it.
    yield* sys.store32(addr + PAGE_SIZE, 7);
    t.equal(it.flags(1) & (PG_dirty | PG_reclaim), PG_dirty);
    yield* sys.fsync(fd);
    t.equal(it.flags(0) & (PG_dirty | PG_writeback | PG_reclaim | PG_active), 0);
    t.equal(it.flags(2) & (PG_dirty | PG_writeback | PG_reclaim | PG_active), 0);
    t.equal(it.flags(1) & (PG_reclaim | PG_active), PG_active);
    const [lists] = it.k.lruvecs;
    t.equal(lists!.oldest(2), it.page(2), 'the one that was written last');
    lists!.del(it.page(2));
    t.equal(lists!.oldest(2), it.page(0));
    lists!.add_tail(it.page(2));
  });
  it.end();
  t.end();
});

/** Write `text` into a file of a cgroup. */
function* setting(sys: Sys, path: string, text: string): Task {
  const fd = yield* sys.open(path, O_RDWR);
  const buf = yield* sys.malloc(text.length);
  yield* sys.storeBytes(buf, new TextEncoder().encode(text));
  yield* sys.write(fd, buf, text.length);
  yield* sys.close(fd);
}

/** A cgroup of 100 pages has a file of as many that are just being written, and wants one more. */
function* oneTooMany(sys: Sys, dir: string, limit: string): Task {
  yield* sys.mkdir(dir);
  yield* setting(sys, `${dir}/cgroup.procs`, `${sys.pid}`);
  const { fd } = yield* dirtyFile(sys, 100);
  yield* setting(sys, `${dir}/${limit}`, `${100 * PAGE_SIZE}`);
  yield* sys.sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
  yield* filled(sys, 1);
}

t.test(
  'for a limit of the first hierarchy reclaim waits for the page itself, for another as it does for memory',
  (t) => {
    const legacy = new Reclaiming();
    legacy.run((sys) => oneTooMany(sys, '/sys/fs/cgroup/memory/c0', 'memory.limit_in_bytes'));
    t.equal(legacy.told('folio_wait_writeback').length, 1);
    t.same(legacy.throttled, []);
    legacy.end();
    const unified = new Reclaiming();
    unified.run((sys) => oneTooMany(sys, '/sys/fs/cgroup/c0', 'memory.max'));
    t.same(unified.told('folio_wait_writeback'), []);
    t.same(unified.throttled, ['p0 VMSCAN_THROTTLE_CONGESTED']);
    t.match(unified.told('mm_vmscan_throttled')[0]!.args, { usec_timeout: 4000, usec_delayed: 4000 });
    unified.end();
    t.end();
  },
);

t.test('while others have most pages off the lists, one waits: until they are back, or not for long', (t) => {
  for (const [back, delayed] of [
    [7 * MS, 7],
    [30 * MS, 20],
  ] as const) {
    const it = new Reclaiming();
    const { k, machine } = it;
    const { executor } = machine;
    it.run(function* (sys) {
      const { fd } = yield* dirtyFile(sys, 200);
      yield* sys.fsync(fd);
    });
    const { isolated } = k.reclaims[0]!;
    isolated[1] = 1000;
    const began = machine.now;
    const task = executor.spawn('p0', try_to_free_pages(k, [0]), it.process);
    executor.addTimer(began + back, () => {
      isolated[1] = 0;
      executor.spawn('p1', try_to_free_pages(k, [0]), it.process);
    });
    executor.runUntil(task, began + 1e9);
    const [first] = it.told('mm_vmscan_throttled');
    t.match(first?.args, { task: 'p0', reason: 'VMSCAN_THROTTLE_ISOLATED', usec_timeout: 20_000 });
    t.equal(Math.floor(first!.args.usec_delayed / 1000), delayed);
    executor.drain(machine.now + 1e9);
    it.end();
  }
  t.end();
});

t.test('a worker, whom somebody may wait for, is not made to wait', (t) => {
  const it = new Reclaiming();
  const { k, machine } = it;
  k.reclaims[0]!.isolated[1] = 1000;
  const task = machine.executor.spawn('worker', try_to_free_pages(k, [0]), null);
  const began = machine.now;
  machine.executor.runUntil(task, began + 1e9);
  t.same(it.throttled, []);
  t.ok(machine.now - began < MS);
  t.end();
});
