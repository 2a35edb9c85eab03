// SPDX-License-Identifier: GPL-2.0-only
/** The functions of the memory core whose order of entry is compared, those that the function tracer of a real kernel was set to. */

/** A fault of the program on memory of its own: no function, but where a path begins. */
export const USER_FAULT = 'user_fault';

export const TRACED_FUNCTIONS: ReadonlySet<string> = new Set([
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
  'hpage_collapse_scan_pmd',
  'hugetlb_fault',
  'hugetlb_wp',
  'lru_add_drain_all',
  'madvise_collapse',
  'make_device_exclusive_range',
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
  'page_make_device_exclusive_one',
  'remove_migration_pte',
  'remove_migration_ptes',
  'split_huge_page_to_list_to_order',
  'try_to_migrate',
  'try_to_migrate_one',
  'unpin_user_page',
  'unpin_user_pages',
  'zone_device_page_init',
]);

/** Names that older kernels have for them. */
const FORMER: ReadonlyMap<string, string> = new Map([
  ['migrate_device_coherent_page', 'migrate_device_coherent_folio'],
  ['split_huge_page_to_list', 'split_huge_page_to_list_to_order'],
]);

/** The traced function that a kernel's name stands for; undefined for another. */
export function tracedFunction(name: string): string | undefined {
  const known = FORMER.get(name) ?? name;
  return TRACED_FUNCTIONS.has(known) ? known : undefined;
}

/** So many entries of one function in a row. */
export interface Run {
  readonly name: string;
  readonly count: number;
}

const RUN = /^(.*)\*([1-9]\d{0,9})$/;

/** Names, and "NAME*3" for three in a row, as runs of which no two in a row have one name. */
export function runsOf(names: Iterable<string>): Run[] {
  const runs: { name: string; count: number }[] = [];
  for (const text of names) {
    const [, name = text, count = '1'] = RUN.exec(text) ?? [];
    const last = runs.at(-1);
    if (last?.name === name) last.count += Number(count);
    else runs.push({ name, count: Number(count) });
  }
  return runs;
}

/** "NAME*3" for three entries in a row. */
export const runText = ({ name, count }: Run): string => (count === 1 ? name : `${name}*${count}`);

export const foldRuns = (names: Iterable<string>): string[] => runsOf(names).map(runText);
