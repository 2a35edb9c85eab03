// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: mm/migrate.c, what device migration and THP splitting need of it. Fidelity: ported. */

import { KernelBug } from '../sim/errors.js';
import type { Page } from '../sim/memmap.js';
import { EAGAIN } from '../uapi/errno.js';
import { HPAGE_PMD_NR } from '../uapi/mman.js';
import type { Kernel } from './kernel.js';
import { mem_cgroup_migrate } from './memcontrol.js';
import { idle_device_refs, is_device_private_page } from './memremap.js';
import {
  folio_mapping_of_file,
  folio_nr_pages,
  folio_test_anon,
  folio_test_large,
  PG_active,
  PG_dirty,
  PG_hwpoison,
  PG_mlocked,
  PG_private,
  PG_readahead,
  PG_referenced,
  PG_swapbacked,
  PG_unevictable,
  PG_uptodate,
  PG_workingset,
} from './page_flags.js';
import {
  FLAGS,
  is_device_exclusive_entry,
  type PmdTable,
  PTE_DIRTY,
  PTE_HUGE,
  PTE_SPECIAL,
  PTE_WRITE,
  PTE_YOUNG,
  type PteTable,
  pte_uffd_wp_of,
  SWP_DEVICE_READ,
  SWP_DEVICE_WRITE,
  SWP_MIG_DIRTY,
  SWP_MIG_YOUNG,
  SWP_MIGRATION_READ,
  SWP_MIGRATION_WRITE,
  SWP_UFFD_WP,
  swp_type,
} from './pgtable.js';
import {
  folio_add_anon_rmap_pmd,
  folio_add_anon_rmap_pte,
  folio_add_file_rmap_pmd,
  folio_add_file_rmap_pte,
  forEachMigrationPte,
} from './rmap.js';
import { folio_cache_refs, folio_test_swapcache, replace_in_swap_cache } from './swap.js';
import { type AddressSpace, VM_LOCKED, type VmArea } from './types.js';
import { pte_mkuffd_wp } from './userfaultfd_k.js';

/** The subpage of a split THP holds only zeros: map the shared zero page instead. Return: whether it did. */
function try_to_map_unused_to_zeropage(
  k: Kernel,
  vma: VmArea,
  page: Page,
  table: PteTable,
  i: number,
): boolean {
  const { mem } = k;
  if (folio_test_large(mem, page) || (mem.flags[page]! & PG_hwpoison) !== 0) return false;
  if ((mem.flags[page]! & PG_mlocked) !== 0 || (vma.vm_flags & VM_LOCKED) !== 0) return false;
  if (k.contents.pageWord(page) !== 0) return false;
  table[i] = k.zeroPage;
  table[FLAGS + i] = vma.vm_page_prot | PTE_SPECIAL | PTE_YOUNG | pte_uffd_wp_of(table[FLAGS + i]!);
  vma.vm_mm.rss--;
  return true;
}

/**
 * Restore one migration entry to a mapping of `page`. A device exclusive entry gets here too, when its coherent page
 * could not be evicted: it is mapped read-only, and the reference that it held is never dropped.
 */
function remove_migration_pte(
  k: Kernel,
  folio: Page,
  page: Page,
  vma: VmArea,
  table: PteTable,
  i: number,
): void {
  const { mem } = k;
  const old = table[FLAGS + i]!;
  const type = swp_type(old);
  mem.refcount[folio]!++;
  if (is_device_exclusive_entry(old)) k.leakedReferences.push(folio);
  const anon = folio_test_anon(mem, folio);
  const exclusive = anon && type !== SWP_MIGRATION_READ;
  table[i] = page;
  if (is_device_private_page(k, page)) {
    const entry = type === SWP_MIGRATION_WRITE ? SWP_DEVICE_WRITE : SWP_DEVICE_READ;
    table[FLAGS + i] = entry | (old & SWP_UFFD_WP);
  } else {
    let pte = vma.vm_page_prot;
    if ((old & SWP_MIG_YOUNG) !== 0) pte |= PTE_YOUNG;
    if ((old & SWP_MIG_DIRTY) !== 0 && (mem.flags[folio]! & PG_dirty) !== 0) pte |= PTE_DIRTY;
    if (type === SWP_MIGRATION_WRITE) pte |= PTE_WRITE;
    else if ((old & SWP_UFFD_WP) !== 0) pte = pte_mkuffd_wp(pte);
    table[FLAGS + i] = pte;
  }
  if (anon) folio_add_anon_rmap_pte(k, folio, page, vma, exclusive);
  else folio_add_file_rmap_pte(k, folio, page, vma);
}

/**
 * Replace all migration entries for `src` by mappings of `dst` (the same folio to restore it).
 * `zeropage`: map zero-filled pages to the shared zero page.
 * Context: both locked.
 */
export function remove_migration_ptes(k: Kernel, src: Page, dst: Page, zeropage: boolean): void {
  k.enter('remove_migration_ptes');
  const one = (vma: VmArea, table: PteTable, i: number, addr: number): void => {
    const from = table[i]!;
    const page = dst + (from - src);
    if (zeropage && try_to_map_unused_to_zeropage(k, vma, page, table, i)) return;
    remove_migration_pte(k, dst, page, vma, table, i);
    if (k.trace !== null)
      k.note({
        event: 'remove_migration_pte',
        fn: 'remove_migration_pte',
        mm: vma.vm_mm,
        addr,
        page,
        args: { from },
      });
  };
  forEachMigrationPte(k, src, dst, one, (vma, pmd, i, addr) =>
    remove_migration_pmd(k, dst, vma, pmd, i, addr),
  );
}

/** Restore a huge migration entry to a mapping of `folio`. Source: mm/huge_memory.c remove_migration_pmd. */
function remove_migration_pmd(
  k: Kernel,
  folio: Page,
  vma: VmArea,
  pmd: PmdTable,
  i: number,
  address: number,
): void {
  const { mem } = k;
  if (folio_test_large(mem, folio)) k.enter('remove_migration_pmd', address);
  else {
    throw new KernelBug(
      'remove_migration_pte',
      'kernel BUG at mm/migrate.c: a huge migration entry of another process stands for a folio that has been split',
    );
  }
  const old = pmd.e[FLAGS + i]!;
  const from = pmd.e[i]!;
  const type = swp_type(old);
  const write = type === SWP_MIGRATION_WRITE;
  mem.refcount[folio]!++;
  let entry: number;
  if (is_device_private_page(k, folio)) {
    entry = (write ? SWP_DEVICE_WRITE : SWP_DEVICE_READ) | PTE_HUGE | (old & SWP_UFFD_WP);
  } else {
    entry = vma.vm_page_prot | PTE_HUGE | (write ? PTE_WRITE : 0) | pte_uffd_wp_of(old);
    if ((old & SWP_MIG_YOUNG) !== 0) entry |= PTE_YOUNG;
    if ((old & SWP_MIG_DIRTY) !== 0 && (mem.flags[folio]! & PG_dirty) !== 0) entry |= PTE_DIRTY;
  }
  if (folio_test_anon(mem, folio)) folio_add_anon_rmap_pmd(k, folio, vma, type !== SWP_MIGRATION_READ);
  else folio_add_file_rmap_pmd(k, folio, vma);
  pmd.e[i] = folio;
  pmd.e[FLAGS + i] = entry;
  if (k.trace !== null) {
    const fn = 'remove_migration_pmd';
    const args = { from, pages: HPAGE_PMD_NR };
    k.note({ event: 'remove_migration_pmd', fn, mm: vma.vm_mm, addr: address, page: folio, args });
  }
}

/**
 * Let `newfolio` take the place of `folio` (folio_migrate_mapping): anonymous memory, or a page of a file.
 * `extra_count`: references that the caller knows of. Return: 0, or -EAGAIN when somebody else holds the folio.
 */
export function folio_migrate_mapping(k: Kernel, newfolio: Page, folio: Page, extra_count: number): number {
  k.enter('folio_migrate_mapping');
  const { mem } = k;
  const cached = folio_test_swapcache(k, folio);
  const mapping = folio_mapping_of_file(k, folio);
  if (mem.refcount[folio] !== folio_expected_refs(k, folio) + extra_count) return -EAGAIN;
  mem.index[newfolio] = mem.index[folio]!;
  mem.mapping[newfolio] = mem.mapping[folio]!;
  mem.flags[newfolio]! |= mem.flags[folio]! & PG_swapbacked;
  if (cached) replace_in_swap_cache(k, newfolio, folio);
  if (mapping !== null) replace_in_page_cache(k, mapping, newfolio, folio);
  return 0;
}

/** References of a folio that is unmapped: the caller's, a cache's for each page, and that of its buffers. */
export function folio_expected_refs(k: Kernel, folio: Page): number {
  const attached = (k.mem.flags[folio]! & PG_private) !== 0;
  const idle = k.is_zone_device_page(folio) ? idle_device_refs(k, folio) : 0;
  return 1 + folio_cache_refs(k, folio) + (attached ? 1 : 0) + idle;
}

/** The page cache has `newfolio` at the index of `folio` from now on, and its reference; buffers go along. */
function replace_in_page_cache(k: Kernel, mapping: AddressSpace, newfolio: Page, folio: Page): void {
  const { mem } = k;
  const attached = mem.flags[folio]! & PG_private;
  const nr = folio_nr_pages(mem, folio);
  const references = nr + (attached !== 0 ? 1 : 0);
  mem.flags[newfolio]! |= attached;
  mem.flags[folio]! &= ~attached;
  mem.refcount[newfolio]! += references;
  mem.refcount[folio]! -= references;
  for (let i = 0; i < nr; i++) mapping.i_pages.set(mem.index[folio]! + i, newfolio + i);
}

/** Flags that go with what a folio holds. */
const MIGRATED_FLAGS =
  PG_referenced | PG_uptodate | PG_active | PG_workingset | PG_unevictable | PG_dirty | PG_readahead;

/** Take over the page flags of the migrated folio. */
export function folio_migrate_flags(k: Kernel, newfolio: Page, folio: Page): void {
  const { mem } = k;
  const flags = mem.flags[folio]!;
  mem.flags[newfolio]! |= flags & MIGRATED_FLAGS;
  mem.flags[folio] = flags & ~(PG_active | PG_unevictable);
  if (k.memcgs !== null) mem_cgroup_migrate(k, folio, newfolio);
}
