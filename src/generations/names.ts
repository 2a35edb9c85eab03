// SPDX-License-Identifier: GPL-2.0-only
/**
 * Functions by the names that they have in the kernel: parts of a kernel function that are functions of their own
 * here, and functions that were renamed.
 */
import { holds, type Versions } from './version.js';

const PARTS: Readonly<Record<string, string>> = {
  collapse_of_file: 'madvise_collapse',
  free_table: 'retract_page_tables',
  insert_huge: 'collapse_file',
  lock_cached_folio: 'collapse_file',
  map_collapsed: 'collapse_pte_mapped_thp',
  map_whole_folio: 'set_pte_range',
  replace_table: 'collapse_pte_mapped_thp',
  retract_page_tables_of: 'retract_page_tables',
  share_cache_refs: '__split_huge_page',
  take_folio: 'collapse_file',
  take_folios: 'collapse_file',
  unmap_huge_pmd: 'try_to_unmap_one',
  unmap_to_split: 'unmap_folio',
  alloc_page: '__alloc_pages',
  alloc_huge: '__alloc_pages',
  alloc_reserve: '__alloc_pages',
  rmqueue: '__alloc_pages',
  alloc_zeroed_thp: 'do_huge_pmd_anonymous_page',
  clear_young: 'folio_referenced_one',
  change_huge_pte: 'hugetlb_change_protection',
  collapse_pmd: 'collapse_huge_page',
  collect_page: 'migrate_vma_collect_pmd',
  collect_ptes: 'migrate_vma_collect_pmd',
  collect_split: 'migrate_vma_collect_pmd',
  copy_huge_page: 'hugetlb_wp',
  copy_shared_ptes: 'copy_pte_range',
  dequeue_hugetlb_folio: 'dequeue_hugetlb_folio_node_exact',
  discard_lazyfree: 'shrink_folio_list',
  do_anonymous_page_slow: 'do_anonymous_page',
  exclusive_range: 'dmirror_exclusive',
  finalize_migration: '__migrate_device_finalize',
  folio_make_device_exclusive: 'page_make_device_exclusive_one',
  get_page: 'folio_get',
  grab_fast: 'gup_fast_pte_range',
  handle_huge_pmd: 'huge_pmd_set_accessed',
  lock_page_of_file: 'hugetlb_no_page',
  madvise_free_pmd: 'madvise_free_pte_range',
  clean_folio_ptes: 'madvise_free_pte_range',
  madvise_free_whole_pmd: 'madvise_free_huge_pmd',
  make_page_exclusive: 'make_device_exclusive',
  map_anon_folio_pmd: 'do_huge_pmd_anonymous_page',
  map_anonymous: 'do_anonymous_page',
  map_file_page: 'set_pte_range',
  migrate_coherent: 'migrate_device_coherent_folio',
  migrate_huge_pmd: 'try_to_migrate_one',
  migrate_one_pte: 'try_to_migrate_one',
  migrate_to_ram: 'do_swap_page',
  move_contents: '__collapse_huge_page_copy',
  move_extent: 'move_huge_pmd',
  new_page: 'hugetlb_no_page',
  page_of_slot: 'do_swap_page',
  prep_new_page: '__alloc_pages',
  put_back: 'move_folios_to_lru',
  put_page: 'folio_put',
  record_pages: '__get_user_pages',
  restore_pinned: 'migrate_device_unmap',
  shmem_get_missing_folio: 'shmem_get_folio_gfp',
  shrink_folio: 'shrink_folio_list',
  shrink_one: 'shrink_folio_list',
  split_for_swap: 'shrink_folio_list',
  __split_unmapped_folio: '__split_huge_page',
  split_anon_pmd: '__split_huge_pmd_locked',
  split_huge_zero: '__split_huge_zero_page_pmd',
  stop: 'pin_longterm_test_stop',
  swap_in_page: 'do_swap_page',
  map_swapped: 'do_swap_page',
  try_reuse: 'hugetlb_wp',
  unmap_one: 'try_to_unmap_one',
  walk: 'CPU',
  wp_locked: 'hugetlb_wp',
  zap_huge_pte: '__unmap_hugepage_range',
  zap_nonpresent_pte: 'zap_pte_range',
  zap_present_pte: 'zap_pte_range',
  zap_small_anon_ptes: 'zap_pte_range',
};

/** What a release gave another name, by ours: [before, from then on]. */
const RENAMED: Readonly<
  Record<
    string,
    {
      since: Versions;
      names: readonly [before: string, after: string];
      /** Once more. */
      again?: { since: Versions; name: string };
    }
  >
> = {
  __migrate_device_finalize: {
    since: ['6.13'],
    names: ['migrate_device_finalize', '__migrate_device_finalize'],
  },
  copy_present_pte: { since: ['6.9'], names: ['copy_present_pte', 'copy_present_ptes'] },
  dax_lock_folio: { since: ['6.7'], names: ['dax_lock_page', 'dax_lock_folio'] },
  dequeue_hugetlb_folio_node_exact: {
    since: ['6.3'],
    names: ['dequeue_huge_page_node_exact', 'dequeue_hugetlb_folio_node_exact'],
  },
  folio_add_file_rmap_pte: { since: ['6.8'], names: ['page_add_file_rmap', 'folio_add_file_rmap_pte'] },
  follow_huge_pmd: { since: ['6.10'], names: ['follow_trans_huge_pmd', 'follow_huge_pmd'] },
  gup_fast_pte_range: { since: ['6.10'], names: ['gup_pte_range', 'gup_fast_pte_range'] },
  hmm_range_fault: { since: ['5.3'], names: ['hmm_vma_fault', 'hmm_range_fault'] },
  hmm_vma_handle_pte: { since: ['5.3'], names: ['hmm_vma_walk_pmd', 'hmm_vma_handle_pte'] },
  folio_migrate_mapping: { since: ['5.3'], names: ['migrate_page_move_mapping', 'folio_migrate_mapping'] },
  madvise_vma_behavior: { since: ['5.17'], names: ['madvise_behavior', 'madvise_vma_behavior'] },
  madvise_walk_vmas: { since: ['5.17'], names: ['do_madvise', 'madvise_walk_vmas'] },
  mfill_atomic: { since: ['6.4'], names: ['__mcopy_atomic', 'mfill_atomic'] },
  mfill_atomic_pte_zeropage: { since: ['6.4'], names: ['mfill_zeropage_pte', 'mfill_atomic_pte_zeropage'] },
  // These four, between 6.12 and 7.3.
  mremap_overlaps: { since: ['7.3'], names: ['mremap_to', 'check_mremap_params'] },
  mremap_grow: { since: ['7.3'], names: ['__x64_sys_mremap', 'expand_vma'] },
  mremap_locked: { since: ['7.3'], names: ['__x64_sys_mremap', 'check_prep_vma'] },
  vma_to_resize: { since: ['7.3'], names: ['vma_to_resize', 'check_prep_vma'] },
  uffd_mfill_lock: {
    since: ['6.4'],
    names: ['__mcopy_atomic', 'mfill_atomic'],
    again: { since: ['6.9'], name: 'uffd_mfill_lock' },
  },
  migrate_device_coherent_folio: {
    since: ['6.12'],
    names: ['migrate_device_coherent_page', 'migrate_device_coherent_folio'],
  },
  set_pte_range: { since: ['6.6'], names: ['do_set_pte', 'set_pte_range'] },
  try_to_unmap_poisoned_hugetlb_one: {
    // Between 6.12 and 7.3.
    since: ['7.3'],
    names: ['try_to_unmap_one', 'try_to_unmap_poisoned_hugetlb_one'],
  },
  split_huge_page_to_list_to_order: {
    since: ['6.9'],
    names: ['split_huge_page_to_list', 'split_huge_page_to_list_to_order'],
    again: { since: ['7.3'], name: '__folio_split' },
  },
};

/** Maps, because a name may be any: objects know "toString" and "constructor". */
const parts = new Map(Object.entries(PARTS));
const renames = new Map(Object.entries(RENAMED));

/** What Linux `version` calls the function `name` of ours. */
export function kernelName(name: string, version: string): string {
  const known = parts.get(name) ?? name;
  const renamed = renames.get(known);
  if (renamed === undefined) return known;
  if (renamed.again !== undefined && holds(version, renamed.again.since)) return renamed.again.name;
  return renamed.names[holds(version, renamed.since) ? 1 : 0];
}
