// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: mm/memory.c, do_set_pmd() and what finish_fault() makes of a large folio: huge pages of a file are mapped as a
 * whole. Fidelity: ported.
 */
import type { Page } from '../sim/memmap.js';
import { HPAGE_PMD_NR, HPAGE_PMD_SIZE, PAGE_SIZE } from '../uapi/mman.js';
import { thp_vma_suitable } from './huge_memory.js';
import { compound_head, folio_test_large } from './page_flags.js';
import { FLAGS, PTE_DIRTY, PTE_HUGE, PTE_YOUNG, type PteTable, pmd_index, pmd_none } from './pgtable.js';
import { folio_add_file_rmap_pmd } from './rmap.js';
import {
  FAULT_FLAG_WRITE,
  userfaultfd_armed,
  VM_NOHUGEPAGE,
  type VmArea,
  type VmFault,
  vma_is_anon_shmem,
} from './types.js';
import { maybe_mkwrite } from './vma.js';

/** Whether huge pages are forbidden in the VMA, where that is asked at all. */
const thp_disabled = (vma: VmArea): boolean =>
  vma.vm_mm.kernel.behaviour.setPmdAsksForThp && (vma.vm_flags & VM_NOHUGEPAGE) !== 0;

/** Whether nothing is mapped in the 2 MiB around the address, not even a table. */
function none_at(vma: VmArea, address: number): boolean {
  const pmd = vma.vm_mm.pt.pmdTable(address);
  return pmd !== null && pmd_none(pmd, pmd_index(address));
}

/** The entry that a fault makes for a page of a file. */
export function file_entry({ vma, flags }: VmFault): number {
  const entry = vma.vm_page_prot | PTE_YOUNG;
  return (flags & FAULT_FLAG_WRITE) !== 0 ? maybe_mkwrite(entry | PTE_DIRTY, vma) : entry;
}

/**
 * Map the huge folio of `page` as a whole; the PMD takes over a reference. Context: folio locked. Return: whether it does;
 * false leaves all as it is.
 */
export function do_set_pmd(vmf: VmFault, page: Page): boolean {
  const { vma, address } = vmf;
  const mm = vma.vm_mm;
  const folio = compound_head(mm.kernel.mem, page);
  if (!folio_test_large(mm.kernel.mem, folio) || thp_disabled(vma)) return false;
  if (!thp_vma_suitable(vma, address) || !none_at(vma, address)) return false;
  folio_add_file_rmap_pmd(mm.kernel, folio, vma);
  mm.pt.set_pmd(mm.pt.pmd_alloc(address), pmd_index(address), folio, file_entry(vmf) | PTE_HUGE);
  mm.rss += HPAGE_PMD_NR;
  return true;
}

/** Whether a fault on `page` maps its whole folio by PTEs, and not only the page itself. */
export function maps_whole_folio({ vma, address, pgoff }: VmFault, page: Page, table: PteTable): boolean {
  const { mem, behaviour } = vma.vm_mm.kernel;
  const folio = compound_head(mem, page);
  if (!folio_test_large(mem, folio) || userfaultfd_armed(vma)) return false;
  const maps = behaviour.fileFaultsMapFolio || (behaviour.anonShmemFaultsMapFolio && vma_is_anon_shmem(vma));
  if (!maps) return false;
  const first = address - (page - folio) * PAGE_SIZE;
  const before = pgoff - vma.vm_pgoff < page - folio;
  if (before || first + HPAGE_PMD_SIZE > vma.vm_end || first % HPAGE_PMD_SIZE !== 0) return false;
  for (let i = 0; i < HPAGE_PMD_NR; i++) if (table[FLAGS + i] !== 0) return false;
  return true;
}
