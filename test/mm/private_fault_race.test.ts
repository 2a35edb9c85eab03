// SPDX-License-Identifier: GPL-2.0-only
/**
 * Threads that touch one device private page at once (a public report). mm/memory.c do_swap_page() of 6.12 takes a
 * reference for each before it asks the driver, and each counts as somebody else's for the others, whose migration
 * fails: they fault again. Since 6.13 the fault locks the page first, and does not come that far without.
 */
import t, { type Test } from 'tap';
import { Machine } from '../../src/machine/machine.js';
import { filledPage, migratePageAndKeep } from '../drivers/device_page.js';
import { join } from '../kernel/bench.js';

const THREADS = 4;

interface Counted {
  /** What the threads load. */
  readonly words: readonly number[];
  /** Faults on the page, of all threads. */
  readonly faults: number;
  /** How often a driver was asked for it. */
  readonly asked: number;
}

function race(kernel: string, seed: number): Counted {
  const machine = Machine.boot({ kernel, seed, schedule: 'random' });
  machine.loadModule('test_hmm', {});
  const process = machine.spawn('p0');
  const addr = machine.call(process, filledPage);
  machine.call(process, (sys) => migratePageAndKeep(sys, machine.generation, 0, addr, 'TO_DEV'));
  let [faults, asked] = [0, 0];
  const page = addr - (addr % 4096);
  machine.kernel.functions = {
    entered(fn, at) {
      if (fn === 'do_swap_page' && at === page) faults++;
      if (fn === 'migrate_vma_setup') asked++;
    },
  };
  const words = machine.call(process, function* (sys) {
    const threads = [];
    for (let i = 0; i < THREADS; i++) threads.push(yield* sys.pthread_create((own) => own.load32(addr)));
    const found: number[] = [];
    for (const thread of threads) found.push(yield* join(thread));
    return found;
  });
  return { words, faults, asked };
}

const SEEDS = Array.from({ length: 30 }, (_, i) => i + 1);

function mostAsked(t: Test, kernel: string): number {
  const races = SEEDS.map((seed) => race(kernel, seed));
  for (const { words } of races) t.strictSame(words, [42, 42, 42, 42]);
  t.ok(
    races.some(({ faults }) => faults >= 2 * THREADS),
    'some wait for others',
  );
  return Math.max(...races.map(({ asked }) => asked));
}

t.test('before 6.13 the driver is asked again and again', async (t) => {
  t.ok(mostAsked(t, '6.12') > THREADS);
});

t.test('since 6.13 it is asked once, and whoever waits finds the page', async (t) => {
  t.equal(mostAsked(t, '7.3'), 1);
});
