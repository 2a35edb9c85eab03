// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: mm/memory.c, unmapping (zap_pte_range and above). Fidelity: ported. */
import { NO_PAGE, type Page } from '../sim/memmap.js';
import type { Task } from '../sim/task.js';
import { HPAGE_PMD_NR, HPAGE_PMD_SIZE, PAGE_SIZE } from '../uapi/mman.js';
import { __split_huge_pmd } from './huge_split.js';
import { __unmap_hugepage_range } from './hugetlb.js';
import { hugetlb_vma_lock_write, hugetlb_vma_unlock_write } from './hugetlb_vma_lock.js';
import { in_tree_order } from './interval_tree.js';
import type { Kernel } from './kernel.js';
import { release_pages } from './lru.js';
import { assert_struct_page } from './memremap.js';
import {
  mmu_notifier_invalidate_range_end,
  mmu_notifier_invalidate_range_start,
  mmu_notifier_range,
} from './mmu_notifier.js';
import { put_page } from './page_alloc.js';
import {
  compound_head,
  folio_mark_dirty,
  folio_test_anon,
  PG_dirty,
  PG_head,
  PG_swapcache,
  PG_tail,
} from './page_flags.js';
import {
  FLAGS,
  is_device_exclusive_entry,
  is_device_private_entry,
  is_guard_marker,
  is_hwpoison_entry,
  is_migration_entry,
  is_pte_marker,
  is_swap_entry,
  type PmdTable,
  PTE_DIRTY,
  PTE_MARKER_UFFD_WP,
  PTE_PRESENT,
  PTE_SPECIAL,
  PTE_UFFD_WP,
  type PteTable,
  pmd_addr_end,
  pmd_index,
  pmd_is_huge,
  pte_index,
  pte_present,
  pud_addr_end,
  SWP_UFFD_WP,
  vm_normal_page,
} from './pgtable.js';
import { folio_remove_rmap_pmd, folio_remove_rmap_pte } from './rmap.js';
import { free_swap_and_cache, free_swap_cache } from './swap.js';
import { flush_tlb_range } from './tlb.js';
import {
  type AddressSpace,
  is_vm_hugetlb_page,
  userfaultfd_wp,
  VM_LOCKED,
  type VmArea,
  vma_is_anonymous,
} from './types.js';

/**
 * struct mmu_gather: device pages that go when the TLB has been flushed and the notifiers called (tlb_finish_mmu()). The
 * others go at once, which nobody can tell apart.
 */
export type MmuGather = Page[];

/** Drop the references of what was unmapped. */
export function tlb_finish_mmu(k: Kernel, tlb: MmuGather): void {
  release_pages(k, tlb);
}

/**
 * What to zap: everything, as the mapping goes; all pages, but what a userfaultfd write-protects in files stays marked;
 * the same, and tables that are empty then; or only pages of the file, not private copies.
 */
export type ZapDetails = 'unmap' | 'all' | 'dontneed' | 'file-only';

/** The entry of a file's page goes that a userfaultfd had write-protected: a mark stays (zap_install_uffd_wp_if_needed). */
function keep_marker(vma: VmArea, table: PteTable, i: number, was: number, details: ZapDetails): void {
  if (details === 'unmap' || vma_is_anonymous(vma) || !userfaultfd_wp(vma)) return;
  const wp = pte_present(was) ? (was & PTE_UFFD_WP) !== 0 : (was & SWP_UFFD_WP) !== 0;
  if (wp) table[FLAGS + i] = PTE_MARKER_UFFD_WP;
}

/** A device entry is unmapped: only anonymous folios have any, in whatever mapping. */
function warn_of_entry(vma: VmArea, folio: Page): void {
  const k = vma.vm_mm.kernel;
  if (k.behaviour.zapWarnsByFolio) {
    if (!folio_test_anon(k.mem, folio)) k.warn_on_once('zap_pte_range', 'the folio is not anonymous');
  } else if (!vma_is_anonymous(vma)) {
    k.warn_on_once('zap_pte_range', 'the VMA is not anonymous');
  }
}

/** Unmap entries [i, last) of one PTE table. */
function zap_pte_range(
  tlb: MmuGather,
  vma: VmArea,
  table: PteTable,
  i: number,
  last: number,
  details: ZapDetails,
): void {
  const marks = userfaultfd_wp(vma) && !vma_is_anonymous(vma);
  const plain = details !== 'file-only' && !marks && (vma.vm_flags & VM_LOCKED) === 0;
  for (; i < last; i++) {
    if (plain) i = zap_small_anon_ptes(vma, table, i, last);
    if (i === last) break;
    const flags = table[FLAGS + i]!;
    if (flags === 0) continue;
    if (pte_present(flags)) zap_present_pte(tlb, vma, table, i, flags, details);
    else zap_nonpresent_pte(vma, table, i, flags, details);
  }
}

/** Unmap a run of entries that map small anonymous pages of RAM, or nothing. Return: the first other entry, or `last`. */
function zap_small_anon_ptes(vma: VmArea, table: PteTable, i: number, last: number): number {
  const mm = vma.vm_mm;
  const k = mm.kernel;
  const { refcount, mapcount, mapping, flags: page_flags } = k.mem;
  let unmapped = 0;
  for (; i < last; i++) {
    const flags = table[FLAGS + i]!;
    if (flags === 0) continue;
    const page = table[i]!;
    if ((flags & (PTE_PRESENT | PTE_SPECIAL)) !== PTE_PRESENT || mapping[page]! <= 0) break;
    if ((page_flags[page]! & (PG_head | PG_tail | PG_swapcache)) !== 0 || mapcount[page]! <= 0) break;
    if (page >= k.firstDevicePage) break;
    table[i] = 0;
    table[FLAGS + i] = 0;
    mapcount[page]!--;
    unmapped++;
    if (refcount[page]! > 1) refcount[page]!--;
    else put_page(k, page);
  }
  mm.rss -= unmapped;
  return i;
}

function zap_present_pte(
  tlb: MmuGather,
  vma: VmArea,
  table: PteTable,
  i: number,
  flags: number,
  details: ZapDetails,
): void {
  const mm = vma.vm_mm;
  const k = mm.kernel;
  const { mem } = k;
  const page = table[i]!;
  if (vm_normal_page(flags, page) === NO_PAGE) {
    table[i] = 0;
    table[FLAGS + i] = 0;
    keep_marker(vma, table, i, flags, details);
    return;
  }
  assert_struct_page(k, page, 'zap_pte_range');
  const folio = compound_head(mem, page);
  const anon = folio_test_anon(mem, folio);
  if (details === 'file-only' && anon) return;
  table[i] = 0;
  table[FLAGS + i] = 0;
  keep_marker(vma, table, i, flags, details);
  if (!anon && (flags & PTE_DIRTY) !== 0) folio_mark_dirty(mem, folio);
  folio_remove_rmap_pte(k, folio, page, vma);
  mm.rss--;
  if (k.is_zone_device_page(folio)) {
    tlb.push(folio);
    return;
  }
  free_swap_cache(k, folio);
  put_page(k, folio);
}

function zap_nonpresent_pte(
  vma: VmArea,
  table: PteTable,
  i: number,
  flags: number,
  details: ZapDetails,
): void {
  const k = vma.vm_mm.kernel;
  const page = table[i]!;
  if (is_pte_marker(flags)) {
    const guard = is_guard_marker(flags);
    if (details === 'unmap' || (vma_is_anonymous(vma) && !guard)) table[FLAGS + i] = 0;
    return;
  }
  if (is_hwpoison_entry(flags)) {
    if (details === 'file-only') return;
    table[i] = 0;
    table[FLAGS + i] = 0;
    return;
  }
  if (is_swap_entry(flags)) {
    if (details === 'file-only') return;
    table[i] = 0;
    table[FLAGS + i] = 0;
    free_swap_and_cache(k, page);
    keep_marker(vma, table, i, flags, details);
    return;
  }
  if (is_device_private_entry(flags) || is_device_exclusive_entry(flags)) {
    if (details === 'file-only') return;
    assert_struct_page(k, page, 'zap_pte_range');
    const folio = compound_head(k.mem, page);
    warn_of_entry(vma, folio);
    if (is_device_private_entry(flags) || k.behaviour.exclusiveEntriesMap)
      folio_remove_rmap_pte(k, folio, page, vma);
    put_page(k, folio);
  } else if (details === 'file-only' && folio_test_anon(k.mem, compound_head(k.mem, page))) {
    return;
  }
  table[i] = 0;
  table[FLAGS + i] = 0;
  keep_marker(vma, table, i, flags, details);
  vma.vm_mm.rss--;
}

function zap_huge_pmd(tlb: MmuGather, vma: VmArea, pmd: PmdTable, i: number): void {
  const mm = vma.vm_mm;
  const k = mm.kernel;
  const page = pmd.e[i]!;
  const flags = pmd.e[FLAGS + i]!;
  mm.pt.pmd_clear(pmd, i);
  if (page === k.hugeZeroFolio) return;
  mm.rss -= HPAGE_PMD_NR;
  if (is_migration_entry(flags)) return;
  if (is_device_private_entry(flags)) assert_struct_page(k, page, 'zap_huge_pmd');
  folio_remove_rmap_pmd(k, page, vma);
  if (!folio_test_anon(k.mem, page) && (flags & PTE_DIRTY) !== 0) k.mem.flags[page]! |= PG_dirty;
  if (pte_present(flags) && k.is_zone_device_page(page)) tlb.push(page);
  else put_page(k, page);
}

/** Free a table of which nothing is left. Source: mm/memory.c zap_empty_pte_table. */
function free_empty_table(vma: VmArea, table: PteTable, addr: number): void {
  const { pt, kernel } = vma.vm_mm;
  if (!kernel.behaviour.dontneedFreesTables) return;
  for (let i = 0; i < HPAGE_PMD_NR; i++) if (table[FLAGS + i] !== 0) return;
  pt.free_pte_table(addr);
}

/** Unmap [start, end) of the VMA. Context: notifiers called by the caller; may sleep where a THP is split. */
function* unmap_page_range(
  tlb: MmuGather,
  vma: VmArea,
  start: number,
  end: number,
  details: ZapDetails = 'all',
): Task {
  const { pt } = vma.vm_mm;
  for (let addr = start; addr < end; ) {
    const pudEnd = pud_addr_end(addr, end);
    const pmd = pt.pmdTable(addr);
    if (pmd === null) {
      addr = pudEnd;
      continue;
    }
    while (addr < pudEnd) {
      const next = pmd_addr_end(addr, pudEnd);
      const i = pmd_index(addr);
      if (pmd_is_huge(pmd, i)) {
        if (next - addr === 0x200000) {
          zap_huge_pmd(tlb, vma, pmd, i);
          addr = next;
          continue;
        }
        yield* __split_huge_pmd(vma, pmd, i, addr, false, null);
      }
      const table = pmd.child[i]!;
      if (table !== null) {
        const first = pte_index(addr);
        zap_pte_range(tlb, vma, table, first, first + (next - addr) / PAGE_SIZE, details);
        if (details === 'dontneed' && next - addr === HPAGE_PMD_SIZE) free_empty_table(vma, table, addr);
      }
      addr = next;
    }
  }
  flush_tlb_range(vma.vm_mm, start, end);
}

/** unmap_single_vma(): also for hugetlb, whose VMA is locked by whoever calls. */
function* unmap_single_vma(
  tlb: MmuGather,
  vma: VmArea,
  start: number,
  end: number,
  details: ZapDetails,
): Task {
  const from = Math.max(vma.vm_start, start);
  const to = Math.min(vma.vm_end, end);
  if (from >= to) return;
  if (is_vm_hugetlb_page(vma)) {
    __unmap_hugepage_range(vma, from, to, details === 'unmap' ? 'drop' : 'keep');
    flush_tlb_range(vma.vm_mm, from, to);
    return;
  }
  yield* unmap_page_range(tlb, vma, from, to, details);
}

/** unmap_vmas(): [start, end) of each. Context: notifiers called by the caller; may sleep. */
export function* unmap_vmas(tlb: MmuGather, vmas: readonly VmArea[], start: number, end: number): Task {
  for (const vma of vmas) {
    const hugetlb = is_vm_hugetlb_page(vma);
    if (hugetlb) yield* hugetlb_vma_lock_write(vma, 'unmap_vmas');
    yield* unmap_single_vma(tlb, vma, start, end, 'unmap');
    if (hugetlb) hugetlb_vma_unlock_write(vma);
  }
}

/**
 * Unmap a part of one VMA, with notification (zap_page_range_single). Context: may sleep. 6.1 takes the lock of a
 * hugetlb mapping behind the notification, which here is always before it.
 */
export function* zap_page_range_single(
  vma: VmArea,
  start: number,
  end: number,
  details: ZapDetails = 'all',
): Task {
  const range = mmu_notifier_range(vma.vm_mm, start, end, 'MMU_NOTIFY_CLEAR');
  const hugetlb = is_vm_hugetlb_page(vma);
  if (hugetlb) yield* hugetlb_vma_lock_write(vma, 'zap_page_range_single');
  yield* mmu_notifier_invalidate_range_start(range);
  const tlb: MmuGather = [];
  if (hugetlb) yield* unmap_single_vma(tlb, vma, start, end, details);
  else yield* unmap_page_range(tlb, vma, start, end, details);
  mmu_notifier_invalidate_range_end(range);
  tlb_finish_mmu(vma.vm_mm.kernel, tlb);
  if (hugetlb) hugetlb_vma_unlock_write(vma);
}

/**
 * Unmap pages [first, first + nr) of a file wherever they are mapped (unmap_mapping_pages); `even_cows`: private
 * copies, too. Context: may sleep.
 */
export function* unmap_mapping_pages(
  mapping: AddressSpace,
  first: number,
  nr: number,
  even_cows: boolean,
): Task {
  for (const vma of in_tree_order([...mapping.i_mmap])) {
    const pages = (vma.vm_end - vma.vm_start) / PAGE_SIZE;
    const from = Math.max(first, vma.vm_pgoff);
    const to = Math.min(first + nr, vma.vm_pgoff + pages);
    if (from >= to) continue;
    const at = (pgoff: number): number => vma.vm_start + (pgoff - vma.vm_pgoff) * PAGE_SIZE;
    yield* zap_page_range_single(vma, at(from), at(to), even_cows ? 'all' : 'file-only');
  }
}
