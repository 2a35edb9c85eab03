// SPDX-License-Identifier: GPL-2.0-only
/** Functions of the memory core whose order of entry is compared: those that the function tracer of a real kernel was set to. */

import { holds, type Versions } from './version.js';

/** A fault of the program on memory of its own: no function, but where a path begins. */
export const USER_FAULT = 'user_fault';

const ALWAYS = [
  USER_FAULT,
  '__get_user_pages',
  '__mmu_notifier_invalidate_range_end',
  '__mmu_notifier_invalidate_range_start',
  '__split_huge_pmd',
  'change_protection',
  'collapse_huge_page',
  'do_anonymous_page',
  'do_fault',
  'do_huge_pmd_anonymous_page',
  'do_huge_pmd_wp_page',
  'do_madvise',
  'do_swap_page',
  'do_wp_page',
  'folio_isolate_lru',
  'folio_migrate_mapping',
  'free_zone_device_folio',
  'gup_fast_fallback',
  'handle_mm_fault',
  'hmm_range_fault',
  'hmm_vma_walk_hole',
  'hmm_vma_walk_hugetlb_entry',
  'hmm_vma_walk_pmd',
  'hmm_vma_walk_test',
  'hugetlb_fault',
  'hugetlb_wp',
  'lru_add_drain_all',
  'madvise_collapse',
  'migrate_device_coherent_folio',
  'migrate_device_finalize',
  'migrate_device_pages',
  'migrate_device_range',
  'migrate_device_unmap',
  'migrate_vma_collect_hole',
  'migrate_vma_collect_pmd',
  'migrate_vma_finalize',
  'migrate_vma_pages',
  'migrate_vma_setup',
  'mmu_interval_notifier_insert',
  'mmu_interval_notifier_remove',
  'mmu_interval_read_begin',
  'move_page_tables',
  'mprotect_fixup',
  'remove_migration_pte',
  'remove_migration_ptes',
  'split_huge_page_to_list_to_order',
  'try_to_migrate',
  'try_to_migrate_one',
  'unpin_user_page',
  'unpin_user_pages',
  'zone_device_page_init',
] as const;

/** Gone, or static and inlined, since 7.3. */
const BEFORE = [
  'hpage_collapse_scan_pmd',
  'make_device_exclusive_range',
  'page_make_device_exclusive_one',
] as const;

/** The tracer of 7.3 was set to these, too. */
const SINCE = [
  'do_huge_pmd_device_private',
  'folio_split_unmapped',
  'free_folio_and_swap_cache',
  'handle_userfault',
  'hmm_range_fault_unlocked_timeout',
  'hugetlb_no_page',
  'make_device_exclusive',
  'mfill_atomic_copy',
  'migrate_vma_split_folio',
  'remove_migration_pmd',
  'set_pmd_migration_entry',
  'split_huge_pmd_locked',
] as const;

const LATER: Versions = ['7.3'];

/** All of them, of whatever kernel. */
export const TRACED_FUNCTIONS: ReadonlySet<string> = new Set([...ALWAYS, ...BEFORE, ...SINCE]);

const before: ReadonlySet<string> = new Set([...ALWAYS, ...BEFORE]);
const since: ReadonlySet<string> = new Set([...ALWAYS, ...SINCE]);

/** Those of Linux `version`. */
export const tracedFunctions = (version: string): ReadonlySet<string> =>
  holds(version, LATER) ? since : before;

/** Names that other kernels have for them. */
export const OTHER_NAMES: ReadonlyMap<string, string> = new Map([
  ['migrate_device_coherent_page', 'migrate_device_coherent_folio'],
  ['__folio_split', 'split_huge_page_to_list_to_order'],
  ['split_huge_page_to_list', 'split_huge_page_to_list_to_order'],
]);
