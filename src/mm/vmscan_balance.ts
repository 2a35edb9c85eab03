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
import type { Reclaimer } from './vmscan_folios.js';

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
}

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
  };
}

/** Whether there is somewhere to put them. */
export const can_reclaim_anon_pages = (k: Kernel): boolean => get_nr_swap_pages(k) > 0;

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
