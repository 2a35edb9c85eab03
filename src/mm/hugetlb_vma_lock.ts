// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: mm/hugetlb.c, hugetlb_vma_lock_read() and its like. Fidelity: ported, but for i_mmap_rwsem, which is always
 * taken behind it.
 */
import type { RwSem } from '../sim/locks.js';
import { done, type Task } from '../sim/task.js';
import { private_resv_map } from './hugetlb_resv.js';
import { VM_MAYSHARE, type VmArea } from './types.js';

/**
 * The lock of the VMA, which keeps its tables while somebody walks or faults: of a shared mapping its own (struct
 * hugetlb_vma_lock), of a private one that of its reservations. Null where it has neither, and before 6.1.
 */
export function hugetlb_vma_lock(vma: VmArea): RwSem | null {
  const k = vma.vm_mm.kernel;
  if (!k.behaviour.hugetlbVmaLock) return null;
  if ((vma.vm_flags & VM_MAYSHARE) !== 0) return k.hugetlb.rwSemOf(vma, 'vma_lock');
  const resv = private_resv_map(vma);
  return resv === null ? null : k.hugetlb.rwSemOf(resv, 'resv_map rw_sema');
}

/** Context: may sleep. */
export function hugetlb_vma_lock_read(vma: VmArea, where: string): Task {
  return hugetlb_vma_lock(vma)?.down_read(where) ?? done(undefined);
}

export function hugetlb_vma_unlock_read(vma: VmArea): void {
  hugetlb_vma_lock(vma)?.up_read();
}

/** Context: may sleep. */
export function hugetlb_vma_lock_write(vma: VmArea, where: string): Task {
  return hugetlb_vma_lock(vma)?.down_write(where) ?? done(undefined);
}

export function hugetlb_vma_unlock_write(vma: VmArea): void {
  hugetlb_vma_lock(vma)?.up_write();
}
