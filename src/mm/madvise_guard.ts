// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: mm/madvise.c, guard regions (MADV_GUARD_INSTALL, MADV_GUARD_REMOVE). Fidelity: ported. */
import type { Task } from '../sim/task.js';
import { EINVAL } from '../uapi/errno.js';
import { PAGE_SIZE } from '../uapi/mman.js';
import { anon_vma_prepare } from './anon_vma.js';
import { __split_huge_pmd } from './huge_split.js';
import { zap_page_range_single } from './memory_zap.js';
import {
  FLAGS,
  is_guard_marker,
  pmd_addr_end,
  pmd_index,
  pmd_is_huge,
  pmd_trans_huge,
  pte_index,
  pud_addr_end,
  SWP_GUARD,
  SWP_PTE_MARKER,
} from './pgtable.js';
import { is_vm_hugetlb_page, VM_LOCKED, VM_SPECIAL, type VmArea, vma_is_anonymous } from './types.js';

function is_valid_guard_vma(vma: VmArea, allow_locked: boolean): boolean {
  if (is_vm_hugetlb_page(vma) || (vma.vm_flags & VM_SPECIAL) !== 0) return false;
  return allow_locked || (vma.vm_flags & VM_LOCKED) === 0;
}

/** Mark [start, end), as far as nothing is mapped there. Return: whether all of it is marked now. */
function* install_markers(vma: VmArea, start: number, end: number): Task<boolean> {
  const { pt } = vma.vm_mm;
  for (let addr = start; addr < end; ) {
    const next = pmd_addr_end(addr, end);
    const pmd = pt.pmd_alloc(addr);
    const m = pmd_index(addr);
    if (pmd_trans_huge(pmd, m)) return false;
    // The walker splits what it cannot hand over whole.
    if (pmd_is_huge(pmd, m)) yield* __split_huge_pmd(vma, pmd, m, addr, false, null);
    const table = pt.pte_alloc(addr);
    for (let i = pte_index(addr); addr < next; addr += PAGE_SIZE, i++) {
      const flags = table[FLAGS + i]!;
      if (is_guard_marker(flags)) continue;
      if (flags !== 0) return false;
      table[FLAGS + i] = SWP_PTE_MARKER | SWP_GUARD;
    }
  }
  return true;
}

/**
 * Whoever touches the range gets a signal; what it held is gone.
 * Context: mmap_lock held; may sleep. Return: 0, -EINVAL for a mapping that is locked, special or of hugetlb.
 */
export function* madvise_guard_install(vma: VmArea, start: number, end: number): Task<number> {
  if (!is_valid_guard_vma(vma, false)) return -EINVAL;
  if (vma_is_anonymous(vma)) anon_vma_prepare(vma);
  const { kernel } = vma.vm_mm;
  // The kernel lets go of its locks after a few tries, and restarts the system call: for ever, where a file's page is
  // absent and write-protected by a userfaultfd, whose marker a zap leaves.
  for (let tries = 1; !(yield* install_markers(vma, start, end)); tries++) {
    yield* zap_page_range_single(vma, start, end);
    kernel.tried_in_vain(tries);
    if (kernel.executor.shouldResched) yield* kernel.executor.cond_resched('madvise_guard_install');
  }
  return 0;
}

/** The range may be touched again. Context: mmap_lock held; may sleep. Return: 0 or -EINVAL. */
export function* madvise_guard_remove(vma: VmArea, start: number, end: number): Task<number> {
  if (!is_valid_guard_vma(vma, true)) return -EINVAL;
  const { pt } = vma.vm_mm;
  for (let addr = start; addr < end; ) {
    const pmd = pt.pmdTable(addr);
    const next = pmd === null ? pud_addr_end(addr, end) : pmd_addr_end(addr, end);
    const m = pmd_index(addr);
    if (pmd !== null && pmd_is_huge(pmd, m) && !pmd_trans_huge(pmd, m)) {
      yield* __split_huge_pmd(vma, pmd, m, addr, false, null);
    }
    const table = pmd === null ? null : pmd.child[m]!;
    if (table !== null) {
      const first = pte_index(addr);
      for (let i = first; i < first + (next - addr) / PAGE_SIZE; i++) {
        if (is_guard_marker(table[FLAGS + i]!)) table[FLAGS + i] = 0;
      }
    }
    addr = next;
  }
  return 0;
}
