// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: mm/huge_memory.c, splitting: of a huge PMD into PTEs, of a THP into base pages. Fidelity: ported. */
import { COST_HUGE } from '../sim/costs.js';
import { NO_PAGE, type Page } from '../sim/memmap.js';
import type { Task } from '../sim/task.js';
import { EAGAIN, EBUSY } from '../uapi/errno.js';
import { HPAGE_PMD_NR, PAGE_SIZE } from '../uapi/mman.js';
import type { Kernel } from './kernel.js';
import { split_page_memcg } from './memcontrol.js';
import { is_device_private_page } from './memremap.js';
import { remove_migration_ptes } from './migrate.js';
import {
  mmu_notifier_invalidate_range_end,
  mmu_notifier_invalidate_range_start,
  mmu_notifier_range,
} from './mmu_notifier.js';
import { put_page } from './page_alloc.js';
import {
  add_large_mapcount,
  folio_mapcount,
  folio_test_anon,
  PageAnonExclusive,
  PG_anon_exclusive,
  PG_dirty,
  PG_head,
  PG_locked,
  PG_lru,
  PG_tail,
  SPLIT_COPIED_FLAGS,
} from './page_flags.js';
import {
  FLAGS,
  is_migration_entry,
  type PmdTable,
  PTE_DIRTY,
  PTE_HUGE,
  PTE_SPECIAL,
  PTE_UFFD_WP,
  PTE_WRITE,
  PTE_YOUNG,
  type PteTable,
  pmd_index,
  pmd_is_huge,
  pte_present,
} from './pgtable.js';
import { type Reason, referenced } from './reasons.js';
import {
  folio_remove_rmap_pmd,
  folio_try_share_anon_rmap_pmd,
  migration_entry_of,
  try_to_migrate,
} from './rmap.js';
import { unmap_to_split } from './rmap_unmap.js';
import { folio_cache_refs } from './swap.js';
import { flush_tlb_range } from './tlb.js';
import { type VmArea, vma_is_anonymous } from './types.js';

/**
 * Replace a huge PMD by a table of PTEs; with `freeze`, of migration entries. `folio`: only if it maps that one.
 * Context: may sleep (notifiers).
 */
export function* __split_huge_pmd(
  vma: VmArea,
  pmd: PmdTable,
  i: number,
  address: number,
  freeze: boolean,
  folio: Page | null,
): Task {
  vma.vm_mm.kernel.enter('__split_huge_pmd', address);
  const haddr = address - (address % 0x200000);
  const range = mmu_notifier_range(vma.vm_mm, haddr, haddr + 0x200000, 'MMU_NOTIFY_CLEAR');
  yield* mmu_notifier_invalidate_range_start(range);
  if (folio === null || pmd.e[i] === folio) split_huge_pmd_locked(vma, pmd, i, address, freeze);
  mmu_notifier_invalidate_range_end(range);
}

/** The same, where the notifiers have been called already. */
export function split_huge_pmd_locked(
  vma: VmArea,
  pmd: PmdTable,
  i: number,
  address: number,
  freeze: boolean,
): void {
  vma.vm_mm.kernel.enter('split_huge_pmd_locked', address);
  if (pmd_is_huge(pmd, i)) __split_huge_pmd_locked(vma, pmd, i, address - (address % 0x200000), freeze);
}

function __split_huge_pmd_locked(
  vma: VmArea,
  pmd: PmdTable,
  i: number,
  haddr: number,
  freeze: boolean,
): void {
  const k = vma.vm_mm.kernel;
  const page = pmd.e[i]!;
  const old = pmd.e[FLAGS + i]!;
  const { pt } = vma.vm_mm;
  pt.pmd_clear(pmd, i);
  k.executor.charge(COST_HUGE);
  flush_tlb_range(vma.vm_mm, haddr, haddr + 0x200000);
  if (!vma_is_anonymous(vma)) {
    if (!pte_present(old)) {
      vma.vm_mm.rss -= HPAGE_PMD_NR;
      return;
    }
    if ((old & PTE_DIRTY) !== 0) k.mem.flags[page]! |= PG_dirty;
    folio_remove_rmap_pmd(k, page, vma);
    vma.vm_mm.rss -= HPAGE_PMD_NR;
    put_page(k, page);
    return;
  }
  const table = pt.pmd_populate(pmd, i);
  if (page === k.hugeZeroFolio) {
    split_huge_zero(k, vma, table, old & PTE_UFFD_WP);
    return;
  }
  if (is_migration_entry(old)) split_migration_pmd(k, page, old, table, freeze);
  else split_anon_pmd(k, vma, page, old, table, freeze);
}

/** The huge page migrates: its PTEs stand for it in the same way. */
function split_migration_pmd(k: Kernel, page: Page, old: number, table: PteTable, freeze: boolean): void {
  for (let n = 0; n < HPAGE_PMD_NR; n++) table[n] = page + n;
  table.fill(old & ~PTE_HUGE, FLAGS);
  if (freeze) put_page(k, page);
}

function split_huge_zero(k: Kernel, vma: VmArea, table: PteTable, wp: number): void {
  table.fill(k.zeroPage, 0, FLAGS);
  table.fill(vma.vm_page_prot | PTE_SPECIAL | PTE_YOUNG | wp, FLAGS);
}

function split_anon_pmd(
  k: Kernel,
  vma: VmArea,
  page: Page,
  old: number,
  table: PteTable,
  freeze: boolean,
): void {
  const { mem } = k;
  const present = pte_present(old);
  if (present && (old & PTE_DIRTY) !== 0) mem.flags[page]! |= PG_dirty;
  const exclusive = PageAnonExclusive(mem, page);
  if (freeze && exclusive && !folio_try_share_anon_rmap_pmd(k, page)) freeze = false;
  for (let n = 0; n < HPAGE_PMD_NR; n++) table[n] = page + n;
  if (freeze) {
    table.fill(migration_entry_of(old, exclusive), FLAGS);
    folio_remove_rmap_pmd(k, page, vma);
    put_page(k, page);
    return;
  }
  mem.refcount[page]! += HPAGE_PMD_NR - 1;
  add_large_mapcount(mem, page, HPAGE_PMD_NR);
  for (let n = 0; n < HPAGE_PMD_NR; n++) {
    mem.mapcount[page + n]!++;
    if (exclusive) mem.flags[page + n]! |= PG_anon_exclusive;
  }
  const kept = PTE_WRITE | PTE_YOUNG | PTE_UFFD_WP | (k.behaviour.splitKeepsDirtyBit ? PTE_DIRTY : 0);
  table.fill(present ? vma.vm_page_prot | (old & kept) : old & ~PTE_HUGE, FLAGS);
  folio_remove_rmap_pmd(k, page, vma);
}

/** A VMA boundary moves to the middle of a huge page: split its PMD (vma_adjust_trans_huge). */
export function* split_huge_pmd_if_needed(vma: VmArea, address: number): Task {
  const haddr = address - (address % 0x200000);
  if (haddr === address || haddr < vma.vm_start || haddr + 0x200000 > vma.vm_end) return;
  const pmd = vma.vm_mm.pt.pmdTable(address);
  // The kernel looks for a huge page only after it has notified of the whole 2 MiB: devices lose that range anyway.
  if (pmd !== null) yield* __split_huge_pmd(vma, pmd, pmd_index(address), address, false, null);
}

/** Whether nobody but the mappings, the page cache and `caller_pins` holds the folio. */
function can_split_folio(k: Kernel, folio: Page, caller_pins: number): boolean {
  return folio_mapcount(k.mem, folio) === k.mem.refcount[folio]! - folio_cache_refs(k, folio) - caller_pins;
}

/**
 * Split a THP into base pages (split_huge_page_to_list_to_order, order 0), of anonymous memory or of a memory file. What mapped
 * one of a file does not any more: faults bring its pages back. `kept`: which of them the caller's lock and reference are of then.
 * Context: folio locked, with one reference of the caller; may sleep. Return: 0, -EAGAIN when somebody holds it,
 * -EBUSY for the huge zero page, and for one that has just been cut off its file.
 */
export function* split_folio(k: Kernel, folio: Page, kept = folio): Task<number> {
  k.enter('split_huge_page_to_list_to_order');
  const { mem } = k;
  if (folio === k.hugeZeroFolio || mem.mapping[folio] === 0) return -EBUSY;
  if (!can_split_folio(k, folio, 1)) {
    if (k.trace !== null) {
      const known = 1 + folio_mapcount(mem, folio) + folio_cache_refs(k, folio);
      note_unsplit(k, folio, referenced('thp-pinned', k, folio, known));
    }
    return -EAGAIN;
  }
  if (folio_test_anon(mem, folio)) yield* try_to_migrate(k, folio, true);
  else yield* unmap_to_split(k, folio);
  if (mem.refcount[folio] !== 1 + folio_cache_refs(k, folio)) {
    if (folio_test_anon(mem, folio)) remove_migration_ptes(k, folio, folio, false);
    if (k.trace !== null) note_unsplit(k, folio, { id: 'thp-referenced' });
    return -EAGAIN;
  }
  __split_huge_page(k, folio, kept);
  return 0;
}

function note_unsplit(k: Kernel, folio: Page, reason: Reason): void {
  k.note({ event: 'skip', fn: 'split_huge_page_to_list_to_order', page: folio, reason });
}

/** Make 512 folios of one that nothing maps: each is locked, and has the reference that the folio had, or one. */
function __split_unmapped_folio(k: Kernel, folio: Page): void {
  const { mem } = k;
  const head = mem.flags[folio]!;
  const ops = k.is_zone_device_page(folio) ? k.pgmapOf(folio).ops : null;
  const mapping = mem.mapping[folio]!;
  const index = mem.index[folio]!;
  for (let i = 1; i < HPAGE_PMD_NR; i++) {
    const tail = folio + i;
    const keep = mem.flags[tail]! & ~(PG_tail | PG_anon_exclusive);
    mem.flags[tail] = keep | (head & (SPLIT_COPIED_FLAGS | PG_lru)) | PG_locked;
    if (k.executor.locks !== null) k.watchLocked(tail);
    mem.priv[tail] = 0;
    mem.mapping[tail] = mapping;
    mem.index[tail] = index + i;
    mem.refcount[tail] = 1;
    ops?.folio_split?.(folio, tail);
  }
  ops?.folio_split?.(folio, NO_PAGE);
  if (k.memcgs !== null) split_page_memcg(k, folio);
  mem.flags[folio] = head & ~PG_head;
  if ((head & PG_lru) !== 0) k.lru.split(folio);
}

/**
 * Split a large folio that nothing maps any more; the new ones stay locked, and off the LRU (folio_split_unmapped).
 * Context: folio locked, with one reference of the caller. Return: 0, or -EAGAIN when somebody else holds it.
 */
export function folio_split_unmapped(k: Kernel, folio: Page): number {
  k.enter('folio_split_unmapped');
  if (!can_split_folio(k, folio, 1)) return -EAGAIN;
  __split_unmapped_folio(k, folio);
  return 0;
}

/**
 * Each small page has the reference of the page cache from now on that the huge one had for it. What lies beyond the end of the
 * file leaves the cache.
 */
function share_cache_refs(k: Kernel, folio: Page): void {
  const { mem } = k;
  const mapping = k.mappings[-mem.mapping[folio]!]!;
  const end = Math.ceil(mapping.size / PAGE_SIZE);
  mem.refcount[folio]! -= HPAGE_PMD_NR - 1;
  for (let tail = folio + 1; tail < folio + HPAGE_PMD_NR; tail++) {
    if (mem.index[tail]! < end) {
      mem.refcount[tail]!++;
      continue;
    }
    mapping.i_pages.delete(mem.index[tail]!);
    mem.flags[tail]! &= ~PG_dirty;
    mem.mapping[tail] = 0;
  }
}

function __split_huge_page(k: Kernel, folio: Page, kept: Page): void {
  const anon = folio_test_anon(k.mem, folio);
  const zeropage = anon && k.behaviour.splitRemapsZeroPages && !is_device_private_page(k, folio);
  __split_unmapped_folio(k, folio);
  if (!anon) share_cache_refs(k, folio);
  if (anon) {
    for (let i = 0; i < HPAGE_PMD_NR; i++) remove_migration_ptes(k, folio + i, folio + i, zeropage);
  }
  // The caller keeps the lock and the reference of one; the others go to whoever maps them.
  for (let page = folio; page < folio + HPAGE_PMD_NR; page++) {
    if (page === kept) continue;
    k.unlock_page(page);
    k.enter('free_folio_and_swap_cache');
    put_page(k, page);
  }
}
