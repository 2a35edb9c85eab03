// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: include/linux/sched.h, sched/signal.h: what a process is. Fidelity: simplified. */
import type { OpenFile } from '../fs/file.js';
import type { Signals } from '../mm/kernel.js';
import type { McePolicy } from '../mm/memory_failure_kill.js';
import type { MmStruct } from '../mm/types.js';
import { type Executor, type SimTask, WaitQueue } from '../sim/executor.js';
import type { Task } from '../sim/task.js';
import type { KernelServices } from './services.js';

/** Unwinds the program of a process that a signal kills. Thrown in user code only, never under a kernel lock. */
export class ProcessKilled extends Error {
  constructor(readonly signal: string) {
    super(`killed by ${signal}`);
  }
}

/** Unwinds the program of a process that calls exit_group(). */
export class ProcessExit extends Error {
  constructor(readonly code: number) {
    super(`exit(${code})`);
  }
}

/** What user space keeps of a process in host memory instead of the process's own. */
export interface UserSpace {
  /** The copy for a child: fork takes it when it copies memory. */
  cloneFor(child: Process): UserSpace;
}

/** Where a thread begins, instead of registers: the kernel enters it once, in the new thread. */
export interface UserEntry {
  /** Context: user code. Return: the exit code of the thread, if it is a number. */
  enter(process: Process): Task<unknown>;
}

/** Signals of the running task, for the memory core. */
export function signalsOf(executor: Executor): Signals {
  const current = (): Process | null => {
    const data = executor.current?.data;
    return data instanceof Process ? data : null;
  };
  return {
    pending: () => (current()?.pendingSignal ?? null) !== null,
    force: (signal) => current()?.signal_wake_up(signal),
    wakes(queue, on) {
      if (on) current()?.interruptible.add(queue);
      else current()?.interruptible.delete(queue);
    },
  };
}

export class Process {
  /** null once the process is gone. */
  mm: MmStruct | null;
  readonly fds = new Map<number, OpenFile>();
  alive = true;
  exitCode: number | null = null;
  signal: string | null = null;
  /** A deadly signal that has not been acted on yet. */
  pendingSignal: string | null = null;
  reaped = false;
  /** Fault injection is for this process, and for the children that it has from now on. */
  makeItFail = false;
  /** Whether it says itself when it is told of memory that the hardware loses (PF_MCE_PROCESS); children have it from their parent. */
  mceProcess = false;
  /** And that it is at once (PF_MCE_EARLY). */
  mceEarly = false;
  readonly threads: SimTask[] = [];
  /** Sleeps that a signal ends. */
  readonly interruptible = new Set<WaitQueue>();
  /** Woken whenever a child ends. */
  readonly childExit = new WaitQueue();
  user: UserSpace | null = null;

  constructor(
    readonly services: KernelServices,
    readonly pid: number,
    /** As traces show it. */
    public name: string,
    readonly parent: Process | null,
    mm: MmStruct,
  ) {
    this.mm = mm;
  }

  /** The address space, for a thread that runs: without one, it is to die. */
  get ownMm(): MmStruct {
    if (this.mm === null) throw new ProcessKilled('SIGKILL');
    return this.mm;
  }

  get mcePolicy(): McePolicy {
    if (!this.mceProcess) return 'default';
    return this.mceEarly ? 'early' : 'late';
  }

  thread_ended(task: SimTask): void {
    const at = this.threads.indexOf(task);
    if (at >= 0) this.threads.splice(at, 1);
  }

  /** A deadly signal is pending: its threads find it when they next return to user space. */
  signal_wake_up(signal: string): void {
    this.pendingSignal ??= signal;
    for (const queue of this.interruptible) queue.wakeAll(this.services.executor);
  }
}
