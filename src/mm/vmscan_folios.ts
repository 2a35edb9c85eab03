// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: mm/vmscan.c, shrink_folio_list(): what becomes of folios that are off the LRU. Fidelity: ported. */

import { COST_PAGE } from '../sim/costs.js';
import type { Page } from '../sim/memmap.js';
import type { Task } from '../sim/task.js';
import { HPAGE_PMD_NR } from '../uapi/mman.js';
import { filemap_release_folio, filemap_remove_folio } from './filemap_pages.js';
import { split_folio } from './huge_split.js';
import type { Kernel } from './kernel.js';
import { folio_putback_lru } from './lru.js';
import { folio_try_get, put_page } from './page_alloc.js';
import {
  folio_is_file_lru,
  folio_mapped,
  folio_mapping_of_file,
  folio_maybe_dma_pinned,
  folio_nr_pages,
  folio_test_anon,
  folio_test_large,
  PG_active,
  PG_dirty,
  PG_private,
  PG_reclaim,
  PG_referenced,
  PG_swapbacked,
  PG_unevictable,
  PG_writeback,
} from './page_flags.js';
import { folio_clear_dirty_for_io, folio_test_writeback, folio_wait_writeback } from './page_writeback.js';
import { type Because, reasonOf, referenced } from './reasons.js';
import { held } from './rmap_held.js';
import { folio_referenced, IN_LOCKED_VMA } from './rmap_referenced.js';
import { try_to_unmap } from './rmap_unmap.js';
import { shmem_writepage } from './shmem_swap.js';
import {
  add_to_swap,
  delete_from_swap_cache,
  folio_free_swap,
  folio_test_swapcache,
  swap_writepage,
} from './swap.js';
import { type AddressSpace, VM_EXEC } from './types.js';
import { type DirtyCounts, no_dirty_counts, type Reclaimer } from './vmscan_balance.js';
import { workingset_eviction } from './workingset.js';

/** What becomes of a folio: nobody needs it any more; it goes back where it was; or to the active list. */
type Outcome = 'freed' | 'keep' | 'activate';

/** Before that: it is looked at once more when the disk has it. */
const WAIT = 'wait for writeback';

/** What of struct scan_control reclaim of folios goes by. */
interface ShrinkHow {
  readonly by: Reclaimer;
  /** Where the folios were. */
  readonly list: string;
  /** The cgroup for whose sake they go (target_mem_cgroup); 0: all. */
  readonly target: number;
  /** Nobody waits for a single folio that is being written (writeback_throttling_sane). */
  readonly sane: boolean;
  /** Also what was used lately. */
  readonly ignore_references: boolean;
}

/** The same, with struct reclaim_stat. */
interface Shrinking extends ShrinkHow, DirtyCounts {
  /** Base pages that were written. */
  nr_pageout: number;
  /** Base pages that are active now. */
  nr_activate: number;
}

export const new_shrinking = (how: ShrinkHow): Shrinking => ({
  ...how,
  ...no_dirty_counts(),
  nr_pageout: 0,
  nr_activate: 0,
});

/** Why the folio stays, for whoever asks. */
function stays(k: Kernel, folio: Page, because: Because, outcome: 'keep' | 'activate' = 'keep'): Outcome {
  if (k.trace !== null)
    k.note({ event: 'skip', fn: 'shrink_folio_list', page: folio, reason: reasonOf(because) });
  return outcome;
}

/** Whether it has been used lately, and is to stay. Clears what says so. */
function folio_check_references(k: Kernel, folio: Page): Outcome | 'reclaim' {
  const used = { vm_flags: 0 };
  const ptes = folio_referenced(k, folio, used);
  const before = k.mem.flags[folio]!;
  k.mem.flags[folio] = before & ~PG_referenced;
  if (ptes === IN_LOCKED_VMA) return stays(k, folio, 'mlocked', 'activate');
  if (ptes === 0) return 'reclaim';
  k.mem.flags[folio]! |= PG_referenced;
  if ((before & PG_referenced) !== 0 || ptes > 1) return 'activate';
  // Pages of programs stay from their first use on.
  return (used.vm_flags & VM_EXEC) !== 0 && folio_is_file_lru(k.mem, folio) ? 'activate' : 'keep';
}

/** Lazily freed memory: nothing to be kept, if nobody wrote to it since. */
function* discard_lazyfree(k: Kernel, folio: Page): Task<Outcome> {
  yield* try_to_unmap(k, folio);
  if (folio_mapped(k.mem, folio)) return stays(k, folio, 'redirtied', 'activate');
  return k.mem.refcount[folio] === 1 ? 'freed' : stays(k, folio, referenced('pinned', k, folio, 1));
}

/** Which of the folio's pages count as dirty, or as being written: those of files, which flushers write (folio_check_dirty_writeback). */
function note_dirty(k: Kernel, folio: Page, stat: DirtyCounts): void {
  const flags = k.mem.flags[folio]!;
  if (!folio_is_file_lru(k.mem, folio) || folio_test_anon(k.mem, folio)) return;
  const writeback = (flags & PG_writeback) !== 0;
  if ((flags & PG_dirty) === 0 && !writeback) return;
  stat.nr_dirty++;
  if (!writeback) stat.nr_unqueued_dirty++;
  else if ((flags & PG_reclaim) !== 0) stat.nr_congested++;
}

/** A folio that is being written: it is out of the way meanwhile, and marked to go first. */
function meet_writeback(k: Kernel, folio: Page, shrinking: Shrinking): Outcome | typeof WAIT {
  const marked = (k.mem.flags[folio]! & PG_reclaim) !== 0;
  const nid = k.nodes.page_to_nid(folio);
  if (shrinking.by === 'kswapd' && marked && k.reclaims[nid]!.writeback) {
    shrinking.nr_immediate++;
  } else if (shrinking.sane || !marked) {
    k.mem.flags[folio]! |= PG_reclaim;
    shrinking.nr_writeback++;
  } else {
    return WAIT;
  }
  return stays(k, folio, 'under-writeback', 'activate');
}

/** Whether nobody has the folio but its cache, the caller, and its buffers (is_page_cache_freeable). */
const is_page_cache_freeable = ({ mem }: Kernel, folio: Page): boolean =>
  mem.refcount[folio] === 2 + ((mem.flags[folio]! & PG_private) === 0 ? 0 : 1);

/** Where the kernel lets the daemon write single folios of files: off it goes to its disk, if the file system writes it. */
function* pageout_file(k: Kernel, mapping: AddressSpace, folio: Page, shrinking: Shrinking): Task<Outcome> {
  const { flags } = k.mem;
  if (!is_page_cache_freeable(k, folio)) return stays(k, folio, 'dirty-file');
  if (!k.behaviour.ext4WritesForReclaim) return stays(k, folio, 'dirty-file', 'activate');
  yield* folio_clear_dirty_for_io(k, folio);
  flags[folio]! |= PG_reclaim;
  mapping.a_ops!.writepage(k, mapping, folio);
  shrinking.nr_pageout++;
  count_write(k, folio);
  if (folio_test_writeback(k, folio)) return stays(k, folio, 'under-writeback');
  flags[folio]! &= ~PG_reclaim;
  return stays(k, folio, 'dirty-file');
}

/**
 * A dirty folio of a file is left to the flusher, and marked to go first then; but see above. `used`: by read() or write(), since
 * reclaim last looked.
 */
function* leave_dirty(
  k: Kernel,
  mapping: AddressSpace,
  folio: Page,
  used: boolean,
  shrinking: Shrinking,
): Task<Outcome> {
  const marked = (k.mem.flags[folio]! & PG_reclaim) !== 0;
  const node = k.reclaims[k.nodes.page_to_nid(folio)]!;
  if (k.behaviour.kswapdWritesFiles && shrinking.by === 'kswapd' && marked && node.dirty)
    return used ? stays(k, folio, 'dirty-file') : yield* pageout_file(k, mapping, folio, shrinking);
  k.mem.flags[folio]! |= PG_reclaim;
  return stays(k, folio, 'dirty-file', 'activate');
}

/** An unmapped, clean page of a file on a disk. */
function drop_file_folio(k: Kernel, mapping: AddressSpace, folio: Page, { target }: ShrinkHow): Outcome {
  filemap_release_folio(k, folio);
  // The caller's reference, and the cache's.
  if (k.mem.refcount[folio] !== 2) return stays(k, folio, held(k, folio, 2));
  k.cacheWatch?.droppedClean(folio);
  filemap_remove_folio(k, mapping, folio, workingset_eviction(k, folio, target));
  put_page(k, folio);
  return 'freed';
}

function count_write(k: Kernel, folio: Page): void {
  const lruvec = k.lruvecs[k.nodes.page_to_nid(folio)]!;
  lruvec.mod_lruvec_state('write', folio_is_file_lru(k.mem, folio), 1, lruvec.memcgOf(folio));
}

/** Write the unmapped folio to swap, and let the cache go. A clean one of a memory file goes as it is (__remove_mapping). */
function pageout(k: Kernel, folio: Page, shrinking: Shrinking): Outcome {
  const { mem } = k;
  // The caller's reference, and the cache's.
  if ((mem.flags[folio]! & PG_dirty) !== 0) {
    if (mem.refcount[folio] !== 2) return stays(k, folio, held(k, folio, 2));
    if (!folio_test_anon(mem, folio) && !folio_test_swapcache(k, folio) && !shmem_writepage(k, folio)) {
      return stays(k, folio, 'no-swap', 'activate');
    }
    swap_writepage(k, folio);
    shrinking.nr_pageout++;
    count_write(k, folio);
  }
  if (mem.refcount[folio] !== 2) return stays(k, folio, held(k, folio, 2));
  const mapping = folio_mapping_of_file(k, folio);
  if (folio_test_swapcache(k, folio)) {
    delete_from_swap_cache(k, folio, workingset_eviction(k, folio, shrinking.target));
  } else if (mapping !== null) {
    k.cacheWatch?.droppedClean(folio);
    if (k.trace !== null) k.note({ event: 'reclaim_clean', fn: '__remove_mapping', page: folio });
    filemap_remove_folio(k, mapping, folio);
    put_page(k, folio);
  }
  return 'freed';
}

/** Context: small folio, locked and off the LRU, with a reference of the caller; may sleep. */
function* shrink_folio(k: Kernel, folio: Page, shrinking: Shrinking): Task<Outcome | typeof WAIT> {
  const { mem } = k;
  if ((mem.flags[folio]! & PG_unevictable) !== 0) return stays(k, folio, 'mlocked');
  note_dirty(k, folio, shrinking);
  if (folio_test_writeback(k, folio)) return meet_writeback(k, folio, shrinking);
  const used = (mem.flags[folio]! & PG_referenced) !== 0;
  if (!shrinking.ignore_references) {
    const outcome = folio_check_references(k, folio);
    if (outcome !== 'reclaim') return outcome;
  }
  if (k.trace !== null) {
    const { by, list } = shrinking;
    k.note({ event: 'reclaim_folio', fn: 'shrink_folio_list', page: folio, args: { by, list } });
  }
  const anon = folio_test_anon(mem, folio);
  if (anon && (mem.flags[folio]! & PG_swapbacked) === 0) return yield* discard_lazyfree(k, folio);
  if (anon && !folio_test_swapcache(k, folio)) {
    if (folio_maybe_dma_pinned(mem, folio)) return stays(k, folio, 'maybe-pinned');
    if (!add_to_swap(k, folio)) return stays(k, folio, 'no-swap', 'activate');
  }
  if (folio_mapped(mem, folio)) yield* try_to_unmap(k, folio);
  if (folio_mapped(mem, folio)) return stays(k, folio, 'not-unmapped', 'activate');
  if (folio_maybe_dma_pinned(mem, folio)) return stays(k, folio, 'maybe-pinned', 'activate');
  const file = folio_mapping_of_file(k, folio);
  if (file !== null && file.a_ops !== null) {
    if ((mem.flags[folio]! & PG_dirty) === 0) return drop_file_folio(k, file, folio, shrinking);
    return yield* leave_dirty(k, file, folio, used, shrinking);
  }
  return pageout(k, folio, shrinking);
}

/** Back to a list, to the front of it. */
function put_back(k: Kernel, folio: Page, outcome: Outcome, shrinking: Shrinking): void {
  if (outcome === 'activate') {
    const { mem } = k;
    if (folio_test_swapcache(k, folio) && (k.swap!.full || (mem.flags[folio]! & PG_unevictable) !== 0))
      folio_free_swap(k, folio);
    mem.flags[folio]! |= PG_active;
    shrinking.nr_activate += folio_nr_pages(mem, folio);
  }
  k.unlock_page(folio);
  folio_putback_lru(k, folio);
}

/** Return: 1 when it is gone, else 0. */
function* shrink_one(k: Kernel, folio: Page, shrinking: Shrinking): Task<number> {
  while (k.trylock_page(folio)) {
    const outcome = yield* shrink_folio(k, folio, shrinking);
    if (outcome !== WAIT) {
      put_back(k, folio, outcome, shrinking);
      return outcome === 'freed' ? 1 : 0;
    }
    k.unlock_page(folio);
    yield* folio_wait_writeback(k, folio);
  }
  stays(k, folio, 'locked-by-other');
  folio_putback_lru(k, folio);
  return 0;
}

/**
 * A huge folio is split first. DIVERGES: the kernel swaps it out as a whole where 512 slots in a row are free.
 * Return: the folios that it came to be, each off the LRU, with a reference; null where it stays, and is back on a list.
 */
function* split_for_swap(k: Kernel, folio: Page, shrinking: Shrinking): Task<readonly Page[] | null> {
  if (!k.trylock_page(folio)) {
    folio_putback_lru(k, folio);
    return null;
  }
  let outcome: Outcome | 'reclaim' = 'reclaim';
  if ((k.mem.flags[folio]! & PG_unevictable) !== 0) outcome = stays(k, folio, 'mlocked');
  else if (!shrinking.ignore_references) outcome = folio_check_references(k, folio);
  if (outcome === 'reclaim' && (yield* split_folio(k, folio)) !== 0) outcome = 'activate';
  if (outcome !== 'reclaim') {
    put_back(k, folio, outcome, shrinking);
    return null;
  }
  k.unlock_page(folio);
  const parts = [folio];
  // The huge one was off the LRU, and so are they. A page of zeros may have gone in the split.
  for (let tail = folio + 1; tail < folio + HPAGE_PMD_NR; tail++)
    if (folio_try_get(k, tail)) parts.push(tail);
  return parts;
}

/**
 * Folios off the LRU, with a reference each, which goes; what stays is back on a list in the end.
 * Context: may sleep. Return: base pages that are free now.
 */
export function* shrink_folio_list(k: Kernel, folios: readonly Page[], shrinking: Shrinking): Task<number> {
  let nr_reclaimed = 0;
  for (const folio of folios) {
    k.executor.charge(COST_PAGE * folio_nr_pages(k.mem, folio));
    if (!folio_test_large(k.mem, folio)) {
      nr_reclaimed += yield* shrink_one(k, folio, shrinking);
      continue;
    }
    const parts = yield* split_for_swap(k, folio, shrinking);
    for (const part of parts ?? []) nr_reclaimed += yield* shrink_one(k, part, shrinking);
  }
  return nr_reclaimed;
}
