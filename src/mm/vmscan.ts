// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: mm/vmscan.c, reclaim of pages that somebody names (reclaim_pages). Fidelity: ported for MADV_PAGEOUT. */
import type { Page } from '../sim/memmap.js';
import type { Task } from '../sim/task.js';
import { HPAGE_PMD_NR } from '../uapi/mman.js';
import { split_folio } from './huge_split.js';
import type { Kernel } from './kernel.js';
import { folio_putback_lru } from './lru.js';
import { folio_try_get } from './page_alloc.js';
import {
  folio_mapped,
  folio_maybe_dma_pinned,
  folio_test_anon,
  folio_test_large,
  PG_active,
  PG_dirty,
  PG_swapbacked,
  PG_unevictable,
} from './page_flags.js';
import { type Because, reasonOf, referenced } from './reasons.js';
import { try_to_unmap } from './rmap_unmap.js';
import { shmem_writepage } from './shmem.js';
import { add_to_swap, delete_from_swap_cache, folio_test_swapcache, swap_writepage } from './swap.js';

/** Why the folio stays. */
function stays(k: Kernel, folio: Page, because: Because): false {
  if (k.trace !== null)
    k.note({ event: 'skip', fn: 'shrink_folio_list', page: folio, reason: reasonOf(because) });
  return false;
}

/** Lazily freed memory: nothing to be kept, if nobody wrote to it since. Return: whether it is gone. */
function* discard_lazyfree(k: Kernel, folio: Page): Task<boolean> {
  yield* try_to_unmap(k, folio);
  if (folio_mapped(k.mem, folio)) return stays(k, folio, 'redirtied');
  return k.mem.refcount[folio] === 1 || stays(k, folio, referenced('pinned', k, folio, 1));
}

/** Write the unmapped folio to swap, and let the cache go. Return: whether nobody needs it in memory any more. */
function pageout(k: Kernel, folio: Page): boolean {
  const { mem } = k;
  // The caller's reference, and the cache's.
  if ((mem.flags[folio]! & PG_dirty) !== 0) {
    if (mem.refcount[folio] !== 2) return stays(k, folio, referenced('pinned', k, folio, 2));
    if (!folio_test_anon(mem, folio) && !folio_test_swapcache(k, folio) && !shmem_writepage(k, folio)) {
      return stays(k, folio, 'no-swap');
    }
    if (!swap_writepage(k, folio)) return stays(k, folio, 'no-memory');
  }
  if (mem.refcount[folio] !== 2) return stays(k, folio, referenced('pinned', k, folio, 2));
  if (folio_test_swapcache(k, folio)) delete_from_swap_cache(k, folio);
  return true;
}

/** Context: folio locked and off the LRU, with a reference of the caller; may sleep. Return: whether it can be freed. */
function* shrink_folio(k: Kernel, folio: Page): Task<boolean> {
  const { mem } = k;
  const anon = folio_test_anon(mem, folio);
  if ((mem.flags[folio]! & PG_unevictable) !== 0) return stays(k, folio, 'mlocked');
  if (anon && (mem.flags[folio]! & PG_swapbacked) === 0) return yield* discard_lazyfree(k, folio);
  if (anon && !folio_test_swapcache(k, folio)) {
    if (folio_maybe_dma_pinned(mem, folio)) return stays(k, folio, 'maybe-pinned');
    if (!add_to_swap(k, folio)) return stays(k, folio, 'no-swap');
  }
  if (folio_mapped(mem, folio)) yield* try_to_unmap(k, folio);
  if (folio_mapped(mem, folio)) return stays(k, folio, 'not-unmapped');
  if (folio_maybe_dma_pinned(mem, folio)) return stays(k, folio, 'maybe-pinned');
  return pageout(k, folio);
}

/**
 * A huge folio is split first. DIVERGES: the kernel swaps it out as a whole where 512 slots in a row are free.
 * Return: the folios that it came to be, none where it cannot be split; each off the LRU, with a reference.
 */
function* split_for_swap(k: Kernel, folio: Page): Task<readonly Page[]> {
  if (!k.trylock_page(folio)) return [];
  const err = yield* split_folio(k, folio);
  k.unlock_page(folio);
  if (err !== 0) return [];
  const parts = [folio];
  // The huge one was off the LRU, and so are they. A page of zeros may have gone in the split.
  for (let tail = folio + 1; tail < folio + HPAGE_PMD_NR; tail++)
    if (folio_try_get(k, tail)) parts.push(tail);
  return parts;
}

function* shrink_one(k: Kernel, folio: Page): Task {
  if (!k.trylock_page(folio)) {
    stays(k, folio, 'locked-by-other');
    folio_putback_lru(k, folio);
    return;
  }
  const freed = yield* shrink_folio(k, folio);
  k.unlock_page(folio);
  if (!freed) k.mem.flags[folio]! |= PG_active;
  folio_putback_lru(k, folio);
}

/** reclaim_pages(): folios off the LRU, with a reference each, which goes. Context: may sleep. */
export function* reclaim_pages(k: Kernel, folios: readonly Page[]): Task {
  for (const folio of folios) {
    if (!folio_test_large(k.mem, folio)) {
      yield* shrink_one(k, folio);
      continue;
    }
    const parts = yield* split_for_swap(k, folio);
    if (parts.length === 0) folio_putback_lru(k, folio);
    for (const part of parts) yield* shrink_one(k, part);
  }
}
