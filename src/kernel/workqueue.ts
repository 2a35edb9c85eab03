// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: kernel/workqueue.c: work that a task of the kernel does later. Fidelity: simplified: each run of a work is a task
 * of its own; a work that is queued while it runs begins again when it has ended.
 */
import { type Executor, WaitQueue } from '../sim/executor.js';
import type { Task } from '../sim/task.js';

/** struct work_struct. */
export class Work<T> {
  private pending = false;
  private running = false;
  private readonly ended = new WaitQueue();

  constructor(
    private readonly executor: Executor,
    /** The function's name, which its task bears. */
    private readonly name: string,
    private readonly func: (data: T) => Task,
    private readonly data: T,
  ) {}

  /** schedule_work(). Return: false when it was queued already. Context: may not sleep. */
  schedule_work(): boolean {
    if (this.pending) return false;
    this.pending = true;
    if (!this.running) this.executor.spawn(this.name, this.process_one_work(), null);
    return true;
  }

  /** Wait until it is neither queued nor running. Context: may sleep. */
  *flush_work(): Task {
    while (this.busy) yield* this.ended.sleep(this.executor, 'flush_work');
  }

  get busy(): boolean {
    return this.pending || this.running;
  }

  /** Whatever was queued and has not begun is not done. Context: may sleep until what runs has ended. */
  *cancel_work_sync(): Task {
    this.pending = false;
    while (this.running) yield* this.ended.sleep(this.executor, 'cancel_work_sync');
  }

  private *process_one_work(): Task {
    while (this.pending) {
      this.pending = false;
      this.running = true;
      yield* this.func(this.data);
      this.running = false;
    }
    this.ended.wakeAll(this.executor);
  }
}

/** struct delayed_work. */
export class DelayedWork<T> {
  private readonly work: Work<T>;
  /** Of the timer that counts; 0: none does. */
  private timer = 0;
  private timers = 0;

  constructor(
    private readonly executor: Executor,
    name: string,
    func: (data: T) => Task,
    data: T,
  ) {
    this.work = new Work(executor, name, func, data);
  }

  /** `delay` in simulated nanoseconds. Return: false when it was queued already. Context: may not sleep. */
  queue_delayed_work(delay: number): boolean {
    if (this.timer !== 0) return false;
    const timer = ++this.timers;
    this.timer = timer;
    this.executor.addTimer(this.executor.now + delay, () => {
      if (this.timer !== timer) return;
      this.timer = 0;
      this.work.schedule_work();
    });
    return true;
  }

  /** Context: may sleep until what runs has ended. */
  *cancel_delayed_work_sync(): Task {
    this.timer = 0;
    yield* this.work.cancel_work_sync();
  }
}
