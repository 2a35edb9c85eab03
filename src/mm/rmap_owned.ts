// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: include/linux/rmap.h, FOLIO_MM_IDS_SHARED: whether all mappings of a large folio are one address space's. Fidelity:
 * simplified. DIVERGES: the kernel knows two address spaces of a folio; it takes one that came third, and is left alone with it,
 * for one of several.
 */
import type { Page } from '../sim/memmap.js';
import type { Kernel } from './kernel.js';
import { folio_mapcount } from './page_flags.js';
import { forEachMappedPte, mapsOrDevice, rmap_places } from './rmap.js';
import type { MmStruct } from './types.js';

/** Whether the PTEs of `mm` are all that maps the folio. Context: the page table lock of one of them. */
export function folio_mapped_by_ptes_of(k: Kernel, folio: Page, mm: MmStruct): boolean {
  let left = folio_mapcount(k.mem, folio);
  for (const place of rmap_places(k, folio)) {
    if (place.vma.vm_mm !== mm) continue;
    forEachMappedPte(k, folio, place, mapsOrDevice, () => {
      left--;
      return true;
    });
  }
  return left === 0;
}
