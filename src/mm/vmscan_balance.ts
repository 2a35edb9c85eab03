// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: mm/vmscan.c, get_scan_count(): how much of which list reclaim looks at. Fidelity: ported, without what
 * cgroups may have protected (memory.low).
 *
 * What is no file's but on the file lists is memory after MADV_FREE; memory of memfds is on the anonymous ones.
 */
import type { Kernel } from './kernel.js';
import { lru_costs } from './lru_cost.js';
import {
  LRU_ACTIVE_ANON,
  LRU_ACTIVE_FILE,
  LRU_INACTIVE_ANON,
  LRU_INACTIVE_FILE,
  type LruList,
  type LruLists,
} from './lru_lists.js';
import type { MemCgroup } from './memcontrol.js';
import { get_nr_swap_pages } from './swap.js';

/**
 * Who reclaims: whoever found no memory, the node's daemon because there is little, for a cgroup whose limit is reached, or as a
 * program advises (madvise).
 */
export type Reclaimer = 'direct reclaim' | 'kswapd' | 'a limit' | 'advice';

/** vm.swappiness, of 200. */
const SWAPPINESS = 60;
const PAGES_PER_GIB = 1 << 18;

/** Which lists: of a node, and there of a cgroup by its id; 0: of what no cgroup has. */
export interface LruPlace {
  nid: number;
  memcgId: number;
}

/** struct scan_control. */
export interface ScanControl extends LruPlace {
  /** Lists are looked at to one part in 2 to that. */
  priority: number;
  nr_scanned: number;
  nr_reclaimed: number;
  readonly by: Reclaimer;
  readonly force_deactivate: boolean;
  /** Where it is reclaimed. */
  readonly nodes: readonly number[];
  /** An active list would have been looked at, but for its size. */
  skipped_deactivate: boolean;
  deactivate_anon: boolean;
  deactivate_file: boolean;
  cache_trim_mode: boolean;
  /** It led to nothing, or must not be tried. */
  cache_trim_mode_failed: boolean;
  no_cache_trim_mode: boolean;
  file_is_tiny: boolean;
  /** What reclaim of each kind has cost lately, where it reclaims. */
  anon_cost: number;
  file_cost: number;
  /** The cgroup whose limit is reached; null: memory is short. */
  readonly memcg: MemCgroup | null;
  readonly nr_to_reclaim: number;
  /** What it met of this node, in base pages. */
  nr: ScanCounts;
}

/** What reclaim met of files' pages that it could not take at once, in base pages (struct reclaim_stat). */
export interface DirtyCounts {
  /** Dirty, or being written. */
  nr_dirty: number;
  /** Dirty, and nobody writes them. */
  nr_unqueued_dirty: number;
  /** Being written, and met a second time. */
  nr_congested: number;
  /** Being written: they go first once the disk has them. */
  nr_writeback: number;
  /** Being written, and met a second time by a daemon that met no others. */
  nr_immediate: number;
}

/** The same of a node, with all that was taken off its lists. */
export interface ScanCounts extends DirtyCounts {
  taken: number;
  file_taken: number;
}

export const no_dirty_counts = (): DirtyCounts => ({
  nr_dirty: 0,
  nr_unqueued_dirty: 0,
  nr_congested: 0,
  nr_writeback: 0,
  nr_immediate: 0,
});

export const no_scan_counts = (): ScanCounts => ({ ...no_dirty_counts(), taken: 0, file_taken: 0 });

/** How much of a list reclaim looks at first: one part in 2 to that. */
export const DEF_PRIORITY = 12;

/** A reclaim that has not begun, as it is asked for. */
export function new_scan_control(
  asked: Pick<ScanControl, 'by' | 'nodes' | 'memcg' | 'nr_to_reclaim' | 'force_deactivate'>,
): ScanControl {
  return {
    ...asked,
    nid: asked.nodes[0]!,
    priority: DEF_PRIORITY,
    nr_scanned: 0,
    nr_reclaimed: 0,
    skipped_deactivate: false,
    deactivate_anon: false,
    deactivate_file: false,
    cache_trim_mode: false,
    cache_trim_mode_failed: false,
    no_cache_trim_mode: false,
    file_is_tiny: false,
    anon_cost: 0,
    file_cost: 0,
    memcgId: 0,
    nr: no_scan_counts(),
  };
}

/** Whether there is somewhere to put them. */
const can_reclaim_anon_pages = (k: Kernel): boolean => get_nr_swap_pages(k) > 0;

/** By their ids, the cgroups whose lists reclaim looks at: that whose limit is reached; or all, the root first (mem_cgroup_iter). */
export const reclaimed_memcgs = (k: Kernel, memcg: MemCgroup | null): readonly number[] =>
  memcg !== null ? [memcg.id] : [0, ...(k.memcgs?.all ?? []).map(({ id }) => id)];

/** The lists that reclaim looks at, in this order. */
export const EVICTABLE: readonly LruList[] = [
  LRU_INACTIVE_ANON,
  LRU_ACTIVE_ANON,
  LRU_INACTIVE_FILE,
  LRU_ACTIVE_FILE,
];

/** Base pages of a node that reclaim could get at most. */
export function zone_reclaimable_pages(k: Kernel, nid: number): number {
  const lists = can_reclaim_anon_pages(k) ? EVICTABLE : ([LRU_INACTIVE_FILE, LRU_ACTIVE_FILE] as const);
  const lruvec = k.lruvecs[nid]!;
  let pages = 0;
  for (const list of lists) pages += lruvec.page_state(list, 0);
  return pages;
}

/** Whether the inactive list is shorter than it should be, given the active one. */
export function inactive_is_low(
  lru: LruLists,
  list: typeof LRU_INACTIVE_ANON | typeof LRU_INACTIVE_FILE,
  memcgId: number,
): boolean {
  const inactive = lru.page_state(list, memcgId);
  const active = lru.page_state((list + 1) as LruList, memcgId);
  const gb = Math.floor((inactive + active) / PAGES_PER_GIB);
  const ratio = gb > 0 ? Math.floor(Math.sqrt(10 * gb)) : 1;
  return inactive * ratio < active;
}

/** Whether pages may become inactive: there are few that are; or what was evicted has come back, and a new set is in use. */
function may_deactivate(
  sc: ScanControl,
  lru: LruLists,
  list: typeof LRU_INACTIVE_ANON | typeof LRU_INACTIVE_FILE,
  target: number,
): boolean {
  const type = list === LRU_INACTIVE_FILE ? 1 : 0;
  const { activate, refaults } = lru.state(target);
  return sc.force_deactivate || activate[type] !== refaults[type] || inactive_is_low(lru, list, target);
}

export function prepare_scan_control(k: Kernel, sc: ScanControl): void {
  const lru = k.lruvecs[sc.nid]!;
  const pages = k.zones[sc.nid]!;
  const target = sc.memcg?.id ?? 0;
  Object.assign(sc, lru_costs(k, lru, target));
  sc.deactivate_anon = may_deactivate(sc, lru, LRU_INACTIVE_ANON, target);
  sc.deactivate_file = may_deactivate(sc, lru, LRU_INACTIVE_FILE, target);
  const inactive = lru.page_state(LRU_INACTIVE_FILE, target);
  sc.cache_trim_mode = inactive >> sc.priority > 0 && !sc.deactivate_file && !sc.no_cache_trim_mode;
  const file = inactive + lru.page_state(LRU_ACTIVE_FILE, target);
  sc.file_is_tiny =
    sc.memcg === null &&
    file + pages.nr_free_pages <= pages.watermarks.high &&
    !sc.deactivate_anon &&
    lru.page_state(LRU_INACTIVE_ANON, target) >> sc.priority > 0;
}

/** Reclaim has ended: what comes back from now on is new to the next one. */
export function snapshot_refaults(k: Kernel, nid: number, target: number): void {
  const { activate, refaults } = k.lruvecs[nid]!.state(target);
  [refaults[0], refaults[1]] = activate;
}

/** Anon and file by what each costs, a third of the pressure at least for either, times swappiness. */
function by_cost({ anon_cost, file_cost }: ScanControl): readonly [anon: number, file: number] {
  const anon = 2 * anon_cost + file_cost;
  const file = 2 * file_cost + anon_cost;
  const share = (swappiness: number, cost: number): number =>
    Math.floor((swappiness * (anon + file + 1)) / (cost + 1));
  return [share(SWAPPINESS, anon), share(200 - SWAPPINESS, file)];
}

/** The shares of anonymous lists and of file lists, and of what. */
function balance(k: Kernel, sc: ScanControl): readonly [anon: number, file: number, denominator: number] {
  if (!can_reclaim_anon_pages(k)) return [0, 1, 1];
  if (sc.priority === 0) return [1, 1, 1];
  if (sc.file_is_tiny) return [1, 0, 1];
  if (sc.cache_trim_mode) return [0, 1, 1];
  const [anon, file] = by_cost(sc);
  return [anon, file, anon + file];
}

/** Return: base pages to look at, of each list. */
export function get_scan_count(k: Kernel, sc: ScanControl): number[] {
  const [anon, file, denominator] = balance(k, sc);
  const scan = (list: LruList, share: number): number =>
    Math.floor(((k.lruvecs[sc.nid]!.size(list, sc.memcgId) >> sc.priority) * share) / denominator);
  return [
    scan(LRU_INACTIVE_ANON, anon),
    scan(LRU_ACTIVE_ANON, anon),
    scan(LRU_INACTIVE_FILE, file),
    scan(LRU_ACTIVE_FILE, file),
  ];
}
