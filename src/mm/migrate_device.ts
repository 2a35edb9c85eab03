// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: mm/migrate_device.c. Fidelity: ported; base pages only, as in 6.1 and 6.12. */
import { KernelBug } from '../sim/errors.js';
import { NO_PAGE, type Page } from '../sim/memmap.js';
import type { Task } from '../sim/task.js';
import { EBUSY, EINVAL } from '../uapi/errno.js';
import { PAGE_SIZE } from '../uapi/mman.js';
import { anon_vma_prepare } from './anon_vma.js';
import { __split_huge_pmd, pmd_trans_huge, split_folio } from './huge_split.js';
import type { Kernel } from './kernel.js';
import { vm_normal_page } from './memory.js';
import { idle_device_refs, is_device_coherent_page, is_device_private_page } from './memremap.js';
import { folio_migrate_flags, folio_migrate_mapping, remove_migration_ptes } from './migrate.js';
import {
  type MmuNotifierRange,
  mmu_notifier_invalidate_range_end,
  mmu_notifier_invalidate_range_start,
  mmu_notifier_range,
} from './mmu_notifier.js';
import { folio_try_get, get_page, put_page } from './page_alloc.js';
import {
  folio_mapcount,
  folio_mapped,
  folio_test_anon,
  PageAnonExclusive,
  PG_dirty,
  PG_head,
  PG_lru,
  PG_tail,
  PG_uptodate,
} from './page_flags.js';
import {
  FLAGS,
  is_device_private_entry,
  is_migration_entry,
  is_swap_entry,
  type PmdTable,
  PTE_DIRTY,
  PTE_PRESENT,
  PTE_WRITE,
  type PteTable,
  pmd_addr_end,
  pmd_index,
  pte_index,
  pte_present,
  pud_addr_end,
  SWP_DEVICE_READ,
  SWP_DEVICE_WRITE,
  swp_type,
} from './pgtable.js';
import { type Because, reasonOf, referenced } from './reasons.js';
import {
  folio_add_new_anon_rmap,
  folio_remove_rmap_pte,
  folio_try_share_anon_rmap_pte,
  migration_entry_of,
  try_to_migrate,
} from './rmap.js';
import { folio_free_swap, folio_test_swapcache } from './swap.js';
import { flush_tlb_page, flush_tlb_range } from './tlb.js';
import {
  is_vm_hugetlb_page,
  userfaultfd_missing,
  VM_SPECIAL,
  VM_WRITE,
  type VmArea,
  vma_is_anonymous,
} from './types.js';

/** An entry of src or dst: the page in the upper 28 bits, flags in the lower four. */
export const MIGRATE_PFN_VALID = 1;
export const MIGRATE_PFN_MIGRATE = 2;
export const MIGRATE_PFN_WRITE = 4;
const MIGRATE_PFN_SHIFT = 4;

export const MIGRATE_VMA_SELECT_SYSTEM = 1;
export const MIGRATE_VMA_SELECT_DEVICE_PRIVATE = 2;
export const MIGRATE_VMA_SELECT_DEVICE_COHERENT = 4;

export const migrate_pfn = (page: Page): number => ((page << MIGRATE_PFN_SHIFT) | MIGRATE_PFN_VALID) >>> 0;

export const migrate_pfn_to_page = (mpfn: number): Page =>
  (mpfn & MIGRATE_PFN_VALID) !== 0 ? mpfn >>> MIGRATE_PFN_SHIFT : NO_PAGE;

/** struct migrate_vma. Arrays hold one entry a page of [start, end). */
export interface MigrateVma {
  vma: VmArea;
  readonly src: Uint32Array;
  readonly dst: Uint32Array;
  cpages: number;
  npages: number;
  /** Bytes. */
  start: number;
  end: number;
  pgmap_owner: unknown;
  flags: number;
  fault_page: Page;
}

// --- collecting ------------------------------------------------------------------------------------------

function skip(migrate: MigrateVma, addr: number, page: Page, fn: string, because: Because, end?: number): 0 {
  const { vm_mm } = migrate.vma;
  if (vm_mm.kernel.trace === null) return 0;
  const args = { pages: end === undefined ? 1 : (end - addr) / PAGE_SIZE };
  vm_mm.kernel.note({ event: 'skip', fn, mm: vm_mm, addr, page, reason: reasonOf(because), args });
  return 0;
}

function migrate_vma_collect_skip(migrate: MigrateVma, start: number, end: number): void {
  const count = (end - start) / PAGE_SIZE;
  migrate.src.fill(0, migrate.npages, migrate.npages + count);
  migrate.dst.fill(0, migrate.npages, migrate.npages + count);
  migrate.npages += count;
}

/** Nothing is mapped: only anonymous memory can be made up on the device. */
function migrate_vma_collect_hole(migrate: MigrateVma, start: number, end: number): void {
  migrate.vma.vm_mm.kernel.enter('migrate_vma_collect_hole', start);
  if (!vma_is_anonymous(migrate.vma)) {
    skip(migrate, start, NO_PAGE, 'migrate_vma_collect_hole', 'file-hole', end);
    migrate_vma_collect_skip(migrate, start, end);
    return;
  }
  const count = (end - start) / PAGE_SIZE;
  migrate.src.fill(MIGRATE_PFN_MIGRATE, migrate.npages, migrate.npages + count);
  migrate.dst.fill(0, migrate.npages, migrate.npages + count);
  migrate.npages += count;
  migrate.cpages += count;
}

/** Which page a swap-type entry stands for, if the caller wants it: 0, or its migrate_pfn. */
function collect_nonpresent(migrate: MigrateVma, page: Page, flags: number, addr: number): number {
  const k = migrate.vma.vm_mm.kernel;
  if (!is_device_private_entry(flags)) {
    const id = is_migration_entry(flags) ? 'migration-entry' : 'exclusive-entry';
    if (is_swap_entry(flags)) return skip(migrate, addr, NO_PAGE, 'migrate_vma_collect_pmd', 'swap-entry');
    return skip(migrate, addr, page, 'migrate_vma_collect_pmd', id);
  }
  if ((migrate.flags & MIGRATE_VMA_SELECT_DEVICE_PRIVATE) === 0) {
    return skip(migrate, addr, page, 'migrate_vma_collect_pmd', 'private-not-selected');
  }
  if (k.pgmapOf(page).owner !== migrate.pgmap_owner) {
    return skip(migrate, addr, page, 'migrate_vma_collect_pmd', 'wrong-owner');
  }
  const mpfn = migrate_pfn(page) | MIGRATE_PFN_MIGRATE;
  return (swp_type(flags) === SWP_DEVICE_WRITE ? mpfn | MIGRATE_PFN_WRITE : mpfn) >>> 0;
}

/** Which page a present entry stands for, if the caller wants it: 0, or its migrate_pfn; the zero page has none. */
function collect_present(migrate: MigrateVma, page: Page, flags: number, addr: number): number {
  const k = migrate.vma.vm_mm.kernel;
  const system = (migrate.flags & MIGRATE_VMA_SELECT_SYSTEM) !== 0;
  if (page === k.zeroPage && system) {
    migrate.cpages++;
    return MIGRATE_PFN_MIGRATE;
  }
  if (vm_normal_page(flags, page) === NO_PAGE)
    return skip(migrate, addr, page, 'migrate_vma_collect_pmd', 'zero-page');
  if (!k.is_zone_device_page(page)) {
    if (!system) return skip(migrate, addr, page, 'migrate_vma_collect_pmd', 'system-not-selected');
  } else if (is_device_coherent_page(k, page)) {
    if (k.behaviour.genericPagesAreMigratable) {
      // The series marks no generic page as belonging elsewhere: SELECT_SYSTEM takes them all.
      if (!system) return skip(migrate, addr, page, 'migrate_vma_collect_pmd', 'generic-not-selected');
    } else if ((migrate.flags & MIGRATE_VMA_SELECT_DEVICE_COHERENT) === 0) {
      return skip(migrate, addr, page, 'migrate_vma_collect_pmd', 'coherent-not-selected');
    } else if (k.pgmapOf(page).owner !== migrate.pgmap_owner) {
      return skip(migrate, addr, page, 'migrate_vma_collect_pmd', 'wrong-owner');
    }
  }
  const mpfn = migrate_pfn(page) | MIGRATE_PFN_MIGRATE;
  return ((flags & PTE_WRITE) !== 0 ? mpfn | MIGRATE_PFN_WRITE : mpfn) >>> 0;
}

/** Lock the page and put a migration entry in its place. Return: `mpfn`, or 0 when it has to stay. */
function collect_page(migrate: MigrateVma, table: PteTable, i: number, addr: number, mpfn: number): number {
  const { vma } = migrate;
  const k = vma.vm_mm.kernel;
  const { mem } = k;
  const page = mpfn >>> MIGRATE_PFN_SHIFT;
  if (mem.mapping[page] === 0) {
    return skip(migrate, addr, page, 'migrate_vma_collect_pmd', 'no-mapping');
  }
  if ((mem.flags[page]! & (PG_head | PG_tail)) !== 0) {
    return skip(migrate, addr, page, 'migrate_vma_collect_pmd', 'pte-mapped-thp');
  }
  mem.refcount[page]!++;
  if (!k.trylock_page(page)) {
    put_page(k, page);
    return skip(migrate, addr, page, 'migrate_vma_collect_pmd', 'locked-by-other');
  }
  const flags = table[FLAGS + i]!;
  const exclusive = folio_test_anon(mem, page) && PageAnonExclusive(mem, page);
  const present = (flags & PTE_PRESENT) !== 0;
  if (exclusive && !folio_try_share_anon_rmap_pte(k, page, page) && k.behaviour.collectRefusesPinned) {
    const reason = k.trace === null ? null : referenced('pinned', k, page, 2);
    k.unlock_page(page);
    put_page(k, page);
    return reason === null ? 0 : skip(migrate, addr, page, 'migrate_vma_collect_pmd', reason);
  }
  migrate.cpages++;
  if (present && (flags & PTE_DIRTY) !== 0 && k.behaviour.collectKeepsDirtyBit) {
    mem.flags[page]! |= PG_dirty;
  }
  table[FLAGS + i] = migration_entry_of(flags, exclusive);
  if (k.trace !== null)
    k.note({ event: 'set_migration_pte', fn: 'migrate_vma_collect_pmd', mm: vma.vm_mm, addr, page });
  folio_remove_rmap_pte(k, page, page, vma);
  // The PTE's reference goes; the one just taken keeps the page.
  mem.refcount[page]!--;
  return mpfn;
}

/** The entries of one PTE table. */
function collect_ptes(migrate: MigrateVma, table: PteTable, start: number, end: number): void {
  const { vma, src, dst } = migrate;
  const anonymous = vma_is_anonymous(vma);
  let i = pte_index(start);
  for (let addr = start; addr < end; addr += PAGE_SIZE, i++) {
    const flags = table[FLAGS + i]!;
    let mpfn = 0;
    if (flags === 0) {
      if (anonymous) {
        mpfn = MIGRATE_PFN_MIGRATE;
        migrate.cpages++;
      } else {
        skip(migrate, addr, NO_PAGE, 'migrate_vma_collect_pmd', 'file-hole');
      }
    } else {
      mpfn = pte_present(flags)
        ? collect_present(migrate, table[i]!, flags, addr)
        : collect_nonpresent(migrate, table[i]!, flags, addr);
      if ((mpfn & MIGRATE_PFN_VALID) !== 0) mpfn = collect_page(migrate, table, i, addr, mpfn);
    }
    dst[migrate.npages] = 0;
    src[migrate.npages++] = mpfn;
  }
  flush_tlb_range(vma.vm_mm, start, end);
}

/** Split the huge page at `addr`. Return: false when it cannot be split. */
function* collect_split(
  migrate: MigrateVma,
  pmd: PmdTable,
  i: number,
  addr: number,
  end: number,
): Task<boolean> {
  const { vma } = migrate;
  const k = vma.vm_mm.kernel;
  const folio = pmd.e[i]!;
  if (folio === k.hugeZeroFolio) {
    yield* __split_huge_pmd(vma, pmd, i, addr, false, null);
    return true;
  }
  get_page(k, folio);
  if (!k.trylock_page(folio)) {
    // The real kernel leaks this reference too.
    k.leakedReferences.push(folio);
    skip(migrate, addr, folio, 'migrate_vma_collect_pmd', 'thp-locked-by-other', end);
    return false;
  }
  const err = yield* split_folio(k, folio);
  k.unlock_page(folio);
  put_page(k, folio);
  return err === 0;
}

function* migrate_vma_collect_pmd(migrate: MigrateVma, pmd: PmdTable, start: number, end: number): Task {
  migrate.vma.vm_mm.kernel.enter('migrate_vma_collect_pmd', start);
  const i = pmd_index(start);
  if (pmd_trans_huge(pmd, i) && !(yield* collect_split(migrate, pmd, i, start, end))) {
    migrate_vma_collect_skip(migrate, start, end);
    return;
  }
  const table = pmd.child[i]!;
  if (table === null) migrate_vma_collect_hole(migrate, start, end);
  else collect_ptes(migrate, table, start, end);
}

function* migrate_vma_collect(migrate: MigrateVma): Task {
  const mm = migrate.vma.vm_mm;
  const range = mmu_notifier_range(mm, migrate.start, migrate.end, 'MMU_NOTIFY_MIGRATE', migrate.pgmap_owner);
  yield* mmu_notifier_invalidate_range_start(range);
  for (let addr = migrate.start; addr < migrate.end; ) {
    const pmd = mm.pt.pmdTable(addr);
    if (pmd === null) {
      const next = pud_addr_end(addr, migrate.end);
      migrate_vma_collect_hole(migrate, addr, next);
      addr = next;
      continue;
    }
    const next = pmd_addr_end(addr, migrate.end);
    const i = pmd_index(addr);
    // The walker itself finds that an entry is none.
    if (pmd.child[i] === null && !pmd_trans_huge(pmd, i)) migrate_vma_collect_hole(migrate, addr, next);
    else yield* migrate_vma_collect_pmd(migrate, pmd, addr, next);
    addr = next;
  }
  mmu_notifier_invalidate_range_end(range);
}

// --- unmapping --------------------------------------------------------------------------------------------

/** Whether only those hold the folio that migration knows of. */
function migrate_vma_check_page(k: Kernel, page: Page, fault_page: Page): boolean {
  const { mem } = k;
  if (k.is_zone_device_page(page) && !k.behaviour.checkCountsDevicePages) return true;
  let extra = 1 + (page === fault_page ? 1 : 0);
  if ((mem.flags[page]! & PG_head) !== 0) return false;
  if (k.is_zone_device_page(page)) extra++;
  if (mem.mapping[page]! < 0 || folio_test_swapcache(k, page)) extra++;
  return mem.refcount[page]! - extra <= folio_mapcount(mem, page);
}

/** Unmap what is still mapped elsewhere and put back what is pinned. Return: how many entries still migrate. */
function* migrate_device_unmap(k: Kernel, src: Uint32Array, npages: number, fault_page: Page): Task<number> {
  k.enter('migrate_device_unmap');
  const { mem } = k;
  let restore = 0;
  let unmapped = 0;
  for (let n = 0; n < npages; n++) {
    const mpfn = src[n]!;
    const page = migrate_pfn_to_page(mpfn);
    if (page === NO_PAGE) {
      if ((mpfn & MIGRATE_PFN_MIGRATE) !== 0) unmapped++;
      continue;
    }
    const device = k.is_zone_device_page(page);
    if (!device) {
      k.enter('folio_isolate_lru');
      if ((mem.flags[page]! & PG_lru) === 0) {
        if (k.trace !== null) note_skip(k, 'migrate_device_unmap', page, 'not-on-lru');
        src[n] = mpfn & ~MIGRATE_PFN_MIGRATE;
        restore++;
        continue;
      }
      // Isolation takes a reference and drops collect's.
      mem.flags[page]! &= ~PG_lru;
    }
    if (folio_mapped(mem, page)) yield* try_to_migrate(k, page);
    if (folio_mapped(mem, page) || !migrate_vma_check_page(k, page, fault_page)) {
      if (!device) mem.flags[page]! |= PG_lru;
      note_pinned(k, page, device, fault_page);
      src[n] = mpfn & ~MIGRATE_PFN_MIGRATE;
      restore++;
      continue;
    }
    unmapped++;
  }
  if (restore > 0) restore_pinned(k, src, npages);
  return unmapped;
}

/** Tell why a page stays that may be mapped at several addresses. */
function note_skip(k: Kernel, fn: string, page: Page, because: Because): void {
  k.note({ event: 'skip', fn, page, reason: reasonOf(because) });
}

function note_pinned(k: Kernel, page: Page, device: boolean, fault_page: Page): void {
  if (k.trace === null) return;
  const { mem } = k;
  const expected =
    1 +
    (page === fault_page ? 1 : 0) +
    (device ? 1 : 0) +
    (mem.mapping[page]! < 0 || folio_test_swapcache(k, page) ? 1 : 0) +
    folio_mapcount(mem, page);
  const because: Because = folio_mapped(mem, page)
    ? { id: 'still-mapped', mapcount: folio_mapcount(mem, page) }
    : referenced('pinned', k, page, expected);
  note_skip(k, 'migrate_vma_check_page', page, because);
}

function restore_pinned(k: Kernel, src: Uint32Array, npages: number): void {
  for (let n = 0; n < npages; n++) {
    const page = migrate_pfn_to_page(src[n]!);
    if (page === NO_PAGE || (src[n]! & MIGRATE_PFN_MIGRATE) !== 0) continue;
    remove_migration_ptes(k, page, page, false);
    src[n] = 0;
    k.unlock_page(page);
    put_page(k, page);
  }
}

/**
 * Collect, lock and unmap the pages of a range.
 * Context: mmap_lock held for read; may sleep. Return: 0 (also when nothing can migrate), or -EINVAL.
 */
export function* migrate_vma_setup(args: MigrateVma): Task<number> {
  args.vma.vm_mm.kernel.enter('migrate_vma_setup', args.start);
  const { vma } = args;
  const k = vma.vm_mm.kernel;
  const nr = (args.end - args.start) / PAGE_SIZE;
  if (is_vm_hugetlb_page(vma) || (vma.vm_flags & VM_SPECIAL) !== 0) {
    const because = is_vm_hugetlb_page(vma) ? 'hugetlb-mapping' : 'device-mapping';
    skip(args, args.start, NO_PAGE, 'migrate_vma_setup', because, args.end);
    return -EINVAL;
  }
  if (nr <= 0) return -EINVAL;
  if (args.start < vma.vm_start || args.start >= vma.vm_end) return -EINVAL;
  if (args.end <= vma.vm_start || args.end > vma.vm_end) return -EINVAL;
  if (args.fault_page !== NO_PAGE && !is_device_private_page(k, args.fault_page)) return -EINVAL;
  args.src.fill(0, 0, nr);
  args.cpages = 0;
  args.npages = 0;
  yield* migrate_vma_collect(args);
  if (args.cpages > 0) args.cpages = yield* migrate_device_unmap(k, args.src, args.npages, args.fault_page);
  return 0;
}

// --- moving ----------------------------------------------------------------------------------------------------

/** Map a device page where nothing, or the zero page, was mapped. Return: whether it took. */
function migrate_vma_insert_page(migrate: MigrateVma, addr: number, page: Page): boolean {
  const { vma } = migrate;
  const mm = vma.vm_mm;
  const k = mm.kernel;
  const { mem } = k;
  const fn = 'migrate_vma_insert_page';
  const refuse = (because: Because): boolean => {
    skip(migrate, addr, page, fn, because);
    return false;
  };
  if (!vma_is_anonymous(vma)) return refuse('mapping-not-anonymous');
  const pmd = mm.pt.pmd_alloc(addr);
  if (pmd_trans_huge(pmd, pmd_index(addr))) return refuse('huge-mapped-meanwhile');
  const table = mm.pt.pte_alloc(addr);
  anon_vma_prepare(vma);
  mem.flags[page]! |= PG_uptodate;
  const i = pte_index(addr);
  const old = table[FLAGS + i]!;
  if (old !== 0 && (!pte_present(old) || table[i] !== k.zeroPage)) return refuse('mapped-meanwhile');
  if (userfaultfd_missing(vma)) return refuse('uffd-missing');
  const writable = (vma.vm_flags & VM_WRITE) !== 0;
  let entry: number;
  if (is_device_private_page(k, page)) {
    entry = writable ? SWP_DEVICE_WRITE : SWP_DEVICE_READ;
  } else {
    entry = vma.vm_page_prot | (writable ? PTE_WRITE | PTE_DIRTY : 0);
  }
  mm.rss++;
  folio_add_new_anon_rmap(k, page, vma, addr);
  if (!k.is_zone_device_page(page)) mem.flags[page]! |= PG_lru;
  mem.refcount[page]!++;
  if (old !== 0) flush_tlb_page(mm, addr);
  table[i] = page;
  table[FLAGS + i] = entry;
  if (k.trace !== null) k.note({ event: 'migrate_vma_insert_page', fn, mm, addr, page });
  return true;
}

function* __migrate_device_pages(
  k: Kernel,
  src: Uint32Array,
  dst: Uint32Array,
  npages: number,
  migrate: MigrateVma | null,
): Task {
  const { mem } = k;
  let range: MmuNotifierRange | null = null;
  for (let n = 0; n < npages; n++) {
    const newpage = migrate_pfn_to_page(dst[n]!);
    const mpfn = src[n]!;
    const page = migrate_pfn_to_page(mpfn);
    if (newpage === NO_PAGE) {
      src[n] = mpfn & ~MIGRATE_PFN_MIGRATE;
      continue;
    }
    if (page === NO_PAGE) {
      if ((mpfn & MIGRATE_PFN_MIGRATE) === 0) continue;
      if (migrate === null) throw new KernelBug('__migrate_device_pages', 'an empty entry without a VMA');
      const addr = migrate.start + n * PAGE_SIZE;
      if (range === null) {
        range = mmu_notifier_range(
          migrate.vma.vm_mm,
          addr,
          migrate.end,
          'MMU_NOTIFY_MIGRATE',
          migrate.pgmap_owner,
        );
        yield* mmu_notifier_invalidate_range_start(range);
      }
      src[n] = migrate_vma_insert_page(migrate, addr, newpage)
        ? MIGRATE_PFN_MIGRATE
        : mpfn & ~MIGRATE_PFN_MIGRATE;
      continue;
    }
    if (k.is_zone_device_page(newpage) && mem.mapping[page]! < 0) {
      if (k.trace !== null) note_skip(k, '__migrate_device_pages', page, 'file-backed');
      src[n] = mpfn & ~MIGRATE_PFN_MIGRATE;
      continue;
    }
    if (k.is_zone_device_page(newpage) && folio_test_swapcache(k, page) && !leaves_swap_cache(k, page)) {
      if (k.trace !== null) note_skip(k, '__migrate_device_pages', page, 'in-swap-cache');
      src[n] = mpfn & ~MIGRATE_PFN_MIGRATE;
      continue;
    }
    const extra = migrate !== null && migrate.fault_page === page ? 1 : 0;
    if (folio_migrate_mapping(k, newpage, page, extra) !== 0) {
      note_unexpected_refs(k, page, extra);
      src[n] = mpfn & ~MIGRATE_PFN_MIGRATE;
    } else {
      folio_migrate_flags(k, newpage, page);
    }
  }
  if (range !== null) mmu_notifier_invalidate_range_end(range);
}

/** Nothing that is in the swap cache goes to a device; later kernels take it out first, where they can. */
function leaves_swap_cache(k: Kernel, page: Page): boolean {
  return k.behaviour.migrateFreesSwapCache && folio_free_swap(k, page);
}

function note_unexpected_refs(k: Kernel, page: Page, extra: number): void {
  if (k.trace === null) return;
  const refcount = k.mem.refcount[page]!;
  if (k.is_zone_device_page(page)) extra += idle_device_refs(k);
  note_skip(k, 'folio_migrate_mapping', page, { id: 'unexpected-reference', refcount, expected: 1 + extra });
}

/** Move the identity of each page to its destination. Context: may sleep. */
export function* migrate_vma_pages(migrate: MigrateVma): Task {
  migrate.vma.vm_mm.kernel.enter('migrate_vma_pages');
  yield* __migrate_device_pages(migrate.vma.vm_mm.kernel, migrate.src, migrate.dst, migrate.npages, migrate);
}

export function* migrate_device_pages(k: Kernel, src: Uint32Array, dst: Uint32Array, npages: number): Task {
  k.enter('migrate_device_pages');
  yield* __migrate_device_pages(k, src, dst, npages, null);
}

// --- finishing ---------------------------------------------------------------------------------------------------

/** folio_putback_lru() of a folio that is about to be freed: its memcg went with its contents. */
function putback_moved_folio(k: Kernel, folio: Page): void {
  if (k.is_zone_device_page(folio)) return;
  k.mem.flags[folio]! |= PG_lru;
  k.warn_on_once('folio_lruvec', 'a folio without a memcg is put on the LRU');
}

/** Map the destination, or again the source where it did not migrate, and let go of both. */
export function migrate_device_finalize(k: Kernel, src: Uint32Array, dst: Uint32Array, npages: number): void {
  k.enter('migrate_device_finalize');
  for (let n = 0; n < npages; n++) {
    const newpage = migrate_pfn_to_page(dst[n]!);
    const page = migrate_pfn_to_page(src[n]!);
    if (page === NO_PAGE) {
      if (newpage !== NO_PAGE) {
        k.unlock_page(newpage);
        put_page(k, newpage);
      }
      continue;
    }
    let to = newpage;
    if ((src[n]! & MIGRATE_PFN_MIGRATE) === 0 || newpage === NO_PAGE) {
      if (newpage !== NO_PAGE) {
        k.unlock_page(newpage);
        put_page(k, newpage);
      }
      to = page;
    }
    if (!k.is_zone_device_page(to)) k.mem.flags[to]! |= PG_lru;
    remove_migration_ptes(k, page, to, false);
    k.unlock_page(page);
    if (to !== page && !k.behaviour.finalizeFreesOffLru) putback_moved_folio(k, page);
    put_page(k, page);
    if (to !== page) {
      k.unlock_page(to);
      put_page(k, to);
    }
  }
}

export function migrate_vma_finalize(migrate: MigrateVma): void {
  migrate.vma.vm_mm.kernel.enter('migrate_vma_finalize');
  migrate_device_finalize(migrate.vma.vm_mm.kernel, migrate.src, migrate.dst, migrate.npages);
}

/** Lock and unmap the pages in use of a device range, whoever maps them. Context: may sleep. */
export function* migrate_device_range(k: Kernel, src: Uint32Array, start: Page, npages: number): Task {
  k.enter('migrate_device_range');
  for (let n = 0; n < npages; n++) {
    const page = start + n;
    src[n] = 0;
    if (!folio_try_get(k, page)) continue;
    if (!k.trylock_page(page)) {
      put_page(k, page);
      continue;
    }
    src[n] = (migrate_pfn(page) | MIGRATE_PFN_MIGRATE) >>> 0;
  }
  yield* migrate_device_unmap(k, src, npages, NO_PAGE);
}

/**
 * Bring one coherent page back to system memory, for a longterm pin. The caller's reference goes with it.
 * Context: may sleep. Return: 0 or -EBUSY.
 */
export function* migrate_device_coherent_folio(k: Kernel, folio: Page): Task<number> {
  k.enter('migrate_device_coherent_folio');
  yield* k.lock_page(folio, 'migrate_device_coherent_folio');
  const src = Uint32Array.of((migrate_pfn(folio) | MIGRATE_PFN_MIGRATE) >>> 0);
  const dst = new Uint32Array(1);
  yield* migrate_device_unmap(k, src, 1, NO_PAGE);
  if ((src[0]! & MIGRATE_PFN_MIGRATE) === 0) return -EBUSY;
  const dpage = k.pages.alloc_page();
  if (dpage !== NO_PAGE) {
    k.trylock_page(dpage);
    dst[0] = migrate_pfn(dpage);
  }
  yield* __migrate_device_pages(k, src, dst, 1, null);
  const moved = (src[0]! & MIGRATE_PFN_MIGRATE) !== 0;
  if (moved) k.contents.copy_page(dpage, folio);
  else if (dpage !== NO_PAGE) k.contents.clear_page(dpage);
  migrate_device_finalize(k, src, dst, 1);
  return moved ? 0 : -EBUSY;
}
