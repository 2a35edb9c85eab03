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

/**
 * Map the huge folio of `page` as a whole; the PMD takes over a reference. Context: folio locked. Return: whether it does;
 * false leaves all as it is.
 */
export function do_set_pmd({ vma, address, flags: fault }: VmFault, page: Page): boolean {
  const mm = vma.vm_mm;
  const folio = compound_head(mm.kernel.mem, page);
  if (!folio_test_large(mm.kernel.mem, folio) || thp_disabled(vma)) return false;
  if (!thp_vma_suitable(vma, address) || !none_at(vma, address)) return false;
  let flags = vma.vm_page_prot | PTE_HUGE | PTE_YOUNG;
  if ((fault & FAULT_FLAG_WRITE) !== 0) flags = maybe_mkwrite(flags | PTE_DIRTY, vma);
  folio_add_file_rmap_pmd(mm.kernel, folio, vma);
  mm.pt.set_pmd(mm.pt.pmd_alloc(address), pmd_index(address), folio, flags);
  mm.rss += HPAGE_PMD_NR;
  return true;
}

/** Where a fault on `page` maps its whole folio by PTEs: the first address; -1: only the page itself is mapped. */
export function whole_folio_at({ vma, address, pgoff }: VmFault, page: Page, table: PteTable): number {
  const { mem, behaviour } = vma.vm_mm.kernel;
  const folio = compound_head(mem, page);
  if (!folio_test_large(mem, folio) || userfaultfd_armed(vma)) return -1;
  const maps = behaviour.fileFaultsMapFolio || (behaviour.anonShmemFaultsMapFolio && vma_is_anon_shmem(vma));
  if (!maps) return -1;
  const first = address - (page - folio) * PAGE_SIZE;
  const before = pgoff - vma.vm_pgoff < page - folio;
  if (before || first + HPAGE_PMD_SIZE > vma.vm_end || first % HPAGE_PMD_SIZE !== 0) return -1;
  for (let i = 0; i < HPAGE_PMD_NR; i++) if (table[FLAGS + i] !== 0) return -1;
  return first;
}
