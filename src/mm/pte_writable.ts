// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: mm/mprotect.c can_change_pte_writable(), which mm/memory.c asks too. Fidelity: ported. */
import type { Page } from '../sim/memmap.js';
import { compound_head, folio_test_anon, PageAnonExclusive } from './page_flags.js';
import { PTE_DIRTY, PTE_PROTNONE, PTE_SPECIAL } from './pgtable.js';
import { VM_SHARED, VM_WRITE, type VmArea } from './types.js';
import { userfaultfd_pte_wp } from './userfaultfd_k.js';

/** Whether a write fault would make this PTE writable without copying, so that it can be done now. */
export function can_change_pte_writable(vma: VmArea, page: Page, flags: number): boolean {
  const k = vma.vm_mm.kernel;
  if ((vma.vm_flags & VM_WRITE) === 0 || (flags & PTE_PROTNONE) !== 0) return false;
  if (userfaultfd_pte_wp(vma, flags)) return false;
  const dirty = (flags & PTE_DIRTY) !== 0;
  if ((vma.vm_flags & VM_SHARED) !== 0) return dirty;
  if (!dirty && !k.behaviour.mprotectUpgradesCleanPte) return false;
  if ((flags & PTE_SPECIAL) !== 0) return false;
  return folio_test_anon(k.mem, compound_head(k.mem, page)) && PageAnonExclusive(k.mem, page);
}
