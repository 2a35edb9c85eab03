// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: mm/memory.c, page faults. Fidelity: ported; no swap, NUMA balancing, userfaultfd or hwpoison. */

import { COST_FAULT } from '../sim/costs.js';
import { NO_PAGE, type Page } from '../sim/memmap.js';
import { done, type Task } from '../sim/task.js';
import { HPAGE_PMD_NR, PAGE_SIZE } from '../uapi/mman.js';
import { anon_vma_prepare } from './anon_vma.js';
import { migrate_to_ram } from './device_fault.js';
import { do_set_pmd, file_entry, maps_whole_folio } from './huge_file.js';
import {
  charge_huge_pmd_anonymous_page,
  do_huge_pmd_anonymous_page,
  do_huge_pmd_device_private,
  do_huge_pmd_wp_page,
  thp_vma_allowable,
} from './huge_memory.js';
import { __split_huge_pmd } from './huge_split.js';
import { hugetlb_fault } from './hugetlb.js';
import type { Kernel } from './kernel.js';
import { folio_add_lru } from './lru.js';
import { folio_prealloc } from './memcontrol_charge.js';
import { refuse_poisoned } from './memory_poisoned.js';
import { alloc_page_at, vma_choice } from './mempolicy.js';
import { assert_struct_page } from './memremap.js';
import {
  mmu_notifier_invalidate_range_end,
  mmu_notifier_invalidate_range_start,
  mmu_notifier_range,
} from './mmu_notifier.js';
import { folio_try_get, get_page, put_page } from './page_alloc.js';
import {
  compound_head,
  folio_mapcount,
  folio_mark_dirty,
  folio_nr_pages,
  folio_test_anon,
  folio_test_large,
  PageAnonExclusive,
  PG_dirty,
  PG_hwpoison,
  PG_uptodate,
  SetPageAnonExclusive,
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
  PTE_PRESENT,
  PTE_SPECIAL,
  PTE_UFFD_WP,
  PTE_WRITE,
  PTE_YOUNG,
  type PteTable,
  pmd_index,
  pmd_is_device_private_entry,
  pmd_is_huge,
  pmd_is_migration_entry,
  pmd_trans_huge,
  pte_index,
  pte_none_mostly,
  pte_uffd_wp_of,
  SWP_DEVICE_EXCLUSIVE_WRITE,
  swp_type,
  vm_normal_page,
} from './pgtable.js';
import { do_huge_pmd_numa_page, do_numa_page, hinting_protnone } from './protnone.js';
import { can_change_pte_writable } from './pte_writable.js';
import {
  folio_add_anon_rmap_pte,
  folio_add_file_rmap_pte,
  folio_add_new_anon_rmap,
  folio_move_anon_rmap,
  folio_remove_rmap_pte,
  RMAP_NONE,
} from './rmap.js';
import { folio_mapped_by_ptes_of } from './rmap_owned.js';
import { folio_free_swap, folio_test_swapcache, free_swap_cache } from './swap.js';
import { note_poisoned, swap_in_page } from './swap_fault.js';
import { flush_tlb_page } from './tlb.js';
import {
  FAULT_FLAG_UNSHARE,
  FAULT_FLAG_VMA_LOCK,
  FAULT_FLAG_WRITE,
  is_cow_mapping,
  is_vm_hugetlb_page,
  linear_page_index,
  type MmStruct,
  userfaultfd_missing,
  userfaultfd_wp,
  VM_FAULT_DONE_COW,
  VM_FAULT_ERROR,
  VM_FAULT_FALLBACK,
  VM_FAULT_HWPOISON,
  VM_FAULT_NOPAGE,
  VM_FAULT_OOM,
  VM_FAULT_RETRY,
  VM_FAULT_SIGBUS,
  VM_FAULT_SIGSEGV,
  VM_MAYSHARE,
  VM_SHARED,
  type VmArea,
  type VmFault,
  vma_is_anonymous,
} from './types.js';
import { handle_userfault, pte_mkuffd_wp, userfaultfd_pte_wp } from './userfaultfd_k.js';
import { maybe_mkwrite } from './vma.js';

const FAULT_AROUND_PAGES = 16;
/** vm_ops.fault() has no page for the fault. */
const UNFINISHED = VM_FAULT_ERROR | VM_FAULT_NOPAGE | VM_FAULT_RETRY;

/** A special entry of a device's page, which counts neither as reference nor as mapping of it. */
export function pte_devmap(k: Kernel, flags: number, page: Page): boolean {
  return (flags & PTE_SPECIAL) !== 0 && page >= k.firstDevicePage;
}

/** The PTE of a fault, found again after a sleep. */
function faulting_table(vmf: VmFault): PteTable | null {
  return vmf.vma.vm_mm.pt.pteTable(vmf.address);
}

/**
 * Make `address` accessible to what `flags` ask for.
 * Context: mmap_lock held; may sleep. Return: 0 or VM_FAULT_*.
 */
export function handle_mm_fault(vma: VmArea, address: number, flags: number): Task<number> {
  vma.vm_mm.kernel.enter('handle_mm_fault', address);
  const mm = vma.vm_mm;
  mm.kernel.executor.charge(COST_FAULT);
  const sane = sanitize_fault_flags(vma, flags);
  if (is_vm_hugetlb_page(vma)) return hugetlb_fault(vma, address, sane);
  const aligned = address - (address % PAGE_SIZE);
  const pmd = mm.pt.pmd_alloc(aligned);
  const i = pmd_index(aligned);
  const vmf: VmFault = {
    vma,
    address: aligned,
    flags: sane,
    pgoff: linear_page_index(vma, aligned),
    page: NO_PAGE,
  };
  if (pmd.child[i] === null) {
    if (pmd_trans_huge(pmd, i)) return handle_huge_pmd(vmf, pmd, i);
    if (pmd_is_huge(pmd, i)) return handle_absent_pmd(vmf, pmd, i);
    if (vma_is_anonymous(vma) && thp_vma_allowable(vma)) {
      if (mm.memcg !== null) return fault_huge_anonymous(vmf, pmd, i);
      const ret = do_huge_pmd_anonymous_page(vmf, pmd, i);
      if ((ret & VM_FAULT_FALLBACK) === 0) return done(ret);
    }
  }
  return handle_pte_fault(vmf);
}

/** A fault under a huge leaf that is not present: one on a device comes home, one that migrates is waited for. */
function* handle_absent_pmd(vmf: VmFault, pmd: PmdTable, i: number): Task<number> {
  if (pmd_is_device_private_entry(pmd, i)) return yield* do_huge_pmd_device_private(vmf, pmd, i);
  if (pmd_is_migration_entry(pmd, i)) yield* pmd_migration_entry_wait(vmf.vma.vm_mm, pmd, i);
  return 0;
}

/** A fault under a huge leaf. */
function handle_huge_pmd(vmf: VmFault, pmd: PmdTable, i: number): Task<number> {
  const flags = pmd.e[FLAGS + i]!;
  if (hinting_protnone(vmf.vma, flags)) return do_huge_pmd_numa_page(vmf, pmd, i);
  const write = (vmf.flags & FAULT_FLAG_WRITE) !== 0;
  if ((vmf.flags & (FAULT_FLAG_WRITE | FAULT_FLAG_UNSHARE)) === 0 || (flags & PTE_WRITE) !== 0) {
    pmd.e[FLAGS + i] = flags | PTE_YOUNG | (write ? PTE_DIRTY : 0);
    return done(0);
  }
  return wp_huge_pmd(vmf, pmd, i);
}

function* wp_huge_pmd(vmf: VmFault, pmd: PmdTable, i: number): Task<number> {
  const unshare = (vmf.flags & FAULT_FLAG_UNSHARE) !== 0;
  if (!vma_is_anonymous(vmf.vma)) {
    // Of a file: its pages are faulted in one by one, and copied where the mapping is private.
    yield* __split_huge_pmd(vmf.vma, pmd, i, vmf.address, false, null);
    return yield* handle_pte_fault(vmf);
  }
  if (!unshare && userfaultfd_pte_wp(vmf.vma, pmd.e[FLAGS + i]!)) return handle_userfault(vmf, 'uffd-wp');
  const ret = yield* do_huge_pmd_wp_page(vmf, pmd, i);
  return (ret & VM_FAULT_FALLBACK) === 0 ? ret : yield* handle_pte_fault(vmf);
}

/** FAULT_FLAG_UNSHARE is meaningless where nothing is copied on write. */
function sanitize_fault_flags(vma: VmArea, flags: number): number {
  if ((flags & FAULT_FLAG_UNSHARE) !== 0) {
    return is_cow_mapping(vma.vm_flags) ? flags : flags & ~FAULT_FLAG_UNSHARE;
  }
  return flags;
}

/** Anonymous memory of a process in a cgroup, where a huge page may be had. */
function* fault_huge_anonymous(vmf: VmFault, pmd: PmdTable, i: number): Task<number> {
  const ret = yield* charge_huge_pmd_anonymous_page(vmf, pmd, i);
  return (ret & VM_FAULT_FALLBACK) === 0 ? ret : yield* handle_pte_fault(vmf);
}

function handle_pte_fault(vmf: VmFault): Task<number> {
  const table = faulting_table(vmf);
  const i = pte_index(vmf.address);
  const flags = table === null ? 0 : table[FLAGS + i]!;
  if (table === null || flags === 0) {
    return vma_is_anonymous(vmf.vma) ? do_anonymous_page(vmf) : do_fault(vmf);
  }
  if ((flags & PTE_PRESENT) === 0) return do_swap_page(vmf, table[i]!, flags);
  if (hinting_protnone(vmf.vma, flags)) return do_numa_page(vmf, table, i);
  if ((vmf.flags & (FAULT_FLAG_WRITE | FAULT_FLAG_UNSHARE)) !== 0 && (flags & PTE_WRITE) === 0) {
    return do_wp_page(vmf, table, i);
  }
  table[FLAGS + i] = flags | PTE_YOUNG | ((vmf.flags & FAULT_FLAG_WRITE) !== 0 ? PTE_DIRTY : 0);
  return done(0);
}

/** First touch of anonymous memory: the zero page for a read, a fresh page for a write. */
function do_anonymous_page(vmf: VmFault): Task<number> {
  vmf.vma.vm_mm.kernel.enter('do_anonymous_page', vmf.address);
  const { vma, address } = vmf;
  const mm = vma.vm_mm;
  const k = mm.kernel;
  if ((vma.vm_flags & VM_SHARED) !== 0) return done(VM_FAULT_SIGBUS);
  const i = pte_index(address);
  if ((vmf.flags & FAULT_FLAG_WRITE) === 0) {
    const table = mm.pt.pte_alloc(address);
    if (userfaultfd_missing(vma)) return done(handle_userfault(vmf, 'uffd-missing'));
    table[i] = k.zeroPage;
    table[FLAGS + i] = vma.vm_page_prot | PTE_SPECIAL | PTE_YOUNG;
    return done(0);
  }
  anon_vma_prepare(vma);
  if (userfaultfd_missing(vma)) {
    mm.pt.pte_alloc(address);
    return done(handle_userfault(vmf, 'uffd-missing'));
  }
  const folio = mm.memcg === null ? alloc_page_at(k, vma_choice(vma, address)) : NO_PAGE;
  if (folio === NO_PAGE) return do_anonymous_page_slow(vmf);
  map_anonymous(vmf, folio);
  return done(0);
}

/** The same where memory may have to be reclaimed first; meanwhile somebody else may have been here. */
function* do_anonymous_page_slow(vmf: VmFault): Task<number> {
  const k = vmf.vma.vm_mm.kernel;
  const folio = yield* folio_prealloc(k, vmf.vma.vm_mm, vma_choice(vmf.vma, vmf.address));
  if (folio === NO_PAGE) return VM_FAULT_OOM;
  const pmd = vmf.vma.vm_mm.pt.pmd_alloc(vmf.address);
  const table = faulting_table(vmf);
  const raced =
    table === null ? pmd_is_huge(pmd, pmd_index(vmf.address)) : table[FLAGS + pte_index(vmf.address)] !== 0;
  if (raced) put_page(k, folio);
  else map_anonymous(vmf, folio);
  return 0;
}

/** A fresh page at the address of a fault. */
function map_anonymous({ vma, address }: VmFault, folio: Page): void {
  const mm = vma.vm_mm;
  const k = mm.kernel;
  const i = pte_index(address);
  const table = mm.pt.pte_alloc(address);
  k.mem.flags[folio] = PG_uptodate;
  folio_add_new_anon_rmap(k, folio, vma, address);
  folio_add_lru(k, folio);
  table[i] = folio;
  table[FLAGS + i] = maybe_mkwrite(vma.vm_page_prot | PTE_DIRTY | PTE_YOUNG, vma);
  mm.rss++;
}

// --- faults on files ------------------------------------------------------------------------------------

function* do_fault(vmf: VmFault): Task<number> {
  vmf.vma.vm_mm.kernel.enter('do_fault', vmf.address);
  const { vma } = vmf;
  if (vma.vm_ops!.fault === undefined) return VM_FAULT_SIGBUS;
  if ((vmf.flags & FAULT_FLAG_WRITE) === 0) return yield* do_read_fault(vmf);
  if ((vma.vm_flags & VM_SHARED) === 0) return yield* do_cow_fault(vmf);
  return yield* do_shared_fault(vmf);
}

/** The file's page. Return: VM_FAULT_*; VM_FAULT_HWPOISON where the cache has one that the hardware has lost. Context: may sleep. */
function* __do_fault(vmf: VmFault): Task<number> {
  const ret = yield* vmf.vma.vm_ops!.fault!(vmf);
  if ((ret & (UNFINISHED | VM_FAULT_DONE_COW)) !== 0) return ret;
  const poisoned = (vmf.vma.vm_mm.kernel.mem.flags[vmf.page]! & PG_hwpoison) !== 0;
  return poisoned ? yield* refuse_poisoned(vmf) : ret;
}

function* do_read_fault(vmf: VmFault): Task<number> {
  const { vma } = vmf;
  const around = vma.vm_ops!.cachedPage !== undefined && !userfaultfd_wp(vma);
  if (around && do_fault_around(vmf)) return VM_FAULT_NOPAGE;
  const ret = yield* __do_fault(vmf);
  if ((ret & UNFINISHED) !== 0) return ret;
  return finish_fault(vmf, vmf.page, false);
}

/** Map what the page cache already has around the fault. Return: whether the faulting page is among it. */
function do_fault_around(vmf: VmFault): boolean {
  const { vma, address, pgoff } = vmf;
  const k = vma.vm_mm.kernel;
  const pteOff = pte_index(address);
  const vmaOff = pgoff - vma.vm_pgoff;
  const vmaPages = (vma.vm_end - vma.vm_start) / PAGE_SIZE;
  const from = Math.max(pteOff - (pteOff % FAULT_AROUND_PAGES), pteOff - Math.min(pteOff, vmaOff));
  const to = Math.min(from + FAULT_AROUND_PAGES, 512, pteOff + vmaPages - vmaOff);
  let table: PteTable | null = null;
  let mapped = 0;
  for (let i = from; i < to; i++) {
    const page = vma.vm_ops!.cachedPage!(vma, pgoff + i - pteOff);
    if (page === NO_PAGE) continue;
    if (table === null && filemap_map_pmd(vmf, page)) return true;
    table ??= vma.vm_mm.pt.pte_alloc(address);
    if (table[FLAGS + i] !== 0) continue;
    get_page(k, page);
    map_file_page(k, vma, page, table, i, vma.vm_page_prot | PTE_YOUNG);
    mapped++;
    if (k.trace !== null && i !== pteOff) tell_map(vmf, address + (i - pteOff) * PAGE_SIZE, page, 1);
  }
  if (mapped > 0) vma.vm_ops!.faultedAround?.(vma, mapped);
  return table !== null && table[FLAGS + pteOff] !== 0;
}

/** The first page that is there may be one of a huge one, which is mapped as a whole then. */
function filemap_map_pmd(vmf: VmFault, page: Page): boolean {
  if (!do_set_pmd(vmf, page)) return false;
  const k = vmf.vma.vm_mm.kernel;
  get_page(k, page);
  if (k.trace !== null) {
    const first = vmf.address - pte_index(vmf.address) * PAGE_SIZE;
    tell_map(vmf, first, compound_head(k.mem, page), HPAGE_PMD_NR);
  }
  return true;
}

function tell_map({ vma }: VmFault, addr: number, page: Page, pages: number): void {
  const { vm_mm: mm } = vma;
  mm.kernel.note({ event: 'mm_filemap_map_pages', fn: 'filemap_map_pages', mm, addr, page, args: { pages } });
}

function map_file_page(k: Kernel, vma: VmArea, page: Page, table: PteTable, i: number, flags: number): void {
  folio_add_file_rmap_pte(k, compound_head(k.mem, page), page, vma);
  table[i] = page;
  table[FLAGS + i] = flags;
  vma.vm_mm.rss++;
}

/** A private file page is written for the first time: copy it to anonymous memory at once. */
function* do_cow_fault(vmf: VmFault): Task<number> {
  const { vma } = vmf;
  const k = vma.vm_mm.kernel;
  anon_vma_prepare(vma);
  const cow = yield* folio_prealloc(k, vma.vm_mm, vma_choice(vma, vmf.address));
  if (cow === NO_PAGE) return VM_FAULT_OOM;
  vmf.cow_page = cow;
  const ret = yield* __do_fault(vmf);
  if ((ret & UNFINISHED) !== 0) {
    k.contents.clear_page(cow);
    put_page(k, cow);
    return ret;
  }
  const filled = (ret & VM_FAULT_DONE_COW) !== 0;
  if (!filled) k.copy_highpage(cow, vmf.page);
  k.mem.flags[cow] = PG_uptodate;
  const done = finish_fault(vmf, cow, true);
  if (!filled) {
    k.unlock_page(compound_head(k.mem, vmf.page));
    put_page(k, vmf.page);
  }
  if (done !== 0) put_page(k, cow);
  return done;
}

function* do_shared_fault(vmf: VmFault): Task<number> {
  const { vma } = vmf;
  const k = vma.vm_mm.kernel;
  const ret = yield* __do_fault(vmf);
  if ((ret & UNFINISHED) !== 0) return ret;
  if (vma.vm_ops!.page_mkwrite !== undefined) {
    k.unlock_page(vmf.page);
    const refused = yield* vma.vm_ops!.page_mkwrite(vmf);
    if (refused !== 0) {
      put_page(k, vmf.page);
      return refused;
    }
  }
  folio_mark_dirty(k.mem, compound_head(k.mem, vmf.page));
  return finish_fault(vmf, vmf.page, false);
}

/** Map `page`: `cow` as new anonymous memory, else as the file's locked page, whose reference the PTE takes over. */
function finish_fault(vmf: VmFault, page: Page, cow: boolean): number {
  const { vma, address } = vmf;
  const mm = vma.vm_mm;
  const k = mm.kernel;
  if (!cow && do_set_pmd(vmf, page)) {
    k.unlock_page(compound_head(k.mem, page));
    return 0;
  }
  const table = mm.pt.pte_alloc(address);
  const i = pte_index(address);
  const raced = !pte_none_mostly(table[FLAGS + i]!);
  if (!cow && maps_whole_folio(vmf, page, table)) {
    map_whole_folio(vmf, page, table, i);
  } else if (!raced) {
    let flags = file_entry(vmf);
    if (is_pte_marker(table[FLAGS + i]!)) flags = pte_mkuffd_wp(flags);
    if (cow) {
      folio_add_new_anon_rmap(k, page, vma, address);
      folio_add_lru(k, page);
      table[i] = page;
      table[FLAGS + i] = flags;
      mm.rss++;
    } else {
      map_file_page(k, vma, page, table, i, flags);
    }
  }
  if (!cow) {
    k.unlock_page(compound_head(k.mem, page));
    if (raced) put_page(k, page);
  }
  return raced ? VM_FAULT_NOPAGE : 0;
}

/** All pages of the large folio of `page`, which belongs at entry `at` of the table. */
function map_whole_folio(vmf: VmFault, page: Page, table: PteTable, at: number): void {
  const { vma } = vmf;
  const k = vma.vm_mm.kernel;
  const folio = compound_head(k.mem, page);
  const nr = folio_nr_pages(k.mem, folio);
  const first = at - (page - folio);
  const pte = file_entry(vmf);
  k.mem.refcount[folio]! += nr - 1;
  for (let n = 0; n < nr; n++) map_file_page(k, vma, folio + n, table, first + n, pte);
}

// --- faults on special entries -----------------------------------------------------------------------------

/** The PTE is not present: a page that migrates, is a device's, or is reserved for a device. */
function* do_swap_page(vmf: VmFault, page: Page, flags: number): Task<number> {
  vmf.vma.vm_mm.kernel.enter('do_swap_page', vmf.address);
  const k = vmf.vma.vm_mm.kernel;
  if (is_pte_marker(flags)) return yield* handle_pte_marker(vmf);
  if (is_hwpoison_entry(flags)) {
    if (k.trace !== null) note_poisoned(vmf, page, 'hwpoison-entry');
    return VM_FAULT_HWPOISON;
  }
  if (is_swap_entry(flags)) return yield* swap_in_page(vmf, page, flags, do_wp_page);
  if (is_migration_entry(flags)) {
    yield* migration_entry_wait(vmf.vma.vm_mm, vmf.address);
    return 0;
  }
  vmf.page = page;
  if (is_device_exclusive_entry(flags)) return yield* remove_device_exclusive_entry(vmf, flags);
  if (!is_device_private_entry(flags)) return VM_FAULT_SIGBUS;
  if ((vmf.flags & FAULT_FLAG_VMA_LOCK) !== 0) return VM_FAULT_RETRY;
  assert_struct_page(k, page, 'do_swap_page');
  const ret = yield* migrate_to_ram(k, vmf, page);
  return k.behaviour.migrateToRamResultCounts ? ret : 0;
}

/** A guard is a SIGSEGV. The mark of a userfaultfd that is gone is taken away; else the page is brought, and write-protected. */
function* handle_pte_marker(vmf: VmFault): Task<number> {
  const { vma } = vmf;
  const table = faulting_table(vmf)!;
  if (is_guard_marker(table[FLAGS + pte_index(vmf.address)]!)) return VM_FAULT_SIGSEGV;
  if (userfaultfd_wp(vma) && !vma_is_anonymous(vma)) return yield* do_fault(vmf);
  table[pte_index(vmf.address)] = 0;
  table[FLAGS + pte_index(vmf.address)] = 0;
  return 0;
}

/** Fault in the entry at `address`, which is not present. Context: mmap_lock held; may sleep. Return: 0 or VM_FAULT_*. */
export function swap_in(vma: VmArea, address: number, page: Page, flags: number): Task<number> {
  const pgoff = linear_page_index(vma, address);
  return do_swap_page({ vma, address, flags: 0, pgoff, page: NO_PAGE }, page, flags);
}

/** Sleep until the huge page under migration is unlocked. */
export function* pmd_migration_entry_wait(mm: MmStruct, pmd: PmdTable, i: number): Task {
  yield* mm.kernel.wait_on_page_locked(pmd.e[i]!, 'softleaf_entry_wait_on_locked');
}

/** Sleep until the page under migration at `address` is unlocked. */
export function* migration_entry_wait(mm: MmStruct, address: number): Task {
  const table = mm.pt.pteTable(address);
  if (table === null) return;
  const i = pte_index(address);
  const flags = table[FLAGS + i]!;
  if ((flags & PTE_PRESENT) !== 0 || !is_migration_entry(flags)) return;
  yield* mm.kernel.wait_on_page_locked(
    compound_head(mm.kernel.mem, table[i]!),
    'migration_entry_wait_on_locked',
  );
}

function* remove_device_exclusive_entry(vmf: VmFault, orig: number): Task<number> {
  const { vma, address, page } = vmf;
  const k = vma.vm_mm.kernel;
  const folio = compound_head(k.mem, page);
  if (!folio_try_get(k, folio)) return 0;
  yield* k.lock_page(folio, 'remove_device_exclusive_entry');
  const range = mmu_notifier_range(vma.vm_mm, address, address + PAGE_SIZE, 'MMU_NOTIFY_EXCLUSIVE');
  yield* mmu_notifier_invalidate_range_start(range);
  const table = faulting_table(vmf);
  const i = pte_index(address);
  if (table !== null && table[i] === page && table[FLAGS + i] === orig) {
    restore_exclusive_pte(k, vma, table, i);
    if (k.trace !== null) {
      const fn = 'remove_device_exclusive_entry';
      k.note({ event: 'restore_exclusive_pte', fn, mm: vma.vm_mm, addr: address, page });
    }
  }
  k.unlock_page(folio);
  put_page(k, folio);
  mmu_notifier_invalidate_range_end(range);
  return 0;
}

/** Give the CPU back a page that a device had for itself. Context: folio locked. */
export function restore_exclusive_pte(k: Kernel, vma: VmArea, table: PteTable, i: number): void {
  const page = table[i]!;
  const write = swp_type(table[FLAGS + i]!) === SWP_DEVICE_EXCLUSIVE_WRITE;
  const folio = compound_head(k.mem, page);
  let flags = (vma.vm_page_prot & ~PTE_YOUNG) | pte_uffd_wp_of(table[FLAGS + i]!);
  if (k.behaviour.exclusiveEntriesMap) {
    if (can_change_pte_writable(vma, page, flags)) {
      if ((k.mem.flags[folio]! & PG_dirty) !== 0) flags |= PTE_DIRTY;
      flags |= PTE_WRITE;
    }
    table[FLAGS + i] = flags;
    return;
  }
  if (write) flags = maybe_mkwrite(flags | PTE_DIRTY, vma);
  folio_add_anon_rmap_pte(k, folio, page, vma, RMAP_NONE);
  table[FLAGS + i] = flags;
}

// --- write faults on present pages --------------------------------------------------------------------------

function* do_wp_page(vmf: VmFault, table: PteTable, i: number): Task<number> {
  vmf.vma.vm_mm.kernel.enter('do_wp_page', vmf.address);
  const { vma } = vmf;
  const k = vma.vm_mm.kernel;
  const { mem } = k;
  const unshare = (vmf.flags & FAULT_FLAG_UNSHARE) !== 0;
  if (!unshare && userfaultfd_pte_wp(vma, table[FLAGS + i]!)) return handle_userfault(vmf, 'uffd-wp');
  const page = vm_normal_page(table[FLAGS + i]!, table[i]!);
  vmf.page = page;
  if ((vma.vm_flags & (VM_SHARED | VM_MAYSHARE)) !== 0) {
    const { page_mkwrite, pfn_mkwrite } = vma.vm_ops ?? {};
    // A DAX file system takes both for the same: there is nothing to lock.
    if (pfn_mkwrite !== undefined) return yield* pfn_mkwrite(vmf);
    if (page !== NO_PAGE && page_mkwrite !== undefined) return yield* wp_page_shared(vmf, table[FLAGS + i]!);
    wp_page_reuse(vmf, table, i);
    if (page !== NO_PAGE) folio_mark_dirty(mem, compound_head(mem, page));
    return 0;
  }
  const folio = page === NO_PAGE ? NO_PAGE : compound_head(mem, page);
  if (folio !== NO_PAGE && folio_test_anon(mem, folio)) {
    if (PageAnonExclusive(mem, page) || wp_can_reuse_anon_folio(k, folio, vma)) {
      SetPageAnonExclusive(mem, page);
      if (!unshare) wp_page_reuse(vmf, table, i);
      return 0;
    }
  }
  if (folio !== NO_PAGE) get_page(k, folio);
  return yield* wp_page_copy(vmf, table[i]!, table[FLAGS + i]!);
}

/** A shared page of a file system that wants to know of writes; the entry had `orig`. */
function* wp_page_shared(vmf: VmFault, orig: number): Task<number> {
  const { vma, page } = vmf;
  const k = vma.vm_mm.kernel;
  get_page(k, page);
  const refused = yield* vma.vm_ops!.page_mkwrite!(vmf);
  if (refused === 0) {
    const table = faulting_table(vmf);
    const i = pte_index(vmf.address);
    if (table !== null && table[i] === page && table[FLAGS + i] === orig) {
      wp_page_reuse(vmf, table, i);
      folio_mark_dirty(k.mem, page);
    }
    k.unlock_page(page);
  }
  put_page(k, page);
  return refused;
}

function wp_page_reuse(vmf: VmFault, table: PteTable, i: number): void {
  table[FLAGS + i] = maybe_mkwrite(table[FLAGS + i]! | PTE_DIRTY | PTE_YOUNG, vmf.vma);
  flush_tlb_page(vmf.vma.vm_mm, vmf.address);
}

/** Whether nobody has any of the folio but by PTEs of this address space; of one that has a single page left, it is to go. */
function wp_can_reuse_large_anon_folio(k: Kernel, folio: Page, { vm_mm }: VmArea): boolean {
  const mapcount = folio_mapcount(k.mem, folio);
  if (mapcount <= 1 || mapcount !== k.mem.refcount[folio]) return false;
  return folio_mapped_by_ptes_of(k, folio, vm_mm);
}

/** Whether the only reference to the folio is the faulting PTE's, so that it need not be copied. */
function wp_can_reuse_anon_folio(k: Kernel, folio: Page, vma: VmArea): boolean {
  if (folio_test_large(k.mem, folio)) {
    if (k.behaviour.wpReusesOwnedFolios) return wp_can_reuse_large_anon_folio(k, folio, vma);
    if (!k.behaviour.wpReusesLargeFolios) return false;
  }
  if (k.mem.refcount[folio]! > (folio_test_swapcache(k, folio) ? 2 : 1)) return false;
  if (!k.trylock_page(folio)) return false;
  folio_free_swap(k, folio);
  const only = k.mem.refcount[folio] === 1;
  if (only) folio_move_anon_rmap(k, folio, vma);
  k.unlock_page(folio);
  return only;
}

/** Copy the page (or the zero page) and map the copy. The caller took a reference on the old folio. */
function* wp_page_copy(vmf: VmFault, origPage: Page, origFlags: number): Task<number> {
  const { vma, address } = vmf;
  const mm = vma.vm_mm;
  const k = mm.kernel;
  const old = vmf.page;
  anon_vma_prepare(vma);
  const fresh = yield* folio_prealloc(k, mm, vma_choice(vma, address));
  if (fresh === NO_PAGE) {
    if (old !== NO_PAGE) put_page(k, old);
    return VM_FAULT_OOM;
  }
  if (old !== NO_PAGE) k.copy_highpage(fresh, old);
  else if (pte_devmap(k, origFlags, origPage)) k.copy_highpage(fresh, origPage);
  else k.contents.clear_page(fresh);
  k.mem.flags[fresh] = PG_uptodate;

  const range = mmu_notifier_range(mm, address, address + PAGE_SIZE, 'MMU_NOTIFY_CLEAR');
  yield* mmu_notifier_invalidate_range_start(range);
  const table = faulting_table(vmf);
  const i = pte_index(address);
  let spare = fresh;
  if (table !== null && table[i] === origPage && table[FLAGS + i] === origFlags) {
    let flags = vma.vm_page_prot | PTE_YOUNG;
    if ((vmf.flags & FAULT_FLAG_UNSHARE) === 0) flags = maybe_mkwrite(flags | PTE_DIRTY, vma);
    else flags |= origFlags & PTE_UFFD_WP;
    flush_tlb_page(mm, address);
    folio_add_new_anon_rmap(k, fresh, vma, address);
    folio_add_lru(k, fresh);
    table[i] = fresh;
    table[FLAGS + i] = flags;
    if (old === NO_PAGE) mm.rss++;
    else folio_remove_rmap_pte(k, compound_head(k.mem, old), old, vma);
    spare = old;
  }
  mmu_notifier_invalidate_range_end(range);
  if (old !== NO_PAGE && spare === old) free_swap_cache(k, compound_head(k.mem, old));
  if (spare !== NO_PAGE) put_page(k, spare);
  if (old !== NO_PAGE) put_page(k, old);
  return 0;
}

/** vm_insert_page(): map a kernel page into a driver's mapping. Return: 0 or -errno. */
export function insert_page(vma: VmArea, addr: number, page: Page): number {
  const mm = vma.vm_mm;
  const table = mm.pt.pte_alloc(addr);
  const i = pte_index(addr);
  get_page(mm.kernel, page);
  map_file_page(mm.kernel, vma, page, table, i, vma.vm_page_prot);
  return 0;
}
