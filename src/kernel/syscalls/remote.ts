// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: mm/process_vm_access.c, the system calls. Fidelity: simplified: one range on either side, in registers
 * instead of struct iovec; everybody may look at everybody.
 */
import { process_vm_rw_core } from '../../mm/process_vm_access.js';
import type { Task } from '../../sim/task.js';
import { ESRCH } from '../../uapi/errno.js';
import type { Process } from '../process.js';

function* process_vm_rw(
  process: Process,
  pid: number,
  local: number,
  remote: number,
  length: number,
  vm_write: boolean,
): Task<number> {
  if (length === 0) return 0;
  const mm = process.services.process(pid)?.mm ?? null;
  if (mm === null) return -ESRCH;
  return yield* process_vm_rw_core(process.ownMm, mm, { local, remote, length }, vm_write);
}

/** Return: bytes read, -EFAULT, -ESRCH. */
export function sys_process_vm_readv(
  process: Process,
  pid: number,
  local: number,
  remote: number,
  length: number,
): Task<number> {
  return process_vm_rw(process, pid, local, remote, length, false);
}

/** Return: bytes written, -EFAULT, -ESRCH. */
export function sys_process_vm_writev(
  process: Process,
  pid: number,
  local: number,
  remote: number,
  length: number,
): Task<number> {
  return process_vm_rw(process, pid, local, remote, length, true);
}
