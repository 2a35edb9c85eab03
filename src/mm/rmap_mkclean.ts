// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: mm/rmap.c, folio_mkclean(): whoever maps a page of a file shared is to fault before he writes to it again. Fidelity:
 * ported for pages that are mapped by PTEs, as those of files on a disk are here.
 */
import type { Page } from '../sim/memmap.js';
import type { Task } from '../sim/task.js';
import type { Kernel } from './kernel.js';
import {
  mmu_notifier_invalidate_range_end,
  mmu_notifier_invalidate_range_start,
  mmu_notifier_range,
} from './mmu_notifier.js';
import { folio_mapped } from './page_flags.js';
import { FLAGS, PTE_DIRTY, PTE_WRITE, pte_present } from './pgtable.js';
import { forEachMappedPte, type RmapPlace, rmap_places, vma_address_end } from './rmap.js';
import { flush_tlb_page } from './tlb.js';
import { VM_SHARED } from './types.js';

/** Of one mapping. Devices hear of it, and fault as well. Context: folio locked; may sleep. Return: entries. */
function* page_vma_mkclean_one(k: Kernel, folio: Page, place: RmapPlace): Task<number> {
  const { vma, address } = place;
  const mm = vma.vm_mm;
  let cleaned = 0;
  const range = mmu_notifier_range(
    mm,
    address,
    vma_address_end(k, folio, vma, address),
    'MMU_NOTIFY_PROTECTION_PAGE',
  );
  yield* mmu_notifier_invalidate_range_start(range);
  forEachMappedPte(k, folio, place, pte_present, (table, i, addr) => {
    const flags = table[FLAGS + i]!;
    if ((flags & (PTE_DIRTY | PTE_WRITE)) === 0) return true;
    table[FLAGS + i] = flags & ~(PTE_DIRTY | PTE_WRITE);
    flush_tlb_page(mm, addr);
    cleaned++;
    if (k.trace !== null) {
      k.note({ event: 'page_mkclean', fn: 'page_vma_mkclean_one', mm, addr, page: table[i]! });
    }
    return true;
  });
  mmu_notifier_invalidate_range_end(range);
  return cleaned;
}

/** Make all shared mappings of the folio clean and read-only. Context: folio locked; may sleep. Return: entries that were not. */
export function* folio_mkclean(k: Kernel, folio: Page): Task<number> {
  if (!folio_mapped(k.mem, folio)) return 0;
  let cleaned = 0;
  for (const place of rmap_places(k, folio)) {
    if ((place.vma.vm_flags & VM_SHARED) !== 0) cleaned += yield* page_vma_mkclean_one(k, folio, place);
  }
  return cleaned;
}
