// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: kernel/exit.c: how a process ends. Fidelity: simplified: children stay whose they are. */
import { mmput } from '../mm/mmap.js';
import type { Task } from '../sim/task.js';
import { exit_files } from './files.js';
import type { Process } from './process.js';

/**
 * do_group_exit(): the last thread takes the address space and the files with it.
 *
 * Context: the thread is no longer one of the process's; may sleep.
 */
export function* do_exit(process: Process, code: number | null, signal: string | null): Task {
  if (!process.alive || process.mm === null) return;
  if (process.exitCode === null && process.signal === null) {
    process.exitCode = code;
    process.signal = signal;
  }
  if (process.threads.length > 0) {
    process.signal_wake_up('SIGKILL');
    return;
  }
  const { mm } = process;
  process.mm = null;
  yield* mmput(mm);
  exit_files(process);
  yield* process.services.files.flush_delayed_fput();
  process.alive = false;
  process.parent?.childExit.wakeAll(process.services.executor);
}
