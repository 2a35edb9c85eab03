// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: fs/namei.c (getname), mm/util.c (strndup_user): strings that a system call is given. */
import type { MmStruct } from '../../mm/types.js';
import { copy_from_user } from '../../mm/uaccess.js';
import { done, type Task } from '../../sim/task.js';
import { EFAULT } from '../../uapi/errno.js';
import { PAGE_SIZE } from '../../uapi/mman.js';
import type { Process } from '../process.js';
import type { SyscallArg } from './types.js';

/**
 * The string at a user address, NUL excluded. libc hands in the string itself: with its address, naming a file would
 * take pages of the program that no recorded program had.
 *
 * `limit`: bytes, with the NUL. Context: may sleep. Return: the string, -EFAULT, or `tooLong`.
 */
export function user_string(
  process: Process,
  at: SyscallArg,
  limit: number,
  tooLong: number,
): Task<string | number> {
  if (typeof at === 'string') return done<string | number>(at.length < limit ? at : tooLong);
  if (typeof at !== 'number') return done<string | number>(-EFAULT);
  return strndup_user(process.ownMm, at, limit, tooLong);
}

function* strndup_user(mm: MmStruct, addr: number, limit: number, tooLong: number): Task<string | number> {
  let text = '';
  while (text.length < limit) {
    const at = addr + text.length;
    const chunk = Math.min(PAGE_SIZE - (at % PAGE_SIZE), limit - text.length);
    const bytes = yield* copy_from_user(mm, at, chunk);
    if (bytes === null) return -EFAULT;
    const end = bytes.indexOf(0);
    text += String.fromCharCode(...(end < 0 ? bytes : bytes.subarray(0, end)));
    if (end >= 0) return text;
  }
  return tooLong;
}
