// SPDX-License-Identifier: GPL-2.0-only
/** Where the threads of a program begin, and how others wait for their end. */
import type { Process, UserEntry } from '../kernel/process.js';
import { deliver_signals } from '../kernel/signals.js';
import { WaitQueue } from '../sim/executor.js';
import type { Task } from '../sim/task.js';
import type { Sys } from './api.js';

/** What a process's threads call: its libc, which is all of its user space. */
const sysOf = (process: Process): Sys => process.user as unknown as Sys;

/** A thread that runs `main`; the kernel keeps what it returns. */
export class Main implements UserEntry {
  constructor(private readonly main: (sys: Sys) => Task<unknown>) {}

  enter(process: Process): Task<unknown> {
    return this.main(sysOf(process));
  }
}

/** A thread that libc keeps the result of. */
export class Pthread implements UserEntry {
  private result: number | null = null;
  private readonly ended = new WaitQueue();

  constructor(
    private readonly process: Process,
    private readonly main: (sys: Sys) => Task<unknown>,
  ) {}

  *enter(process: Process): Task<void> {
    const value = yield* this.main(sysOf(process));
    this.result = typeof value === 'number' ? value : 0;
    this.ended.wakeAll(process.services.executor);
  }

  /** pthread_join(). Return: what the thread returned. */
  *join(): Task<number> {
    const { process, ended } = this;
    process.interruptible.add(ended);
    while (this.result === null) {
      deliver_signals(process);
      yield* ended.sleep(process.services.executor, 'pthread_join');
    }
    process.interruptible.delete(ended);
    return this.result;
  }
}
