// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: mm/migrate_device.c, collecting the pages of a range, one by one. Fidelity: ported. */
import { NO_PAGE, type Page } from '../sim/memmap.js';
import type { Task } from '../sim/task.js';
import { PAGE_SIZE } from '../uapi/mman.js';
import { __split_huge_pmd, split_folio } from './huge_split.js';
import { is_device_coherent_page } from './memremap.js';
import {
  MIGRATE_PFN_MIGRATE,
  MIGRATE_PFN_SHIFT,
  MIGRATE_PFN_VALID,
  MIGRATE_PFN_WRITE,
  MIGRATE_VMA_SELECT_DEVICE_COHERENT,
  MIGRATE_VMA_SELECT_DEVICE_PRIVATE,
  MIGRATE_VMA_SELECT_SYSTEM,
  type MigrateVma,
  migrate_pfn,
  skip,
} from './migrate_vma.js';
import {
  mmu_notifier_invalidate_range_end,
  mmu_notifier_invalidate_range_start,
  mmu_notifier_range,
} from './mmu_notifier.js';
import { get_page, put_page } from './page_alloc.js';
import { folio_test_anon, PageAnonExclusive, PG_dirty, PG_head, PG_tail } from './page_flags.js';
import {
  FLAGS,
  is_device_private_entry,
  is_guard_marker,
  is_hwpoison_entry,
  is_migration_entry,
  is_pte_marker,
  is_swap_entry,
  type PmdTable,
  PTE_DIRTY,
  PTE_PRESENT,
  PTE_WRITE,
  type PteTable,
  pmd_addr_end,
  pmd_index,
  pmd_none,
  pmd_trans_huge,
  pte_index,
  pte_present,
  pud_addr_end,
  SWP_DEVICE_WRITE,
  swp_type,
  vm_normal_page,
} from './pgtable.js';
import { referenced } from './reasons.js';
import { folio_remove_rmap_pte, folio_try_share_anon_rmap_pte, migration_entry_of } from './rmap.js';
import { flush_tlb_range } from './tlb.js';
import { vma_is_anonymous } from './types.js';

export function migrate_vma_collect_skip(migrate: MigrateVma, start: number, end: number): void {
  const count = (end - start) / PAGE_SIZE;
  migrate.src.fill(0, migrate.npages, migrate.npages + count);
  migrate.dst.fill(0, migrate.npages, migrate.npages + count);
  migrate.npages += count;
}

/** Whether a hole is worth a page of the device: only anonymous memory can be made up there in the end. */
function offers_hole({ vma }: MigrateVma): boolean {
  return vma_is_anonymous(vma) || vma.vm_mm.kernel.behaviour.collectOffersFileHoles;
}

/** Nothing is mapped. */
export function migrate_vma_collect_hole(migrate: MigrateVma, start: number, end: number): void {
  migrate.vma.vm_mm.kernel.enter('migrate_vma_collect_hole', start);
  if (!offers_hole(migrate)) {
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

/** Whether the device page is another owner's than the caller wants; first interfaces took everybody's. */
function wrong_owner({ vma, pgmap_owner }: MigrateVma, page: Page): boolean {
  const k = vma.vm_mm.kernel;
  return k.behaviour.collectChecksOwner && k.pgmapOf(page).owner !== pgmap_owner;
}

/** Which page a swap-type entry stands for, if the caller wants it: 0, or its migrate_pfn. */
function collect_nonpresent(migrate: MigrateVma, page: Page, flags: number, addr: number): number {
  if (!is_device_private_entry(flags)) {
    const id = is_migration_entry(flags) ? 'migration-entry' : 'exclusive-entry';
    if (is_pte_marker(flags)) {
      const marker = is_guard_marker(flags) ? 'guard-page' : 'uffd-wp';
      return skip(migrate, addr, NO_PAGE, 'migrate_vma_collect_pmd', marker);
    }
    if (is_swap_entry(flags)) return skip(migrate, addr, NO_PAGE, 'migrate_vma_collect_pmd', 'swap-entry');
    if (is_hwpoison_entry(flags))
      return skip(migrate, addr, NO_PAGE, 'migrate_vma_collect_pmd', 'hwpoison-entry');
    return skip(migrate, addr, page, 'migrate_vma_collect_pmd', id);
  }
  if ((migrate.flags & MIGRATE_VMA_SELECT_DEVICE_PRIVATE) === 0) {
    return skip(migrate, addr, page, 'migrate_vma_collect_pmd', 'private-not-selected');
  }
  if (wrong_owner(migrate, page)) return skip(migrate, addr, page, 'migrate_vma_collect_pmd', 'wrong-owner');
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
    } else if (wrong_owner(migrate, page)) {
      return skip(migrate, addr, page, 'migrate_vma_collect_pmd', 'wrong-owner');
    }
  }
  const mpfn = migrate_pfn(page) | MIGRATE_PFN_MIGRATE;
  return ((flags & PTE_WRITE) !== 0 ? mpfn | MIGRATE_PFN_WRITE : mpfn) >>> 0;
}

/** Lock the page, unless its fault has, and put a migration entry in its place. Return: `mpfn`, or 0 when it has to stay. */
export function collect_page(
  migrate: MigrateVma,
  table: PteTable,
  i: number,
  addr: number,
  mpfn: number,
  fault_folio: Page = NO_PAGE,
): number {
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
  if (page !== fault_folio && !k.trylock_page(page)) {
    put_page(k, page);
    return skip(migrate, addr, page, 'migrate_vma_collect_pmd', 'locked-by-other');
  }
  const flags = table[FLAGS + i]!;
  const exclusive = folio_test_anon(mem, page) && PageAnonExclusive(mem, page);
  const present = (flags & PTE_PRESENT) !== 0;
  if (exclusive && !folio_try_share_anon_rmap_pte(k, page, page) && k.behaviour.collectRefusesPinned) {
    const reason = k.trace === null ? null : referenced('pinned', k, page, 2);
    if (page !== fault_folio) k.unlock_page(page);
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

/** What one entry is to the caller: 0, or its entry of src. A page is not taken yet. */
export function wanted(migrate: MigrateVma, table: PteTable, i: number, addr: number): number {
  const flags = table[FLAGS + i]!;
  if (flags === 0) {
    if (offers_hole(migrate)) {
      migrate.cpages++;
      return MIGRATE_PFN_MIGRATE;
    }
    return skip(migrate, addr, NO_PAGE, 'migrate_vma_collect_pmd', 'file-hole');
  }
  return pte_present(flags)
    ? collect_present(migrate, table[i]!, flags, addr)
    : collect_nonpresent(migrate, table[i]!, flags, addr);
}

/** The entries of one PTE table. */
function collect_ptes(migrate: MigrateVma, table: PteTable, start: number, end: number): void {
  const { vma, src, dst } = migrate;
  let i = pte_index(start);
  for (let addr = start; addr < end; addr += PAGE_SIZE, i++) {
    let mpfn = wanted(migrate, table, i, addr);
    if ((mpfn & MIGRATE_PFN_VALID) !== 0) mpfn = collect_page(migrate, table, i, addr, mpfn);
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

/** What the walk of a range does with what it finds. Source: include/linux/pagewalk.h struct mm_walk_ops. */
export interface CollectOps {
  readonly pmd_entry: (migrate: MigrateVma, pmd: PmdTable, start: number, end: number) => Task;
  readonly pte_hole: (migrate: MigrateVma, start: number, end: number) => void;
}

/** Of kernels that migrate small pages only. */
export const smallPages: CollectOps = {
  pmd_entry: migrate_vma_collect_pmd,
  pte_hole: migrate_vma_collect_hole,
};

/** Collect the pages of the range. Context: may sleep. */
export function* migrate_vma_collect(migrate: MigrateVma, ops: CollectOps): Task {
  const mm = migrate.vma.vm_mm;
  const range = mmu_notifier_range(mm, migrate.start, migrate.end, 'MMU_NOTIFY_MIGRATE', migrate.pgmap_owner);
  yield* mmu_notifier_invalidate_range_start(range);
  for (let addr = migrate.start; addr < migrate.end; ) {
    const pmd = mm.pt.pmdTable(addr);
    const next = pmd === null ? pud_addr_end(addr, migrate.end) : pmd_addr_end(addr, migrate.end);
    // The walker itself finds that an entry is none.
    if (pmd === null || pmd_none(pmd, pmd_index(addr))) ops.pte_hole(migrate, addr, next);
    else yield* ops.pmd_entry(migrate, pmd, addr, next);
    addr = next;
  }
  mmu_notifier_invalidate_range_end(range);
}
