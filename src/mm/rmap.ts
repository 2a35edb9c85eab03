// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: mm/rmap.c, mm/page_vma_mapped.c, include/linux/rmap.h. Fidelity: ported; no swap, KSM or hwpoison. */
import { COST_HUGE } from '../sim/costs.js';
import { KernelBug } from '../sim/errors.js';
import type { Page } from '../sim/memmap.js';
import type { Task } from '../sim/task.js';
import { EBUSY } from '../uapi/errno.js';
import { HPAGE_PMD_NR, HPAGE_PMD_SIZE, PAGE_SIZE } from '../uapi/mman.js';
import { __split_huge_pmd, split_huge_pmd_locked } from './huge_split.js';
import { in_tree_order } from './interval_tree.js';
import type { Kernel } from './kernel.js';
import { mlock_folio, munlock_folio } from './lru.js';
import { is_device_private_page } from './memremap.js';
import {
  mmu_notifier_invalidate_range_end,
  mmu_notifier_invalidate_range_start,
  mmu_notifier_range,
} from './mmu_notifier.js';
import { put_page } from './page_alloc.js';
import {
  add_entire_mapcount,
  add_large_mapcount,
  ClearPageAnonExclusive,
  folio_mapcount,
  folio_mapped,
  folio_mark_dirty,
  folio_maybe_dma_pinned,
  folio_nr_pages,
  folio_test_anon,
  folio_test_large,
  PageAnonExclusive,
  PG_swapbacked,
  SetPageAnonExclusive,
} from './page_flags.js';
import {
  FLAGS,
  is_device_exclusive_entry,
  is_device_private_entry,
  is_migration_entry,
  type PmdTable,
  PTE_DIRTY,
  PTE_HUGE,
  PTE_PRESENT,
  PTE_WRITE,
  PTE_YOUNG,
  type PteTable,
  pmd_index,
  pmd_is_device_private_entry,
  pmd_is_huge,
  pmd_is_migration_entry,
  pte_index,
  pte_present,
  SWP_DEVICE_EXCLUSIVE_READ,
  SWP_DEVICE_EXCLUSIVE_WRITE,
  SWP_DEVICE_WRITE,
  SWP_MIG_DIRTY,
  SWP_MIG_YOUNG,
  SWP_MIGRATION_READ,
  SWP_MIGRATION_READ_EXCLUSIVE,
  SWP_MIGRATION_WRITE,
  SWP_UFFD_WP,
  swp_type,
  swp_uffd_wp_of,
} from './pgtable.js';
import { referenced } from './reasons.js';
import { flush_tlb_page, flush_tlb_range } from './tlb.js';
import { linear_page_index, type MmStruct, VM_LOCKED, VM_SPECIAL, type VmArea } from './types.js';

export const RMAP_NONE = false;

// --- adding and removing ----------------------------------------------------------------------------

function mlock_vma_folio(k: Kernel, folio: Page, vma: VmArea): void {
  if ((vma.vm_flags & (VM_LOCKED | VM_SPECIAL)) === VM_LOCKED) mlock_folio(k, folio);
}

function munlock_vma_folio(k: Kernel, folio: Page, vma: VmArea): void {
  if ((vma.vm_flags & VM_LOCKED) !== 0) munlock_folio(k, folio);
}

/** A new folio, in nobody's page table yet, becomes anonymous memory of `vma` at `address`. */
export function folio_add_new_anon_rmap(
  k: Kernel,
  folio: Page,
  vma: VmArea,
  address: number,
  exclusive = true,
): void {
  const { mem } = k;
  mem.flags[folio]! |= PG_swapbacked;
  if (vma.anon_vma === null) throw new KernelBug('__folio_set_anon', 'the VMA has no anon_vma');
  // Whoever else comes to map a page that is not exclusive may have the VMA from an ancestor.
  mem.mapping[folio] = (exclusive ? vma.anon_vma : vma.anon_vma.root).id;
  mem.index[folio] = linear_page_index(vma, address);
  if (folio_test_large(mem, folio)) add_entire_mapcount(mem, folio, 1);
  else mem.mapcount[folio] = 1;
  if (exclusive) SetPageAnonExclusive(mem, folio);
  mlock_vma_folio(k, folio, vma);
}

/** One more PTE maps the anonymous `page`, whose rmap is set up already. */
export function folio_add_anon_rmap_pte(
  k: Kernel,
  folio: Page,
  page: Page,
  vma: VmArea,
  exclusive: boolean,
): void {
  const { mem } = k;
  mem.mapcount[page]!++;
  if (folio_test_large(mem, folio)) add_large_mapcount(mem, folio, 1);
  else mlock_vma_folio(k, folio, vma);
  if (exclusive) SetPageAnonExclusive(mem, page);
}

export function folio_add_file_rmap_pte(k: Kernel, folio: Page, page: Page, vma: VmArea): void {
  k.mem.mapcount[page]!++;
  if (folio_test_large(k.mem, folio)) add_large_mapcount(k.mem, folio, 1);
  else mlock_vma_folio(k, folio, vma);
}

export function folio_remove_rmap_pte(k: Kernel, folio: Page, page: Page, vma: VmArea): void {
  const { mem } = k;
  if (mem.mapcount[page] === 0) {
    throw new KernelBug('folio_remove_rmap_pte', `mapcount of page ${page} falls below 0`);
  }
  mem.mapcount[page]!--;
  if (folio_test_large(mem, folio)) add_large_mapcount(mem, folio, -1);
  munlock_vma_folio(k, folio, vma);
}

export function folio_remove_rmap_pmd(k: Kernel, folio: Page, vma: VmArea): void {
  add_entire_mapcount(k.mem, folio, -1);
  munlock_vma_folio(k, folio, vma);
}

/** fork: whether pages of this mm may be pinned, so that the child needs its own copy. */
function folio_needs_cow_for_dma(src_vma: VmArea, folio: Page): boolean {
  const { vm_mm } = src_vma;
  return vm_mm.has_pinned && folio_maybe_dma_pinned(vm_mm.kernel.mem, folio);
}

/** fork: share one PTE mapping. Return: false when the page may be pinned and must be copied. */
export function folio_try_dup_anon_rmap_pte(k: Kernel, folio: Page, page: Page, src_vma: VmArea): boolean {
  const { mem } = k;
  const exclusive = PageAnonExclusive(mem, page);
  if (exclusive && !is_device_private_page(k, folio) && folio_needs_cow_for_dma(src_vma, folio)) return false;
  if (exclusive) ClearPageAnonExclusive(mem, page);
  mem.mapcount[page]!++;
  if (folio_test_large(mem, folio)) add_large_mapcount(mem, folio, 1);
  return true;
}

export function folio_try_dup_anon_rmap_pmd(k: Kernel, folio: Page, src_vma: VmArea): boolean {
  const exclusive = PageAnonExclusive(k.mem, folio);
  if (exclusive && !is_device_private_page(k, folio) && folio_needs_cow_for_dma(src_vma, folio)) return false;
  if (exclusive) ClearPageAnonExclusive(k.mem, folio);
  add_entire_mapcount(k.mem, folio, 1);
  return true;
}

/** Before a PTE is replaced by a migration entry: drop exclusivity. Return: false when the page may be pinned. */
export function folio_try_share_anon_rmap_pte(k: Kernel, folio: Page, page: Page): boolean {
  if (!is_device_private_page(k, folio) && folio_maybe_dma_pinned(k.mem, folio)) return false;
  ClearPageAnonExclusive(k.mem, page);
  return true;
}

export function folio_try_share_anon_rmap_pmd(k: Kernel, folio: Page): boolean {
  if (!is_device_private_page(k, folio) && folio_maybe_dma_pinned(k.mem, folio)) return false;
  ClearPageAnonExclusive(k.mem, folio);
  return true;
}

/** A huge PMD maps the anonymous folio, whose rmap is set up already. */
export function folio_add_anon_rmap_pmd(k: Kernel, folio: Page, vma: VmArea, exclusive: boolean): void {
  add_entire_mapcount(k.mem, folio, 1);
  mlock_vma_folio(k, folio, vma);
  if (exclusive) SetPageAnonExclusive(k.mem, folio);
}

/** A huge PMD maps the folio of a file. */
export function folio_add_file_rmap_pmd(k: Kernel, folio: Page, vma: VmArea): void {
  add_entire_mapcount(k.mem, folio, 1);
  mlock_vma_folio(k, folio, vma);
}

/** The folio belongs to one process now: later rmap walks need not look at its relatives. */
export function folio_move_anon_rmap(k: Kernel, folio: Page, vma: VmArea): void {
  k.mem.mapping[folio] = vma.anon_vma!.id;
}

// --- walking ------------------------------------------------------------------------------------------

export interface RmapPlace {
  readonly vma: VmArea;
  readonly address: number;
}

/** Every VMA that can map part of the folio, with the address of the first part (rmap_walk). */
export function rmap_places(k: Kernel, folio: Page): RmapPlace[] {
  const { mem } = k;
  const mapping = mem.mapping[folio]!;
  const first = mem.index[folio]!;
  const nr = folio_nr_pages(mem, folio);
  const places: RmapPlace[] = [];
  const visit = (vma: VmArea): void => {
    const address = vma_address(vma, first, nr);
    if (address >= 0) places.push({ vma, address });
  };
  if (mapping > 0) {
    const anon_vma = k.anonVmas[mapping];
    if (anon_vma === null || anon_vma === undefined) return places;
    anon_vma.forEachVma(first, nr, visit);
  } else if (mapping < 0) {
    for (const vma of in_tree_order([...k.mappings[-mapping]!.i_mmap])) visit(vma);
  }
  return places;
}

/** Where `vma` maps page index `pgoff` or the first later one of `nr`; -1 when it maps none. */
function vma_address(vma: VmArea, pgoff: number, nr: number): number {
  if (pgoff >= vma.vm_pgoff) {
    const address = vma.vm_start + (pgoff - vma.vm_pgoff) * PAGE_SIZE;
    return address < vma.vm_end ? address : -1;
  }
  return pgoff + nr > vma.vm_pgoff ? vma.vm_start : -1;
}

/** Last byte + 1 of what `vma` maps of the folio from `address` on. */
export function vma_address_end(k: Kernel, folio: Page, vma: VmArea, address: number): number {
  const nr = folio_nr_pages(k.mem, folio);
  if (nr === 1) return address + PAGE_SIZE;
  const past = vma.vm_start + (k.mem.index[folio]! + nr - vma.vm_pgoff) * PAGE_SIZE;
  return Math.min(past, vma.vm_end);
}

/** Calls `one` for every PTE of `vma` that maps part of the folio; stops when it returns false. */
export function forEachMappedPte(
  k: Kernel,
  folio: Page,
  { vma, address }: RmapPlace,
  accept: (flags: number) => boolean,
  one: (table: PteTable, i: number, address: number) => boolean,
): boolean {
  const nr = folio_nr_pages(k.mem, folio);
  const end = vma_address_end(k, folio, vma, address);
  for (let addr = address; addr < end; addr += PAGE_SIZE) {
    const table = vma.vm_mm.pt.pteTable(addr);
    if (table === null) continue;
    const i = pte_index(addr);
    const page = table[i]!;
    const flags = table[FLAGS + i]!;
    if (flags === 0 || page < folio || page >= folio + nr || !accept(flags)) continue;
    if (!one(table, i, addr)) return false;
  }
  return true;
}

/** Entries that count as a mapping of the page. */
export const mapsOrDevice = (flags: number): boolean =>
  pte_present(flags) || is_device_private_entry(flags) || is_device_exclusive_entry(flags);

/** Whether page_vma_mapped_walk() takes the huge private page of another folio at `address` for a mapping of its own. */
function misread_private_pmd(k: Kernel, { vma, address }: RmapPlace): boolean {
  if (k.behaviour.walkChecksPrivatePmds) return false;
  const pmd = vma.vm_mm.pt.pmdTable(address);
  return pmd !== null && pmd_is_device_private_entry(pmd, pmd_index(address));
}

/** Functions that find a huge PMD look only whether the folio is one that fits (CONFIG_DEBUG_VM). */
function assert_pmd_mappable(k: Kernel, folio: Page, fn: string): void {
  if (folio_test_large(k.mem, folio)) return;
  throw new KernelBug(fn, `VM_BUG_ON_FOLIO: a huge PMD is taken for one of the small folio ${folio}`);
}

// --- try_to_migrate -------------------------------------------------------------------------------------

/** The migration entry that stands for a mapping with `flags` (of a present or device private entry). */
export function migration_entry_of(flags: number, exclusive: boolean): number {
  const present = pte_present(flags);
  const write = present ? (flags & PTE_WRITE) !== 0 : swp_type(flags) === SWP_DEVICE_WRITE;
  let entry = write ? SWP_MIGRATION_WRITE : exclusive ? SWP_MIGRATION_READ_EXCLUSIVE : SWP_MIGRATION_READ;
  if (present && (flags & PTE_YOUNG) !== 0) entry |= SWP_MIG_YOUNG;
  if (present && (flags & PTE_DIRTY) !== 0) entry |= SWP_MIG_DIRTY;
  return entry | (present ? swp_uffd_wp_of(flags) : flags & SWP_UFFD_WP);
}

function note_pinned(k: Kernel, fn: string, vma: VmArea, addr: number, page: Page, folio: Page): void {
  if (k.trace === null) return;
  const reason = referenced('pinned', k, folio, 1 + folio_mapcount(k.mem, folio));
  k.note({ event: 'skip', fn, mm: vma.vm_mm, addr, page, reason });
}

/**
 * Replace the huge PMD that maps `folio`, present or on a device, by a migration entry.
 * Source: mm/huge_memory.c set_pmd_migration_entry. Return: 0, or -EBUSY when the folio may be pinned.
 */
export function set_pmd_migration_entry(
  k: Kernel,
  folio: Page,
  vma: VmArea,
  pmd: PmdTable,
  i: number,
  address: number,
): number {
  k.enter('set_pmd_migration_entry', address);
  const { mem } = k;
  const flags = pmd.e[FLAGS + i]!;
  const present = pte_present(flags);
  k.executor.charge(COST_HUGE);
  if (present) flush_tlb_range(vma.vm_mm, address, address + HPAGE_PMD_SIZE);
  const exclusive = folio_test_anon(mem, folio) && PageAnonExclusive(mem, folio);
  if (exclusive && !folio_try_share_anon_rmap_pmd(k, folio)) {
    note_pinned(k, 'set_pmd_migration_entry', vma, address, folio, folio);
    return -EBUSY;
  }
  if (present && (flags & PTE_DIRTY) !== 0) folio_mark_dirty(mem, folio);
  pmd.e[i] = folio;
  pmd.e[FLAGS + i] = migration_entry_of(flags, exclusive) | PTE_HUGE;
  folio_remove_rmap_pmd(k, folio, vma);
  put_page(k, folio);
  if (k.trace !== null) {
    const fn = 'set_pmd_migration_entry';
    const args = { pages: HPAGE_PMD_NR, present: Number(present) };
    k.note({ event: 'set_migration_pmd', fn, mm: vma.vm_mm, addr: address, page: folio, args });
  }
  return 0;
}

/** Replace one mapping by a migration entry. Return: false when the page may be pinned. */
function migrate_one_pte(
  k: Kernel,
  folio: Page,
  vma: VmArea,
  table: PteTable,
  i: number,
  address: number,
): boolean {
  const { mem } = k;
  const page = table[i]!;
  const flags = table[FLAGS + i]!;
  if (is_device_private_entry(flags) && !k.behaviour.subpageOfEntryApart) {
    throw new KernelBug('try_to_migrate_one', 'page fault: pte_pfn() of a device private entry is no pfn');
  }
  if (is_device_exclusive_entry(flags) && !k.behaviour.exclusiveEntriesMap) {
    throw new KernelBug('try_to_migrate_one', 'page fault: pte_pfn() of a device exclusive entry is no pfn');
  }
  const exclusive = folio_test_anon(mem, folio) && PageAnonExclusive(mem, page);
  if (exclusive && !folio_try_share_anon_rmap_pte(k, folio, page)) {
    note_pinned(k, 'try_to_migrate_one', vma, address, page, folio);
    return false;
  }
  if (pte_present(flags)) {
    flush_tlb_page(vma.vm_mm, address);
    if ((flags & PTE_DIRTY) !== 0) folio_mark_dirty(mem, folio);
  }
  table[FLAGS + i] = migration_entry_of(flags, exclusive);
  if (k.trace !== null)
    k.note({ event: 'set_migration_pte', fn: 'try_to_migrate_one', mm: vma.vm_mm, addr: address, page });
  folio_remove_rmap_pte(k, folio, page, vma);
  put_page(k, folio);
  return true;
}

/**
 * Replace all mappings of the locked folio by migration entries, as far as it is not pinned.
 * `freeze`: split huge PMDs of a THP into migration entries (unmap_folio).
 * Context: may sleep (notifiers).
 */
export function* try_to_migrate(k: Kernel, folio: Page, freeze = false): Task {
  k.enter('try_to_migrate');
  const inWalk = k.behaviour.migrateSplitsInWalk;
  for (const place of rmap_places(k, folio)) {
    const { vma, address } = place;
    k.enter('try_to_migrate_one', address);
    if (freeze && !inWalk) yield* split_huge_pmd_address(vma, address, folio);
    const notified = vma.vm_mm.notifiers !== null;
    const range = mmu_notifier_range(
      vma.vm_mm,
      address,
      vma_address_end(k, folio, vma, address),
      'MMU_NOTIFY_CLEAR',
    );
    if (notified) yield* mmu_notifier_invalidate_range_start(range);
    const migrated =
      migrate_huge_pmd(k, folio, place, freeze && inWalk) &&
      forEachMappedPte(k, folio, place, mapsOrDevice, (table, i, addr) =>
        migrate_one_pte(k, folio, vma, table, i, addr),
      );
    if (notified) mmu_notifier_invalidate_range_end(range);
    if (!migrated || !folio_mapped(k.mem, folio)) return;
  }
}

/** What try_to_migrate_one() does where a huge PMD maps the folio. Return: false when it may be pinned. */
function migrate_huge_pmd(k: Kernel, folio: Page, place: RmapPlace, freeze: boolean): boolean {
  const { vma, address } = place;
  const misread = misread_private_pmd(k, place);
  if (misread) assert_pmd_mappable(k, folio, 'try_to_migrate_one');
  if (!folio_test_large(k.mem, folio)) return true;
  const pmd = vma.vm_mm.pt.pmdTable(address);
  if (pmd === null) return true;
  const i = pmd_index(address);
  if (!pmd_is_huge(pmd, i) || pmd_is_migration_entry(pmd, i)) return true;
  if (pmd.e[i] !== folio && !misread) return true;
  if (!freeze) return set_pmd_migration_entry(k, folio, vma, pmd, i, address) === 0;
  split_huge_pmd_locked(vma, pmd, i, address, true);
  return true;
}

/** Split the huge PMD that maps `folio` at `address`, into migration entries. */
function* split_huge_pmd_address(vma: VmArea, address: number, folio: Page): Task {
  const pmd = vma.vm_mm.pt.pmdTable(address);
  if (pmd === null) return;
  const i = pmd_index(address);
  yield* __split_huge_pmd(vma, pmd, i, address, true, folio);
}

// --- device exclusive access ------------------------------------------------------------------------------

/**
 * Replace the folio's mappings by device exclusive entries (folio_make_device_exclusive).
 * Context: folio locked; may sleep. Return: whether it is gone from `address` of `mm`, and from everywhere.
 */
export function* folio_make_device_exclusive(
  k: Kernel,
  folio: Page,
  mm: MmStruct,
  address: number,
  owner: unknown,
): Task<boolean> {
  const { mem } = k;
  if (!folio_test_anon(mem, folio)) return false;
  let valid = false;
  for (const place of rmap_places(k, folio)) {
    const { vma } = place;
    k.enter('page_make_device_exclusive_one', place.address);
    const range = mmu_notifier_range(
      vma.vm_mm,
      place.address,
      Math.min(vma.vm_end, place.address + folio_nr_pages(mem, folio) * PAGE_SIZE),
      'MMU_NOTIFY_EXCLUSIVE',
      owner,
    );
    yield* mmu_notifier_invalidate_range_start(range);
    const more = forEachMappedPte(k, folio, place, mapsOrDevice, (table, i, addr) => {
      const flags = table[FLAGS + i]!;
      if (!pte_present(flags)) return false;
      const page = table[i]!;
      const write = (flags & PTE_WRITE) !== 0;
      flush_tlb_page(vma.vm_mm, addr);
      if ((flags & PTE_DIRTY) !== 0) folio_mark_dirty(mem, folio);
      if (vma.vm_mm === mm && addr === address && write) valid = true;
      const entry = write ? SWP_DEVICE_EXCLUSIVE_WRITE : SWP_DEVICE_EXCLUSIVE_READ;
      table[FLAGS + i] = entry | swp_uffd_wp_of(flags);
      folio_remove_rmap_pte(k, folio, page, vma);
      return true;
    });
    mmu_notifier_invalidate_range_end(range);
    if (!more || !folio_mapped(mem, folio)) break;
  }
  return valid && folio_mapcount(mem, folio) === 0;
}

// --- restoring after migration --------------------------------------------------------------------------------

/**
 * Calls `one` for every migration entry that stands for part of `src`, in the places where `dst` may be mapped, `huge` for
 * a huge one; and, as page_vma_mapped_walk() took one for the other, `one` for every device exclusive entry.
 */
export function forEachMigrationPte(
  k: Kernel,
  src: Page,
  dst: Page,
  one: (vma: VmArea, table: PteTable, i: number, address: number) => void,
  huge: (vma: VmArea, pmd: PmdTable, i: number, address: number) => void,
): void {
  const exclusive = !k.behaviour.exclusiveEntriesMap;
  for (const place of rmap_places(k, dst)) {
    k.enter('remove_migration_pte', place.address);
    const nr = folio_nr_pages(k.mem, dst);
    const pmd = place.vma.vm_mm.pt.pmdTable(place.address);
    const m = pmd_index(place.address);
    if (pmd !== null && pmd_is_migration_entry(pmd, m)) {
      const head = pmd.e[m]!;
      if (head < src + nr && src < head + HPAGE_PMD_NR) huge(place.vma, pmd, m, place.address);
      continue;
    }
    if (misread_private_pmd(k, place)) {
      assert_pmd_mappable(k, dst, 'remove_migration_pte');
      huge(place.vma, pmd!, m, place.address);
      continue;
    }
    const end = vma_address_end(k, dst, place.vma, place.address);
    for (let addr = place.address; addr < end; addr += PAGE_SIZE) {
      const table = place.vma.vm_mm.pt.pteTable(addr);
      if (table === null) continue;
      const i = pte_index(addr);
      const page = table[i]!;
      const flags = table[FLAGS + i]!;
      if (page < src || page >= src + nr || (flags & PTE_PRESENT) !== 0) continue;
      if (!is_migration_entry(flags) && !(exclusive && is_device_exclusive_entry(flags))) continue;
      one(place.vma, table, i, addr);
    }
  }
}
