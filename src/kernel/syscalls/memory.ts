// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: arch/x86/kernel/sys_x86_64.c, mm/util.c (vm_mmap_pgoff): system calls on an address space. */
import type { OpenFile } from '../../fs/file.js';
import { new_hugetlb_file } from '../../fs/hugetlbfs.js';
import { shmem_file_setup } from '../../fs/memfd.js';
import { __mm_populate } from '../../mm/gup.js';
import { do_madvise } from '../../mm/madvise.js';
import { mincore } from '../../mm/mincore.js';
import { do_mlock, do_munlock } from '../../mm/mlock.js';
import { do_mmap, do_vmi_munmap, type MappingSource } from '../../mm/mmap.js';
import { do_mprotect } from '../../mm/mprotect.js';
import { do_mremap } from '../../mm/mremap.js';
import { shmem_anon_vm_ops } from '../../mm/shmem.js';
import { VM_LOCKED } from '../../mm/types.js';
import type { Task } from '../../sim/task.js';
import { EBADF, EINVAL, ENODEV } from '../../uapi/errno.js';
import {
  MAP_ANONYMOUS,
  MAP_HUGETLB,
  MAP_POPULATE,
  MAP_PRIVATE,
  MAP_SHARED,
  PAGE_SIZE,
  PMD_SIZE,
} from '../../uapi/mman.js';
import { fdget } from '../files.js';
import type { Process } from '../process.js';

/** Return: the address, -EINVAL, -EBADF, -ENODEV, or what do_mmap() answers. */
export function* sys_mmap(
  process: Process,
  addr: number,
  len: number,
  prot: number,
  flags: number,
  fd: number,
  off: number,
): Task<number> {
  if (off % PAGE_SIZE !== 0) return -EINVAL;
  if ((flags & (MAP_SHARED | MAP_PRIVATE)) === 0 || len === 0) return -EINVAL;
  const hugetlb = (flags & MAP_HUGETLB) !== 0;
  const unit = hugetlb ? PMD_SIZE : PAGE_SIZE;
  const length = Math.ceil(len / unit) * unit;
  const mapped = mapping_source(process, fd, flags, length, hugetlb);
  if (typeof mapped === 'number') return mapped;
  const mm = process.ownMm;
  const pgoff = off / PAGE_SIZE;
  yield* mm.mmap_lock.down_write('vm_mmap_pgoff');
  const ret = yield* do_mmap(mm, { addr, length, prot, flags, pgoff, source: mapped.source, hugetlb });
  const vma = ret < 0 ? null : mm.vmas.vma_lookup(ret);
  const locked = vma !== null && (vma.vm_flags & VM_LOCKED) !== 0;
  mm.mmap_lock.up_write();
  mapped.temporary?.fput();
  if (ret >= 0 && (locked || (flags & MAP_POPULATE) !== 0)) yield* __mm_populate(mm, ret, length, true);
  return ret;
}

/** What backs the mapping; `temporary` is a file that only the mapping keeps. */
function mapping_source(
  process: Process,
  fd: number,
  flags: number,
  length: number,
  hugetlb: boolean,
): { source: MappingSource | null; temporary: OpenFile | null } | number {
  const { files } = process.services;
  if ((flags & MAP_ANONYMOUS) === 0) {
    const file = fdget(process, fd, 'ksys_mmap_pgoff');
    if (file === undefined) return -EBADF;
    if (hugetlb) return -EINVAL;
    if (file.f_op.source === undefined) return -ENODEV;
    return { source: file.f_op.source(file), temporary: null };
  }
  if (hugetlb) {
    const { file, source } = new_hugetlb_file(files, length);
    return { source, temporary: file };
  }
  if ((flags & MAP_SHARED) === 0) return { source: null, temporary: null };
  const file = shmem_file_setup(files, 'dev/zero', length);
  return { source: { file, ops: shmem_anon_vm_ops }, temporary: file };
}

export function* sys_munmap(process: Process, addr: number, len: number): Task<number> {
  const mm = process.ownMm;
  yield* mm.mmap_lock.down_write('__vm_munmap');
  const ret = yield* do_vmi_munmap(mm, addr, len);
  mm.mmap_lock.up_write();
  return ret;
}

export function sys_mprotect(process: Process, start: number, len: number, prot: number): Task<number> {
  return do_mprotect(process.ownMm, start, len, prot);
}

export function sys_madvise(process: Process, start: number, len: number, behavior: number): Task<number> {
  return do_madvise(process.ownMm, start, len, behavior);
}

export function sys_mincore(process: Process, start: number, len: number, vec: number): Task<number> {
  return mincore(process.ownMm, start, len, vec);
}

export function sys_mremap(
  process: Process,
  addr: number,
  oldLength: number,
  newLength: number,
  flags: number,
  newAddr = 0,
): Task<number> {
  return do_mremap(process.ownMm, { addr, oldLength, newLength, flags, newAddr });
}

export function sys_mlock(process: Process, start: number, len: number): Task<number> {
  return do_mlock(process.ownMm, start, len);
}

export function sys_munlock(process: Process, start: number, len: number): Task<number> {
  return do_munlock(process.ownMm, start, len);
}
