// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: mm/memory.c do_swap_page(), of a genuine swap entry. Fidelity: ported; without readahead. */
import { NO_PAGE, type Page } from '../sim/memmap.js';
import type { Task } from '../sim/task.js';
import type { Kernel } from './kernel.js';
import { folio_add_lru } from './lru.js';
import { mem_cgroup_of_slot } from './memcontrol.js';
import { mem_cgroup_charge } from './memcontrol_charge.js';
import { vma_choice } from './mempolicy.js';
import { get_page, MOVABLE, put_page } from './page_alloc.js';
import { alloc_page } from './page_alloc_slow.js';
import { folio_test_anon, PG_hwpoison, PG_mlocked, PG_swapbacked, PG_uptodate } from './page_flags.js';
import {
  FLAGS,
  PTE_DIRTY,
  PTE_UFFD_WP,
  PTE_WRITE,
  PTE_YOUNG,
  type PteTable,
  pte_index,
  pte_uffd_wp_of,
  SWP_EXCLUSIVE,
} from './pgtable.js';
import { folio_add_anon_rmap_pte, folio_add_new_anon_rmap } from './rmap.js';
import {
  folio_free_swap,
  folio_test_swapcache,
  read_swap_cache,
  swap_free,
  swap_read_folio,
} from './swap.js';
import {
  FAULT_FLAG_WRITE,
  userfaultfd_wp,
  VM_FAULT_HWPOISON,
  VM_FAULT_OOM,
  VM_LOCKED,
  VM_WRITE,
  type VmArea,
  type VmFault,
} from './types.js';
import { maybe_mkwrite } from './vma.js';
import { workingset_refault } from './workingset.js';

/** The page that the cache has of a slot, with a reference; NO_PAGE: none. */
function swap_cache_get_folio(k: Kernel, slot: number): Page {
  const cached = k.swap!.cache.get(slot) ?? NO_PAGE;
  if (cached !== NO_PAGE) get_page(k, cached);
  return cached;
}

/** The page of a slot, with a reference of the caller's; NO_PAGE without memory. */
function* page_of_slot(k: Kernel, slot: number, vma: VmArea, addr: number): Task<Page> {
  const cached = swap_cache_get_folio(k, slot);
  if (cached !== NO_PAGE) return cached;
  const page = yield* alloc_page(k, MOVABLE, vma_choice(vma, addr));
  if (page === NO_PAGE) return NO_PAGE;
  if (
    k.memcgs !== null &&
    (yield* mem_cgroup_charge(k, page, mem_cgroup_of_slot(k, slot, vma.vm_mm))) !== 0
  ) {
    put_page(k, page);
    return NO_PAGE;
  }
  // While memory was reclaimed for it, somebody else may have brought the page, or given the slot up.
  const meanwhile = swap_cache_get_folio(k, slot);
  if (meanwhile !== NO_PAGE) {
    put_page(k, page);
    return meanwhile;
  }
  // A RAM disk answers at once: what nobody else has needs no cache (SWP_SYNCHRONOUS_IO).
  const shadow = k.swap!.shadows.get(slot);
  if (k.swap!.count(slot) > 1) read_swap_cache(k, page, slot);
  else swap_read_folio(k, page, slot);
  k.mem.flags[page]! |= PG_uptodate | PG_swapbacked;
  if (shadow !== undefined) workingset_refault(k, page, shadow);
  folio_add_lru(k, page);
  return page;
}

/** Whether the cache need not keep the folio: only where that may make it the process's alone. */
function should_try_to_free_swap(k: Kernel, folio: Page, vma: VmArea, fault: number): boolean {
  if (!folio_test_swapcache(k, folio)) return false;
  if ((vma.vm_flags & VM_LOCKED) !== 0 || (k.mem.flags[folio]! & PG_mlocked) !== 0) return true;
  return (fault & FAULT_FLAG_WRITE) !== 0 && k.mem.refcount[folio] === 2;
}

/** The present entry. What it may do to the page at once, the fault need not ask again. */
function entry_of(vmf: VmFault, old: number, exclusive: boolean): number {
  const { vma } = vmf;
  const k = vma.vm_mm.kernel;
  let flags = vma.vm_page_prot | PTE_YOUNG | pte_uffd_wp_of(old);
  if ((flags & PTE_UFFD_WP) !== 0) flags &= ~PTE_WRITE;
  if (!exclusive) return flags;
  const write = (vmf.flags & FAULT_FLAG_WRITE) !== 0;
  if (!write && !k.behaviour.swapinMapsWritable) return flags;
  const protectedFor = (flags & PTE_UFFD_WP) !== 0 && userfaultfd_wp(vma);
  if (k.behaviour.swapinMapsWritable && (protectedFor || (vma.vm_flags & VM_WRITE) === 0)) return flags;
  flags = maybe_mkwrite(flags, vma);
  if (write) {
    flags |= PTE_DIRTY;
    vmf.flags &= ~FAULT_FLAG_WRITE;
  }
  return flags;
}

/** Map the locked folio in place of its slot; the entry takes over the caller's reference. */
function map_swapped(vmf: VmFault, folio: Page, slot: number, table: PteTable, i: number): void {
  const { vma, address } = vmf;
  const k = vma.vm_mm.kernel;
  const old = table[FLAGS + i]!;
  const sole = (old & SWP_EXCLUSIVE) !== 0 || !folio_test_swapcache(k, folio);
  swap_free(k, slot);
  if (should_try_to_free_swap(k, folio, vma, vmf.flags)) folio_free_swap(k, folio);
  const exclusive = sole || k.mem.refcount[folio] === 1;
  vma.vm_mm.rss++;
  const flags = entry_of(vmf, old, exclusive);
  if (folio_test_anon(k.mem, folio)) {
    folio_add_anon_rmap_pte(k, folio, folio, vma, exclusive);
  } else {
    folio_add_new_anon_rmap(k, folio, vma, address, exclusive);
  }
  table[i] = folio;
  table[FLAGS + i] = flags;
}

/** Whoever looks on is told that the fault came for a page that the hardware has lost. */
export function note_poisoned(
  { vma, address }: VmFault,
  page: Page,
  id: 'hwpoison-entry' | 'hwpoison-page',
): void {
  const { vm_mm: mm } = vma;
  mm.kernel.note({ event: 'skip', fn: 'do_swap_page', mm, addr: address, page, reason: { id } });
}

/** Context: mmap_lock held; may sleep. Return: 0 or VM_FAULT_*. */
export function* swap_in_page(
  vmf: VmFault,
  slot: number,
  orig: number,
  do_wp_page: (vmf: VmFault, table: PteTable, i: number) => Task<number>,
): Task<number> {
  const { vm_mm: mm } = vmf.vma;
  const k = mm.kernel;
  const folio = yield* page_of_slot(k, slot, vmf.vma, vmf.address);
  if (folio === NO_PAGE) return VM_FAULT_OOM;
  // One that was lost with what was to be written stays in the cache for whoever comes for it.
  if ((k.mem.flags[folio]! & PG_hwpoison) !== 0) {
    put_page(k, folio);
    if (k.trace !== null) note_poisoned(vmf, folio, 'hwpoison-page');
    return VM_FAULT_HWPOISON;
  }
  yield* k.lock_page(folio, 'do_swap_page');
  const table = mm.pt.pteTable(vmf.address);
  const i = pte_index(vmf.address);
  if (table === null || table[i] !== slot || table[FLAGS + i] !== orig) {
    k.unlock_page(folio);
    put_page(k, folio);
    return 0;
  }
  map_swapped(vmf, folio, slot, table, i);
  k.unlock_page(folio);
  return (vmf.flags & FAULT_FLAG_WRITE) === 0 ? 0 : yield* do_wp_page(vmf, table, i);
}
