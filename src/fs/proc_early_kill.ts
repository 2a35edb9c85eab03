// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: mm/memory-failure.c, /proc/sys/vm/memory_failure_early_kill (proc_dointvec_minmax). Fidelity: ported for one digit. */
import { copy_from_user } from '../mm/uaccess.js';
import { EFAULT, EINVAL } from '../uapi/errno.js';
import type { FileOperations } from './file.js';
import { simple_read_from_buffer } from './libfs.js';

/** Longest number that is looked at. */
const MAX_DIGITS = 16;

export const proc_early_kill_operations: FileOperations = {
  name: '/proc/sys/vm/memory_failure_early_kill',
  read: (file, mm, buf, count, pos) =>
    simple_read_from_buffer(mm, buf, count, pos, file.kernel.memory_failure_early_kill ? '1\n' : '0\n'),
  /** Return: `count`, -EFAULT, -EINVAL for anything but 0 and 1. Context: may sleep. */
  *write(file, mm, buf, count) {
    const bytes = yield* copy_from_user(mm, buf, Math.min(count, MAX_DIGITS));
    if (bytes === null) return -EFAULT;
    const word = new TextDecoder().decode(bytes).trim();
    if (word !== '0' && word !== '1') return -EINVAL;
    file.kernel.memory_failure_early_kill = word === '1';
    return count;
  },
};
