// SPDX-License-Identifier: GPL-2.0-only
/** Tasks on the simulated CPU: order, sleeping and waking, time, time slices, hangs, points. */
import t from 'tap';
import { Hang, KernelBug, ScheduleRefused } from '../../src/sim/errors.js';
import { Executor, type SimTask, WaitQueue } from '../../src/sim/executor.js';
import type { PointKind, Schedulable, Scheduler } from '../../src/sim/scheduler.js';
import { RunToBlock } from '../../src/sim/schedulers/run_to_block.js';
import type { Task } from '../../src/sim/task.js';

const FOREVER = Number.POSITIVE_INFINITY;

const start = (scheduler: Scheduler = new RunToBlock(0)): Executor => new Executor(scheduler);

t.test('a task runs until it yields; those that wait longest come first', async (t) => {
  const executor = start();
  const log: string[] = [];
  function* talker(name: string): Task<string> {
    for (let i = 0; i < 2; i++) {
      log.push(`${name}${i}`);
      yield* executor.yield('talk');
    }
    return name;
  }
  const a = executor.spawn('a', talker('a'), null);
  const b = executor.spawn('b', talker('b'), null);
  executor.runUntil(b, FOREVER);
  t.same(log, ['a0', 'b0', 'a1', 'b1']);
  t.same([a.state, a.result, b.state, b.result], ['done', 'a', 'done', 'b']);
  t.equal(executor.current, null);
});

t.test('a sleeper wakes when its queue is woken, and tells where it sleeps', async (t) => {
  const executor = start();
  const queue = new WaitQueue();
  const log: string[] = [];
  function* sleeper(): Task {
    log.push('asleep');
    yield* queue.sleep(executor, 'do_wait');
    log.push('awake');
  }
  const task = executor.spawn('sleeper', sleeper(), null);
  executor.drain(FOREVER);
  t.same([task.state, task.where, queue.empty], ['blocked', 'do_wait', false]);
  t.throws(() => executor.runUntil(task, FOREVER), new Hang('do_wait', 'waits for ever'));
  queue.wakeAll(executor);
  t.equal(queue.empty, true);
  executor.runUntil(task, FOREVER);
  t.same(log, ['asleep', 'awake']);
});

t.test(
  'timers fire in the order of their time, then of their making; idle time passes to the next',
  async (t) => {
    const executor = start();
    const queue = new WaitQueue();
    const log: string[] = [];
    const fire = (name: string) => () => {
      log.push(`${name} at ${executor.now}`);
      queue.wakeAll(executor);
    };
    executor.addTimer(300, fire('late'));
    // As the end of a write that nobody waits for.
    executor.addTimer(200, () => log.push('unheard'));
    executor.addTimer(100, fire('first'));
    executor.addTimer(100, fire('second'));
    function* sleeper(): Task {
      while (executor.now < 300) yield* queue.sleep(executor, 'do_nanosleep');
    }
    const task = executor.spawn('sleeper', sleeper(), null);
    executor.runUntil(task, FOREVER);
    t.same(log, ['first at 100', 'second at 100', 'unheard', 'late at 300']);
    const next = executor.spawn('sleeper', queue.sleep(executor, 'do_nanosleep'), null);
    executor.addTimer(5000, fire('too late'));
    t.throws(() => executor.runUntil(next, 4000), new Hang('do_nanosleep', 'waits for ever'));
  },
);

t.test('a loop is preempted when its time slice is over, and hangs when its time is', async (t) => {
  const executor = start();
  const log: string[] = [];
  function* spinner(): Task {
    for (let i = 0; i < 9; i++) {
      executor.charge(1_000_000);
      log.push(`spin at ${executor.now / 1e6}`);
      yield* executor.cond_resched('user loop');
    }
  }
  function* other(): Task {
    log.push('other');
    yield* executor.cond_resched('other');
  }
  const task = executor.spawn('spinner', spinner(), null);
  executor.spawn('other', other(), null);
  executor.runUntil(task, FOREVER);
  t.same(log.slice(0, 5), ['spin at 1', 'spin at 2', 'spin at 3', 'spin at 4', 'other']);
  t.equal(log.length, 10);
  function* endless(): Task {
    for (;;) {
      executor.charge(1_000_000);
      yield* executor.cond_resched('user loop');
    }
  }
  const forever = executor.spawn('endless', endless(), null);
  t.throws(
    () => executor.runUntil(forever, executor.now + 20e6),
    new Hang('user loop', 'exceeded its simulated time limit'),
  );
});

t.test('sleeping with a spinlock held is a bug of the kernel; so is yielding', async (t) => {
  const executor = start();
  const queue = new WaitQueue();
  function* sleeper(): Task {
    executor.cpu.atomicDepth++;
    yield* queue.sleep(executor, 'mutex_lock');
  }
  const task = executor.spawn('sleeper', sleeper(), null);
  const invalid = new KernelBug('mutex_lock', 'sleeping function called from invalid context');
  t.throws(() => executor.runUntil(task, FOREVER), invalid);
  t.equal(task.error instanceof KernelBug, true);
  const second = start();
  function* yielder(): Task {
    second.cpu.atomicDepth++;
    yield* second.yield('here');
  }
  const other = second.spawn('yielder', yielder(), null);
  t.throws(() => second.runUntil(other, FOREVER), new KernelBug('here', 'scheduling while atomic'));
});

t.test('a task that is discarded never runs again', async (t) => {
  const executor = start();
  const queue = new WaitQueue();
  const log: string[] = [];
  function* body(): Task {
    yield* queue.sleep(executor, 'x');
    log.push('ran');
  }
  const task = executor.spawn('body', body(), null);
  executor.drain(FOREVER);
  executor.discard(task);
  t.same([task.state, queue.empty, [...executor.tasks()].length], ['done', true, 0]);
  queue.wakeAll(executor);
  executor.drain(FOREVER);
  t.same(log, []);
});

// --- points -----------------------------------------------------------------------------------------------

/** Asks for another task at points of one kind, and takes the last one that became runnable. */
class AtKind implements Scheduler {
  readonly seen: PointKind[] = [];
  constructor(private readonly kind: PointKind) {}
  newExecution(): void {}
  nextTask(runnable: readonly Schedulable[], current: Schedulable | null): Schedulable {
    return runnable.find((task) => task !== current) ?? runnable[0]!;
  }
  nextU64(): bigint {
    return 0n;
  }
  atPoint(kind: PointKind): boolean {
    this.seen.push(kind);
    return kind === this.kind;
  }
}

t.test('at a point another task runs where the scheduler says so, and only there', async (t) => {
  const scheduler = new AtKind('lock');
  const executor = start(scheduler);
  const log: string[] = [];
  function* walker(name: string): Task {
    log.push(`${name} begins`);
    yield* executor.pointTask('notifier', null, 'f');
    log.push(`${name} after the notifier`);
    yield* executor.pointTask('lock', null, 'f');
    log.push(`${name} ends`);
  }
  executor.spawn('a', walker('a'), null);
  const b = executor.spawn('b', walker('b'), null);
  executor.runUntil(b, FOREVER);
  t.same(log, ['a begins', 'a after the notifier', 'b begins', 'b after the notifier', 'a ends', 'b ends']);
  t.same(scheduler.seen, ['notifier', 'lock', 'notifier', 'lock']);
});

t.test('a point where nobody may yield is heeded at the next place where one may', async (t) => {
  const executor = start(new AtKind('unlock'));
  const log: string[] = [];
  function* walker(name: string): Task {
    executor.point('unlock', null);
    log.push(`${name} goes on`);
    yield* executor.cond_resched('exit_to_user_mode');
    log.push(`${name} ends`);
  }
  executor.spawn('a', walker('a'), null);
  const b = executor.spawn('b', walker('b'), null);
  executor.runUntil(b, FOREVER);
  t.same(log, ['a goes on', 'b goes on', 'a ends', 'b ends']);
});

t.test(
  'nobody is asked of points when nobody else could run, or when the scheduler does not care',
  async (t) => {
    const scheduler = new AtKind('lock');
    const alone = start(scheduler);
    function* walker(executor: Executor): Task {
      yield* executor.pointTask('lock', null, 'f');
    }
    alone.runUntil(alone.spawn('a', walker(alone), null), FOREVER);
    t.same(scheduler.seen, []);
    t.equal(alone.watched, true);
    t.equal(start().watched, false);
  },
);

t.test('a scheduler may refuse to go on, which is no hang', async (t) => {
  class Refusing extends RunToBlock {
    override nextTask(): Schedulable {
      return null as unknown as Schedulable;
    }
  }
  const executor = start(new Refusing(0));
  const tasks: SimTask[] = ['a', 'b'].map((name) => executor.spawn(name, executor.yield('f'), null));
  t.throws(() => executor.runUntil(tasks[0]!, FOREVER), new ScheduleRefused());
});
