// SPDX-License-Identifier: GPL-2.0-only
/** Work that is done later, once each time it was queued before it began. */
import t from 'tap';
import { DelayedWork, Work } from '../../src/kernel/workqueue.js';
import { Executor } from '../../src/sim/executor.js';
import { RwSem } from '../../src/sim/locks.js';
import { RunToBlock } from '../../src/sim/schedulers/run_to_block.js';
import type { Task } from '../../src/sim/task.js';

const MS = 1_000_000;

function run(executor: Executor, body: Task): void {
  executor.runUntil(executor.spawn('test', body, null), executor.now + 1000 * MS);
}

t.test('a work runs once for what was queued before it began', async (t) => {
  const executor = new Executor(new RunToBlock(0));
  const done: string[] = [];
  const work: Work<string> = new Work(
    executor,
    'work',
    function* (data) {
      done.push(data);
      if (done.length === 1) work.schedule_work();
      yield* executor.yield('work');
    },
    'a',
  );
  t.equal(work.schedule_work(), true);
  t.equal(work.schedule_work(), false);
  run(executor, work.flush_work());
  t.same(done, ['a', 'a'], 'and again for what was queued meanwhile');
  t.equal(work.busy, false);
});

t.test('delayed work', async (t) => {
  const executor = new Executor(new RunToBlock(0));
  const done: number[] = [];
  const work = new DelayedWork(
    executor,
    'work',
    // biome-ignore lint/correctness/useYield: works may sleep; this one has no need to.
    function* () {
      done.push(executor.now);
    },
    null,
  );
  t.equal(work.queue_delayed_work(5 * MS), true);
  t.equal(work.queue_delayed_work(MS), false, 'it is queued already');
  const until = (at: number) =>
    run(
      executor,
      (function* () {
        while (executor.now < at) {
          executor.charge(MS);
          yield* executor.yield('test');
        }
      })(),
    );
  until(8 * MS);
  t.same(done, [5 * MS]);
  work.queue_delayed_work(5 * MS);
  run(executor, work.cancel_delayed_work_sync());
  until(20 * MS);
  t.equal(done.length, 1, 'what is cancelled is not done');
});

t.test('a writer becomes a reader', async (t) => {
  const executor = new Executor(new RunToBlock(0));
  const sem = new RwSem(executor, 'sem');
  t.throws(() => sem.downgrade_write(), { message: /not held/ });
  t.equal(sem.down_write_trylock(), true);
  t.equal(sem.down_read_trylock(), false);
  sem.downgrade_write();
  t.equal(sem.down_read_trylock(), true);
  t.equal(sem.down_write_trylock(), false);
  sem.up_read();
  sem.up_read();
  t.equal(sem.isLocked, false);
});
