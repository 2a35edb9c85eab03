// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: mm/hugetlb.c, page faults. Fidelity: ported.
 */
import { KernelBug } from '../sim/errors.js';
import type { Mutex } from '../sim/locks.js';
import { NO_PAGE, type Page } from '../sim/memmap.js';
import type { Task } from '../sim/task.js';
import { HPAGE_PMD_NR, PAGE_SIZE } from '../uapi/mman.js';
import { anon_vma_prepare } from './anon_vma.js';
import {
  copy_user_large_folio,
  type HugePte,
  huge_pte,
  huge_pte_alloc,
  huge_pte_marked,
  huge_pte_none_mostly,
  hugetlb_add_new_anon_rmap,
  make_huge_pte,
  unmap_hugepage_range,
} from './hugetlb_pgtable.js';
import { is_hugetlb_entry_hwpoisoned, note_poisoned_hugetlb } from './hugetlb_poison.js';
import {
  alloc_hugetlb_folio,
  HPAGE_SIZE,
  is_vma_resv_owner,
  is_vma_resv_unmapped,
  restore_reserve_on_error,
  vma_hugecache_offset,
} from './hugetlb_resv.js';
import { hugetlb_vma_lock_read, hugetlb_vma_unlock_read } from './hugetlb_vma_lock.js';
import type { Kernel } from './kernel.js';
import {
  mmu_notifier_invalidate_range_end,
  mmu_notifier_invalidate_range_start,
  mmu_notifier_range,
} from './mmu_notifier.js';
import { get_page, put_page } from './page_alloc.js';
import {
  add_entire_mapcount,
  folio_mapcount,
  folio_test_anon,
  PageAnonExclusive,
  PG_dirty,
  PG_hwpoison,
  PG_locked,
  PG_restore_reserve,
  PG_uptodate,
  SetPageAnonExclusive,
} from './page_flags.js';
import {
  FLAGS,
  PTE_DIRTY,
  PTE_UFFD_WP,
  PTE_WRITE,
  PTE_YOUNG,
  pmd_index,
  pmd_is_migration_entry,
} from './pgtable.js';
import { folio_move_anon_rmap } from './rmap.js';
import { flush_tlb_range } from './tlb.js';
import {
  type AddressSpace,
  FAULT_FLAG_UNSHARE,
  FAULT_FLAG_WRITE,
  linear_page_index,
  userfaultfd_missing,
  VM_FAULT_HWPOISON_LARGE,
  VM_FAULT_SIGBUS,
  VM_FAULT_SIGSEGV,
  VM_MAYSHARE,
  VM_SHARED,
  VM_WRITE,
  type VmArea,
} from './types.js';
import { handle_userfault, pte_mkuffd_wp, userfaultfd_pte_wp } from './userfaultfd_k.js';

export {
  __unmap_hugepage_range,
  copy_hugetlb_page_range,
  huge_pte,
  hugetlb_change_protection,
  move_hugetlb_page_tables,
} from './hugetlb_pgtable.js';
export {
  clear_vma_resv_huge_pages,
  HPAGE_SIZE,
  hugetlb_dup_vma_private,
  hugetlb_reserve_pages,
  hugetlb_unreserve_pages,
  hugetlb_vm_ops,
} from './hugetlb_resv.js';

/** A fault in a huge page: struct vm_fault and what belongs to the file. */
interface HugeFault {
  readonly k: Kernel;
  readonly vma: VmArea;
  /** Of the huge page. */
  readonly address: number;
  readonly flags: number;
  readonly mapping: AddressSpace;
  /** Index of the huge page in the file. */
  readonly idx: number;
  /** Held, and the VMA's lock for read within it, but while pages are taken from children. */
  readonly mutex: Mutex;
}

/** What a write that retries for ever costs each time, in simulated nanoseconds. */
const COST_RETRY = 1_000_000;

const wantsCopy = (flags: number): boolean => (flags & (FAULT_FLAG_WRITE | FAULT_FLAG_UNSHARE)) !== 0;

const fault_mutex_lock = (mutex: Mutex): Task => mutex.mutex_lock('hugetlb_fault');

/**
 * handle_mm_fault() for huge pages.
 * Context: mmap_lock held; may sleep. Return: 0; VM_FAULT_SIGBUS beyond the file, without a free page that is not
 * reserved for others, or when the owner of the reservations took the page back; VM_FAULT_HWPOISON_LARGE of one that is lost.
 */
export function* hugetlb_fault(vma: VmArea, address: number, flags: number): Task<number> {
  vma.vm_mm.kernel.enter('hugetlb_fault', address);
  const k = vma.vm_mm.kernel;
  const haddr = address - (address % HPAGE_SIZE);
  const mapping = vma.vm_file!.mapping!;
  const idx = vma_hugecache_offset(vma, haddr);
  const mutex = k.hugetlb.faultMutex(mapping.id, idx);
  const fault: HugeFault = { k, vma, address: haddr, flags, mapping, idx, mutex };
  yield* fault_mutex_lock(mutex);
  yield* hugetlb_vma_lock_read(vma, 'hugetlb_fault');
  huge_pte_alloc(vma.vm_mm, haddr);
  const pte = huge_pte(vma.vm_mm, haddr);
  let busy = migrating(vma, haddr);
  let ret = 0;
  if (busy !== NO_PAGE) {
    // It is tried again when the page has a place.
  } else if (pte === null && is_hugetlb_entry_hwpoisoned(vma.vm_mm, haddr)) {
    ret = poisoned(fault, 'hugetlb_fault', vma.vm_mm.pt.pmdTable(haddr)!.e[pmd_index(haddr)]!, true);
  } else if (pte === null) {
    ret = yield* hugetlb_no_page(fault);
  } else if ((flags & FAULT_FLAG_WRITE) !== 0 && userfaultfd_pte_wp(vma, pte.flags)) {
    ret = userfault(fault, 'uffd-wp');
  } else if (!wantsCopy(flags) || (pte.flags & PTE_WRITE) !== 0) {
    pte.pmd.e[FLAGS + pte.i]! |= PTE_YOUNG | ((flags & FAULT_FLAG_WRITE) !== 0 ? PTE_DIRTY : 0);
  } else if (folio_test_anon(k.mem, pte.page) && !k.trylock_page(pte.page)) {
    busy = pte.page;
  } else {
    ret = yield* wp_locked(fault, pte);
  }
  hugetlb_vma_unlock_read(vma);
  mutex.mutex_unlock();
  if (busy !== NO_PAGE) yield* k.wait_on_page_locked(busy, 'hugetlb_fault');
  return ret;
}

/** The huge page that migrates from there, or NO_PAGE. */
function migrating({ vm_mm }: VmArea, haddr: number): Page {
  const pmd = vm_mm.pt.pmdTable(haddr)!;
  const i = pmd_index(haddr);
  return pmd_is_migration_entry(pmd, i) ? pmd.e[i]! : NO_PAGE;
}

/** The huge page is lost. Return: VM_FAULT_HWPOISON_LARGE. */
function poisoned({ k, vma, address }: HugeFault, fn: string, page: Page, entry: boolean): number {
  if (k.trace !== null) note_poisoned_hugetlb(vma.vm_mm, address, fn, page, entry);
  return VM_FAULT_HWPOISON_LARGE;
}

/** hugetlb_wp() with a reference, and the lock if the folio is anonymous. */
function* wp_locked(fault: HugeFault, pte: HugePte): Task<number> {
  const { k } = fault;
  const anon = folio_test_anon(k.mem, pte.page);
  get_page(k, pte.page);
  const ret = yield* hugetlb_wp(fault);
  if (anon) k.unlock_page(pte.page);
  put_page(k, pte.page);
  return ret;
}

// --- first touch ----------------------------------------------------------------------------------------

/** A page for the fault: locked and referenced. */
interface FaultPage {
  readonly folio: Page;
  /** Anonymous memory, not the file's. */
  readonly anon: boolean;
}

/** Nothing is mapped: map the file's page, or a fresh one. */
function* hugetlb_no_page(fault: HugeFault): Task<number> {
  const { k, vma, address } = fault;
  k.enter('hugetlb_no_page', address);
  if (is_vma_resv_unmapped(vma)) {
    k.printk('hugetlb: a process dies because the owner of the reservation took its page back');
    return VM_FAULT_SIGBUS;
  }
  const cached = yield* lock_page_of_file(fault);
  if (cached === null && is_for_userfaultfd(fault)) return userfault(fault, 'uffd-missing');
  const found = cached ?? new_page(fault);
  if (found === null) return VM_FAULT_SIGBUS;
  const { folio, anon } = found;
  // Whoever came late finds no entry that says so.
  if (cached !== null && (k.mem.flags[folio]! & PG_hwpoison) !== 0) {
    k.unlock_page(folio);
    put_page(k, folio);
    return poisoned(fault, 'hugetlb_no_page', folio, false);
  }
  if (!huge_pte_none_mostly(vma.vm_mm, address)) {
    if (anon) restore_reserve_on_error(k, vma, address, folio);
    k.unlock_page(folio);
    put_page(k, folio);
    return 0;
  }
  if (anon) hugetlb_add_new_anon_rmap(k, folio, vma, address);
  else add_entire_mapcount(k.mem, folio, 1);
  const shared = (vma.vm_flags & VM_SHARED) !== 0;
  const { pt } = vma.vm_mm;
  const prot = make_huge_pte(vma, shared && (vma.vm_flags & VM_WRITE) !== 0);
  const entry = huge_pte_marked(vma.vm_mm, address) ? pte_mkuffd_wp(prot) : prot;
  pt.set_pmd(pt.pmd_alloc(address), pmd_index(address), folio, entry);
  if ((fault.flags & FAULT_FLAG_WRITE) === 0 || shared) {
    k.unlock_page(folio);
    return 0;
  }
  // A file's page must not be locked while others are looked for; an anonymous one stays, to be reused.
  if (!anon) k.unlock_page(folio);
  const ret = yield* hugetlb_wp(fault);
  if (anon) k.unlock_page(folio);
  return ret;
}

/** Whether a userfaultfd decides of what is missing here. Behind the end of the file it does not. */
function is_for_userfaultfd({ vma, mapping, idx }: HugeFault): boolean {
  return userfaultfd_missing(vma) && idx < Math.floor(mapping.size / HPAGE_SIZE);
}

/** hugetlb_handle_userfault(); whoever waits does so when the locks are given back. */
function userfault({ vma, address, flags }: HugeFault, reason: 'uffd-missing' | 'uffd-wp'): number {
  const pgoff = linear_page_index(vma, address);
  return handle_userfault({ vma, address, pgoff, flags, page: NO_PAGE }, reason);
}

/** The page that the file has at this place, or null. Context: may sleep. */
function* lock_page_of_file({ k, mapping, idx }: HugeFault): Task<FaultPage | null> {
  for (;;) {
    const folio = mapping.i_pages.get(idx);
    if (folio === undefined) return null;
    get_page(k, folio);
    yield* k.lock_page(folio, 'hugetlb_no_page');
    if (mapping.i_pages.get(idx) === folio) return { folio, anon: false };
    k.unlock_page(folio);
    put_page(k, folio);
  }
}

/** A zeroed page, for the file where the mapping is shared; or null. */
function new_page({ k, vma, address, mapping, idx }: HugeFault): FaultPage | null {
  if (idx >= Math.floor(mapping.size / HPAGE_SIZE)) return null;
  const anon = (vma.vm_flags & VM_MAYSHARE) === 0;
  if (anon) anon_vma_prepare(vma);
  const folio = alloc_hugetlb_folio(k, vma, address, false);
  if (folio === NO_PAGE) {
    if (k.trace !== null) {
      const reason = { id: 'no-free-huge-page' } as const;
      k.note({ event: 'alloc', fn: 'hugetlb_no_page', mm: vma.vm_mm, addr: address, reason });
    }
    return null;
  }
  k.contents.clear_pages(folio, HPAGE_PMD_NR);
  k.mem.flags[folio]! |= PG_uptodate;
  if (anon) k.trylock_page(folio);
  else hugetlb_add_to_page_cache(k, folio, mapping, idx);
  return { folio, anon };
}

/** A new page becomes huge page `idx` of the file, locked; its reservation is used up. */
export function hugetlb_add_to_page_cache(k: Kernel, folio: Page, mapping: AddressSpace, idx: number): void {
  const { mem } = k;
  get_page(k, folio);
  mapping.i_pages.set(idx, folio);
  mem.mapping[folio] = -mapping.id;
  mem.index[folio] = idx * HPAGE_PMD_NR;
  mem.flags[folio] = (mem.flags[folio]! & ~PG_restore_reserve) | PG_locked | PG_dirty;
  if (k.executor.locks !== null) k.watchLocked(folio);
}

// --- copy on write ------------------------------------------------------------------------------------------

function set_huge_ptep_writable({ vma, address }: HugeFault, pte: HugePte): void {
  pte.pmd.e[FLAGS + pte.i]! |= PTE_WRITE | PTE_DIRTY;
  flush_tlb_range(vma.vm_mm, address, address + HPAGE_SIZE);
}

/** A write (or an unsharing) hits a page that is mapped read-only. Context: fault mutex and VMA's lock held; may sleep. */
function* hugetlb_wp(fault: HugeFault): Task<number> {
  fault.k.enter('hugetlb_wp', fault.address);
  const { k, vma, address } = fault;
  const unshare = (fault.flags & FAULT_FLAG_UNSHARE) !== 0;
  const pte = huge_pte(vma.vm_mm, address)!;
  // The first touch of what is marked: the next fault is for the userfaultfd.
  if (!unshare && (pte.flags & PTE_UFFD_WP) !== 0) return 0;
  if (!unshare && (vma.vm_flags & VM_WRITE) === 0) {
    k.warn('hugetlb_wp', 'a write fault in a mapping that cannot be written');
    return VM_FAULT_SIGSEGV;
  }
  if ((vma.vm_flags & VM_MAYSHARE) !== 0) {
    set_huge_ptep_writable(fault, pte);
    return 0;
  }
  for (let tries = 0; ; tries++) {
    if (try_reuse(fault, pte)) {
      if (!unshare) set_huge_ptep_writable(fault, pte);
      return 0;
    }
    const owner = is_vma_resv_owner(vma) && folio_test_anon(k.mem, pte.page);
    const fresh = alloc_hugetlb_folio(k, vma, address, owner);
    if (fresh !== NO_PAGE) return yield* copy_huge_page(fault, pte, fresh);
    if (!owner) return VM_FAULT_SIGBUS;
    if (tries > 0) {
      // The page sits elsewhere in the child (mremap): the kernel looks for it at our address, again and again.
      k.executor.charge(COST_RETRY);
      yield* k.executor.yield('hugetlb_wp');
    }
    hugetlb_vma_unlock_read(vma);
    fault.mutex.mutex_unlock();
    yield* unmap_ref_private(fault, pte.page);
    yield* fault_mutex_lock(fault.mutex);
    yield* hugetlb_vma_lock_read(vma, 'hugetlb_wp');
    if (!is_unchanged(fault, pte)) return 0;
  }
}

/** Whether this mapping is the only one of an anonymous page, which then needs no copy. */
function try_reuse({ k, vma }: HugeFault, { page }: HugePte): boolean {
  const { mem } = k;
  if (!folio_test_anon(mem, page)) return false;
  if (folio_mapcount(mem, page) === 1) {
    if (!PageAnonExclusive(mem, page)) {
      folio_move_anon_rmap(k, page, vma);
      SetPageAnonExclusive(mem, page);
    }
    return true;
  }
  if (PageAnonExclusive(mem, page)) {
    throw new KernelBug(
      'hugetlb_wp',
      `VM_BUG_ON_PAGE: huge page ${page} is exclusive and mapped more than once`,
    );
  }
  return false;
}

function is_unchanged({ vma, address }: HugeFault, pte: HugePte): boolean {
  const now = huge_pte(vma.vm_mm, address);
  return now !== null && now.page === pte.page && now.flags === pte.flags;
}

/** Map `fresh`, a copy, in place of the page in `pte`. */
function* copy_huge_page(fault: HugeFault, pte: HugePte, fresh: Page): Task<number> {
  const { k, vma, address } = fault;
  const old = pte.page;
  get_page(k, old);
  anon_vma_prepare(vma);
  copy_user_large_folio(k, fresh, old);
  const range = mmu_notifier_range(vma.vm_mm, address, address + HPAGE_SIZE, 'MMU_NOTIFY_CLEAR');
  yield* mmu_notifier_invalidate_range_start(range);
  let spare = fresh;
  if (is_unchanged(fault, pte)) {
    flush_tlb_range(vma.vm_mm, address, address + HPAGE_SIZE);
    add_entire_mapcount(k.mem, old, -1);
    hugetlb_add_new_anon_rmap(k, fresh, vma, address);
    const { pt } = vma.vm_mm;
    const entry = make_huge_pte(vma, (fault.flags & FAULT_FLAG_UNSHARE) === 0);
    const wp = (pte.flags & PTE_UFFD_WP) !== 0 && k.behaviour.hugetlbUnsharingKeepsWp;
    pt.set_pmd(pte.pmd, pte.i, fresh, wp ? pte_mkuffd_wp(entry) : entry);
    spare = old;
  }
  mmu_notifier_invalidate_range_end(range);
  if (spare === fresh) restore_reserve_on_error(k, vma, address, fresh);
  put_page(k, spare);
  put_page(k, old);
  return 0;
}

/**
 * The owner of the reservations finds no page for its copy: take `page` away from the processes that it was shared
 * with. They get SIGBUS when they touch it. Context: may sleep.
 */
function* unmap_ref_private({ vma, address, mapping }: HugeFault, page: Page): Task {
  const pgoff = linear_page_index(vma, address);
  for (const other of [...mapping.i_mmap]) {
    const end = other.vm_pgoff + (other.vm_end - other.vm_start) / PAGE_SIZE;
    if (other === vma || pgoff < other.vm_pgoff || pgoff >= end) continue;
    if ((other.vm_flags & VM_MAYSHARE) !== 0 || is_vma_resv_owner(other)) continue;
    yield* unmap_hugepage_range(other, address, address + HPAGE_SIZE, page);
  }
}
