// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: mm/migrate_device.c. Fidelity: ported. */

import { COST_ISOLATE, COST_MIGRATE, COST_PAGE } from '../sim/costs.js';
import { KernelBug } from '../sim/errors.js';
import { NO_PAGE, type Page } from '../sim/memmap.js';
import type { Task } from '../sim/task.js';
import { EBUSY, EINVAL } from '../uapi/errno.js';
import { HPAGE_PMD_NR, PAGE_SIZE } from '../uapi/mman.js';
import { anon_vma_prepare } from './anon_vma.js';
import { __split_huge_pmd } from './huge_split.js';
import type { Kernel } from './kernel.js';
import { folio_add_lru, lruvec_del_folio } from './lru.js';
import { charge_refused, mem_cgroup_charge } from './memcontrol_charge.js';
import { idle_device_refs, is_device_private_page, is_device_public_page } from './memremap.js';
import { folio_migrate_flags, folio_migrate_mapping, remove_migration_ptes } from './migrate.js';
import { migrate_vma_collect, smallPages } from './migrate_device_collect.js';
import {
  fault_folio_of,
  migrate_vma_insert_huge_pmd_page,
  migrate_vma_split_unmapped_folio,
  wholeHugePages,
} from './migrate_device_compound.js';
import {
  MIGRATE_PFN_COMPOUND,
  MIGRATE_PFN_MIGRATE,
  type MigrateVma,
  migrate_pfn,
  migrate_pfn_to_page,
  skip,
} from './migrate_vma.js';
import {
  type MmuNotifierRange,
  mmu_notifier_invalidate_range_end,
  mmu_notifier_invalidate_range_start,
  mmu_notifier_range,
} from './mmu_notifier.js';
import { folio_try_get, put_page } from './page_alloc.js';
import { alloc_page } from './page_alloc_slow.js';
import {
  folio_mapcount,
  folio_mapped,
  folio_nr_pages,
  PG_head,
  PG_lru,
  PG_private,
  PG_uptodate,
} from './page_flags.js';
import { folio_test_writeback } from './page_writeback.js';
import {
  FLAGS,
  PTE_DIRTY,
  PTE_WRITE,
  pmd_index,
  pmd_is_huge,
  pte_index,
  pte_present,
  SWP_DEVICE_READ,
  SWP_DEVICE_WRITE,
} from './pgtable.js';
import { type Because, reasonOf, referenced } from './reasons.js';
import { folio_add_new_anon_rmap, try_to_migrate } from './rmap.js';
import { folio_free_swap, folio_test_swapcache } from './swap.js';
import { flush_tlb_page } from './tlb.js';
import {
  is_vm_hugetlb_page,
  userfaultfd_missing,
  VM_MIXEDMAP,
  VM_SPECIAL,
  VM_WRITE,
  type VmArea,
  vma_is_anonymous,
  vma_is_dax,
} from './types.js';

// --- unmapping --------------------------------------------------------------------------------------------

/** Whether only those hold the folio that migration knows of. */
export function migrate_vma_check_page(k: Kernel, page: Page, fault_page: Page): boolean {
  const { mem } = k;
  const uncounted = !k.behaviour.checkCountsDevicePages && !is_device_public_page(k, page);
  if (k.is_zone_device_page(page) && uncounted) return true;
  let extra = 1 + (page === fault_page ? 1 : 0);
  if ((mem.flags[page]! & PG_head) !== 0 && !k.behaviour.migratesCompound) return false;
  if (k.is_zone_device_page(page)) extra++;
  if (mem.mapping[page]! < 0 || folio_test_swapcache(k, page)) extra++;
  if ((mem.flags[page]! & PG_private) !== 0) extra++;
  return mem.refcount[page]! - extra <= folio_mapcount(mem, page);
}

/** Unmap what is still mapped elsewhere and put back what is pinned. Return: how many entries still migrate. */
function* migrate_device_unmap(k: Kernel, src: Uint32Array, npages: number, fault_page: Page): Task<number> {
  k.enter('migrate_device_unmap');
  const { mem } = k;
  let restore = 0;
  let unmapped = 0;
  for (let n = 0, nr: number; n < npages; n += nr) {
    const page = migrate_pfn_to_page(src[n]!);
    nr = 1;
    if (page === NO_PAGE) {
      if ((src[n]! & MIGRATE_PFN_MIGRATE) !== 0) unmapped++;
      continue;
    }
    k.executor.charge(COST_MIGRATE);
    nr = folio_nr_pages(mem, page);
    if (nr > 1) src[n]! |= MIGRATE_PFN_COMPOUND;
    const mpfn = src[n]!;
    const device = k.is_zone_device_page(page);
    if (!device) {
      k.enter('folio_isolate_lru');
      k.executor.charge(COST_ISOLATE);
      if ((mem.flags[page]! & PG_lru) === 0) {
        if (k.trace !== null) note_skip(k, 'migrate_device_unmap', page, 'not-on-lru');
        src[n] = mpfn & ~MIGRATE_PFN_MIGRATE;
        restore++;
        continue;
      }
      // Isolation takes a reference and drops collect's.
      lruvec_del_folio(k, page);
    }
    if (folio_mapped(mem, page)) yield* try_to_migrate(k, page);
    if (folio_mapped(mem, page) || !migrate_vma_check_page(k, page, fault_page)) {
      if (!device) folio_add_lru(k, page);
      note_pinned(k, page, device, fault_page);
      src[n] = mpfn & ~MIGRATE_PFN_MIGRATE;
      restore++;
      continue;
    }
    unmapped++;
  }
  if (restore > 0) restore_pinned(k, src, npages, fault_page);
  return unmapped;
}

/** Tell why a page stays that may be mapped at several addresses. */
export function note_skip(k: Kernel, fn: string, page: Page, because: Because): void {
  k.note({ event: 'skip', fn, page, reason: reasonOf(because) });
}

export function note_pinned(k: Kernel, page: Page, device: boolean, fault_page: Page): void {
  if (k.trace === null) return;
  const { mem } = k;
  const expected =
    1 +
    (page === fault_page ? 1 : 0) +
    (device ? 1 : 0) +
    (mem.mapping[page]! < 0 || folio_test_swapcache(k, page) ? 1 : 0) +
    ((mem.flags[page]! & PG_private) !== 0 ? 1 : 0) +
    folio_mapcount(mem, page);
  const because: Because = folio_mapped(mem, page)
    ? { id: 'still-mapped', mapcount: folio_mapcount(mem, page) }
    : referenced('pinned', k, page, expected);
  note_skip(k, 'migrate_vma_check_page', page, because);
}

export function restore_pinned(k: Kernel, src: Uint32Array, npages: number, fault_page: Page): void {
  const fault_folio = fault_folio_of(k, fault_page);
  for (let n = 0; n < npages; n++) {
    const page = migrate_pfn_to_page(src[n]!);
    if (page === NO_PAGE || (src[n]! & MIGRATE_PFN_MIGRATE) !== 0) continue;
    remove_migration_ptes(k, page, page, false);
    src[n] = 0;
    if (page !== fault_folio) k.unlock_page(page);
    put_page(k, page);
  }
}

/** Why nothing of the mapping migrates. */
function not_migrated(vma: VmArea): Because {
  if (is_vm_hugetlb_page(vma)) return 'hugetlb-mapping';
  if (vma_is_dax(vma)) return 'dax-mapping';
  return (vma.vm_flags & VM_MIXEDMAP) !== 0 ? 'device-mapping' : 'special-mapping';
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
  if (is_vm_hugetlb_page(vma) || (vma.vm_flags & VM_SPECIAL) !== 0 || vma_is_dax(vma)) {
    const because = not_migrated(vma);
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
  yield* migrate_vma_collect(args, k.behaviour.migratesCompound ? wholeHugePages : smallPages);
  k.executor.charge(COST_PAGE * args.npages);
  if (args.cpages > 0) args.cpages = yield* migrate_device_unmap(k, args.src, args.npages, args.fault_page);
  return 0;
}

// --- moving ----------------------------------------------------------------------------------------------------

/** Map a device page where nothing, or the zero page, was mapped. Return: whether it took. */
function* migrate_vma_insert_page(migrate: MigrateVma, addr: number, page: Page): Task<boolean> {
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
  const m = pmd_index(addr);
  if (pmd_is_huge(pmd, m)) {
    if (!k.behaviour.migratesCompound || pmd.e[m] !== k.hugeZeroFolio) return refuse('huge-mapped-meanwhile');
    yield* __split_huge_pmd(vma, pmd, m, addr, false, null);
  }
  anon_vma_prepare(vma);
  if (mm.memcg !== null && (yield* mem_cgroup_charge(k, page, mm.memcg)) !== 0)
    return refuse(charge_refused(mm.memcg));
  const table = mm.pt.pte_alloc(addr);
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
  if (!k.is_zone_device_page(page)) folio_add_lru(k, page);
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
  for (let n = 0, nr: number; n < npages; n += nr) {
    nr = 1;
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
      nr = yield* insert_pages(migrate, n, addr);
      continue;
    }
    if (k.behaviour.migratesCompound && !(yield* sizes_match(k, n, src, dst, migrate))) continue;
    if (k.is_zone_device_page(newpage) && mem.mapping[page]! < 0 && !takes_files(k, newpage)) {
      if (k.trace !== null) note_skip(k, '__migrate_device_pages', page, 'file-backed');
      src[n] = mpfn & ~MIGRATE_PFN_MIGRATE;
      continue;
    }
    if (k.is_zone_device_page(newpage) && folio_test_swapcache(k, page) && !leaves_swap_cache(k, page)) {
      if (k.trace !== null) note_skip(k, '__migrate_device_pages', page, 'in-swap-cache');
      src[n] = mpfn & ~MIGRATE_PFN_MIGRATE;
      continue;
    }
    if (folio_test_writeback(k, page)) {
      throw new KernelBug(
        '__migrate_device_pages',
        `kernel BUG at mm/migrate.c: page ${page} is being written to its disk`,
      );
    }
    const held = migrate !== null && migrate.fault_page === page && k.behaviour.faultReferencesDevicePage;
    const extra = held ? 1 : 0;
    if (folio_migrate_mapping(k, newpage, page, extra) !== 0) {
      note_unexpected_refs(k, page, extra);
      src[n] = mpfn & ~MIGRATE_PFN_MIGRATE;
    } else {
      folio_migrate_flags(k, newpage, page);
    }
  }
  if (range !== null) mmu_notifier_invalidate_range_end(range);
}

/** Whether a page of a file may migrate there: to what the CPU reaches, at first. */
function takes_files(k: Kernel, newpage: Page): boolean {
  return k.behaviour.publicPagesTakeFiles && is_device_public_page(k, newpage);
}

/** Map the destinations of entry `n`, and of those that belong to it: 512 small ones for a huge hole. Return: how many. */
function* insert_pages(migrate: MigrateVma, n: number, addr: number): Task<number> {
  const { src, dst } = migrate;
  const huge = (dst[n]! & MIGRATE_PFN_COMPOUND) !== 0;
  let nr = 1;
  if ((src[n]! & MIGRATE_PFN_COMPOUND) !== 0 && !huge) {
    nr = Math.min(HPAGE_PMD_NR, migrate.npages - n);
    src[n]! &= ~MIGRATE_PFN_COMPOUND;
  }
  for (let j = n; j < n + nr; j++) {
    const at = addr + (j - n) * PAGE_SIZE;
    const page = migrate_pfn_to_page(dst[j]!);
    if (huge) {
      if ((yield* migrate_vma_insert_huge_pmd_page(migrate, at, page, j)) !== 0)
        src[j]! &= ~MIGRATE_PFN_MIGRATE;
    } else {
      const mapped = yield* migrate_vma_insert_page(migrate, at, page);
      src[j] = mapped ? MIGRATE_PFN_MIGRATE : src[j]! & ~MIGRATE_PFN_MIGRATE;
    }
  }
  return nr;
}

/**
 * A huge page goes to a huge one, a small one to a small one: a huge source of small destinations is split. Return: false,
 * with its entry no longer migrating, where that cannot be.
 */
function* sizes_match(
  k: Kernel,
  n: number,
  src: Uint32Array,
  dst: Uint32Array,
  migrate: MigrateVma | null,
): Task<boolean> {
  const mpfn = src[n]!;
  if ((mpfn & MIGRATE_PFN_MIGRATE) === 0) return true;
  const huge = (mpfn & MIGRATE_PFN_COMPOUND) !== 0;
  if (huge === ((dst[n]! & MIGRATE_PFN_COMPOUND) !== 0)) return true;
  const folio = migrate_pfn_to_page(mpfn);
  if (!huge) {
    src[n] = mpfn & ~MIGRATE_PFN_MIGRATE;
    return true;
  }
  const addr = migrate === null ? 0 : migrate.start + n * PAGE_SIZE;
  if (migrate !== null && (yield* migrate_vma_split_unmapped_folio(migrate, n, addr, folio)) === 0)
    return true;
  if (k.trace !== null) note_skip(k, '__migrate_device_pages', folio, 'huge-page-unsplit');
  src[n] = mpfn & ~(MIGRATE_PFN_MIGRATE | MIGRATE_PFN_COMPOUND);
  return false;
}

/** Nothing that is in the swap cache goes to a device; later kernels take it out first, where they can. */
function leaves_swap_cache(k: Kernel, page: Page): boolean {
  return k.behaviour.migrateFreesSwapCache && folio_free_swap(k, page);
}

function note_unexpected_refs(k: Kernel, page: Page, extra: number): void {
  if (k.trace === null) return;
  const refcount = k.mem.refcount[page]!;
  if (k.is_zone_device_page(page)) extra += idle_device_refs(k, page);
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
  folio_add_lru(k, folio);
  k.warn_on_once('folio_lruvec', 'a folio without a memcg is put on the LRU');
}

/** Map the destination, or again the source where it did not migrate, and let go of both. */
export function migrate_device_finalize(k: Kernel, src: Uint32Array, dst: Uint32Array, npages: number): void {
  k.enter('migrate_device_finalize');
  __migrate_device_finalize(k, src, dst, npages, NO_PAGE);
}

/** The same for the rest of this file, which called the function above before there was this one. */
function finalize_migration(
  k: Kernel,
  src: Uint32Array,
  dst: Uint32Array,
  npages: number,
  fault_page: Page,
): void {
  if (!k.behaviour.faultLocksDevicePage) k.enter('migrate_device_finalize');
  __migrate_device_finalize(k, src, dst, npages, fault_page);
}

function __migrate_device_finalize(
  k: Kernel,
  src: Uint32Array,
  dst: Uint32Array,
  npages: number,
  fault_page: Page,
): void {
  const fault_folio = fault_folio_of(k, fault_page);
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
    if (!k.is_zone_device_page(to)) folio_add_lru(k, to);
    remove_migration_ptes(k, page, to, false);
    if (page !== fault_folio) k.unlock_page(page);
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
  const { src, dst, npages, fault_page } = migrate;
  finalize_migration(migrate.vma.vm_mm.kernel, src, dst, npages, fault_page);
}

/** Lock and unmap the pages in use of a device range, whoever maps them. Context: may sleep. */
export function* migrate_device_range(k: Kernel, src: Uint32Array, start: Page, npages: number): Task {
  k.enter('migrate_device_range');
  if (k.trace !== null)
    k.note({
      event: 'migrate_device_range',
      fn: 'migrate_device_range',
      page: start,
      args: { pages: npages },
    });
  for (let n = 0, nr: number; n < npages; n += nr) {
    const page = start + n;
    nr = folio_nr_pages(k.mem, page);
    src.fill(0, n, n + nr);
    if (!folio_try_get(k, page)) continue;
    if (!k.trylock_page(page)) {
      if (k.trace !== null) note_skip(k, 'migrate_device_range', page, 'page-locked');
      put_page(k, page);
      continue;
    }
    const compound = nr > 1 ? MIGRATE_PFN_COMPOUND : 0;
    src[n] = (migrate_pfn(page) | MIGRATE_PFN_MIGRATE | compound) >>> 0;
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
  const dpage = yield* alloc_page(k);
  if (dpage !== NO_PAGE) {
    k.trylock_page(dpage);
    dst[0] = migrate_pfn(dpage);
  }
  yield* __migrate_device_pages(k, src, dst, 1, null);
  const moved = (src[0]! & MIGRATE_PFN_MIGRATE) !== 0;
  if (moved) k.copy_highpage(dpage, folio);
  else if (dpage !== NO_PAGE) k.contents.clear_page(dpage);
  finalize_migration(k, src, dst, 1, NO_PAGE);
  return moved ? 0 : -EBUSY;
}
