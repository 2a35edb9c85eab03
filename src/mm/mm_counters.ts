// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: mm/memory.c, the counters of an mm by kind (get_mm_counter), counted when somebody asks. Fidelity: ported. */
import type { Page } from '../sim/memmap.js';
import { HPAGE_PMD_NR } from '../uapi/mman.js';
import { compound_head, PG_hugetlb } from './page_flags.js';
import {
  FLAGS,
  is_pfn_swap_entry,
  is_swap_entry,
  type PmdTable,
  PTE_SPECIAL,
  pte_present,
} from './pgtable.js';
import type { MmStruct } from './types.js';

/** Pages, but `tables`: page tables. */
export interface MmCounters {
  anon: number;
  file: number;
  shmem: number;
  swap: number;
  tables: number;
}

function count_page(mm: MmStruct, counters: MmCounters, page: Page, pages: number): void {
  const { mem, mappings, hugeZeroFolio } = mm.kernel;
  const folio = compound_head(mem, page);
  if (folio === hugeZeroFolio || (mem.flags[folio]! & PG_hugetlb) !== 0) return;
  const mapping = mem.mapping[folio]!;
  if (mapping > 0) counters.anon += pages;
  else if (mapping < 0 && mappings[-mapping]?.kind === 'shmem') counters.shmem += pages;
  else counters.file += pages;
}

function count_entry(mm: MmStruct, counters: MmCounters, page: Page, flags: number, pages: number): void {
  if (flags === 0 || (pte_present(flags) && (flags & PTE_SPECIAL) !== 0)) return;
  if (!pte_present(flags) && is_swap_entry(flags)) counters.swap += pages;
  else if (pte_present(flags) || is_pfn_swap_entry(flags)) count_page(mm, counters, page, pages);
}

function count_pmd(mm: MmStruct, counters: MmCounters, pmd: PmdTable): void {
  for (let i = 0; i < 512; i++) {
    count_entry(mm, counters, pmd.e[i]!, pmd.e[FLAGS + i]!, HPAGE_PMD_NR);
    const table = pmd.child[i]!;
    if (table === null) continue;
    counters.tables++;
    for (let n = 0; n < 512; n++) count_entry(mm, counters, table[n]!, table[FLAGS + n]!, 1);
  }
}

/** Count all that the page tables have. */
export function get_mm_counters(mm: MmStruct): MmCounters {
  const counters = { anon: 0, file: 0, shmem: 0, swap: 0, tables: 1 };
  for (const pud of mm.pt.pgd) {
    if (pud === undefined || pud === null) continue;
    counters.tables++;
    for (const pmd of pud.child) {
      if (pmd === null) continue;
      counters.tables++;
      count_pmd(mm, counters, pmd);
    }
  }
  return counters;
}
