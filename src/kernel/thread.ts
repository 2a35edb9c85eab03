// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: kernel/fork.c (wake_up_new_task): threads of processes, as tasks of the executor. */
import type { SimTask } from '../sim/executor.js';
import type { Task } from '../sim/task.js';
import { do_exit } from './exit.js';
import { type Process, ProcessExit, ProcessKilled, type UserEntry } from './process.js';

/** What the end of a thread means: of its process, of itself only, or of a Machine.call(). */
type Role = 'main' | 'thread' | 'call';

export class Thread {
  task!: SimTask;
  returned = false;
  value: unknown = undefined;

  constructor(
    readonly process: Process,
    readonly entry: UserEntry,
    readonly role: Role,
  ) {}
}

/** A new thread, which runs after those that already can. */
export function startThread(process: Process, entry: UserEntry, role: Role): Thread {
  const thread = new Thread(process, entry, role);
  thread.task = process.services.executor.spawn(process.name, run(thread), process);
  process.threads.push(thread.task);
  return thread;
}

function* run(thread: Thread): Task {
  const { process } = thread;
  try {
    const value = yield* thread.entry.enter(process);
    process.thread_ended(thread.task);
    thread.value = value;
    thread.returned = true;
    if (thread.role === 'main') yield* do_exit(process, typeof value === 'number' ? value : 0, null);
  } catch (error) {
    process.thread_ended(thread.task);
    if (error instanceof ProcessKilled) yield* do_exit(process, null, error.signal);
    else if (error instanceof ProcessExit) yield* do_exit(process, error.code, null);
    else throw error;
  }
}
