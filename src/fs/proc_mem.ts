// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: fs/proc/base.c, /proc/PID/mem: memory of a process, whatever its protection. Fidelity: ported. */
import { FOLL_FORCE, FOLL_WRITE } from '../mm/gup_flags.js';
import { mmput } from '../mm/mmap.js';
import { access_remote_vm } from '../mm/process_vm_access.js';
import type { MmStruct } from '../mm/types.js';
import { copy_from_user, copy_to_user } from '../mm/uaccess.js';
import { done, type Task } from '../sim/task.js';
import { EFAULT, EIO } from '../uapi/errno.js';
import { PAGE_SIZE } from '../uapi/mman.js';
import type { FileOperations, OpenFile } from './file.js';

/** The next piece, at most a page. Return: 0, -EIO, -EFAULT. Context: may sleep. */
function* mem_piece(
  mm: MmStruct,
  caller: MmStruct,
  buf: number,
  pos: number,
  length: number,
  write: boolean,
): Task<number> {
  const bytes = write ? yield* copy_from_user(caller, buf, length) : new Uint8Array(length);
  if (bytes === null) return -EFAULT;
  const flags = (mm.kernel.behaviour.procMemForces ? FOLL_FORCE : 0) | (write ? FOLL_WRITE : 0);
  if (!(yield* access_remote_vm(mm, pos, bytes, flags))) return -EIO;
  return write || (yield* copy_to_user(caller, buf, bytes)) ? 0 : -EFAULT;
}

function* mem_rw(
  file: OpenFile,
  caller: MmStruct,
  buf: number,
  count: number,
  pos: number,
  write: boolean,
): Task<number> {
  const mm = file.private_data as MmStruct;
  // Whose process is gone has no memory left to read.
  if (!file.kernel.mmget_not_zero(mm)) return 0;
  let copied = 0;
  while (copied < count) {
    const length = Math.min(PAGE_SIZE, count - copied);
    const err = yield* mem_piece(mm, caller, buf + copied, pos + copied, length, write);
    if (err !== 0) {
      if (copied === 0 || err === -EFAULT) copied = err;
      break;
    }
    copied += length;
  }
  yield* mmput(mm);
  return copied;
}

/** The file of one process; its memory is that which the process has when the file is opened. */
export function proc_mem_operations(target: MmStruct): FileOperations {
  return {
    name: '/proc/PID/mem',
    open(file) {
      target.mm_count++;
      file.private_data = target;
      return done(0);
    },
    release(file) {
      file.kernel.mmdrop(target);
      return done(undefined);
    },
    read: (file, mm, buf, count, pos) => mem_rw(file, mm, buf, count, pos, false),
    write: (file, mm, buf, count, pos) => mem_rw(file, mm, buf, count, pos, true),
  };
}
