// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: mm/rmap.c, folio_referenced(): who used a folio since reclaim last looked. Fidelity: ported.
 *
 * A device leaves no accessed bit: what only it uses looks unused.
 */
import type { Page } from '../sim/memmap.js';
import type { Kernel } from './kernel.js';
import { mlock_folio } from './lru.js';
import { folio_test_large } from './page_flags.js';
import { FLAGS, PTE_YOUNG, pmd_index, pmd_trans_huge, pte_present } from './pgtable.js';
import { forEachMappedPte, type RmapPlace, rmap_places } from './rmap.js';
import { flush_tlb_page } from './tlb.js';
import { VM_LOCKED } from './types.js';

/** A VMA that maps the folio is locked, which the folio knows now. */
export const IN_LOCKED_VMA = -1;

/** Clear the accessed bits of one VMA. The kernel lets caches of them expire; here they are flushed. */
function clear_young(k: Kernel, folio: Page, place: RmapPlace): boolean {
  const { vma, address } = place;
  let young = false;
  const pmd = folio_test_large(k.mem, folio) ? vma.vm_mm.pt.pmdTable(address) : null;
  const i = pmd_index(address);
  if (pmd !== null && pmd_trans_huge(pmd, i) && pmd.e[i] === folio) {
    young = (pmd.e[FLAGS + i]! & PTE_YOUNG) !== 0;
    pmd.e[FLAGS + i]! &= ~PTE_YOUNG;
    return young;
  }
  forEachMappedPte(k, folio, place, pte_present, (table, n, addr) => {
    if ((table[FLAGS + n]! & PTE_YOUNG) === 0) return true;
    young = true;
    table[FLAGS + n]! &= ~PTE_YOUNG;
    flush_tlb_page(vma.vm_mm, addr);
    return true;
  });
  return young;
}

/** Whether an entry of the VMA maps the folio. */
function maps(k: Kernel, folio: Page, place: RmapPlace): boolean {
  const pmd = place.vma.vm_mm.pt.pmdTable(place.address);
  const i = pmd_index(place.address);
  if (pmd !== null && pmd_trans_huge(pmd, i)) return pmd.e[i] === folio;
  return !forEachMappedPte(k, folio, place, pte_present, () => false);
}

/**
 * `by`: has the flags of the VMAs that used it added. Return: how many VMAs used the folio, whose accessed bits are
 * cleared; or IN_LOCKED_VMA.
 */
export function folio_referenced(k: Kernel, folio: Page, by?: { vm_flags: number }): number {
  let referenced = 0;
  for (const place of rmap_places(k, folio)) {
    if ((place.vma.vm_flags & VM_LOCKED) !== 0 && maps(k, folio, place)) {
      mlock_folio(k, folio);
      return IN_LOCKED_VMA;
    }
    if (!clear_young(k, folio, place)) continue;
    referenced++;
    if (by !== undefined) by.vm_flags |= place.vma.vm_flags;
  }
  return referenced;
}
