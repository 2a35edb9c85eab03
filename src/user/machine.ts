// SPDX-License-Identifier: GPL-2.0-only
/** The machine as its owner sees it: boot, load the module, run processes. (Interface; implementation follows.) */
import type { Task } from '../sim/task.js';
import type { Sys, UserMain } from './api.js';

export interface EfiFakeMem {
  readonly start: number;
  readonly size: number;
  readonly attribute: number;
}

export interface MachineOptions {
  /** Generation id: "v5-generic" (default), "v4-coherent", "6.1", "6.12". */
  kernel?: string;
  /** Bytes of RAM, default 6 GiB. */
  memory?: number;
  /** 2 MiB hugetlb pages in the pool, default 64. */
  hugepages?: number;
  thp?: 'always' | 'madvise' | 'never';
  /** Soft-reserved ranges (bytes). */
  efiFakeMem?: readonly EfiFakeMem[];
  seed?: number;
  /** Run the invariant checkers after every system call. */
  check?: boolean;
  /** Historical bugs to reintroduce, and bugs of this generation to fix. */
  bugs?: readonly string[];
  fixes?: readonly string[];
}

/** A process handle for drivers of a machine (the harness, the scenario runner). */
export interface Process {
  readonly pid: number;
  readonly name: string;
  readonly alive: boolean;
}

export interface Machine {
  readonly dmesg: readonly string[];
  /** modprobe. Return 0 or a negative errno; throws KernelBug when the simulated kernel oopses. */
  loadModule(name: 'test_hmm', params: Readonly<Record<string, string>>): number;
  /** A new process without a program: `call` drives it. */
  spawn(name: string): Process;
  /** A new process that runs `main`. */
  start(name: string, main: UserMain): Process;
  /**
   * Run `fn` as the main thread of `process`, and every other task as scheduled, until `fn` returns.
   * Throws KernelBug on an oops, Hang when nothing can run or `limitNs` of simulated time is over,
   * ProcessDied when the process was killed.
   */
  call<T>(process: Process, fn: (sys: Sys) => Task<T>, limitNs?: number): T;
  /** SIGKILL: mm and files are gone when it returns. */
  kill(process: Process): void;
  /** Every process, by pid (fork's children included). */
  process(pid: number): Process | undefined;
  /** Simulated nanoseconds since boot. */
  readonly now: number;
}
