// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: mm/hugetlb.c, page tables of huge pages: unmapping, fork, mprotect, mremap. Fidelity: simplified: of
 * markers only those of a write-protecting userfaultfd.
 *
 * DIVERGES: processes never share the page tables of a shared mapping (huge_pmd_share), so that notifications cover no
 * more than the range itself.
 *
 * A huge page is a leaf of the PMD table. It counts in the folio's entire mapcount, and never in the rss. A marker is an
 * entry of the same table that is no leaf: but for faults and for what follows, there is nothing there. So is what stands for a page that the hardware has lost.
 */
import { KernelBug } from '../sim/errors.js';
import { NO_PAGE, type Page } from '../sim/memmap.js';
import type { Task } from '../sim/task.js';
import { ENOSPC } from '../uapi/errno.js';
import { HPAGE_PMD_NR } from '../uapi/mman.js';
import type { ProtectionChange } from './huge_memory.js';
import {
  alloc_hugetlb_folio,
  HPAGE_SIZE,
  is_vma_resv_owner,
  restore_reserve_on_unmap,
  set_vma_resv_unmapped,
} from './hugetlb_resv.js';
import {
  hugetlb_vma_lock_read,
  hugetlb_vma_lock_write,
  hugetlb_vma_unlock_read,
  hugetlb_vma_unlock_write,
} from './hugetlb_vma_lock.js';
import type { Kernel } from './kernel.js';
import {
  mmu_notifier_invalidate_range_end,
  mmu_notifier_invalidate_range_start,
  mmu_notifier_range,
} from './mmu_notifier.js';
import { get_page, put_page } from './page_alloc.js';
import {
  add_entire_mapcount,
  folio_mapped,
  folio_test_anon,
  PG_dirty,
  PG_restore_reserve,
  PG_uptodate,
  SetPageAnonExclusive,
} from './page_flags.js';
import {
  FLAGS,
  is_hwpoison_entry,
  type PageTables,
  type PmdTable,
  PTE_DIRTY,
  PTE_HUGE,
  PTE_MARKER_UFFD_WP,
  PTE_UFFD_WP,
  PTE_WRITE,
  PTE_YOUNG,
  pmd_index,
  pmd_is_migration_entry,
  pmd_trans_huge,
  pud_addr_end,
  SWP_MIGRATION_READ,
  SWP_MIGRATION_READ_EXCLUSIVE,
  SWP_MIGRATION_WRITE,
  SWP_UFFD_WP,
  swp_type,
} from './pgtable.js';
import { folio_try_dup_anon_rmap_pmd } from './rmap.js';
import { flush_tlb_range } from './tlb.js';
import { is_cow_mapping, linear_page_index, type MmStruct, type VmArea } from './types.js';
import { with_uffd_wp } from './userfaultfd_k.js';

/** A huge page that is mapped, for those who walk page tables. */
export interface HugePte {
  readonly pmd: PmdTable;
  readonly i: number;
  /** The head page. */
  readonly page: Page;
  readonly flags: number;
}

/** The huge page mapped at `address`, or null; also while it migrates. */
export function huge_pte(mm: MmStruct, address: number): HugePte | null {
  const pmd = mm.pt.pmdTable(address);
  if (pmd === null) return null;
  const i = pmd_index(address);
  const flags = pmd.e[FLAGS + i]!;
  return pmd_trans_huge(pmd, i) ? { pmd, i, page: pmd.e[i]!, flags } : null;
}

const is_poison = (pmd: PmdTable, i: number): boolean => is_hwpoison_entry(pmd.e[FLAGS + i]!);

/** No page is mapped, but one migrates, or is lost: nobody holds it for the entry. */
const stands_for_page = (pmd: PmdTable, i: number): boolean =>
  is_poison(pmd, i) || pmd_is_migration_entry(pmd, i);

const is_marked = (pmd: PmdTable, i: number): boolean => pmd.e[FLAGS + i] === PTE_MARKER_UFFD_WP;

/** Nothing at `address` but, maybe, a marker (huge_pte_none_mostly()). */
export function huge_pte_none_mostly(mm: MmStruct, address: number): boolean {
  const pmd = mm.pt.pmdTable(address);
  const i = pmd_index(address);
  return pmd === null || pmd.e[FLAGS + i] === 0 || is_marked(pmd, i);
}

/** Whether nothing is mapped at `address` but a marker. */
export function huge_pte_marked(mm: MmStruct, address: number): boolean {
  const pmd = mm.pt.pmdTable(address);
  return pmd !== null && is_marked(pmd, pmd_index(address));
}

/** The table that the entry for `address` is in, made when it is missing. Oopses where small pages are in its place. */
export function huge_pte_alloc(mm: MmStruct, address: number): PmdTable {
  const pmd = mm.pt.pmd_alloc(address);
  if (pmd.child[pmd_index(address)] !== null) {
    throw new KernelBug('huge_pte_alloc', 'a table of small pages is in the place of a huge page');
  }
  return pmd;
}

/** Calls `one` for every entry of [start, end) that has a table, none entries included; stops when it returns false. */
function forEachHugeEntry(
  mm: MmStruct,
  start: number,
  end: number,
  one: (pmd: PmdTable, i: number, address: number) => boolean,
): void {
  for (let address = start; address < end; ) {
    const pudEnd = pud_addr_end(address, end);
    const pmd = mm.pt.pmdTable(address);
    if (pmd !== null) {
      for (let at = address; at < pudEnd; at += HPAGE_SIZE) if (!one(pmd, pmd_index(at), at)) return;
    }
    address = pudEnd;
  }
}

export function make_huge_pte(vma: VmArea, writable: boolean): number {
  const prot = vma.vm_page_prot | PTE_HUGE | PTE_YOUNG;
  return writable ? prot | PTE_WRITE | PTE_DIRTY : prot & ~PTE_WRITE;
}

export function copy_user_large_folio(k: Kernel, dst: Page, src: Page): void {
  k.copy_highpages(dst, src, HPAGE_PMD_NR);
  k.mem.flags[dst]! |= PG_uptodate;
}

/** A new huge page becomes anonymous memory of `vma`; from here on its reservation is used up. */
export function hugetlb_add_new_anon_rmap(k: Kernel, folio: Page, vma: VmArea, address: number): void {
  const { mem } = k;
  mem.mapping[folio] = vma.anon_vma!.id;
  mem.index[folio] = linear_page_index(vma, address);
  add_entire_mapcount(mem, folio, 1);
  SetPageAnonExclusive(mem, folio);
  mem.flags[folio]! &= ~PG_restore_reserve;
}

// --- unmapping ------------------------------------------------------------------------------------------

/**
 * Unmap [start, end), multiples of 2 MiB. `markers`: whether what a userfaultfd write-protects stays marked, because the
 * mapping does. `ref_page`: only where this very page is mapped; the VMA has then lost it for good. Context: notifiers
 * called by the caller.
 */
export function __unmap_hugepage_range(
  vma: VmArea,
  start: number,
  end: number,
  markers: 'keep' | 'drop',
  ref_page: Page = NO_PAGE,
): void {
  const mm = vma.vm_mm;
  forEachHugeEntry(mm, start, end, (pmd, i, address) => {
    if ((markers === 'drop' && is_marked(pmd, i)) || stands_for_page(pmd, i)) mm.pt.pmd_clear(pmd, i);
    if (!pmd_trans_huge(pmd, i)) return true;
    if (ref_page !== NO_PAGE) {
      if (pmd.e[i] !== ref_page) return true;
      set_vma_resv_unmapped(vma);
    }
    const wp = (pmd.e[FLAGS + i]! & PTE_UFFD_WP) !== 0;
    zap_huge_pte(vma, pmd, i, address);
    if (wp && markers === 'keep') mm.pt.set_pmd(pmd, i, NO_PAGE, PTE_MARKER_UFFD_WP);
    return ref_page === NO_PAGE;
  });
  flush_tlb_range(mm, start, end);
}

function zap_huge_pte(vma: VmArea, pmd: PmdTable, i: number, address: number): void {
  const k = vma.vm_mm.kernel;
  const { mem } = k;
  const folio = pmd.e[i]!;
  if ((pmd.e[FLAGS + i]! & PTE_DIRTY) !== 0) mem.flags[folio]! |= PG_dirty;
  vma.vm_mm.pt.pmd_clear(pmd, i);
  add_entire_mapcount(mem, folio, -1);
  const restore =
    k.behaviour.hugetlbZapRestoresReserve &&
    is_vma_resv_owner(vma) &&
    !folio_mapped(mem, folio) &&
    folio_test_anon(mem, folio);
  if (restore) restore_reserve_on_unmap(k, vma, address, folio);
  put_page(k, folio);
}

/** The same with notification, where the mapping stays. Context: may sleep. */
export function* unmap_hugepage_range(vma: VmArea, start: number, end: number, ref_page: Page): Task {
  const range = mmu_notifier_range(vma.vm_mm, start, end, 'MMU_NOTIFY_CLEAR');
  yield* mmu_notifier_invalidate_range_start(range);
  __unmap_hugepage_range(vma, start, end, 'keep', ref_page);
  mmu_notifier_invalidate_range_end(range);
}

// --- fork -------------------------------------------------------------------------------------------------

/**
 * Copy the huge pages of `src_vma` to the child's `dst_vma`: shared copy-on-write where the mapping is private.
 * Context: both mmap_locks held for write; may sleep. Return: 0, or -ENOSPC when a pinned page had to be copied and
 * the pool has no page that is not reserved.
 */
export function* copy_hugetlb_page_range(dst_vma: VmArea, src_vma: VmArea): Task<number> {
  const src = src_vma.vm_mm;
  const { vm_start: start, vm_end: end } = src_vma;
  const cow = is_cow_mapping(src_vma.vm_flags);
  const range = mmu_notifier_range(src, start, end, 'MMU_NOTIFY_CLEAR');
  if (cow) yield* mmu_notifier_invalidate_range_start(range);
  else yield* hugetlb_vma_lock_read(src_vma, 'copy_hugetlb_page_range');
  let ret = 0;
  forEachHugeEntry(src, start, end, (pmd, i, address) => {
    // The child gets a table even for a hole, as far as the parent has one.
    const dst_pmd = huge_pte_alloc(dst_vma.vm_mm, address);
    if (pmd_trans_huge(pmd, i)) {
      ret = copy_huge_pte(dst_vma, src_vma, dst_pmd, pmd, i, address, cow);
    } else if (stands_for_page(pmd, i)) {
      // Whose page it is that migrates, either may only read from now on.
      if (cow && pmd_is_migration_entry(pmd, i)) set_migration_read(pmd, i, SWP_MIGRATION_READ);
      dst_vma.vm_mm.pt.set_pmd(dst_pmd, i, pmd.e[i]!, pmd.e[FLAGS + i]! & ~SWP_UFFD_WP);
    }
    return ret === 0;
  });
  if (cow) {
    flush_tlb_range(src, start, end);
    mmu_notifier_invalidate_range_end(range);
  } else {
    hugetlb_vma_unlock_read(src_vma);
  }
  return ret;
}

function copy_huge_pte(
  dst_vma: VmArea,
  src_vma: VmArea,
  dst_pmd: PmdTable,
  src_pmd: PmdTable,
  i: number,
  address: number,
  cow: boolean,
): number {
  const k = src_vma.vm_mm.kernel;
  const folio = src_pmd.e[i]!;
  get_page(k, folio);
  if (!folio_test_anon(k.mem, folio)) {
    add_entire_mapcount(k.mem, folio, 1);
  } else if (!folio_try_dup_anon_rmap_pmd(k, folio, src_vma)) {
    const ret = copy_pinned_folio(k, dst_vma, dst_pmd, i, address, folio);
    put_page(k, folio);
    return ret;
  }
  if (cow) src_pmd.e[FLAGS + i]! &= ~PTE_WRITE;
  // The child has no userfaultfd, nor its markers.
  dst_vma.vm_mm.pt.set_pmd(dst_pmd, i, folio, src_pmd.e[FLAGS + i]! & ~PTE_UFFD_WP);
  return 0;
}

/** The parent may have pinned the page: the child gets its own copy now, which no reservation covers. */
function copy_pinned_folio(
  k: Kernel,
  dst_vma: VmArea,
  pmd: PmdTable,
  i: number,
  address: number,
  folio: Page,
): number {
  const copy = alloc_hugetlb_folio(k, dst_vma, address, false);
  if (copy === NO_PAGE) return -ENOSPC;
  copy_user_large_folio(k, copy, folio);
  hugetlb_add_new_anon_rmap(k, copy, dst_vma, address);
  dst_vma.vm_mm.pt.set_pmd(pmd, i, copy, make_huge_pte(dst_vma, true));
  return 0;
}

// --- mprotect and mremap ------------------------------------------------------------------------------------

/** What migrates comes back read-only. `type`: SWP_MIGRATION_READ, or the exclusive one. */
function set_migration_read(pmd: PmdTable, i: number, type: number): void {
  const flags = pmd.e[FLAGS + i]!;
  pmd.e[FLAGS + i] = flags - swp_type(flags) + type;
}

/** One entry gets other PTE bits. `exclusive`: what a writable one that migrates becomes. Return: whether there was a page. */
function change_huge_pte(
  pt: PageTables,
  pmd: PmdTable,
  i: number,
  newprot: number,
  uffd: ProtectionChange['uffd'],
  exclusive: number,
): boolean {
  if (pmd_is_migration_entry(pmd, i)) {
    if (swp_type(pmd.e[FLAGS + i]!) === SWP_MIGRATION_WRITE) set_migration_read(pmd, i, exclusive);
    return true;
  }
  if (pmd_trans_huge(pmd, i)) {
    const kept = pmd.e[FLAGS + i]! & (PTE_DIRTY | PTE_YOUNG | PTE_HUGE | PTE_UFFD_WP);
    pmd.e[FLAGS + i] = with_uffd_wp(newprot | kept, uffd);
    return true;
  }
  if (is_poison(pmd, i)) return false;
  if (uffd === 'wp') pt.set_pmd(pmd, i, NO_PAGE, PTE_MARKER_UFFD_WP);
  else if (uffd === 'resolve' && is_marked(pmd, i)) pt.pmd_clear(pmd, i);
  return false;
}

/**
 * Give the huge pages of [start, end) the PTE bits `newprot`; a userfaultfd that write-protects marks what is not there.
 * Context: mmap_lock held; may sleep. Return: base pages changed.
 */
export function* hugetlb_change_protection(
  vma: VmArea,
  start: number,
  end: number,
  newprot: number,
  uffd: ProtectionChange['uffd'],
): Task<number> {
  const mm = vma.vm_mm;
  const range = mmu_notifier_range(mm, start, end, 'MMU_NOTIFY_PROTECTION_VMA');
  yield* mmu_notifier_invalidate_range_start(range);
  yield* hugetlb_vma_lock_write(vma, 'hugetlb_change_protection');
  let changed = 0;
  const migratesAs = (page: Page): number =>
    folio_test_anon(mm.kernel.mem, page) ? SWP_MIGRATION_READ_EXCLUSIVE : SWP_MIGRATION_READ;
  if (uffd === 'wp') for (let at = start; at < end; at += HPAGE_SIZE) huge_pte_alloc(mm, at);
  forEachHugeEntry(mm, start, end, (pmd, i) => {
    if (change_huge_pte(mm.pt, pmd, i, newprot, uffd, migratesAs(pmd.e[i]!))) changed += HPAGE_PMD_NR;
    return true;
  });
  flush_tlb_range(mm, start, end);
  hugetlb_vma_unlock_write(vma);
  mmu_notifier_invalidate_range_end(range);
  return changed;
}

/** mremap(): move the huge pages of [old_addr, old_addr + length) to `new_addr`. Context: may sleep. Return: `length`. */
export function* move_hugetlb_page_tables(
  vma: VmArea,
  _new_vma: VmArea,
  old_addr: number,
  new_addr: number,
  length: number,
): Task<number> {
  const mm = vma.vm_mm;
  const range = mmu_notifier_range(mm, old_addr, old_addr + length, 'MMU_NOTIFY_CLEAR');
  yield* mmu_notifier_invalidate_range_start(range);
  yield* hugetlb_vma_lock_write(vma, 'move_hugetlb_page_tables');
  forEachHugeEntry(mm, old_addr, old_addr + length, (pmd, i, address) => {
    const here = pmd_trans_huge(pmd, i) || stands_for_page(pmd, i);
    const page = pmd.e[i]!;
    // The new place has no userfaultfd, nor its markers.
    const flags = pmd.e[FLAGS + i]! & ~PTE_UFFD_WP;
    mm.pt.pmd_clear(pmd, i);
    if (!here) return true;
    const to = new_addr + (address - old_addr);
    mm.pt.set_pmd(huge_pte_alloc(mm, to), pmd_index(to), page, flags);
    return true;
  });
  flush_tlb_range(mm, old_addr, old_addr + length);
  mmu_notifier_invalidate_range_end(range);
  hugetlb_vma_unlock_write(vma);
  return length;
}
