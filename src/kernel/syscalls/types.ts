// SPDX-License-Identifier: GPL-2.0-only
/** What a system call is, and what it takes and gives. */
import type { Task } from '../../sim/task.js';
import type { Process, UserEntry } from '../process.js';

/**
 * What a register holds. A string may stand for its address in user memory, and an object for the registers that a
 * new thread begins with.
 */
export type SyscallArg = number | string | UserEntry;

/** What waitpid(2) tells: an exit code, or the signal that killed the child ("SIGSEGV"). */
export interface WaitStatus {
  readonly pid: number;
  readonly exitCode: number | null;
  readonly signal: string | null;
}

/** A value or a negative errno; of wait4(), the status that the kernel writes to user memory. */
export type SyscallResult = number | WaitStatus;

/** As in the head of each file: same phases and answers; same answers with what is left out named; a stub. */
export type Fidelity = 'ported' | 'simplified' | 'stub';

export interface Syscall {
  /** As in __x64_sys_NAME. */
  readonly name: string;
  readonly fidelity: Fidelity;
  /** Names of the arguments that the trace tells, from the first on; those that are no numbers are left out. */
  readonly args: readonly string[];
  /** Whether the trace tells of it. */
  readonly traced: boolean;
  /** A method, so that each function may take the kinds of arguments that it knows. */
  fn(
    process: Process,
    a0?: SyscallArg,
    a1?: SyscallArg,
    a2?: SyscallArg,
    a3?: SyscallArg,
    a4?: SyscallArg,
    a5?: SyscallArg,
  ): Task<SyscallResult>;
}
