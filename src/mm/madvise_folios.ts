// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: mm/madvise.c, mm/internal.h: what advice about a part of a large folio needs. Fidelity: ported. */
import type { Page } from '../sim/memmap.js';
import type { Task } from '../sim/task.js';
import { HPAGE_PMD_NR } from '../uapi/mman.js';
import { split_folio } from './huge_split.js';
import type { Kernel } from './kernel.js';
import { get_page, put_page } from './page_alloc.js';
import { folio_entire_mapcount, folio_mapcount } from './page_flags.js';
import { FLAGS, type PteTable, pte_present } from './pgtable.js';

/** How many entries from `n` on map consecutive pages of the folio. */
export function folio_pte_batch(table: PteTable, n: number, last: number, folio: Page): number {
  let count = 1;
  while (n + count < last && pte_present(table[FLAGS + n + count]!)) {
    const page = table[n + count]!;
    if (page !== table[n]! + count || page >= folio + HPAGE_PMD_NR) break;
    count++;
  }
  return count;
}

/** The kernel's guess whether other processes map a large folio too. */
export function folio_likely_mapped_shared(k: Kernel, folio: Page): boolean {
  const mapcount = folio_mapcount(k.mem, folio);
  if (mapcount <= 1) return false;
  if (folio_entire_mapcount(k.mem, folio) > 0 || mapcount > HPAGE_PMD_NR) return true;
  return k.mem.mapcount[folio]! > 1;
}

/** Return: whether the folio could be locked and split. */
export function* split_locked(k: Kernel, folio: Page): Task<boolean> {
  if (!k.trylock_page(folio)) return false;
  get_page(k, folio);
  const err = yield* split_folio(k, folio);
  k.unlock_page(folio);
  put_page(k, folio);
  return err === 0;
}
