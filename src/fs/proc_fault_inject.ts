// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: fs/proc/base.c, /proc/PID/make-it-fail (proc_fault_inject_operations). Fidelity: ported, for writing. */
import { copy_from_user } from '../mm/uaccess.js';
import { EFAULT, EINVAL } from '../uapi/errno.js';
import type { FileOperations } from './file.js';

/** Bytes that are looked at. */
const PROC_NUMBUF = 13;

/** `set` tells the process whether its allocations fail. */
export function proc_fault_inject_operations(set: (fails: boolean) => void): FileOperations {
  return {
    name: '/proc/PID/make-it-fail',
    /** Return: `count`; -EFAULT; -EINVAL for what is neither 0 nor 1. Context: may sleep. */
    *write(_file, mm, buf, count) {
      const bytes = yield* copy_from_user(mm, buf, Math.min(count, PROC_NUMBUF - 1));
      if (bytes === null) return -EFAULT;
      const word = new TextDecoder().decode(bytes).trim();
      if (word !== '0' && word !== '1') return -EINVAL;
      set(word === '1');
      return count;
    },
  };
}
