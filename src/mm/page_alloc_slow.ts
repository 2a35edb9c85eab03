// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: mm/page_alloc.c, __alloc_pages_slowpath(): no page above the watermark is free. Fidelity: simplified:
 * order 0 only, no compaction. kswapd is awake by then: whoever takes a page finds the low watermark reached (page_alloc.ts).
 */
import { NO_PAGE, type Page } from '../sim/memmap.js';
import { done, type Task } from '../sim/task.js';
import type { Kernel } from './kernel.js';
import { alloc_page_at } from './mempolicy.js';
import { MAX_RECLAIM_RETRIES } from './node_reclaim.js';
import { out_of_memory, tsk_is_oom_victim, wait_for_victim } from './oom_kill.js';
import { type MigrateType, MOVABLE } from './page_alloc.js';
import type { NodeChoice } from './page_alloc_nodes.js';
import { try_to_free_pages } from './vmscan.js';
import { zone_reclaimable_pages } from './vmscan_balance.js';

/** What is asked for, in the words of the kernel log. */
const GFP = ['0x100cca(GFP_HIGHUSER_MOVABLE)', '0x100cc2(GFP_HIGHUSER)'] as const;

/** Whether reclaim may lead somewhere yet: enough could become free, and it was not in vain too often. */
function should_reclaim_retry(k: Kernel, nodes: readonly number[], no_progress_loops: number): boolean {
  if (no_progress_loops > MAX_RECLAIM_RETRIES) return false;
  return nodes.some((nid) => {
    const { nr_free_pages, watermarks } = k.zones[nid]!;
    return zone_reclaimable_pages(k, nid) + nr_free_pages > watermarks.min;
  });
}

/**
 * Reclaim is at its end: let a process die. `victim`: it is the caller's, and has had its share of what the watermark
 * keeps. Return: whether trying again makes sense. Context: may sleep.
 */
function* __alloc_pages_may_oom(
  k: Kernel,
  type: MigrateType,
  victim: boolean,
  nodes: readonly number[],
  choice: NodeChoice | null,
): Task<boolean> {
  if (choice !== null && !choice.mayKill) return false;
  if (nodes.some((nid) => k.zones[nid]!.nr_free_pages > k.zones[nid]!.watermarks.high)) return true;
  if (
    !out_of_memory(k, { gfp: GFP[type], order: 0, memcg: null, nodemask: choice?.nodemask ?? null }) ||
    victim
  )
    return false;
  yield* wait_for_victim(k, '__alloc_pages_may_oom');
  return true;
}

const alloc_reserve = (k: Kernel, type: MigrateType, choice: NodeChoice | null): Page =>
  choice === null ? k.pages.alloc_reserve(type, true) : k.severalNodes!.alloc_reserve_of(choice);

/**
 * Context: may sleep, may reclaim, and may have a process killed, the caller's or another.
 * Return: a page with one reference, which holds zeros; NO_PAGE for one that is to die and has had its share of what the
 * watermark keeps, and where fault injection says so.
 */
function* __alloc_pages_slowpath(
  k: Kernel,
  type: MigrateType = MOVABLE,
  choice: NodeChoice | null = null,
): Task<Page> {
  if (k.pages.should_fail_alloc_page?.()) return NO_PAGE;
  const nodes = choice === null ? k.zonelist : k.severalNodes!.nodes_to_reclaim(choice);
  if (nodes.length === 0) return NO_PAGE;
  for (let no_progress_loops = 0; ; ) {
    const victim = tsk_is_oom_victim(k);
    const page = victim ? alloc_reserve(k, type, choice) : alloc_page_at(k, choice, type);
    if (page !== NO_PAGE) return page;
    const progress = yield* try_to_free_pages(k, nodes);
    const freed = progress > 0 ? alloc_page_at(k, choice, type) : NO_PAGE;
    if (freed !== NO_PAGE) return freed;
    no_progress_loops = progress > 0 ? 0 : no_progress_loops + 1;
    if (should_reclaim_retry(k, nodes, no_progress_loops)) {
      if (k.executor.shouldResched) yield* k.executor.cond_resched('should_reclaim_retry');
      continue;
    }
    if (!(yield* __alloc_pages_may_oom(k, type, victim, nodes, choice))) return NO_PAGE;
    no_progress_loops = 0;
  }
}

/** alloc_page(GFP_HIGHUSER_MOVABLE), or of another type; of a choice of nodes. Context: may sleep. Return: as above. */
export function alloc_page(
  k: Kernel,
  type: MigrateType = MOVABLE,
  choice: NodeChoice | null = null,
): Task<Page> {
  const page = alloc_page_at(k, choice, type);
  return page !== NO_PAGE ? done(page) : __alloc_pages_slowpath(k, type, choice);
}

/**
 * The same with __GFP_NOFAIL, which may take what the watermark keeps.
 * DIVERGES: the kernel tries for ever. Return: NO_PAGE when not even that is left.
 */
export function* alloc_page_nofail(k: Kernel): Task<Page> {
  const page = k.pages.rmqueue(MOVABLE);
  if (page !== NO_PAGE) return page;
  const reclaimed = yield* __alloc_pages_slowpath(k);
  return reclaimed !== NO_PAGE ? reclaimed : k.pages.alloc_reserve();
}
