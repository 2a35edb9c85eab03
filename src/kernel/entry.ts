// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: kernel/entry/common.c: what is done on the way back to user space, after a system call or a fault. */
import { KernelBug } from '../sim/errors.js';
import { done, type Task } from '../sim/task.js';
import type { Process } from './process.js';
import { deliver_signals } from './signals.js';

/** The end of a system call: at once where nothing is left to do. Throws ProcessKilled when a signal is pending. */
export function syscall_exit_to_user_mode(process: Process): Task {
  const { files, executor, checking } = process.services;
  const quiet =
    !checking &&
    files.delayed.length === 0 &&
    !executor.shouldResched &&
    process.pendingSignal === null &&
    (executor.current === null || executor.current.heldLocks === 0);
  return quiet ? done(undefined) : exit_to_user_mode(process);
}

/** Last fput()s, lock and invariant checks, preemption, signals. */
function* exit_to_user_mode(process: Process): Task {
  const { services } = process;
  const { files, executor } = services;
  if (files.delayed.length > 0) yield* files.flush_delayed_fput();
  const held = executor.current?.heldLocks ?? 0;
  if (held !== 0) throw new KernelBug('syscall_exit_to_user_mode', 'lock held when returning to user space');
  if (services.checking) services.check();
  if (executor.shouldResched) yield* executor.cond_resched('exit_to_user_mode');
  deliver_signals(process);
}

/** The end of a fault. Throws ProcessKilled when a signal is pending. */
export function irqentry_exit_to_user_mode(process: Process): Task {
  const { files, executor } = process.services;
  const quiet = files.delayed.length === 0 && !executor.shouldResched && process.pendingSignal === null;
  return quiet ? done(undefined) : leave_fault(process);
}

function* leave_fault(process: Process): Task {
  const { files, executor } = process.services;
  if (files.delayed.length > 0) yield* files.flush_delayed_fput();
  if (executor.shouldResched) yield* executor.cond_resched('exc_page_fault');
  deliver_signals(process);
}
