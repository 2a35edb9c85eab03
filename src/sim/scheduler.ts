// SPDX-License-Identifier: GPL-2.0-only
/** Who runs next. A scheduler is the only thing that decides between runnable tasks. */

/** What a scheduler sees of a task. */
export interface Schedulable {
  readonly id: number;
  readonly name: string;
}

/**
 * Where the order of tasks can matter: taking and dropping a lock (a free one, too), a page's lock, an invalidation that
 * notifiers hear of, a reference that is the last, waiting and waking, an access of a program that faults.
 */
export type PointKind =
  | 'lock'
  | 'unlock'
  | 'page lock'
  | 'page unlock'
  | 'notifier'
  | 'last reference'
  | 'wait'
  | 'wake'
  | 'user fault';

export interface Scheduler {
  /** A new run begins: forget what was learnt in the last one. */
  newExecution(): void;
  /**
   * One of `runnable` (two or more, in the order of their waking; where there is no choice nobody is asked). `current` ran last and may be among them.
   * Null refuses to go on, and ends the run with a ScheduleRefused.
   */
  nextTask(runnable: readonly Schedulable[], current: Schedulable | null): Schedulable | null;
  nextU64(): bigint;
  /**
   * The running task has come to a point; `object` is the lock, page, queue or address space. Return: whether another
   * task is to run before it goes on. A scheduler without this is not asked, and points cost nothing.
   */
  atPoint?(kind: PointKind, object: unknown): boolean;
}
