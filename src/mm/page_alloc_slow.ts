// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: mm/page_alloc.c, __alloc_pages_slowpath(): no page above the watermark is free. Fidelity: simplified:
 * order 0 only, no compaction; whoever wants a page reclaims on its own, as there is no kswapd.
 */
import { NO_PAGE, type Page } from '../sim/memmap.js';
import { done, type Task } from '../sim/task.js';
import type { Kernel } from './kernel.js';
import { type MigrateType, MOVABLE } from './page_alloc.js';
import { try_to_free_pages, zone_reclaimable_pages } from './vmscan.js';

const MAX_RECLAIM_RETRIES = 16;

/** Whether reclaim may lead somewhere yet: enough could become free, and it was not in vain too often. */
function should_reclaim_retry(k: Kernel, no_progress_loops: number): boolean {
  if (no_progress_loops > MAX_RECLAIM_RETRIES) return false;
  return zone_reclaimable_pages(k) + k.pages.nr_free_pages > k.pages.watermarks.min;
}

/** Context: may sleep, and may reclaim. Return: a page with one reference, which holds zeros, or NO_PAGE. */
export function* __alloc_pages_slowpath(k: Kernel, type: MigrateType = MOVABLE): Task<Page> {
  for (let no_progress_loops = 0; ; ) {
    const page = k.pages.alloc_page(type);
    if (page !== NO_PAGE) return page;
    const progress = yield* try_to_free_pages(k);
    const freed = progress > 0 ? k.pages.alloc_page(type) : NO_PAGE;
    if (freed !== NO_PAGE) return freed;
    no_progress_loops = progress > 0 ? 0 : no_progress_loops + 1;
    if (!should_reclaim_retry(k, no_progress_loops)) return NO_PAGE;
    if (k.executor.shouldResched) yield* k.executor.cond_resched('should_reclaim_retry');
  }
}

/** alloc_page(GFP_HIGHUSER_MOVABLE), or of another type. Context: may sleep. Return: as above. */
export function alloc_page(k: Kernel, type: MigrateType = MOVABLE): Task<Page> {
  const page = k.pages.alloc_page(type);
  return page !== NO_PAGE ? done(page) : __alloc_pages_slowpath(k, type);
}

/** The same with __GFP_NOFAIL, which may take what the watermark keeps. Return: NO_PAGE when not even that is left. */
export function* alloc_page_nofail(k: Kernel): Task<Page> {
  const page = yield* alloc_page(k);
  return page !== NO_PAGE ? page : k.pages.alloc_reserve();
}
