// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: mm/migrate_device.c of kernels that migrate whole huge pages: collecting a range of which some may be,
 * and mapping one where nothing was mapped. Fidelity: ported.
 */
import { NO_PAGE, type Page } from '../sim/memmap.js';
import type { Task } from '../sim/task.js';
import { EINVAL } from '../uapi/errno.js';
import { HPAGE_PMD_NR, HPAGE_PMD_SIZE, PAGE_SIZE } from '../uapi/mman.js';
import { anon_vma_prepare } from './anon_vma.js';
import { thp_vma_suitable } from './huge_memory.js';
import { __split_huge_pmd, folio_split_unmapped, split_folio } from './huge_split.js';
import type { Kernel } from './kernel.js';
import { folio_add_lru } from './lru.js';
import { charge_refused, charge_thp } from './memcontrol_charge.js';
import { is_device_private_page } from './memremap.js';
import {
  type CollectOps,
  collect_page,
  migrate_vma_collect_hole,
  migrate_vma_collect_skip,
  wanted,
} from './migrate_device_collect.js';
import {
  MIGRATE_PFN_COMPOUND,
  MIGRATE_PFN_MIGRATE,
  MIGRATE_PFN_SHIFT,
  MIGRATE_PFN_VALID,
  MIGRATE_PFN_WRITE,
  MIGRATE_VMA_SELECT_COMPOUND,
  MIGRATE_VMA_SELECT_DEVICE_PRIVATE,
  MIGRATE_VMA_SELECT_SYSTEM,
  type MigrateVma,
  migrate_pfn,
  skip,
} from './migrate_vma.js';
import { get_page, put_page } from './page_alloc.js';
import { compound_head, folio_test_large, PG_uptodate } from './page_flags.js';
import {
  FLAGS,
  type PmdTable,
  PTE_DIRTY,
  PTE_HUGE,
  PTE_WRITE,
  pmd_index,
  pmd_is_device_private_entry,
  pmd_is_huge,
  pmd_none,
  pmd_trans_huge,
  pte_index,
  pte_present,
  SWP_DEVICE_READ,
  SWP_DEVICE_WRITE,
  swp_type,
} from './pgtable.js';
import type { Because } from './reasons.js';
import { folio_add_new_anon_rmap, set_pmd_migration_entry } from './rmap.js';
import { flush_tlb_range } from './tlb.js';
import { userfaultfd_missing, VM_WRITE, vma_is_anonymous } from './types.js';

/** Whether [start, end) is one huge page that the caller wants as a whole. */
function is_whole(migrate: MigrateVma, start: number, end: number): boolean {
  const wanted = (migrate.flags & MIGRATE_VMA_SELECT_COMPOUND) !== 0;
  return wanted && start % HPAGE_PMD_SIZE === 0 && end % HPAGE_PMD_SIZE === 0;
}

/** The folio of the page whose fault asks for the migration: locked by the fault. NO_PAGE: none. */
export function fault_folio_of(k: Kernel, fault_page: Page): Page {
  if (fault_page === NO_PAGE || !k.behaviour.faultLocksDevicePage) return NO_PAGE;
  return compound_head(k.mem, fault_page);
}

/** Nothing is mapped: as everywhere, but a whole huge page of anonymous memory is made up at once. */
function collect_hole(migrate: MigrateVma, start: number, end: number): void {
  if (!vma_is_anonymous(migrate.vma) || !is_whole(migrate, start, end)) {
    migrate_vma_collect_hole(migrate, start, end);
    return;
  }
  migrate.vma.vm_mm.kernel.enter('migrate_vma_collect_hole', start);
  const { npages } = migrate;
  migrate_vma_collect_skip(migrate, start, end);
  migrate.src[npages] = MIGRATE_PFN_MIGRATE | MIGRATE_PFN_COMPOUND;
  migrate.cpages++;
}

/**
 * Split the large folio of a page that is mapped by PTEs (migrate_vma_split_folio). Consumes a reference on it, unless
 * it is the folio of the fault.
 * Context: may sleep. Return: 0 or -errno.
 */
function* migrate_vma_split_folio(k: Kernel, folio: Page, fault_page: Page): Task<number> {
  k.enter('migrate_vma_split_folio');
  const fault_folio = fault_folio_of(k, fault_page);
  if (folio !== fault_folio) yield* k.lock_page(folio, 'migrate_vma_split_folio');
  const ret = yield* split_folio(k, folio);
  if (ret !== 0) {
    if (folio !== fault_folio) {
      k.unlock_page(folio);
      put_page(k, folio);
    }
    return ret;
  }
  // The lock and the reference of the fault go with its page.
  const split = fault_folio_of(k, fault_page);
  if (split === folio) return 0;
  if (split !== NO_PAGE && split !== fault_folio) {
    get_page(k, split);
    yield* k.lock_page(split, 'migrate_vma_split_folio');
  }
  k.unlock_page(folio);
  put_page(k, folio);
  return 0;
}

/** Why a huge leaf is not for the caller; null when it is. */
function huge_refusal(migrate: MigrateVma, pmd: PmdTable, i: number): Because | null {
  const k = migrate.vma.vm_mm.kernel;
  if (pmd_trans_huge(pmd, i)) {
    if ((migrate.flags & MIGRATE_VMA_SELECT_SYSTEM) !== 0) return null;
    return k.is_zone_device_page(pmd.e[i]!) ? 'coherent-huge-not-selected' : 'system-not-selected';
  }
  if (!pmd_is_device_private_entry(pmd, i)) return 'migration-entry';
  if ((migrate.flags & MIGRATE_VMA_SELECT_DEVICE_PRIVATE) === 0) return 'private-not-selected';
  return k.pgmapOf(pmd.e[i]!).owner === migrate.pgmap_owner ? null : 'wrong-owner';
}

const huge_writable = (flags: number): boolean =>
  pte_present(flags) ? (flags & PTE_WRITE) !== 0 : swp_type(flags) === SWP_DEVICE_WRITE;

/** A huge leaf: taken whole, or its folio is split. Return: whether its PTEs are to be looked at now. */
function* migrate_vma_collect_huge_pmd(
  migrate: MigrateVma,
  pmd: PmdTable,
  i: number,
  start: number,
  end: number,
  fault_folio: Page,
): Task<boolean> {
  const { vma } = migrate;
  const k = vma.vm_mm.kernel;
  const fn = 'migrate_vma_collect_huge_pmd';
  k.enter(fn, start);
  const refusal = huge_refusal(migrate, pmd, i);
  const folio = pmd.e[i]!;
  if (refusal !== null) {
    skip(migrate, start, folio, fn, refusal, end);
    migrate_vma_collect_skip(migrate, start, end);
    return false;
  }
  if (folio === k.hugeZeroFolio) {
    collect_hole(migrate, start, end);
    return false;
  }
  const writable = huge_writable(pmd.e[FLAGS + i]!);
  get_page(k, folio);
  if (folio !== fault_folio && !k.trylock_page(folio)) {
    put_page(k, folio);
    skip(migrate, start, folio, fn, 'thp-locked-by-other', end);
    migrate_vma_collect_skip(migrate, start, end);
    return false;
  }
  if (is_whole(migrate, start, end) && set_pmd_migration_entry(k, folio, vma, pmd, i, start) === 0) {
    const { npages } = migrate;
    migrate_vma_collect_skip(migrate, start, end);
    const write = writable ? MIGRATE_PFN_WRITE : 0;
    migrate.src[npages] = (migrate_pfn(folio) | write | MIGRATE_PFN_MIGRATE | MIGRATE_PFN_COMPOUND) >>> 0;
    migrate.cpages++;
    return false;
  }
  if (!folio_test_large(k.mem, folio)) return true;
  const ret = yield* split_folio(k, folio);
  if (fault_folio !== folio) k.unlock_page(folio);
  put_page(k, folio);
  if (ret !== 0) {
    migrate_vma_collect_skip(migrate, start, end);
    return false;
  }
  if (!pmd_none(pmd, i)) return true;
  collect_hole(migrate, start, end);
  return false;
}

function* migrate_vma_collect_pmd(migrate: MigrateVma, pmd: PmdTable, start: number, end: number): Task {
  const { vma, src, dst } = migrate;
  const k = vma.vm_mm.kernel;
  k.enter('migrate_vma_collect_pmd', start);
  const m = pmd_index(start);
  // Of the time before anything is split: a fault's page that is split off has another folio.
  const fault_folio = fault_folio_of(k, migrate.fault_page);
  let addr = start;
  if (pmd_is_huge(pmd, m)) {
    if (!(yield* migrate_vma_collect_huge_pmd(migrate, pmd, m, start, end, fault_folio))) return;
  }
  for (; addr < end; addr += PAGE_SIZE) {
    const table = pmd.child[m]!;
    const i = pte_index(addr);
    let mpfn = wanted(migrate, table, i, addr);
    if ((mpfn & MIGRATE_PFN_VALID) !== 0) {
      const folio = compound_head(k.mem, mpfn >>> MIGRATE_PFN_SHIFT);
      if (folio_test_large(k.mem, folio)) {
        if (folio !== fault_folio) get_page(k, folio);
        if ((yield* migrate_vma_split_folio(k, folio, migrate.fault_page)) !== 0) {
          flush_tlb_range(vma.vm_mm, start, end);
          migrate_vma_collect_skip(migrate, addr, end);
          return;
        }
        addr -= PAGE_SIZE;
        continue;
      }
      mpfn = collect_page(migrate, table, i, addr, mpfn, fault_folio);
    }
    dst[migrate.npages] = 0;
    src[migrate.npages++] = mpfn;
  }
  flush_tlb_range(vma.vm_mm, start, end);
}

/** Of kernels that migrate whole huge pages where they can be had. */
export const wholeHugePages: CollectOps = { pmd_entry: migrate_vma_collect_pmd, pte_hole: collect_hole };

/**
 * Map a huge device page where nothing, or the huge zero page, was mapped; else nothing of it migrates.
 * Return: 0, whatever came of it, or -EINVAL where a huge page does not fit.
 */
export function* migrate_vma_insert_huge_pmd_page(
  migrate: MigrateVma,
  addr: number,
  folio: Page,
  n: number,
): Task<number> {
  const { vma } = migrate;
  const mm = vma.vm_mm;
  const k = mm.kernel;
  const fn = 'migrate_vma_insert_huge_pmd_page';
  const abort = (because: Because): 0 => {
    skip(migrate, addr, folio, fn, because, addr + HPAGE_PMD_SIZE);
    for (let j = 0; j < HPAGE_PMD_NR; j++) migrate.src[n + j]! &= ~MIGRATE_PFN_MIGRATE;
    return 0;
  };
  if (!thp_vma_suitable(vma, addr)) return -EINVAL;
  anon_vma_prepare(vma);
  if (mm.memcg !== null && !(yield* charge_thp(vma, folio))) return abort(charge_refused(mm.memcg));
  k.mem.flags[folio]! |= PG_uptodate;
  const writable = (vma.vm_flags & VM_WRITE) !== 0;
  let entry: number;
  if (is_device_private_page(k, folio)) {
    entry = (writable ? SWP_DEVICE_WRITE : SWP_DEVICE_READ) | PTE_HUGE;
  } else {
    entry = vma.vm_page_prot | PTE_HUGE | (writable ? PTE_WRITE | PTE_DIRTY : 0);
  }
  if (userfaultfd_missing(vma)) return abort('uffd-missing');
  const pmd = mm.pt.pmd_alloc(addr);
  const i = pmd_index(addr);
  const zero = pmd_trans_huge(pmd, i) && pmd.e[i] === k.hugeZeroFolio;
  if (!zero && !pmd_none(pmd, i)) return abort('mapped-meanwhile');
  mm.rss += HPAGE_PMD_NR;
  folio_add_new_anon_rmap(k, folio, vma, addr);
  if (!k.is_zone_device_page(folio)) folio_add_lru(k, folio);
  k.mem.refcount[folio]!++;
  if (zero) flush_tlb_range(mm, addr, addr + HPAGE_PMD_SIZE);
  mm.pt.set_pmd(pmd, i, folio, entry);
  if (k.trace !== null) {
    const args = { pages: HPAGE_PMD_NR };
    k.note({ event: 'migrate_vma_insert_page', fn, mm, addr, page: folio, args });
  }
  return 0;
}

/**
 * The destination is small pages: split the huge source, which is unmapped already, and fill in its entries from `n` on.
 * Only this mapping's migration entry is split; one of another process goes on standing for the whole.
 * Context: may sleep. Return: 0, or -EAGAIN when somebody holds the folio.
 */
export function* migrate_vma_split_unmapped_folio(
  migrate: MigrateVma,
  n: number,
  addr: number,
  folio: Page,
): Task<number> {
  const { vma, src } = migrate;
  const k = vma.vm_mm.kernel;
  get_page(k, folio);
  const pmd = vma.vm_mm.pt.pmdTable(addr);
  if (pmd !== null) yield* __split_huge_pmd(vma, pmd, pmd_index(addr), addr, true, null);
  const ret = folio_split_unmapped(k, folio);
  if (ret !== 0) return ret;
  const flags = src[n]! & (MIGRATE_PFN_MIGRATE | MIGRATE_PFN_WRITE);
  for (let j = 0; j < HPAGE_PMD_NR; j++) src[n + j] = (migrate_pfn(folio + j) | flags) >>> 0;
  return 0;
}
