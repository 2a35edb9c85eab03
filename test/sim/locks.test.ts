// SPDX-License-Identifier: GPL-2.0-only
/** Locks: who gets them, who waits, what is a bug of the kernel, and what an uncontended one costs. */
import t from 'tap';
import { Hang, KernelBug } from '../../src/sim/errors.js';
import { Executor } from '../../src/sim/executor.js';
import { LockWatch } from '../../src/sim/lock-watch.js';
import { Mutex, RwSem, SpinLock } from '../../src/sim/locks.js';
import { RandomWalk } from '../../src/sim/schedulers/random_walk.js';
import { RunToBlock } from '../../src/sim/schedulers/run_to_block.js';
import { done, type Task } from '../../src/sim/task.js';

const FOREVER = Number.POSITIVE_INFINITY;

function run(executor: Executor, ...bodies: Task[]): void {
  const tasks = bodies.map((body, i) => executor.spawn(`t${i}`, body, null));
  for (const task of tasks) executor.runUntil(task, FOREVER);
}

t.test('a mutex goes to those who wait in the order of their coming', async (t) => {
  const executor = new Executor(new RunToBlock(0));
  const mutex = new Mutex(executor, 'm');
  const log: string[] = [];
  function* user(name: string): Task {
    yield* mutex.mutex_lock('lock');
    log.push(`${name} in`);
    yield* executor.yield('work');
    log.push(`${name} out`);
    mutex.mutex_unlock();
  }
  run(executor, user('a'), user('b'), user('c'));
  t.same(log, ['a in', 'a out', 'b in', 'b out', 'c in', 'c out']);
  t.equal(mutex.mutex_trylock(), true);
});

t.test('readers share, a waiting writer holds off new readers', async (t) => {
  const executor = new Executor(new RunToBlock(0));
  const sem = new RwSem(executor, 'mmap_lock');
  const log: string[] = [];
  function* reader(name: string): Task {
    yield* sem.down_read('read');
    log.push(`${name} reads`);
    yield* executor.yield('work');
    sem.up_read();
  }
  function* writer(): Task {
    yield* sem.down_write('write');
    log.push('w writes');
    sem.up_write();
  }
  run(executor, reader('a'), reader('b'), writer(), reader('c'));
  t.same(log, ['a reads', 'b reads', 'w writes', 'c reads']);
  t.equal(sem.isLocked, false);
});

t.test('what no kernel may do with a lock', async (t) => {
  const executor = new Executor(new RunToBlock(0));
  const mutex = new Mutex(executor, 'm');
  const sem = new RwSem(executor, 's');
  const spin = new SpinLock(executor, 'l');
  t.throws(() => mutex.mutex_unlock(), new KernelBug('mutex_unlock', 'm is not held'));
  t.throws(() => sem.up_read(), new KernelBug('up_read', 's is not held'));
  t.throws(() => sem.up_write(), new KernelBug('up_write', 's is not held'));
  t.throws(() => spin.spin_unlock(), new KernelBug('spin_unlock', 'l is not held'));
  spin.spin_lock();
  t.equal(executor.cpu.atomicDepth, 1);
  t.throws(() => spin.spin_lock(), new KernelBug('spin_lock', 'recursive locking of l'));
  spin.spin_unlock();
  t.equal(executor.cpu.atomicDepth, 0);
  function* twice(): Task {
    yield* mutex.mutex_lock('f');
    yield* mutex.mutex_lock('g');
  }
  t.throws(() => run(executor, twice()), new KernelBug('g', 'recursive locking of m'));
  function* writerReads(): Task {
    yield* sem.down_write('f');
    yield* sem.down_read('g');
  }
  t.throws(() => run(executor, writerReads()), new KernelBug('g', 'recursive locking of s'));
});

t.test('two that wait for each other hang, where they wait', async (t) => {
  const executor = new Executor(new RunToBlock(0));
  const [a, b] = [new Mutex(executor, 'a'), new Mutex(executor, 'b')];
  function* user(first: Mutex, second: Mutex): Task {
    yield* first.mutex_lock('outer');
    yield* executor.yield('work');
    yield* second.mutex_lock('inner');
  }
  t.throws(() => run(executor, user(a, b), user(b, a)), new Hang('inner', 'waits for ever'));
});

t.test('with the default scheduler a free lock makes no generator', async (t) => {
  const executor = new Executor(new RunToBlock(0));
  const shared = done(undefined);
  t.equal(new Mutex(executor, 'm').mutex_lock('f'), shared);
  t.equal(new RwSem(executor, 's').down_read('f'), shared);
  t.equal(new RwSem(executor, 's').down_write('f'), shared);
});

t.test('the fast way takes a free lock only where no scheduler wants to know', async (t) => {
  const plain = new RwSem(new Executor(new RunToBlock(0)), 's');
  t.equal(plain.down_read_fast(), true);
  plain.up_read();
  t.equal(plain.down_write_trylock(), true);
  t.equal(plain.down_read_fast(), false, 'somebody writes');
  t.equal(new RwSem(new Executor(new RandomWalk(0)), 's').down_read_fast(), false);
});

/** Who took the two free locks of each turn, in order, under a random walk. */
function interleaving(seed: number): string {
  const executor = new Executor(new RandomWalk(seed));
  executor.scheduler.newExecution();
  let log = '';
  function* user(name: string): Task {
    const own = new Mutex(executor, name);
    for (let i = 0; i < 6; i++) {
      yield* own.mutex_lock('f');
      log += name;
      own.mutex_unlock();
    }
  }
  run(executor, user('a'), user('b'));
  return log;
}

t.test('a free lock lets another task run, by the seed', async (t) => {
  const seen = new Set(Array.from({ length: 20 }, (_, seed) => interleaving(seed)));
  t.ok(seen.size > 10, `${seen.size} interleavings`);
  t.equal(interleaving(4), interleaving(4));
  t.notSame(interleaving(4), interleaving(5));
  t.equal(interleaving(4).length, 12);
});

t.test('whoever watches locks knows who holds what, and who waits for whom', async (t) => {
  const executor = new Executor(new RunToBlock(0));
  const watch = new LockWatch();
  executor.locks = watch;
  const [m, sem] = [new Mutex(executor, 'm'), new RwSem(executor, 'mmap_lock')];
  function* one(): Task {
    yield* m.mutex_lock('one');
    yield* executor.yield('one');
    yield* sem.down_write('one_write');
  }
  function* other(): Task {
    yield* sem.down_read('other');
    yield* m.mutex_lock('other_lock');
  }
  t.throws(() => run(executor, one(), other()), new Hang('one_write', 'waits for ever'));
  const standing = [...executor.tasks()].map((task) => watch.standing(task, task.queue, task.where));
  const named = standing.map(({ task, where, holds, wants }) => ({
    task: task.name,
    where,
    holds,
    wants: wants?.lock,
    from: wants?.from.map(({ task, mode }) => `${task.name} ${mode}`),
  }));
  t.same(named, [
    {
      task: 't1',
      where: 'other_lock',
      holds: [{ lock: 'mmap_lock', mode: 'read' }],
      wants: 'm',
      from: ['t0 '],
    },
    {
      task: 't0',
      where: 'one_write',
      holds: [{ lock: 'm', mode: '' }],
      wants: 'mmap_lock',
      from: ['t1 read'],
    },
  ]);
  t.equal(watch.takeSleeps().length, 2);
  t.same(watch.takeSleeps(), []);
});

t.test('what was given back is held no more', async (t) => {
  const executor = new Executor(new RunToBlock(0));
  const watch = new LockWatch();
  executor.locks = watch;
  const [m, sem] = [new Mutex(executor, 'm'), new RwSem(executor, 'mmap_lock')];
  function* all(): Task {
    yield* m.mutex_lock('all');
    yield* sem.down_read('all');
    sem.up_read();
    yield* sem.down_write('all');
    sem.up_write();
    m.mutex_unlock();
    const task = executor.current!;
    t.same(watch.standing(task, null, ''), { task, where: '', holds: [] });
  }
  run(executor, all());
});

t.test('locks that come and go one after the other are forgotten', async (t) => {
  const executor = new Executor(new RunToBlock(0));
  const watch = new LockWatch();
  executor.locks = watch;
  const kept = new Mutex(executor, 'kept');
  function* all(): Task {
    yield* kept.mutex_lock('all');
    const task = executor.current!;
    let most = 0;
    for (let page = 0; page < 100_000; page++) {
      watch.taken(task, page, `page ${page}`);
      watch.dropped(task, page);
      most = Math.max(most, watch.remembered);
    }
    t.ok(most > 1 && most < 2000, `${most} locks are remembered`);
    t.same(watch.standing(task, null, '').holds, [{ lock: 'kept', mode: '' }]);
    watch.taken(task, 7, 'page 7');
    watch.dropped(task, 7);
    watch.taken(task, 7, 'page 7 again');
    t.same(watch.standing(task, null, '').holds.at(-1), { lock: 'page 7 again', mode: '' });
    kept.mutex_unlock();
  }
  run(executor, all());
});

t.test('a lock that nobody has might have to be waited for', async (t) => {
  const executor = new Executor(new RunToBlock(0));
  const watch = new LockWatch(true);
  executor.locks = watch;
  const [m, sem] = [new Mutex(executor, 'm'), new RwSem(executor, 'mmap_lock')];
  function* all(): Task {
    yield* m.mutex_lock('alone');
    m.mutex_unlock();
    for (const page of [1, 2, 3]) {
      yield* sem.down_read('outer');
      watch.taken(executor.current, page, `page ${page}`);
      if (page === 3) watch.taken(executor.current, 4, 'page 4');
      yield* m.mutex_lock('inner');
      m.mutex_unlock();
      watch.dropped(executor.current, page);
      watch.dropped(executor.current, 4);
      sem.up_read();
    }
  }
  run(executor, all());
  const asked = watch.takeAsked().map(({ task: _, ...rest }) => rest);
  const mmap = { lock: 'mmap_lock', mode: 'read' } as const;
  t.same(asked, [
    { where: 'inner', holds: [mmap, { lock: 'a page lock', mode: '' }], mayWaitFor: 'm' },
    { where: 'inner', holds: [mmap, { lock: 'page locks', mode: '' }], mayWaitFor: 'm' },
  ]);
  t.same(watch.takeAsked(), []);
  t.same(watch.takeSleeps(), []);
});
