// SPDX-License-Identifier: GPL-2.0-only
/** Runs tasks on the one simulated CPU: run queue, simulated clock, timers, time slices, schedule points. */
import { Cpu } from './cpu.js';
import { Hang, KernelBug, ScheduleRefused } from './errors.js';
import type { LockWatch } from './lock-watch.js';
import type { PointKind, Schedulable, Scheduler } from './scheduler.js';
import type { Task, Wait } from './task.js';

/** A user loop that never sleeps is preempted after this much simulated time. */
const TIME_SLICE_NS = 4_000_000;

export class SimTask implements Schedulable {
  state: 'runnable' | 'blocked' | 'done' = 'runnable';
  /** The function that it sleeps in, or last yielded in. */
  where = '';
  queue: WaitQueue | null = null;
  /** Locks held, for "returns to user space with a lock held". */
  heldLocks = 0;
  /** What the body returned, or threw. */
  result: unknown = undefined;
  error: unknown = undefined;

  constructor(
    readonly id: number,
    readonly name: string,
    readonly body: Task<unknown>,
    /** The owner's own data (a Thread of src/user). */
    readonly data: unknown,
  ) {}
}

/** Yielded by a task that stays runnable. */
class Yielded implements Wait {
  constructor(readonly where: string) {}
}

/** Yielded by a task that sleeps until the queue is woken. */
class Sleep implements Wait {
  constructor(
    readonly queue: WaitQueue,
    readonly where: string,
  ) {}
}

/** The lock whose waiters a queue has, for whoever watches locks. */
interface LockOfQueue {
  readonly key: object | number;
  readonly name: string;
  /** The page whose references are waited for, where it is no lock. */
  readonly page?: number;
}

/** Tasks that sleep until somebody wakes them. */
export class WaitQueue {
  private waiters: SimTask[] = [];

  constructor(readonly lock: LockOfQueue | null = null) {}

  /** Sleep once; the caller checks its condition again. Context: may sleep. */
  *sleep(executor: Executor, where: string): Task {
    executor.assertMaySleep(where);
    executor.point('wait', this);
    executor.locks?.sleeps(executor.current, this, where);
    yield new Sleep(this, where);
  }

  get empty(): boolean {
    return this.waiters.length === 0;
  }

  wakeAll(executor: Executor): void {
    if (this.waiters.length === 0) return;
    const woken = this.waiters;
    this.waiters = [];
    for (const task of woken) executor.makeRunnable(task);
    executor.point('wake', this);
  }

  add(task: SimTask): void {
    this.waiters.push(task);
  }

  remove(task: SimTask): void {
    this.waiters = this.waiters.filter((other) => other !== task);
  }
}

interface Timer {
  readonly at: number;
  readonly serial: number;
  readonly fire: () => void;
}

export class Executor {
  /** Simulated nanoseconds since boot. */
  now = 0;
  /** The processor that is running. */
  readonly cpu = new Cpu();
  readonly cpus: readonly Cpu[] = [this.cpu];
  /** Whether the scheduler wants to know of points. Who may sleep looks here before it makes a generator for one. */
  readonly watched: boolean;
  /** Whoever wants to know who holds which lock. */
  locks: LockWatch | null = null;
  private last: SimTask | null = null;
  private needResched = false;
  private sliceEnds = TIME_SLICE_NS;
  /** What runUntil() must not run beyond, not even for a task that never waits. */
  private deadline = Number.POSITIVE_INFINITY;
  private readonly runnable: SimTask[] = [];
  private readonly blocked: SimTask[] = [];
  private readonly timers: Timer[] = [];
  private nextTimer = Number.POSITIVE_INFINITY;
  private serial = 0;

  constructor(readonly scheduler: Scheduler) {
    this.watched = scheduler.atPoint !== undefined;
  }

  /** The task that runs now. */
  get current(): SimTask | null {
    return this.cpu.current;
  }

  /** A new task, runnable after those that already are. */
  spawn(name: string, body: Task<unknown>, data: unknown): SimTask {
    const task = new SimTask(++this.serial, name, body, data);
    this.runnable.push(task);
    return task;
  }

  makeRunnable(task: SimTask): void {
    if (task.state !== 'blocked') return;
    task.state = 'runnable';
    task.queue = null;
    this.blocked.splice(this.blocked.indexOf(task), 1);
    this.runnable.push(task);
  }

  /** Take a task out for good: its generator never runs again. */
  discard(task: SimTask): void {
    task.queue?.remove(task);
    if (task.state === 'blocked') this.blocked.splice(this.blocked.indexOf(task), 1);
    const at = this.runnable.indexOf(task);
    if (at >= 0) this.runnable.splice(at, 1);
    task.state = 'done';
  }

  /** Every task that is not done and not running. */
  *tasks(): Generator<SimTask> {
    yield* this.runnable;
    yield* this.blocked;
  }

  /** Let simulated time pass; timers that expire wake their tasks, preemption follows at the next chance. */
  charge(ns: number): void {
    this.now += ns;
    if (this.now >= this.nextTimer) this.fireTimers();
    if (this.now >= this.sliceEnds) this.needResched = this.runnable.length > 0 || this.now > this.deadline;
  }

  /** A task that was just made runnable is to run as soon as the running one may be preempted. */
  resched_curr(): void {
    this.needResched = true;
  }

  /** A point where the running task may be preempted. */
  *cond_resched(where: string): Task {
    if (!this.needResched) return;
    this.needResched = false;
    yield new Yielded(where);
  }

  /**
   * The running task has come to a place where the order of tasks can matter. If the scheduler says so, another task
   * runs at the next place where this one may yield: at once where the caller asks pointTask(), else when it next does,
   * or is about to sleep or to return to user space.
   */
  point(kind: PointKind, object: unknown): void {
    if (this.watched) this.tellPoint(kind, object);
  }

  private tellPoint(kind: PointKind, object: unknown): void {
    if (this.cpu.current === null || this.runnable.length === 0) return;
    if (this.scheduler.atPoint!(kind, object)) this.needResched = true;
  }

  /** A point in a function that may sleep. Context: may sleep; `watched`. */
  *pointTask(kind: PointKind, object: unknown, where: string): Task {
    this.assertMaySleep(where);
    this.point(kind, object);
    yield* this.cond_resched(where);
  }

  /** Cheap test that saves the generator of cond_resched(). */
  get shouldResched(): boolean {
    return this.needResched;
  }

  /** Give others a turn now. */
  *yield(where: string): Task {
    yield new Yielded(where);
  }

  addTimer(at: number, fire: () => void): void {
    const timer: Timer = { at, serial: ++this.serial, fire };
    let i = this.timers.length;
    while (i > 0 && this.timers[i - 1]!.at <= at) i--;
    this.timers.splice(i, 0, timer);
    this.nextTimer = this.timers[this.timers.length - 1]!.at;
  }

  assertMaySleep(where: string): void {
    if (this.cpu.atomicDepth > 0) throw new KernelBug(where, 'sleeping function called from invalid context');
  }

  /**
   * Run until `target` is done. Throws Hang when nothing can run any more, or at simulated time `deadline`;
   * an exception of any task passes through.
   */
  runUntil(target: SimTask, deadline: number): void {
    this.deadline = deadline;
    while (target.state !== 'done') {
      if (this.runnable.length === 0 && !this.idle(deadline)) throw this.hang(target, 'waits for ever');
      if (this.now > deadline) throw this.hang(target, 'exceeded its simulated time limit');
      this.step();
    }
  }

  /** Run whatever can run without letting time pass. */
  drain(deadline: number): void {
    this.deadline = deadline;
    while (this.runnable.length > 0 && this.now <= deadline) this.step();
  }

  private hang(target: SimTask, reason: string): Hang {
    return new Hang(target.where === '' ? target.name : target.where, reason);
  }

  /** Nobody runs: let time pass until a timer wakes somebody. Return: false when none does before the deadline. */
  private idle(deadline: number): boolean {
    while (this.runnable.length === 0) {
      if (this.timers.length === 0 || this.nextTimer > deadline) return false;
      this.now = Math.max(this.now, this.nextTimer);
      this.fireTimers();
    }
    return true;
  }

  private fireTimers(): void {
    while (this.timers.length > 0 && this.timers[this.timers.length - 1]!.at <= this.now) {
      this.timers.pop()!.fire();
    }
    this.nextTimer =
      this.timers.length > 0 ? this.timers[this.timers.length - 1]!.at : Number.POSITIVE_INFINITY;
    if (this.runnable.length > 0) this.needResched = true;
  }

  private choose(): SimTask {
    const { runnable } = this;
    if (runnable.length === 1) return runnable[0]!;
    const chosen = this.scheduler.nextTask(runnable, this.last);
    if (chosen === null) throw new ScheduleRefused();
    return chosen as SimTask;
  }

  private step(): void {
    const { runnable, cpu } = this;
    const task = this.choose();
    runnable.splice(runnable.indexOf(task), 1);
    cpu.current = task;
    this.last = task;
    this.needResched = false;
    this.sliceEnds = this.now + TIME_SLICE_NS;
    let next: IteratorResult<Wait, unknown>;
    try {
      next = task.body.next();
    } catch (error) {
      task.state = 'done';
      task.error = error;
      throw error;
    } finally {
      cpu.current = null;
    }
    if (next.done) {
      task.state = 'done';
      task.result = next.value;
      return;
    }
    this.park(task, next.value);
  }

  private park(task: SimTask, wait: Wait): void {
    if (this.cpu.atomicDepth > 0) throw new KernelBug(wait.where, 'scheduling while atomic');
    task.where = wait.where;
    if (wait instanceof Sleep) {
      task.state = 'blocked';
      task.queue = wait.queue;
      this.blocked.push(task);
      wait.queue.add(task);
    } else {
      this.runnable.push(task);
    }
  }
}
