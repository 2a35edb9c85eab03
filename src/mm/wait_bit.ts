// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: kernel/sched/wait_bit.c: waiting until the count of a page changes. Fidelity: ported. */
import { WaitQueue } from '../sim/executor.js';
import type { Page } from '../sim/memmap.js';
import type { Task } from '../sim/task.js';
import type { Kernel } from './kernel.js';

/** include/linux/errno.h: what a system call that a signal ends returns to the signal's code; no program sees it. */
const ERESTARTSYS = 512;

/** The count has changed: whoever waits for it looks again. */
export function wake_up_var(k: Kernel, page: Page): void {
  const queue = k.varWaits.get(page);
  if (queue === undefined) return;
  k.varWaits.delete(page);
  queue.wakeAll(k.executor);
}

/** What a wait for a page is like. */
export interface VarWait {
  readonly page: Page;
  /** The page in words, for whoever asks what is waited for. */
  readonly name: string;
  /** The function that sleeps. */
  readonly where: string;
  /** Whether a signal ends it (TASK_INTERRUPTIBLE). */
  readonly interruptible: boolean;
  /** What is waited for. */
  done(): boolean;
  /** Given back while the task sleeps, and taken again. */
  unlock(): void;
  lock(): Task;
}

/** Sleep until it is done, or a signal comes (___wait_var_event). Context: may sleep for ever. Return: 0 or -ERESTARTSYS. */
export function* wait_var_event(k: Kernel, wait: VarWait): Task<number> {
  const { page, name, where, interruptible } = wait;
  while (!wait.done()) {
    if (interruptible && k.signals.pending()) return -ERESTARTSYS;
    let queue = k.varWaits.get(page);
    if (queue === undefined) {
      queue = new WaitQueue({ key: { page }, name, page });
      k.varWaits.set(page, queue);
    }
    wait.unlock();
    if (interruptible) k.signals.wakes(queue, true);
    yield* queue.sleep(k.executor, where);
    if (interruptible) k.signals.wakes(queue, false);
    yield* wait.lock();
  }
  return 0;
}
