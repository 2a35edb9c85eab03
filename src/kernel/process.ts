// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: kernel/fork.c, exit.c, signal.c, fs/file.c: what a process is. */
import type { OpenFile } from '../fs/file.js';
import type { MmStruct } from '../mm/types.js';
import { type Executor, type SimTask, WaitQueue } from '../sim/executor.js';
import type { Program } from '../user/program.js';

/** Unwinds the program of a process that a signal kills. Thrown in user code only, never under a kernel lock. */
export class ProcessKilled extends Error {
  constructor(readonly signal: string) {
    super(`killed by ${signal}`);
  }
}

/** Unwinds the program of a process that calls exit(). */
export class ProcessExit extends Error {
  constructor(readonly code: number) {
    super(`exit(${code})`);
  }
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
  readonly threads: SimTask[] = [];
  /** Sleeps that a signal ends. */
  readonly interruptible = new Set<WaitQueue>();
  /** Woken whenever a child ends. */
  readonly childExit = new WaitQueue();
  /** libc: address to size of malloc()ed blocks, and free ones by size class. */
  heap = new Heap();
  /** What its threads call; made when it is first needed. */
  program: Program | null = null;

  constructor(
    readonly pid: number,
    /** As traces show it. */
    public name: string,
    readonly parent: Process | null,
    mm: MmStruct,
  ) {
    this.mm = mm;
  }

  /** The lowest file descriptor that is free. */
  get_unused_fd(): number {
    let fd = 3;
    while (this.fds.has(fd)) fd++;
    return fd;
  }

  thread_ended(task: SimTask): void {
    const at = this.threads.indexOf(task);
    if (at >= 0) this.threads.splice(at, 1);
  }

  /** Deliver a deadly signal: it takes effect when the process next returns to user space. */
  send_signal(executor: Executor, signal: string): void {
    this.pendingSignal ??= signal;
    for (const queue of this.interruptible) queue.wakeAll(executor);
  }
}

/** The allocator of a program's libc: an arena for small blocks, mappings of their own for large ones. */
export class Heap {
  arena = 0;
  arenaUsed = 0;
  arenaSize = 0;
  /** Every block: address to size. */
  readonly blocks = new Map<number, number>();
  /** Freed small blocks by size. */
  readonly freed = new Map<number, number[]>();

  clone(): Heap {
    const copy = new Heap();
    copy.arena = this.arena;
    copy.arenaUsed = this.arenaUsed;
    copy.arenaSize = this.arenaSize;
    for (const [address, size] of this.blocks) copy.blocks.set(address, size);
    for (const [size, list] of this.freed) copy.freed.set(size, [...list]);
    return copy;
  }
}
