// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: mm/khugepaged.c, MADV_COLLAPSE, and anonymous memory. Fidelity: ported; khugepaged itself does not run. */
import { NO_PAGE, type Page } from '../sim/memmap.js';
import type { Task } from '../sim/task.js';
import { EINVAL } from '../uapi/errno.js';
import { HPAGE_PMD_NR, HPAGE_PMD_SIZE, PAGE_SIZE } from '../uapi/mman.js';
import type { Kernel } from './kernel.js';
import { collapse_pte_mapped_thp, hpage_collapse_scan_file } from './khugepaged_file.js';
import {
  alloc_charge_folio,
  collapse_allowed,
  find_table,
  goes_on,
  hugepage_vma_revalidate,
  is_refcount_suitable,
  madvise_collapse_errno,
  refuse,
  type ScanResult,
} from './khugepaged_scan.js';
import { folio_add_lru, folio_isolate_lru, folio_putback_lru } from './lru.js';
import { swap_in } from './memory.js';
import {
  mmu_notifier_invalidate_range_end,
  mmu_notifier_invalidate_range_start,
  mmu_notifier_range,
} from './mmu_notifier.js';
import { put_page } from './page_alloc.js';
import {
  compound_head,
  folio_mapcount,
  folio_mapped,
  folio_test_anon,
  PG_locked,
  PG_lru,
  PG_uptodate,
} from './page_flags.js';
import {
  FLAGS,
  PTE_DIRTY,
  PTE_HUGE,
  PTE_UFFD_WP,
  PTE_WRITE,
  PTE_YOUNG,
  type PteTable,
  pmd_index,
  pte_present,
  SWP_UFFD_WP,
  vm_normal_page,
} from './pgtable.js';
import { type PlainReasonId, referenced, refused } from './reasons.js';
import { folio_add_new_anon_rmap, folio_remove_rmap_pte } from './rmap.js';
import { folio_free_swap } from './swap.js';
import { flush_tlb_range } from './tlb.js';
import {
  linear_page_index,
  type MmStruct,
  userfaultfd_armed,
  VM_FAULT_ERROR,
  type VmArea,
  vma_is_anonymous,
} from './types.js';
import { maybe_mkwrite } from './vma.js';

/** What speaks against collapsing an entry. */
interface Obstacle {
  readonly result: ScanResult;
  readonly because: PlainReasonId;
}

const NO_HOLES: Obstacle = { result: 'SCAN_EXCEED_NONE_PTE', because: 'uffd-missing' };
const UFFD_WP: Obstacle = { result: 'SCAN_PTE_UFFD_WP', because: 'uffd-wp' };

/** Whether a present entry's page may be copied: null, or why not. `folio`: NO_PAGE for one that has no struct page. */
function page_in_the_way(k: Kernel, folio: Page): Obstacle | null {
  if (folio === NO_PAGE || k.is_zone_device_page(folio)) {
    return { result: 'SCAN_PAGE_NULL', because: 'device-page' };
  }
  if (!folio_test_anon(k.mem, folio)) return { result: 'SCAN_PAGE_ANON', because: 'not-anonymous' };
  if ((k.mem.flags[folio]! & PG_lru) === 0) return { result: 'SCAN_PAGE_LRU', because: 'not-on-lru' };
  if ((k.mem.flags[folio]! & PG_locked) !== 0) return { result: 'SCAN_PAGE_LOCK', because: 'page-locked' };
  return null;
}

function pte_none_or_zero(k: Kernel, table: PteTable, i: number): boolean {
  const flags = table[FLAGS + i]!;
  return flags === 0 || (pte_present(flags) && table[i] === k.zeroPage);
}

/** What a userfaultfd is to decide of is not collapsed: holes where it is armed, and what it write-protects. */
function userfault_in_the_way(vma: VmArea, table: PteTable, i: number): Obstacle | null {
  const flags = table[FLAGS + i]!;
  if (pte_none_or_zero(vma.vm_mm.kernel, table, i)) return userfaultfd_armed(vma) ? NO_HOLES : null;
  return (flags & (pte_present(flags) ? PTE_UFFD_WP : SWP_UFFD_WP)) !== 0 ? UFFD_WP : null;
}

interface Scan {
  readonly result: ScanResult;
  /** Entries that are not present. */
  readonly unmapped: number;
}

/** Look at 2 MiB before anything is done. Context: mmap_lock held for read. */
function scan_ptes(vma: VmArea, table: PteTable, address: number): Scan {
  const k = vma.vm_mm.kernel;
  const fn = 'hpage_collapse_scan_pmd';
  let unmapped = 0;
  let writable = false;
  for (let i = 0; i < HPAGE_PMD_NR; i++) {
    const flags = table[FLAGS + i]!;
    const at = address + i * PAGE_SIZE;
    const stop = userfault_in_the_way(vma, table, i);
    if (stop !== null) {
      refuse(vma.vm_mm, fn, at, NO_PAGE, stop.because);
      return { result: stop.result, unmapped };
    }
    if (flags !== 0 && !pte_present(flags)) {
      unmapped++;
      continue;
    }
    if (pte_none_or_zero(k, table, i)) continue;
    if ((flags & PTE_WRITE) !== 0) writable = true;
    const page = vm_normal_page(flags, table[i]!);
    const folio = page === NO_PAGE ? NO_PAGE : compound_head(k.mem, page);
    const obstacle = page_in_the_way(k, folio);
    if (obstacle !== null) {
      refuse(vma.vm_mm, fn, at, page, obstacle.because);
      return { result: obstacle.result, unmapped };
    }
    if (!is_refcount_suitable(k, folio)) {
      if (k.trace !== null)
        refuse(vma.vm_mm, fn, at, page, referenced('pinned', k, folio, folio_mapcount(k.mem, folio)));
      return { result: 'SCAN_PAGE_COUNT', unmapped };
    }
  }
  writable ||= k.behaviour.collapseAllowsReadOnly;
  if (!writable) refuse(vma.vm_mm, fn, address, NO_PAGE, 'nothing-writable');
  return { result: writable ? 'SCAN_SUCCEED' : 'SCAN_PAGE_RO', unmapped };
}

/** Fault in what is not present. Return: SCAN_SUCCEED, or why not. Context: mmap_lock held for read; may sleep. */
function* __collapse_huge_page_swapin(vma: VmArea, table: PteTable, haddr: number): Task<ScanResult> {
  for (let i = 0; i < HPAGE_PMD_NR; i++) {
    const flags = table[FLAGS + i]!;
    if (flags === 0 || pte_present(flags)) continue;
    const ret = yield* swap_in(vma, haddr + i * PAGE_SIZE, table[i]!, flags);
    if ((ret & VM_FAULT_ERROR) !== 0) return 'SCAN_FAIL';
  }
  return 'SCAN_SUCCEED';
}

/** Take a locked folio off the LRU, with a reference. */
function isolate_folio(k: Kernel, folio: Page): ScanResult {
  if (!is_refcount_suitable(k, folio)) return 'SCAN_PAGE_COUNT';
  return folio_isolate_lru(k, folio) ? 'SCAN_SUCCEED' : 'SCAN_DEL_PAGE_LRU';
}

/** Lock every folio and take it off the LRU. Return: SCAN_SUCCEED with the folios in `isolated`, or why not. */
function __collapse_huge_page_isolate(
  vma: VmArea,
  table: PteTable,
  address: number,
  isolated: Set<Page>,
): ScanResult {
  const k = vma.vm_mm.kernel;
  const { mem } = k;
  const fn = '__collapse_huge_page_isolate';
  let writable = false;
  for (let i = 0; i < HPAGE_PMD_NR; i++) {
    const flags = table[FLAGS + i]!;
    const at = address + i * PAGE_SIZE;
    if (flags !== 0 && !pte_present(flags)) {
      refuse(vma.vm_mm, fn, at, table[i]!, 'not-present');
      return 'SCAN_PTE_NON_PRESENT';
    }
    const stop = userfault_in_the_way(vma, table, i);
    if (stop !== null) return stop.result;
    if (pte_none_or_zero(k, table, i)) continue;
    const page = vm_normal_page(flags, table[i]!);
    if (page === NO_PAGE || k.is_zone_device_page(page)) {
      refuse(vma.vm_mm, fn, at, page, 'device-page');
      return 'SCAN_PAGE_NULL';
    }
    if ((flags & PTE_WRITE) !== 0) writable = true;
    const folio = compound_head(mem, page);
    if (isolated.has(folio)) continue;
    if (!k.trylock_page(folio)) {
      refuse(vma.vm_mm, fn, at, page, 'page-locked');
      return 'SCAN_PAGE_LOCK';
    }
    const result = isolate_folio(k, folio);
    if (result !== 'SCAN_SUCCEED') {
      k.unlock_page(folio);
      return result;
    }
    isolated.add(folio);
  }
  return writable || k.behaviour.collapseAllowsReadOnly ? 'SCAN_SUCCEED' : 'SCAN_PAGE_RO';
}

/** Back to the LRU with what was isolated; free what nobody has any more. */
function release_isolated(k: Kernel, isolated: Iterable<Page>): void {
  for (const folio of isolated) {
    k.unlock_page(folio);
    folio_putback_lru(k, folio);
  }
}

/** Copy the small pages into the huge one and unmap them. */
function __collapse_huge_page_copy(vma: VmArea, table: PteTable, huge: Page): void {
  const k = vma.vm_mm.kernel;
  for (let i = 0; i < HPAGE_PMD_NR; i++) {
    const page = table[i]!;
    if (pte_none_or_zero(k, table, i)) {
      k.contents.clear_page(huge + i);
      vma.vm_mm.rss++;
    } else {
      const folio = compound_head(k.mem, page);
      k.copy_highpage(huge + i, page);
      folio_remove_rmap_pte(k, folio, page, vma);
      // Locked here: the cache lets go below.
      if (!folio_mapped(k.mem, folio)) folio_free_swap(k, folio);
      put_page(k, folio);
    }
    table[i] = 0;
    table[FLAGS + i] = 0;
  }
}

/** Put `huge` in the place of the table at `address`, if all of that can be had. Context: mmap_lock held for write. */
function* collapse_table(mm: MmStruct, table: PteTable, address: number, huge: Page): Task<ScanResult> {
  const k = mm.kernel;
  const vma = hugepage_vma_revalidate(mm, address, true);
  if (typeof vma === 'string') return vma;
  const found = find_table(mm, address);
  if (typeof found === 'string') return found;
  if (found !== table) return 'SCAN_FAIL';
  const end = address + HPAGE_PMD_SIZE;
  const range = mmu_notifier_range(mm, address, end, 'MMU_NOTIFY_CLEAR');
  yield* mmu_notifier_invalidate_range_start(range);
  flush_tlb_range(mm, address, end);
  mmu_notifier_invalidate_range_end(range);
  const isolated = new Set<Page>();
  const result = __collapse_huge_page_isolate(vma, table, address, isolated);
  if (result !== 'SCAN_SUCCEED') {
    release_isolated(k, isolated);
    return result;
  }
  __collapse_huge_page_copy(vma, table, huge);
  release_isolated(k, isolated);
  mm.pt.free_pte_table(address);
  k.mem.flags[huge]! |= PG_uptodate;
  folio_add_new_anon_rmap(k, huge, vma, address);
  folio_add_lru(k, huge);
  const flags = maybe_mkwrite(vma.vm_page_prot | PTE_HUGE | PTE_DIRTY | PTE_YOUNG, vma);
  mm.pt.set_pmd(mm.pt.pmd_alloc(address), pmd_index(address), huge, flags);
  return 'SCAN_SUCCEED';
}

/** Fault in what is not present; and find the table that is to go. Context: mmap_lock held for read; may sleep. */
function* prepare_table(mm: MmStruct, address: number, unmapped: number): Task<PteTable | ScanResult> {
  const vma = hugepage_vma_revalidate(mm, address, true);
  if (typeof vma === 'string') return vma;
  const table = find_table(mm, address);
  if (typeof table === 'string' || unmapped === 0) return table;
  const result = yield* __collapse_huge_page_swapin(vma, table, address);
  return result === 'SCAN_SUCCEED' ? table : result;
}

/** Context: takes mmap_lock, for read and for write; may sleep. */
function* collapse_huge_page(mm: MmStruct, address: number, unmapped: number): Task<ScanResult> {
  const k = mm.kernel;
  k.enter('collapse_huge_page', address);
  const huge = yield* alloc_charge_folio(mm);
  if (typeof huge === 'string') return huge;
  yield* mm.mmap_lock.down_read('collapse_huge_page');
  const table = yield* prepare_table(mm, address, unmapped);
  mm.mmap_lock.up_read();
  let result: ScanResult;
  if (typeof table === 'string') {
    result = table;
  } else {
    yield* mm.mmap_lock.down_write('collapse_huge_page');
    result = yield* collapse_table(mm, table, address, huge);
    mm.mmap_lock.up_write();
  }
  if (result !== 'SCAN_SUCCEED') put_page(k, huge);
  return result;
}

/** Context: mmap_lock held for read, dropped for a while; may sleep. */
function* hpage_collapse_scan_pmd(
  vma: VmArea,
  address: number,
): Task<{ result: ScanResult; dropped: boolean }> {
  const mm = vma.vm_mm;
  mm.kernel.enter('hpage_collapse_scan_pmd', address);
  const table = find_table(mm, address);
  if (typeof table === 'string') return { result: table, dropped: false };
  const { result, unmapped } = scan_ptes(vma, table, address);
  if (result !== 'SCAN_SUCCEED') return { result, dropped: false };
  mm.mmap_lock.up_read();
  const collapsed = yield* collapse_huge_page(mm, address, unmapped);
  yield* mm.mmap_lock.down_read('madvise_collapse');
  return { result: collapsed, dropped: true };
}

/** 2 MiB of a memory file. Context: mmap_lock held for read; dropped on return; may sleep. */
function* collapse_of_file(vma: VmArea, address: number): Task<ScanResult> {
  const mm = vma.vm_mm;
  const file = vma.vm_file!;
  const mapping = file.mapping!;
  const pgoff = linear_page_index(vma, address);
  file.get_file();
  mm.mmap_lock.up_read();
  const result = yield* hpage_collapse_scan_file(mm, address, mapping, pgoff);
  file.fput();
  if (result !== 'SCAN_PTE_MAPPED_HUGEPAGE') return result;
  const write = !mm.kernel.behaviour.collapseRetractsEverywhere;
  if (write) yield* mm.mmap_lock.down_write('madvise_collapse');
  else yield* mm.mmap_lock.down_read('madvise_collapse');
  const mapped = yield* collapse_pte_mapped_thp(mm, address);
  if (write) mm.mmap_lock.up_write();
  else mm.mmap_lock.up_read();
  return mapped;
}

/**
 * madvise(MADV_COLLAPSE) of [start, end) of the VMA.
 * Context: mmap_lock held for read, dropped for a while; may sleep. Return: 0 or -errno.
 */
export function* madvise_collapse(vma: VmArea, start: number, end: number): Task<number> {
  const mm = vma.vm_mm;
  mm.kernel.enter('madvise_collapse', start);
  if (!collapse_allowed(vma)) return refused(mm, 'madvise_collapse', start, 'no-huge-pages-there', EINVAL);
  const from = Math.ceil(start / HPAGE_PMD_SIZE) * HPAGE_PMD_SIZE;
  let to = end - (end % HPAGE_PMD_SIZE);
  if (from >= to && mm.kernel.behaviour.collapseSkipsFragments) return 0;
  mm.kernel.enter('lru_add_drain_all');
  let last: ScanResult = 'SCAN_FAIL';
  let collapsed = 0;
  let dropped = false;
  for (let addr = from; addr < to; addr += HPAGE_PMD_SIZE) {
    if (dropped) {
      const again = hugepage_vma_revalidate(mm, addr);
      if (typeof again === 'string') return madvise_collapse_errno(mm.kernel, again);
      vma = again;
      to = Math.min(to, vma.vm_end - (vma.vm_end % HPAGE_PMD_SIZE));
    }
    let result: ScanResult;
    if (vma_is_anonymous(vma)) {
      const scanned = yield* hpage_collapse_scan_pmd(vma, addr);
      dropped ||= scanned.dropped;
      result = scanned.result;
    } else {
      result = yield* collapse_of_file(vma, addr);
      dropped = true;
      yield* mm.mmap_lock.down_read('madvise_collapse');
    }
    if (result === 'SCAN_SUCCEED' || result === 'SCAN_PMD_MAPPED') {
      collapsed++;
      continue;
    }
    last = result;
    if (!goes_on(mm.kernel, last)) break;
  }
  return collapsed === (to - from) / HPAGE_PMD_SIZE ? 0 : madvise_collapse_errno(mm.kernel, last);
}
