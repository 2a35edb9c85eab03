// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: mm/memory-failure.c, soft_offline_page(): a page that the hardware is about to lose is used no more, and nobody
 * notices. Fidelity: ported.
 */
import type { Page } from '../sim/memmap.js';
import type { Task } from '../sim/task.js';
import { EBUSY, EIO, ENOTRECOVERABLE } from '../uapi/errno.js';
import { mapping_evict_folio } from './filemap_pages.js';
import { __page_handle_poison } from './hugetlb_poison.js';
import type { Kernel } from './kernel.js';
import { folio_isolate_lru } from './lru.js';
import { try_to_split_thp_page, unhandlable } from './memory_failure.js';
import { delete_from_lru_cache, keep_poisoned, RESERVED } from './memory_failure_states.js';
import { migrate_hugetlb } from './migrate_hugetlb.js';
import { migrate_pages } from './migrate_pages.js';
import { put_page } from './page_alloc.js';
import {
  compound_head,
  folio_mapping_of_file,
  folio_test_large,
  PG_hugetlb,
  PG_hwpoison,
  PG_lru,
} from './page_flags.js';
import { folio_wait_writeback } from './page_writeback.js';
import { folio_test_swapcache } from './swap.js';

/** What it held is elsewhere: the page counts as lost, and stays with the one reference that it has. Return: 0. */
function page_handle_poison(k: Kernel, page: Page, how: 'invalidated' | 'migrated'): number {
  delete_from_lru_cache(k, page);
  keep_poisoned(k, page);
  return taken_off(k, page, how);
}

/** It is counted, and told of. Return: 0. */
function taken_off(k: Kernel, page: Page, how: 'invalidated' | 'migrated'): number {
  k.num_poisoned_pages++;
  if (k.trace !== null) k.note({ event: 'soft_offline', fn: 'soft_offline_page', page, args: { how } });
  return 0;
}

/** A clean page that nobody maps leaves its file's cache. Context: locked. Return: whether it has. */
function invalidate(k: Kernel, page: Page): boolean {
  const mapping = folio_mapping_of_file(k, page);
  if (mapping === null || (k.mem.flags[page]! & PG_lru) === 0 || folio_test_swapcache(k, page)) return false;
  return mapping_evict_folio(k, mapping, page);
}

/** Context: a reference of the caller's, which goes; may sleep. Return: 0 or -EBUSY. */
function* soft_offline_in_use_page(k: Kernel, page: Page): Task<number> {
  if (folio_test_large(k.mem, compound_head(k.mem, page)) && (yield* try_to_split_thp_page(k, page)) !== 0) {
    put_page(k, page);
    return -EBUSY;
  }
  yield* k.lock_page(page, 'soft_offline_in_use_page');
  yield* folio_wait_writeback(k, page);
  const lost = (k.mem.flags[page]! & PG_hwpoison) !== 0;
  const gone = !lost && invalidate(k, page);
  k.unlock_page(page);
  if (gone) return page_handle_poison(k, page, 'invalidated');
  const isolated = !lost && folio_isolate_lru(k, page);
  put_page(k, page);
  if (lost) return 0;
  if (!isolated || (yield* migrate_pages(k, [page], 'MR_MEMORY_FAILURE')) !== 0) return -EBUSY;
  return page_handle_poison(k, page, 'migrated');
}

/** A page of a huge one of the pool, which moves as a whole. Context: as above. */
function* soft_offline_hugetlb(k: Kernel, page: Page): Task<number> {
  const folio = compound_head(k.mem, page);
  yield* k.lock_page(folio, 'soft_offline_in_use_page');
  k.unlock_page(folio);
  const isolated = k.hugetlb.isolate_hugetlb(folio);
  put_page(k, page);
  if (!isolated || !(yield* migrate_hugetlb(k, folio)) || !__page_handle_poison(k, page)) return -EBUSY;
  return taken_off(k, page, 'migrated');
}

/**
 * Move what the page holds to another, or drop what can be read again; the page is used no more.
 * Context: a reference of the caller's, which goes; may sleep.
 * Return: 0, also of one that is lost already; -EIO for pages of devices and what is on no LRU list; -ENOTRECOVERABLE for the
 * kernel's own, where that is told; -EBUSY.
 */
export function* soft_offline_page(k: Kernel, page: Page): Task<number> {
  const { mem } = k;
  const head = compound_head(mem, page);
  let refused = 0;
  if (k.is_zone_device_page(page)) refused = -EIO;
  else if ((mem.flags[page]! & PG_hwpoison) === 0) {
    if ((mem.flags[head]! & PG_hugetlb) !== 0) return yield* soft_offline_hugetlb(k, page);
    if (unhandlable(k, page) === RESERVED) refused = -ENOTRECOVERABLE;
    else if ((mem.flags[head]! & PG_lru) === 0) refused = -EIO;
    else return yield* soft_offline_in_use_page(k, page);
  }
  put_page(k, page);
  return refused;
}
