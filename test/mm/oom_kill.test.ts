// SPDX-License-Identifier: GPL-2.0-only
/** Memory that runs out for good: who dies, what is taken from one that cannot die, and what is left when nobody is. */
import t from 'tap';
import { Machine } from '../../src/machine/machine.js';
import { alloc_page, alloc_page_nofail } from '../../src/mm/page_alloc_slow.js';
import { KernelBug, ProcessDied } from '../../src/sim/errors.js';
import { WaitQueue } from '../../src/sim/executor.js';
import { NO_PAGE } from '../../src/sim/memmap.js';
import type { Task } from '../../src/sim/task.js';
import { MAP_ANONYMOUS, MAP_PRIVATE, PROT_READ, PROT_WRITE } from '../../src/uapi/mman.js';
import type { Sys } from '../../src/user/api.js';
import { boot } from './gup_kernel.js';

const little = (): Machine => Machine.boot({ kernel: '6.12', memory: 2 ** 26, hugepages: 0, check: true });

/** Map and fill `pages`. */
const filling = (pages: number) =>
  function* fill(sys: Sys): Task<number> {
    const flags = MAP_PRIVATE | MAP_ANONYMOUS;
    const addr = yield* sys.mmap(0, pages * 4096, PROT_READ | PROT_WRITE, flags, -1, 0);
    yield* sys.storeSeq(addr, pages * 1024, 1, 1);
    return addr;
  };

const told = (machine: Machine): string[] =>
  machine.dmesg.filter((line) => /oom_reaper|Killed process/.test(line));

t.test('a victim that cannot exit is reaped after two seconds', (t) => {
  const machine = little();
  const big = machine.spawn('big');
  machine.call(big, filling(9000));
  const asleep = new WaitQueue();
  big.threads.push(machine.executor.spawn('asleep', asleep.sleep(machine.executor, 'for_ever'), big));
  const small = machine.spawn('small');
  const before = machine.now;
  machine.call(small, filling(8000));
  t.ok(machine.now - before > 2e9);
  t.match(told(machine), [
    /^Out of memory: Killed process 1 \(big\) total-vm:36\d+kB, anon-rss:36000kB/,
    /^oom_reaper: reaped process 1 \(big\), now anon-rss:0kB, file-rss:0kB/,
  ]);
  // A second time nothing is to be had from it.
  t.throws(() => machine.call(small, filling(8000)), ProcessDied);
  t.match(told(machine)[2], /^Out of memory: Killed process 2 \(small\)/);
  t.end();
});

t.test('a process that is to die anyway gets half of what the watermark keeps, and nobody else dies', (t) => {
  const machine = little();
  const process = machine.spawn('dying');
  const other = machine.spawn('other');
  machine.call(other, filling(4000));
  const { pages, executor } = machine.kernel;
  process.signal_wake_up('SIGKILL');
  while (pages.alloc_page() !== NO_PAGE);
  const { min } = pages.watermarks;
  t.equal(pages.nr_free_pages, min);
  const got = executor.spawn('alloc', alloc_page(machine.kernel), process);
  executor.runUntil(got, 1e9);
  t.not(got.result, NO_PAGE);
  while (pages.alloc_reserve(0, true) !== NO_PAGE);
  t.equal(pages.nr_free_pages, min / 2);
  const none = executor.spawn('alloc', alloc_page(machine.kernel), process);
  executor.runUntil(none, 1e9);
  t.equal(none.result, NO_PAGE);
  t.same(told(machine), []);
  t.ok(other.alive);
  t.end();
});

t.test('what must not fail may take all of it', (t) => {
  const k = boot();
  while (k.pages.alloc_page() !== NO_PAGE);
  const task = k.executor.spawn('alloc', alloc_page_nofail(k), null);
  k.executor.runUntil(task, 1e9);
  t.not(task.result, NO_PAGE);
  t.ok(k.pages.nr_free_pages < k.pages.watermarks.min);
  t.end();
});

t.test('with nobody to kill, the kernel panics', (t) => {
  const { kernel } = little();
  while (kernel.pages.alloc_page() !== NO_PAGE);
  const task = kernel.executor.spawn('alloc', alloc_page(kernel), null);
  t.throws(
    () => kernel.executor.runUntil(task, 1e9),
    new KernelBug('out_of_memory', 'Kernel panic - not syncing: System is deadlocked on memory'),
  );
  t.equal(kernel.dmesg.at(-1), 'Out of memory and no killable processes...');
  t.end();
});
