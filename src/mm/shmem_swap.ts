// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: mm/shmem.c, shmem_writepage(): what reclaim makes of a page of a file. Fidelity: ported. */
import type { Page } from '../sim/memmap.js';
import type { Kernel } from './kernel.js';
import { put_page } from './page_alloc.js';
import { add_to_swap, swap_duplicate } from './swap.js';

/** Move a page of a file to the swap cache: its place in the file has the slot. Return: whether there was one. */
export function shmem_writepage(k: Kernel, folio: Page): boolean {
  const mapping = k.mappings[-k.mem.mapping[folio]!]!;
  const index = k.mem.index[folio]!;
  if (!add_to_swap(k, folio)) return false;
  const slot = k.mem.priv[folio]!;
  swap_duplicate(k, slot);
  k.cacheWatch?.left(folio);
  mapping.i_pages.delete(index);
  mapping.i_swapped.set(index, slot);
  k.mem.mapping[folio] = 0;
  put_page(k, folio);
  return true;
}
