// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: mm/rmap.c, try_to_unmap(): reclaim takes a folio out of every page table. Fidelity: ported. */
import type { Page } from '../sim/memmap.js';
import type { Task } from '../sim/task.js';
import { PAGE_SIZE } from '../uapi/mman.js';
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
  folio_test_anon,
  PageAnonExclusive,
  PG_dirty,
  PG_swapbacked,
} from './page_flags.js';
import {
  FLAGS,
  is_device_exclusive_entry,
  PTE_DIRTY,
  PTE_UFFD_WP,
  type PteTable,
  pte_index,
  pte_present,
  SWP_EXCLUSIVE,
  SWP_HWPOISON,
  SWP_PTE_MARKER,
  SWP_SWAP,
  SWP_UFFD_WP,
  swp_uffd_wp_of,
} from './pgtable.js';
import { folio_remove_rmap_pte, folio_try_share_anon_rmap_pte, rmap_places } from './rmap.js';
import { folio_test_swapcache, swap_duplicate, swap_free } from './swap.js';
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

/** Return: whether the entry is gone. */
function unmap_one(
  k: Kernel,
  folio: Page,
  vma: VmArea,
  table: PteTable,
  i: number,
  addr: number,
  poisoned: boolean,
): boolean {
  const { mem } = k;
  const old = table[FLAGS + i]!;
  flush_tlb_page(vma.vm_mm, addr);
  if (pte_present(old) && (old & PTE_DIRTY) !== 0) mem.flags[folio]! |= PG_dirty;
  let entry: number | null = 0;
  let word = 0;
  if (poisoned && !folio_test_swapcache(k, folio)) {
    entry = SWP_HWPOISON;
    word = folio;
  } else if (!folio_test_anon(mem, folio)) {
    if (userfaultfd_pte_wp(vma, old & PTE_UFFD_WP)) entry = SWP_PTE_MARKER | SWP_UFFD_WP;
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
  folio_remove_rmap_pte(k, folio, folio, vma);
  put_page(k, folio);
  if (k.trace !== null && !poisoned) {
    const to = !folio_test_anon(mem, folio) ? 'file' : entry === 0 ? 'nothing' : 'swap';
    k.note({
      event: 'reclaim_unmap',
      fn: 'try_to_unmap_one',
      mm: vma.vm_mm,
      addr,
      page: folio,
      args: { to },
    });
  }
  return true;
}

/** Whether the entry is one of the folio's: where those exclusive to a device count as such, one of them, too. */
function entry_maps(k: Kernel, folio: Page, table: PteTable, i: number): boolean {
  const flags = table[FLAGS + i]!;
  if (table[i] !== folio) return false;
  return pte_present(flags) || (k.behaviour.exclusiveEntriesMap && is_device_exclusive_entry(flags));
}

/** Whoever maps the small page gets a signal from now on, when he touches it (TTU_HWPOISON). Context: folio locked; may sleep. */
export function* unmap_poisoned(k: Kernel, folio: Page): Task {
  yield* unmap_everywhere(k, folio, true);
}

/** Unmap a small folio, as far as nothing speaks against it. Context: folio locked; may sleep (notifiers). */
export function* try_to_unmap(k: Kernel, folio: Page): Task {
  yield* unmap_everywhere(k, folio, false);
}

/** `poisoned`: by entries that say so, and in locked mappings, too. */
function* unmap_everywhere(k: Kernel, folio: Page, poisoned: boolean): Task {
  for (const { vma, address } of rmap_places(k, folio)) {
    const { vm_mm: mm } = vma;
    const range = mmu_notifier_range(mm, address, address + PAGE_SIZE, 'MMU_NOTIFY_CLEAR');
    yield* mmu_notifier_invalidate_range_start(range);
    const table = mm.pt.pteTable(address);
    const i = pte_index(address);
    let goes = true;
    if (table !== null && entry_maps(k, folio, table, i)) {
      const locked = !poisoned && (vma.vm_flags & VM_LOCKED) !== 0;
      if (locked) mlock_folio(k, folio);
      goes = !locked && unmap_one(k, folio, vma, table, i, address, poisoned);
    }
    mmu_notifier_invalidate_range_end(range);
    if (!goes || !folio_mapped(k.mem, folio)) return;
  }
}
