// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: arch/x86/entry/common.c (do_syscall_64): the one way into the kernel for a thread of a process. */
import { COST_SYSCALL } from '../../sim/costs.js';
import type { Task } from '../../sim/task.js';
import { syscall_exit_to_user_mode } from '../entry.js';
import type { Process } from '../process.js';
import { trace_sys_enter, trace_sys_exit } from '../strace.js';
import { ni_syscall, syscalls } from './table.js';
import type { SyscallArg, SyscallResult } from './types.js';

/**
 * System call number `nr`, made by a thread of `process`. Arguments are spelled out, because an array for each call
 * would cost on the way of every one.
 *
 * Context: user code; may sleep. Return: what the call answers, -ENOSYS for an unknown number. Throws ProcessKilled
 * or ProcessExit when the thread does not come back.
 */
export function* syscall(
  process: Process,
  nr: number,
  a0?: SyscallArg,
  a1?: SyscallArg,
  a2?: SyscallArg,
  a3?: SyscallArg,
  a4?: SyscallArg,
  a5?: SyscallArg,
): Task<SyscallResult> {
  const call = syscalls[nr] ?? ni_syscall;
  const { executor, kernel } = process.services;
  const traced = kernel.trace !== null && call.traced;
  if (traced) trace_sys_enter(process, call, [a0, a1, a2, a3, a4, a5]);
  const ret = yield* call.fn(process, a0, a1, a2, a3, a4, a5);
  executor.charge(COST_SYSCALL);
  yield* syscall_exit_to_user_mode(process);
  if (traced) trace_sys_exit(process, call, ret);
  return ret;
}
