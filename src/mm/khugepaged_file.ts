// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: mm/khugepaged.c, MADV_COLLAPSE of memory files: the page cache gets a huge page, whoever maps the file. Fidelity:
 * ported; memory of a file is not limited, and only the caller is served where khugepaged would come by later.
 */
import { NO_PAGE, type Page } from '../sim/memmap.js';
import type { Task } from '../sim/task.js';
import { HPAGE_PMD_NR, HPAGE_PMD_SIZE, PAGE_SIZE } from '../uapi/mman.js';
import { do_set_pmd } from './huge_file.js';
import { in_tree_order } from './interval_tree.js';
import type { Kernel } from './kernel.js';
import {
  alloc_charge_folio,
  collapse_allowed,
  expected_refcount,
  find_table,
  is_refcount_suitable,
  refuse,
  type ScanResult,
} from './khugepaged_scan.js';
import { folio_add_lru, folio_isolate_lru, folio_putback_lru } from './lru.js';
import {
  mmu_notifier_invalidate_range_end,
  mmu_notifier_invalidate_range_start,
  mmu_notifier_range,
} from './mmu_notifier.js';
import { get_page, put_page } from './page_alloc.js';
import {
  compound_head,
  folio_mapped,
  folio_test_large,
  PG_active,
  PG_dirty,
  PG_locked,
  PG_lru,
  PG_swapbacked,
  PG_unevictable,
  PG_uptodate,
} from './page_flags.js';
import { FLAGS, type PteTable, pte_present, vm_normal_page } from './pgtable.js';
import { referenced } from './reasons.js';
import { folio_remove_rmap_pte } from './rmap.js';
import { unmap_to_split } from './rmap_unmap.js';
import { shmem_get_folio, shmem_has } from './shmem.js';
import { flush_tlb_range } from './tlb.js';
import {
  type AddressSpace,
  linear_page_index,
  type MmStruct,
  userfaultfd_missing,
  userfaultfd_wp,
  type VmArea,
} from './types.js';

/** References to a folio that is to be replaced: the page cache's, the caller's, and that of its isolation. */
const COLLAPSED_REFS = 3;

/** Where `vma` maps the page `pgoff` of its file. */
const address_of = (vma: VmArea, pgoff: number): number => vma.vm_start + (pgoff - vma.vm_pgoff) * PAGE_SIZE;

/** The mappings of the file that have a part of [first, end), in the order of its interval tree. */
function mappings_of(mapping: AddressSpace, first: number, end: number): VmArea[] {
  return in_tree_order([...mapping.i_mmap]).filter(
    (vma) => vma.vm_pgoff < end && first < vma.vm_pgoff + (vma.vm_end - vma.vm_start) / PAGE_SIZE,
  );
}

/** Whether the page cache has that huge page already, so that it only is to be mapped as one. */
function is_collapsed(k: Kernel, page: Page): boolean {
  return folio_test_large(k.mem, compound_head(k.mem, page));
}

/**
 * Look at 2 MiB of the file before anything is done, and make them one page. `address`: where the caller maps them.
 * Context: no lock; may sleep.
 */
export function* hpage_collapse_scan_file(
  mm: MmStruct,
  address: number,
  mapping: AddressSpace,
  start: number,
): Task<ScanResult> {
  const fn = 'hpage_collapse_scan_file';
  const k = mm.kernel;
  k.enter(fn, address);
  for (let index = start; index < start + HPAGE_PMD_NR; index++) {
    const page = mapping.i_pages.get(index);
    if (page === undefined) continue;
    if (is_collapsed(k, page)) return 'SCAN_PTE_MAPPED_HUGEPAGE';
    const at = address + (index - start) * PAGE_SIZE;
    if ((k.mem.flags[page]! & PG_lru) === 0) {
      refuse(mm, fn, at, page, 'not-on-lru');
      return 'SCAN_PAGE_LRU';
    }
    if (!is_refcount_suitable(k, page)) {
      if (k.trace !== null)
        refuse(mm, fn, at, page, referenced('pinned', k, page, expected_refcount(k, page)));
      return 'SCAN_PAGE_COUNT';
    }
  }
  return yield* collapse_file(mm, address, mapping, start);
}

/** The folios that are to be replaced, by index: each locked, off the LRU, unmapped, with a reference of ours. */
type Taken = Map<number, Page>;

/** Take the folio out of use. Context: folio locked, with a reference of the caller's; may sleep. */
function* take_folio(k: Kernel, mapping: AddressSpace, folio: Page): Task<ScanResult> {
  if (is_collapsed(k, folio)) return 'SCAN_PTE_MAPPED_HUGEPAGE';
  if (k.mem.mapping[folio] !== -mapping.id) return 'SCAN_TRUNCATED';
  if (!folio_isolate_lru(k, folio)) return 'SCAN_DEL_PAGE_LRU';
  if (folio_mapped(k.mem, folio)) yield* unmap_to_split(k, folio);
  if (k.mem.refcount[folio] === COLLAPSED_REFS) return 'SCAN_SUCCEED';
  folio_putback_lru(k, folio);
  return 'SCAN_PAGE_COUNT';
}

/** The page at `index`, locked and referenced, from the swap device where it must; or why not. May sleep. */
function* lock_cached_folio(k: Kernel, mapping: AddressSpace, index: number): Task<Page | ScanResult> {
  const cached = mapping.i_pages.get(index);
  if (cached !== undefined) {
    const folio = compound_head(k.mem, cached);
    if (!k.trylock_page(folio)) return 'SCAN_PAGE_LOCK';
    get_page(k, folio);
    return folio;
  }
  const page = yield* shmem_get_folio(k, mapping, index);
  if (page === NO_PAGE) return 'SCAN_FAIL';
  const folio = compound_head(k.mem, page);
  get_page(k, folio);
  yield* k.lock_page(folio, 'collapse_file');
  return folio;
}

/** Take all folios of 2 MiB out of use. Return: SCAN_SUCCEED, or why one is in the way; `taken` are those before it. */
function* take_folios(
  mm: MmStruct,
  address: number,
  mapping: AddressSpace,
  start: number,
  taken: Taken,
): Task<ScanResult> {
  const k = mm.kernel;
  const end = start + HPAGE_PMD_NR;
  for (let index = start; index < end; index++) {
    if (!shmem_has(mapping, index)) {
      if (index === start && is_empty(mapping, start, end)) {
        refuse(mm, 'collapse_file', address, NO_PAGE, 'file-empty-there');
        return 'SCAN_TRUNCATED';
      }
      continue;
    }
    const folio = yield* lock_cached_folio(k, mapping, index);
    const result = typeof folio === 'string' ? folio : yield* take_folio(k, mapping, folio);
    if (result === 'SCAN_SUCCEED') {
      taken.set(index, folio as Page);
      continue;
    }
    const at = address + (index - start) * PAGE_SIZE;
    tell_obstacle(mm, at, folio, result);
    if (typeof folio === 'string') return result;
    k.unlock_page(folio);
    put_page(k, folio);
    return result;
  }
  return 'SCAN_SUCCEED';
}

function tell_obstacle(mm: MmStruct, addr: number, folio: Page | string, result: ScanResult): void {
  const page = typeof folio === 'string' ? NO_PAGE : folio;
  if (result === 'SCAN_PAGE_LOCK') refuse(mm, 'collapse_file', addr, page, 'page-locked');
  if (result === 'SCAN_DEL_PAGE_LRU') refuse(mm, 'collapse_file', addr, page, 'not-on-lru');
  if (result === 'SCAN_PAGE_COUNT' && mm.kernel.trace !== null)
    refuse(mm, 'collapse_file', addr, page, referenced('pinned', mm.kernel, page, COLLAPSED_REFS - 1));
}

function is_empty(mapping: AddressSpace, start: number, end: number): boolean {
  for (let index = start; index < end; index++) if (shmem_has(mapping, index)) return false;
  return true;
}

/** Whether a hole is for a userfaultfd to fill, of whoever maps the file. */
function holes_are_watched(mm: MmStruct, address: number, mapping: AddressSpace, start: number): boolean {
  if (!mm.kernel.behaviour.collapseFileLeavesWatchedHoles) return false;
  const end = start + HPAGE_PMD_NR;
  if (!mappings_of(mapping, start, end).some(userfaultfd_missing)) return false;
  refuse(mm, 'collapse_file', address, NO_PAGE, 'uffd-missing');
  return true;
}

/** Put one huge page in the place of the small ones of the page cache. */
function* collapse_file(
  mm: MmStruct,
  address: number,
  mapping: AddressSpace,
  start: number,
): Task<ScanResult> {
  const k = mm.kernel;
  const huge = yield* alloc_charge_folio(mm);
  if (typeof huge === 'string') return huge;
  k.trylock_page(huge);
  const taken: Taken = new Map();
  let result = yield* take_folios(mm, address, mapping, start, taken);
  if (
    result === 'SCAN_SUCCEED' &&
    taken.size < HPAGE_PMD_NR &&
    holes_are_watched(mm, address, mapping, start)
  )
    result = 'SCAN_EXCEED_NONE_PTE';
  if (result !== 'SCAN_SUCCEED') {
    for (const folio of taken.values()) {
      k.unlock_page(folio);
      folio_putback_lru(k, folio);
      put_page(k, folio);
    }
    k.unlock_page(huge);
    put_page(k, huge);
    return result;
  }
  copy_to_huge(k, taken, huge, start);
  insert_huge(k, mapping, huge, start);
  if (k.behaviour.collapseRetractsEverywhere) {
    yield* retract_page_tables(mapping, start);
    result = 'SCAN_PTE_MAPPED_HUGEPAGE';
  } else {
    result = yield* retract_page_tables_of(mm, address, mapping, start, huge);
  }
  k.unlock_page(huge);
  for (const folio of taken.values()) {
    k.mem.mapping[folio] = 0;
    k.mem.flags[folio]! &= ~(PG_active | PG_unevictable | PG_dirty);
    k.unlock_page(folio);
    put_page(k, folio, COLLAPSED_REFS);
  }
  return result;
}

function copy_to_huge(k: Kernel, taken: Taken, huge: Page, start: number): void {
  for (let i = 0; i < HPAGE_PMD_NR; i++) {
    const page = taken.get(start + i);
    if (page === undefined) k.contents.clear_page(huge + i);
    else k.copy_highpage(huge + i, page);
  }
}

/** The page cache has the huge page for all of its small ones, with a reference each. */
function insert_huge(k: Kernel, mapping: AddressSpace, huge: Page, start: number): void {
  const { mem } = k;
  mem.flags[huge]! |= PG_uptodate | PG_swapbacked | PG_dirty | PG_locked;
  mem.mapping[huge] = -mapping.id;
  mem.index[huge] = start;
  mem.refcount[huge]! += HPAGE_PMD_NR - 1;
  for (let i = 0; i < HPAGE_PMD_NR; i++) mapping.i_pages.set(start + i, huge + i);
  folio_add_lru(k, huge);
}

/** The table of the 2 MiB at `address` goes, and with it what is left in it (pmdp_collapse_flush). */
function drop_table(mm: MmStruct, address: number, table: PteTable): void {
  table.fill(0);
  mm.pt.free_pte_table(address);
  flush_tlb_range(mm, address, address + HPAGE_PMD_SIZE);
}

/** The same, with notification. May sleep. */
function* free_table(mm: MmStruct, address: number, table: PteTable): Task {
  const end = address + HPAGE_PMD_SIZE;
  const range = mmu_notifier_range(mm, address, end, 'MMU_NOTIFY_CLEAR');
  yield* mmu_notifier_invalidate_range_start(range);
  drop_table(mm, address, table);
  mmu_notifier_invalidate_range_end(range);
}

/** Where `vma` has a table for the 2 MiB of the file at `pgoff`, which a huge page can replace; or why not. */
function retractable(vma: VmArea, pgoff: number): PteTable | ScanResult {
  if (vma.anon_vma !== null) return 'SCAN_PAGE_ANON';
  const address = address_of(vma, pgoff);
  if (address % HPAGE_PMD_SIZE !== 0 || vma.vm_end < address + HPAGE_PMD_SIZE) return 'SCAN_VMA_CHECK';
  return find_table(vma.vm_mm, address);
}

/** Page tables of all mappings of the 2 MiB go, so that faults map the huge page. Context: folio locked; may sleep. */
function* retract_page_tables(mapping: AddressSpace, pgoff: number): Task {
  for (const vma of mappings_of(mapping, pgoff, pgoff + 1)) {
    const table = retractable(vma, pgoff);
    if (typeof table === 'string' || userfaultfd_wp(vma) || has_guards(vma, table)) continue;
    yield* free_table(vma.vm_mm, address_of(vma, pgoff), table);
  }
}

/** What is left of a mapping of a file is a mark, here of MADV_GUARD_INSTALL, which nobody takes away. */
function has_guards({ vm_mm: { kernel: k } }: VmArea, table: PteTable): boolean {
  return k.behaviour.madviseGuards && table.subarray(FLAGS).some((flags) => flags !== 0);
}

/**
 * The same for the caller's own mapping alone, which gets the huge page at once (6.1's retract_page_tables). Return: what is
 * told the caller.
 */
function* retract_page_tables_of(
  mm: MmStruct,
  address: number,
  mapping: AddressSpace,
  pgoff: number,
  huge: Page,
): Task<ScanResult> {
  const own = (vma: VmArea): boolean => vma.vm_mm === mm && address_of(vma, pgoff) === address;
  const vma = mappings_of(mapping, pgoff, pgoff + 1).find(own);
  if (vma === undefined) return 'SCAN_FAIL';
  const table = retractable(vma, pgoff);
  if (typeof table === 'string') return table === 'SCAN_PMD_MAPPED' ? 'SCAN_SUCCEED' : table;
  if (!mm.mmap_lock.down_write_trylock()) return 'SCAN_PTE_MAPPED_HUGEPAGE';
  let result: ScanResult = 'SCAN_PTE_UFFD_WP';
  if (!userfaultfd_wp(vma)) {
    yield* free_table(mm, address, table);
    result = set_huge_pmd(vma, address, huge);
  }
  mm.mmap_lock.up_write();
  return result;
}

function set_huge_pmd(vma: VmArea, address: number, folio: Page): ScanResult {
  const vmf = { vma, address, flags: 0, pgoff: linear_page_index(vma, address), page: folio };
  if (!do_set_pmd(vmf, folio)) return 'SCAN_FAIL';
  get_page(vma.vm_mm.kernel, folio);
  return 'SCAN_SUCCEED';
}

/** Whether all that the table maps is of the huge page, each part at its place. */
function maps_only(k: Kernel, table: PteTable, folio: Page): ScanResult {
  for (let i = 0; i < HPAGE_PMD_NR; i++) {
    const flags = table[FLAGS + i]!;
    if (flags === 0) continue;
    if (!pte_present(flags)) return 'SCAN_PTE_NON_PRESENT';
    if (vm_normal_page(flags, table[i]!) !== folio + i || k.is_zone_device_page(folio)) return 'SCAN_FAIL';
  }
  return 'SCAN_SUCCEED';
}

/** The small mappings of the huge page go, and their table. Context: folio locked; may sleep. */
function* replace_table(vma: VmArea, address: number, table: PteTable, folio: Page): Task<ScanResult> {
  const mm = vma.vm_mm;
  const k = mm.kernel;
  const before = maps_only(k, table, folio);
  if (before !== 'SCAN_SUCCEED') return before;
  const end = address + HPAGE_PMD_SIZE;
  const range = mmu_notifier_range(mm, address, end, 'MMU_NOTIFY_CLEAR');
  yield* mmu_notifier_invalidate_range_start(range);
  // Meanwhile, a write may have made a private copy.
  const result = maps_only(k, table, folio);
  if (result === 'SCAN_SUCCEED') {
    let mapped = 0;
    for (let i = 0; i < HPAGE_PMD_NR; i++) {
      if (table[FLAGS + i] === 0) continue;
      folio_remove_rmap_pte(k, folio, folio + i, vma);
      mapped++;
    }
    mm.rss -= mapped;
    if (mapped > 0) put_page(k, folio, mapped);
    drop_table(mm, address, table);
  }
  mmu_notifier_invalidate_range_end(range);
  return result;
}

/** Map the huge page of the file as one, now that it is one. Context: folio locked, mmap_lock held; may sleep. */
function* map_collapsed(vma: VmArea, address: number, folio: Page): Task<ScanResult> {
  const { kernel: k, pt } = vma.vm_mm;
  const table = find_table(vma.vm_mm, address);
  if (table === 'SCAN_PMD_NULL' && k.behaviour.collapseMapsAnew) pt.pmd_alloc(address);
  else if (typeof table === 'string' && table !== 'SCAN_PMD_NONE') return table;
  if (typeof table !== 'string') {
    const result = yield* replace_table(vma, address, table, folio);
    if (result !== 'SCAN_SUCCEED') return result;
  }
  return set_huge_pmd(vma, address, folio);
}

/** Context: mmap_lock held, for write before 6.6; may sleep. Return: SCAN_SUCCEED, SCAN_PMD_MAPPED, or why not. */
export function* collapse_pte_mapped_thp(mm: MmStruct, address: number): Task<ScanResult> {
  const k = mm.kernel;
  const vma = mm.vmas.vma_lookup(address);
  if (vma === null || vma.vm_file === null || vma.vm_end < address + HPAGE_PMD_SIZE) return 'SCAN_VMA_CHECK';
  if (find_table(mm, address) === 'SCAN_PMD_MAPPED') return 'SCAN_PMD_MAPPED';
  if (!collapse_allowed(vma)) return 'SCAN_VMA_CHECK';
  if (userfaultfd_wp(vma)) return 'SCAN_PTE_UFFD_WP';
  const page = vma.vm_file.mapping!.i_pages.get(linear_page_index(vma, address));
  if (page === undefined) return 'SCAN_PAGE_NULL';
  const folio = compound_head(k.mem, page);
  get_page(k, folio);
  yield* k.lock_page(folio, 'collapse_pte_mapped_thp');
  const result = folio_test_large(k.mem, folio)
    ? yield* map_collapsed(vma, address, folio)
    : 'SCAN_PAGE_COMPOUND';
  k.unlock_page(folio);
  put_page(k, folio);
  return result;
}
