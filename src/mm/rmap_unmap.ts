// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: mm/rmap.c, try_to_unmap(): reclaim takes a folio out of every page table. Fidelity: ported. */
import type { Page } from '../sim/memmap.js';
import type { Task } from '../sim/task.js';
import { PAGE_SIZE } from '../uapi/mman.js';
import { split_huge_pmd_locked } from './huge_split.js';
import type { Kernel } from './kernel.js';
import { mlock_folio } from './lru.js';
import {
  mmu_notifier_invalidate_range_end,
  mmu_notifier_invalidate_range_start,
  mmu_notifier_range,
} from './mmu_notifier.js';
import { put_page } from './page_alloc.js';
import {
  folio_mapcount,
  folio_mapped,
  folio_mark_dirty,
  folio_nr_pages,
  folio_test_anon,
  folio_test_large,
  PageAnonExclusive,
  PG_dirty,
  PG_swapbacked,
} from './page_flags.js';
import {
  FLAGS,
  is_device_exclusive_entry,
  PTE_DIRTY,
  PTE_MARKER_UFFD_WP,
  PTE_UFFD_WP,
  type PteTable,
  pmd_index,
  pmd_trans_huge,
  pte_index,
  pte_present,
  SWP_EXCLUSIVE,
  SWP_HWPOISON,
  SWP_SWAP,
  SWP_UFFD_WP,
  swp_uffd_wp_of,
} from './pgtable.js';
import {
  folio_remove_rmap_pte,
  folio_try_share_anon_rmap_pte,
  rmap_places,
  vma_address_end,
} from './rmap.js';
import { swap_duplicate, swap_free } from './swap.js';
import { flush_tlb_page } from './tlb.js';
import { VM_LOCKED, type VmArea } from './types.js';
import { userfaultfd_pte_wp } from './userfaultfd_k.js';

/** The entry goes for good: nobody wrote to the page since MADV_FREE. Return: whether it does. */
function discards(k: Kernel, folio: Page): boolean {
  const { mem } = k;
  const clean = (mem.flags[folio]! & PG_dirty) === 0;
  if (clean && mem.refcount[folio] === 1 + folio_mapcount(mem, folio)) return true;
  mem.flags[folio]! |= PG_swapbacked;
  return false;
}

/** What stands for the anonymous page from now on; null: it has to stay. */
function swap_entry_of(k: Kernel, folio: Page, old: number): number | null {
  const slot = k.mem.priv[folio]!;
  swap_duplicate(k, slot);
  const exclusive = PageAnonExclusive(k.mem, folio);
  if (exclusive && !folio_try_share_anon_rmap_pte(k, folio, folio)) {
    swap_free(k, slot);
    return null;
  }
  const wp = pte_present(old) ? swp_uffd_wp_of(old) : old & SWP_UFFD_WP;
  return SWP_SWAP | (exclusive ? SWP_EXCLUSIVE : 0) | wp;
}

/** Return: whether the entry is gone. Of anonymous memory, the folio is a small one. */
function unmap_one(
  k: Kernel,
  folio: Page,
  vma: VmArea,
  table: PteTable,
  i: number,
  addr: number,
  why: Why,
): boolean {
  const { mem } = k;
  const page = table[i]!;
  const old = table[FLAGS + i]!;
  flush_tlb_page(vma.vm_mm, addr);
  if (pte_present(old) && (old & PTE_DIRTY) !== 0) folio_mark_dirty(mem, folio);
  let entry: number | null = 0;
  let word = 0;
  if (why === 'lost, entries') {
    entry = SWP_HWPOISON;
    word = page;
  } else if (!folio_test_anon(mem, folio)) {
    if (userfaultfd_pte_wp(vma, old & PTE_UFFD_WP)) entry = PTE_MARKER_UFFD_WP;
  } else if ((mem.flags[folio]! & PG_swapbacked) === 0) {
    entry = discards(k, folio) ? 0 : null;
  } else {
    entry = swap_entry_of(k, folio, old);
    word = mem.priv[folio]!;
  }
  if (entry === null) return false;
  table[i] = word;
  table[FLAGS + i] = entry;
  vma.vm_mm.rss--;
  folio_remove_rmap_pte(k, folio, page, vma);
  put_page(k, folio);
  if (k.trace !== null) {
    const to =
      entry === SWP_HWPOISON
        ? 'hwpoison'
        : !folio_test_anon(mem, folio)
          ? 'file'
          : entry === 0
            ? 'nothing'
            : 'swap';
    k.note({
      event: why === 'reclaim' ? 'reclaim_unmap' : 'poison_unmap',
      fn: 'try_to_unmap_one',
      mm: vma.vm_mm,
      addr,
      page,
      args: { to },
    });
  }
  return true;
}

/** Whether the entry is one of the folio's: where those exclusive to a device count as such, one of them, too. */
function entry_maps(k: Kernel, folio: Page, table: PteTable, i: number): boolean {
  const flags = table[FLAGS + i]!;
  const page = table[i]!;
  if (page < folio || page >= folio + folio_nr_pages(k.mem, folio)) return false;
  return pte_present(flags) || (k.behaviour.exclusiveEntriesMap && is_device_exclusive_entry(flags));
}

/** Whether the page is lost, and whether entries are to say so. */
type Why = 'reclaim' | 'lost' | 'lost, entries';

/** What try_to_unmap() is asked for beside (enum ttu_flags). */
interface How {
  readonly why: Why;
  /** Locked mappings, too. */
  readonly ignoreMlock: boolean;
}

/**
 * Nobody maps the small page, which is lost; with `entries`, whoever did gets a signal when he touches it (TTU_HWPOISON).
 * Context: folio locked; may sleep.
 */
export function* unmap_poisoned(k: Kernel, folio: Page, entries: boolean): Task {
  yield* unmap_everywhere(k, folio, { why: entries ? 'lost, entries' : 'lost', ignoreMlock: true });
}

/** Unmap a small folio, as far as nothing speaks against it. Context: folio locked; may sleep (notifiers). */
export function* try_to_unmap(k: Kernel, folio: Page): Task {
  yield* unmap_everywhere(k, folio, { why: 'reclaim', ignoreMlock: false });
}

/** The same of a file's folio, whatever its size, from locked mappings, too (TTU_IGNORE_MLOCK, TTU_SPLIT_HUGE_PMD). */
export function* unmap_to_split(k: Kernel, folio: Page): Task {
  yield* unmap_everywhere(k, folio, { why: 'reclaim', ignoreMlock: true });
}

/** A huge PMD that maps a file's folio goes as a whole; nothing of it is left in a table. */
function unmap_huge_pmd(k: Kernel, folio: Page, vma: VmArea, address: number): void {
  if (!folio_test_large(k.mem, folio)) return;
  const pmd = vma.vm_mm.pt.pmdTable(address);
  const i = pmd_index(address);
  if (pmd !== null && pmd_trans_huge(pmd, i) && pmd.e[i] === folio)
    split_huge_pmd_locked(vma, pmd, i, address, false);
}

function* unmap_everywhere(k: Kernel, folio: Page, { why, ignoreMlock }: How): Task {
  for (const place of rmap_places(k, folio)) {
    const { vma, address } = place;
    const end = vma_address_end(k, folio, vma, address);
    const range = mmu_notifier_range(vma.vm_mm, address, end, 'MMU_NOTIFY_CLEAR');
    yield* mmu_notifier_invalidate_range_start(range);
    unmap_huge_pmd(k, folio, vma, address);
    const locked = !ignoreMlock && (vma.vm_flags & VM_LOCKED) !== 0;
    let goes = true;
    for (let addr = address; goes && addr < end; addr += PAGE_SIZE) {
      const table = vma.vm_mm.pt.pteTable(addr);
      const i = pte_index(addr);
      if (table === null || !entry_maps(k, folio, table, i)) continue;
      if (locked) mlock_folio(k, folio);
      goes = !locked && unmap_one(k, folio, vma, table, i, addr, why);
    }
    mmu_notifier_invalidate_range_end(range);
    if (!goes || !folio_mapped(k.mem, folio)) return;
  }
}
