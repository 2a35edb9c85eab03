// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: mm/swap.c, mm/vmscan.c: putting folios on the LRU lists, and taking them off. Fidelity: ported. */
import { COST_ISOLATE } from '../sim/costs.js';
import type { Page } from '../sim/memmap.js';
import type { Kernel } from './kernel.js';
import { put_page } from './page_alloc.js';
import {
  PG_active,
  PG_dirty,
  PG_locked,
  PG_lru,
  PG_mlocked,
  PG_referenced,
  PG_unevictable,
} from './page_flags.js';
import { workingset_activation } from './workingset.js';

/** To the front of the list that its flags say. */
export function folio_add_lru(k: Kernel, folio: Page): void {
  k.mem.flags[folio]! |= PG_lru;
  k.lru.add(folio);
}

/** Off its list, without a reference. */
export function lruvec_del_folio(k: Kernel, folio: Page): void {
  k.lru.del(folio);
  k.mem.flags[folio]! &= ~PG_lru;
}

/** Take a folio off the LRU, with a reference. Return: whether it was there. */
export function folio_isolate_lru(k: Kernel, folio: Page): boolean {
  k.enter('folio_isolate_lru');
  k.executor.charge(COST_ISOLATE);
  if ((k.mem.flags[folio]! & PG_lru) === 0) return false;
  lruvec_del_folio(k, folio);
  k.mem.refcount[folio]!++;
  return true;
}

/** Put it back; the reference goes, and with the last one the folio. */
export function folio_putback_lru(k: Kernel, folio: Page): void {
  folio_add_lru(k, folio);
  put_page(k, folio);
}

/**
 * release_pages(): drop a reference of each folio. A page of a device goes as by put_page(), in either convention: where an idle page
 * has a reference, the last but one frees it (put_devmap_managed_page()), and else the last one (free_zone_device_page()).
 */
export function release_pages(k: Kernel, folios: readonly Page[]): void {
  for (const folio of folios) if (folio !== k.hugeZeroFolio) put_page(k, folio);
}

/** Somebody used the folio: the second time it becomes active. */
export function folio_mark_accessed(k: Kernel, folio: Page): void {
  const { flags } = k.mem;
  const had = flags[folio]!;
  if ((had & PG_referenced) === 0) {
    flags[folio] = had | PG_referenced;
  } else if ((had & (PG_unevictable | PG_active | PG_lru)) === PG_lru) {
    k.lru.del(folio);
    flags[folio] = (had | PG_active) & ~PG_referenced;
    k.lru.add(folio);
    workingset_activation(k, folio);
  }
}

/** Its flags change as told, and with them its list, to whose front it goes if it is on one. */
export function folio_move_lru(k: Kernel, folio: Page, clear: number, set = 0): void {
  k.lru.del(folio);
  k.mem.flags[folio] = (k.mem.flags[folio]! & ~clear) | set;
  k.lru.moved(folio);
}

/** The clean folio is what reclaim looks at next, if it is on a list. Context: may not sleep. */
export function folio_rotate_reclaimable(k: Kernel, folio: Page): void {
  const stays = PG_locked | PG_dirty | PG_unevictable;
  if ((k.mem.flags[folio]! & (stays | PG_lru)) !== PG_lru) return;
  // Whoever wants the end of a list has to have lists.
  k.lru.link(k.firstDevicePage);
  k.lru.del(folio);
  k.mem.flags[folio]! &= ~PG_active;
  k.lru.add_tail(folio);
}

/** mlock: the folio cannot be evicted. */
export function mlock_folio(k: Kernel, folio: Page): void {
  if ((k.mem.flags[folio]! & PG_mlocked) === 0) folio_move_lru(k, folio, 0, PG_mlocked | PG_unevictable);
}

export function munlock_folio(k: Kernel, folio: Page): void {
  if ((k.mem.flags[folio]! & (PG_mlocked | PG_unevictable)) !== 0)
    folio_move_lru(k, folio, PG_mlocked | PG_unevictable);
}
