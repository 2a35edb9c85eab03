// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: mm/msync.c: what is mapped of files goes to their disks. Fidelity: ported. */
import type { Task } from '../sim/task.js';
import { EBUSY, EINVAL, ENOMEM } from '../uapi/errno.js';
import { MS_ASYNC, MS_INVALIDATE, MS_SYNC, PAGE_SIZE } from '../uapi/mman.js';
import { refused } from './reasons.js';
import { linear_page_index, type MmStruct, VM_LOCKED, VM_SHARED } from './types.js';

/**
 * msync(). MS_ASYNC does nothing: dirty pages are known. Context: may sleep. Return: 0, -EINVAL, -ENOMEM where something is not
 * mapped (once the rest is done), -EBUSY for MS_INVALIDATE of locked memory, or what the file answers.
 */
export function* do_msync(mm: MmStruct, start: number, len: number, flags: number): Task<number> {
  if ((flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC)) !== 0 || start % PAGE_SIZE !== 0) return -EINVAL;
  if ((flags & MS_ASYNC) !== 0 && (flags & MS_SYNC) !== 0) return -EINVAL;
  const end = start + Math.ceil(len / PAGE_SIZE) * PAGE_SIZE;
  if (end > Number.MAX_SAFE_INTEGER) return -ENOMEM;
  if (end === start) return 0;
  let unmapped = 0;
  yield* mm.mmap_lock.down_read('sys_msync');
  for (let addr = start; addr < end; ) {
    const vma = mm.vmas.find_vma(addr);
    if (vma === null || vma.vm_start > addr) {
      unmapped = refused(mm, '__x64_sys_msync', addr, 'no-vma', ENOMEM);
      if (flags === MS_ASYNC || vma === null || vma.vm_start >= end) break;
      addr = vma.vm_start;
    }
    if ((flags & MS_INVALIDATE) !== 0 && (vma.vm_flags & VM_LOCKED) !== 0) {
      mm.mmap_lock.up_read();
      return refused(mm, '__x64_sys_msync', addr, 'mlocked', EBUSY);
    }
    const first = linear_page_index(vma, addr);
    const behind = first + (Math.min(end, vma.vm_end) - addr) / PAGE_SIZE;
    addr = vma.vm_end;
    const file = vma.vm_file;
    if ((flags & MS_SYNC) === 0 || file === null || (vma.vm_flags & VM_SHARED) === 0) continue;
    file.get_file();
    mm.mmap_lock.up_read();
    const error = yield* file.vfs_fsync_range(first, behind);
    file.fput();
    if (error !== 0) return error;
    yield* mm.mmap_lock.down_read('sys_msync');
  }
  mm.mmap_lock.up_read();
  return unmapped;
}
