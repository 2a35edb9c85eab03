// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: mm/memory.c do_numa_page(), mm/huge_memory.c do_huge_pmd_numa_page(). Fidelity: ported; no NUMA
 * balancing, so that no page moves.
 *
 * A present entry that nobody may use, in a mapping that somebody may: on a kernel with NUMA balancing, its hint. Here
 * UFFDIO_WRITEPROTECT leaves it in a mapping that is only writable, where uffdWpFollowsPageProt is false.
 */
import { done, type Task } from '../sim/task.js';
import {
  FLAGS,
  type PmdTable,
  PTE_CHG_MASK,
  PTE_HUGE,
  PTE_PROTNONE,
  PTE_WRITE,
  PTE_YOUNG,
  type PteTable,
} from './pgtable.js';
import { type VmArea, type VmFault, vma_is_accessible } from './types.js';

/** pte_protnone() in a mapping that may be accessed: a fault makes it present again. */
export function hinting_protnone(vma: VmArea, flags: number): boolean {
  return (flags & PTE_PROTNONE) !== 0 && vma_is_accessible(vma);
}

/** The entry as its mapping has it; it is as writable as it was. */
function restored(vma: VmArea, flags: number): number {
  return vma.vm_page_prot | (flags & (PTE_CHG_MASK | PTE_WRITE | PTE_HUGE)) | PTE_YOUNG;
}

/** A fault of a PTE that is PROT_NONE: the access is tried again, and a write meets what else protects the page. */
export function do_numa_page(vmf: VmFault, table: PteTable, i: number): Task<number> {
  table[FLAGS + i] = restored(vmf.vma, table[FLAGS + i]!);
  return done(0);
}

/** The same for a huge leaf. */
export function do_huge_pmd_numa_page(vmf: VmFault, pmd: PmdTable, i: number): Task<number> {
  pmd.e[FLAGS + i] = restored(vmf.vma, pmd.e[FLAGS + i]!);
  return done(0);
}
