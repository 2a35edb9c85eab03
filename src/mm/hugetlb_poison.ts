// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: mm/memory-failure.c and mm/rmap.c, huge pages of the pool that the hardware has lost: which of their small pages
 * were hit, and what stands for them in page tables. Fidelity: ported; there is always memory for the list.
 */
import type { Page } from '../sim/memmap.js';
import type { Task } from '../sim/task.js';
import { HPAGE_SIZE } from './hugetlb_resv.js';
import { hugetlb_vma_lock } from './hugetlb_vma_lock.js';
import type { Kernel } from './kernel.js';
import {
  mmu_notifier_invalidate_range_end,
  mmu_notifier_invalidate_range_start,
  mmu_notifier_range,
} from './mmu_notifier.js';
import { put_page } from './page_alloc.js';
import {
  add_entire_mapcount,
  compound_head,
  folio_mapped,
  folio_test_anon,
  PG_dirty,
  PG_hwpoison,
} from './page_flags.js';
import {
  FLAGS,
  is_hwpoison_entry,
  type PmdTable,
  PTE_DIRTY,
  pmd_index,
  pmd_trans_huge,
  SWP_HWPOISON,
} from './pgtable.js';
import { type RmapPlace, rmap_places } from './rmap.js';
import { flush_tlb_range } from './tlb.js';
import type { MmStruct } from './types.js';

/** What a loss finds: nothing before it, other pages of the huge one, or the very page. */
export type Poisoned = 'fresh' | 'folio' | 'page';

/** hugetlb_update_hwpoison(): the huge page is lost; remember which of its pages was. */
export function hugetlb_update_hwpoison(k: Kernel, folio: Page, page: Page): Poisoned {
  const before = (k.mem.flags[folio]! & PG_hwpoison) !== 0;
  k.mem.flags[folio]! |= PG_hwpoison;
  const raw = k.hugetlb.rawPoisoned.get(folio) ?? [];
  if (raw.includes(page)) return 'page';
  k.hugetlb.rawPoisoned.set(folio, [page, ...raw]);
  return before ? 'folio' : 'fresh';
}

/** Whether the entry for `address` says that its huge page is lost. */
export function is_hugetlb_entry_hwpoisoned(mm: MmStruct, address: number): boolean {
  const pmd = mm.pt.pmdTable(address);
  return pmd !== null && is_hwpoison_entry(pmd.e[FLAGS + pmd_index(address)]!);
}

/** Whoever looks on is told that a fault came for a huge page that is lost: by its entry, or as the file has it still. */
export function note_poisoned_hugetlb(
  mm: MmStruct,
  address: number,
  fn: string,
  page: Page,
  entry: boolean,
): void {
  const reason = { id: entry ? 'hwpoison-entry' : 'hwpoison-page' } as const;
  mm.kernel.note({ event: 'skip', fn, mm, addr: address, page, reason });
}

/**
 * An entry that says that the page is lost takes the place of the one that maps it. A file's needs the VMA's lock, which is only tried.
 * Return: whether it has.
 */
function unmap_one(k: Kernel, folio: Page, { vma, address }: RmapPlace, pmd: PmdTable): boolean {
  const lock = folio_test_anon(k.mem, folio) ? null : hugetlb_vma_lock(vma);
  if (lock !== null && !lock.down_write_trylock()) return false;
  lock?.up_write();
  const i = pmd_index(address);
  if ((pmd.e[FLAGS + i]! & PTE_DIRTY) !== 0) k.mem.flags[folio]! |= PG_dirty;
  vma.vm_mm.pt.set_pmd(pmd, i, folio, SWP_HWPOISON);
  flush_tlb_range(vma.vm_mm, address, address + HPAGE_SIZE);
  add_entire_mapcount(k.mem, folio, -1);
  put_page(k, folio);
  if (k.trace !== null)
    k.note({
      event: 'poison_unmap',
      fn: 'try_to_unmap_poisoned_hugetlb_one',
      mm: vma.vm_mm,
      addr: address,
      page: folio,
      args: { to: 'hwpoison' },
    });
  return true;
}

/** try_to_unmap() of a huge page that is lost: whoever mapped it gets a signal when he touches it. Context: folio locked; may sleep. */
export function* unmap_poisoned_hugetlb(k: Kernel, folio: Page): Task {
  for (const place of rmap_places(k, folio)) {
    const { vma, address } = place;
    const range = mmu_notifier_range(vma.vm_mm, address, address + HPAGE_SIZE, 'MMU_NOTIFY_CLEAR');
    yield* mmu_notifier_invalidate_range_start(range);
    const pmd = vma.vm_mm.pt.pmdTable(address);
    const maps =
      pmd !== null && pmd_trans_huge(pmd, pmd_index(address)) && pmd.e[pmd_index(address)] === folio;
    const goes = !maps || unmap_one(k, folio, place, pmd);
    mmu_notifier_invalidate_range_end(range);
    if (!goes || !folio_mapped(k.mem, folio)) return;
  }
}

/**
 * __page_handle_poison(): a huge page that is free leaves the pool (dissolve_free_hugetlb_folio()), and `page` of it is used no
 * more; the others are ordinary memory. Return: whether it could be done.
 */
export function __page_handle_poison(k: Kernel, page: Page): boolean {
  const { mem, hugetlb } = k;
  const folio = compound_head(mem, page);
  if (!hugetlb.dissolve_free_hugetlb_folio(folio)) return false;
  k.pages.take_page_off_buddy(page);
  return true;
}
