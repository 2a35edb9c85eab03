// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: kernel/time/hrtimer.c. Fidelity: simplified: a number of nanoseconds instead of a struct timespec. */
import { WaitQueue } from '../../sim/executor.js';
import type { Task } from '../../sim/task.js';
import { EINTR } from '../../uapi/errno.js';
import type { Process } from '../process.js';

/** Return: 0, -EINTR. */
export function* sys_nanosleep(process: Process, ns: number): Task<number> {
  const { executor } = process.services;
  const until = executor.now + ns;
  const queue = new WaitQueue();
  process.interruptible.add(queue);
  executor.addTimer(until, () => queue.wakeAll(executor));
  while (executor.now < until && process.pendingSignal === null) {
    yield* queue.sleep(executor, 'do_nanosleep');
  }
  process.interruptible.delete(queue);
  return executor.now < until ? -EINTR : 0;
}
