// SPDX-License-Identifier: GPL-2.0-only
/** The daemon that reclaims: when it wakes, how far it goes, when it looks once more, and when it gives up. */
import t from 'tap';
import { Machine, type Process } from '../../src/machine/machine.js';
import type { Kernel } from '../../src/mm/kernel.js';
import { alloc_page } from '../../src/mm/page_alloc_slow.js';
import type { TraceEvent } from '../../src/mm/trace.js';
import { NO_PAGE } from '../../src/sim/memmap.js';
import { MAP_ANONYMOUS, MAP_PRIVATE, PAGE_SIZE, PROT_READ, PROT_WRITE } from '../../src/uapi/mman.js';

interface Booted {
  readonly machine: Machine;
  readonly k: Kernel;
  readonly process: Process;
  /** Who reclaimed, by how many folios. */
  readonly by: Map<string, number>;
  /** Free pages whenever a daemon woke, by its node. */
  readonly woken: { readonly nid: number; readonly free: number }[];
}

function booted(description: { swap?: number; nodes?: number; memory?: number; kernel?: string }): Booted {
  const machine = Machine.boot({
    kernel: '6.12',
    memory: 2 ** 26,
    hugepages: 0,
    check: true,
    ...description,
  });
  const by = new Map<string, number>();
  const woken: { nid: number; free: number }[] = [];
  machine.kernel.trace = {
    emit(event: TraceEvent): void {
      if (event.event === 'reclaim_folio') by.set(event.args.by, (by.get(event.args.by) ?? 0) + 1);
      if (event.event === 'mm_vmscan_kswapd_wake') woken.push(event.args);
    },
  };
  return { machine, k: machine.kernel, process: machine.spawn('p0'), by, woken };
}

const NO_FLAGS = MAP_PRIVATE | MAP_ANONYMOUS;

/** Map and fill `pages`. Return: where. */
const filled = ({ machine, process }: Booted, pages: number): number =>
  machine.call(process, function* (sys) {
    const addr = yield* sys.mmap(0, pages * PAGE_SIZE, PROT_READ | PROT_WRITE, NO_FLAGS, -1, 0);
    yield* sys.storeSeq(addr, (pages * PAGE_SIZE) / 4, 1, 1);
    return addr;
  });

t.test('from the low watermark to the high one', (t) => {
  const it = booted({ swap: 2 ** 26 });
  const { min, low, high } = it.k.pages.watermarks;
  t.ok(min < low && low - min === high - low);
  filled(it, it.k.pages.nr_free_pages - low);
  t.strictSame(it.woken, [], 'the last page above it is given without a word');
  filled(it, 1);
  t.match(it.woken, [{ nid: 0, free: low, low, high }]);
  t.ok(it.k.pages.nr_free_pages > high);
  t.strictSame([...it.by.keys()], ['kswapd']);
  t.end();
});

t.test('who fills memory for long never reclaims', (t) => {
  const it = booted({ swap: 2 ** 27 });
  filled(it, 14000);
  filled(it, 8000);
  t.ok(it.woken.length > 10);
  t.strictSame([...it.by.keys()], ['kswapd']);
  t.ok(it.k.pages.nr_free_pages > it.k.pages.watermarks.min);
  t.end();
});

t.test('a tenth of a second later it looks once more', (t) => {
  const it = booted({ swap: 2 ** 26 });
  const { k, machine, woken } = it;
  const { low, high } = k.pages.watermarks;
  filled(it, k.pages.nr_free_pages - low + 1);
  filled(it, k.pages.nr_free_pages - high + 1);
  const free = k.pages.nr_free_pages;
  t.ok(free > low && free < high);
  machine.executor.charge(50_000_000);
  machine.settle();
  t.equal(woken.length, 1);
  machine.executor.charge(60_000_000);
  machine.settle();
  t.match(woken.slice(1), [{ nid: 0, free }], 'less is free than the high watermark asks for');
  t.ok(k.pages.nr_free_pages > high);
  machine.executor.charge(1_000_000_000);
  machine.settle();
  t.equal(woken.length, 2, 'then it sleeps until it is woken');
  t.end();
});

t.test('without swap it gives up, until a page is reclaimed', (t) => {
  const it = booted({});
  const { k, machine, woken } = it;
  filled(it, k.pages.nr_free_pages - k.pages.watermarks.low + 8);
  t.equal(woken.length, 1, 'it tries as often as it may at once');
  t.ok(k.kswapds[0]!.isHopeless);
  k.kswapds[0]!.made_progress();
  filled(it, 1);
  t.equal(woken.length, 2);
  t.ok(k.kswapds[0]!.isHopeless);
  t.strictSame([...it.by.keys()], []);
  machine.executor.charge(1_000_000_000);
  machine.settle();
  t.equal(woken.length, 2, 'one without hope does not look');
  t.end();
});

t.test('on 7.3 its hope is back when enough is free', (t) => {
  const it = booted({ kernel: '7.3' });
  const { k, machine, process } = it;
  const addr = filled(it, k.pages.nr_free_pages - k.pages.watermarks.low + 8);
  t.ok(k.kswapds[0]!.isHopeless);
  k.kswapds[0]!.made_progress();
  t.ok(k.kswapds[0]!.isHopeless);
  machine.call(process, (sys) => sys.munmap(addr, 1024 * PAGE_SIZE));
  k.kswapds[0]!.made_progress();
  t.notOk(k.kswapds[0]!.isHopeless);
  t.end();
});

t.test('of several nodes each has its own, and all wake when all have little', (t) => {
  const it = booted({ nodes: 2, memory: 2 ** 27, swap: 2 ** 27 });
  const { k, woken } = it;
  const above = k.zones.map(({ nr_free_pages, watermarks }) => nr_free_pages - watermarks.low);
  filled(it, above[0]! + above[1]! - 1);
  t.strictSame(woken, [], 'the other node gives');
  filled(it, 2);
  t.strictSame(
    woken.map(({ nid }) => nid),
    [0, 1],
  );
  for (const { nr_free_pages, watermarks } of k.zones) t.ok(nr_free_pages > watermarks.high);
  t.end();
});

t.test('who must not sleep wakes it, too', (t) => {
  const it = booted({ swap: 2 ** 26 });
  const { k, machine, woken } = it;
  filled(it, 6000);
  while (k.pages.nr_free_pages > k.pages.watermarks.min + 8) k.pages.alloc_page();
  t.equal(woken.length, 1, 'once, as it has not run yet');
  machine.settle();
  t.ok(k.pages.nr_free_pages > k.pages.watermarks.high);
  const task = machine.executor.spawn('alloc', alloc_page(k), it.process);
  machine.executor.runUntil(task, machine.now + 1e9);
  t.not(task.result, NO_PAGE);
  t.end();
});
