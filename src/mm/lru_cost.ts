// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: mm/swap.c, lru_note_cost(), and what stands for it in 7.3's prepare_scan_control(): what reclaim of anonymous
 * memory, and of files, has cost lately. Fidelity: ported.
 */
import type { Kernel } from './kernel.js';
import {
  LRU_ACTIVE_ANON,
  LRU_ACTIVE_FILE,
  LRU_INACTIVE_ANON,
  LRU_INACTIVE_FILE,
  type LruLists,
  type LruvecState,
} from './lru_lists.js';

/** As many pages looked at in vain cost what one that is read or written does (SWAP_CLUSTER_MAX). */
const COST_OF_IO = 32;

const LISTS = [LRU_INACTIVE_ANON, LRU_ACTIVE_ANON, LRU_INACTIVE_FILE, LRU_ACTIVE_FILE] as const;

/** A quarter of what is on the lists: more than that is not remembered. */
const limit_of = (lruvec: LruLists, memcgId: number): number => {
  let lrusize = 0;
  for (const list of LISTS) lrusize += lruvec.page_state(list, memcgId);
  return Math.floor(lrusize / 4);
};

function halve({ cost }: LruvecState): void {
  cost[0] = Math.floor(cost[0] / 2);
  cost[1] = Math.floor(cost[1] / 2);
}

/**
 * Reclaim had to write `nr_io` pages, or somebody to read them, and looked at `nr_rotated` that stayed. Where counters say
 * the same, they are looked at when reclaim begins.
 */
export function lru_note_cost(
  k: Kernel,
  lruvec: LruLists,
  memcgId: number,
  file: boolean,
  nr_io: number,
  nr_rotated: number,
): void {
  if (k.behaviour.costsComeOfCounters) return;
  const cost = k.behaviour.rotationsCost ? nr_io * COST_OF_IO + nr_rotated : nr_io;
  lruvec.mod_lruvec_state('cost', file, cost, memcgId);
  for (const id of memcgId === 0 ? [0] : [memcgId, 0]) {
    const state = lruvec.state(id);
    if (state.cost[0] + state.cost[1] > limit_of(lruvec, id)) halve(state);
  }
}

/** A page is back that reclaim should have left. */
export function lru_note_cost_refault(
  k: Kernel,
  lruvec: LruLists,
  memcgId: number,
  file: boolean,
  nr: number,
): void {
  lru_note_cost(k, lruvec, memcgId, file, nr, 0);
}

/** What the counters say since the last time becomes part of the cost. */
function take_counters(lruvec: LruLists, memcgId: number): void {
  const state = lruvec.state(memcgId);
  for (const type of [0, 1] as const) {
    const rotated = state.rotate[type];
    const io = state.restore[type] + (type === 0 ? state.write[type] : 0);
    state.cost[type] += (io - state.lastIo[type]) * COST_OF_IO + rotated - state.lastRotated[type];
    state.lastRotated[type] = rotated;
    state.lastIo[type] = io;
  }
  const limit = limit_of(lruvec, memcgId);
  while (state.cost[0] + state.cost[1] > limit) halve(state);
}

/** The costs that the balance of a reclaim goes by, of its target. */
export function lru_costs(
  k: Kernel,
  lruvec: LruLists,
  memcgId: number,
): { readonly anon_cost: number; readonly file_cost: number } {
  if (k.behaviour.costsComeOfCounters) take_counters(lruvec, memcgId);
  const [anon_cost, file_cost] = lruvec.state(memcgId).cost;
  return { anon_cost, file_cost };
}
