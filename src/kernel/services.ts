// SPDX-License-Identifier: GPL-2.0-only
/** What processes and their system calls need of the machine that they run on. */
import type { FileOperations, FileTable } from '../fs/file.js';
import type { Kernel } from '../mm/kernel.js';
import type { MmStruct } from '../mm/types.js';
import type { Executor } from '../sim/executor.js';
import type { Process } from './process.js';

export interface KernelServices {
  readonly kernel: Kernel;
  readonly executor: Executor;
  readonly files: FileTable;
  /** Whether check() is called after every system call. */
  readonly checking: boolean;
  /** Throws InvariantViolation when a checker finds something. */
  check(): void;
  /** The file operations behind a path; undefined where there is no such file. */
  lookup(path: string): FileOperations | undefined;
  /** A new process with the next pid. */
  add_process(name: string, parent: Process | null, mm: MmStruct): Process;
  /** Every process that ever was, by pid. */
  process(pid: number): Process | undefined;
}
