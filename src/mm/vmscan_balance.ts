// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: mm/vmscan.c, get_scan_count(): how much of which list reclaim looks at. Fidelity: simplified.
 * DIVERGES: what reclaim cost so far does not shift the balance between anonymous memory and the rest.
 *
 * What is no file's but on the file lists is memory after MADV_FREE; memory of memfds is on the anonymous ones.
 */
import type { Kernel } from './kernel.js';
import {
  LRU_ACTIVE_ANON,
  LRU_ACTIVE_FILE,
  LRU_INACTIVE_ANON,
  LRU_INACTIVE_FILE,
  type LruList,
  type LruLists,
} from './lru_lists.js';
import type { MemCgroup } from './memcontrol.js';

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
  nr_reclaimed: number;
  readonly force_deactivate: boolean;
  /** Where it is reclaimed. */
  readonly nodes: readonly number[];
  /** An active list would have been looked at, but for its size. */
  skipped_deactivate: boolean;
  deactivate_anon: boolean;
  deactivate_file: boolean;
  cache_trim_mode: boolean;
  file_is_tiny: boolean;
  /** The cgroup whose limit is reached; null: memory is short. */
  readonly memcg: MemCgroup | null;
  readonly nr_to_reclaim: number;
}

/** Whether there is somewhere to put them. */
export function can_reclaim_anon_pages({ swap }: Kernel): boolean {
  return swap !== null && swap.inUse() < swap.slots;
}

/** Whether the inactive list is shorter than it should be, given the active one. */
export function inactive_is_low(
  lru: LruLists,
  list: typeof LRU_INACTIVE_ANON | typeof LRU_INACTIVE_FILE,
  memcgId: number,
): boolean {
  const inactive = lru.size(list, memcgId);
  const active = lru.size((list + 1) as LruList, memcgId);
  const gb = Math.floor((inactive + active) / PAGES_PER_GIB);
  const ratio = gb > 0 ? Math.floor(Math.sqrt(10 * gb)) : 1;
  return inactive * ratio < active;
}

export function prepare_scan_control(k: Kernel, sc: ScanControl): void {
  const lru = k.lruvecs[sc.nid]!;
  const pages = k.zones[sc.nid]!;
  const target = sc.memcg?.id ?? 0;
  sc.deactivate_anon = sc.force_deactivate || inactive_is_low(lru, LRU_INACTIVE_ANON, target);
  sc.deactivate_file = sc.force_deactivate || inactive_is_low(lru, LRU_INACTIVE_FILE, target);
  const inactive = lru.size(LRU_INACTIVE_FILE, target);
  sc.cache_trim_mode = inactive >> sc.priority > 0 && !sc.deactivate_file;
  const file = inactive + lru.size(LRU_ACTIVE_FILE, target);
  sc.file_is_tiny =
    sc.memcg === null &&
    file + pages.nr_free_pages <= pages.watermarks.high &&
    !sc.deactivate_anon &&
    lru.size(LRU_INACTIVE_ANON, target) >> sc.priority > 0;
}

/** The share of anonymous lists and of file lists, of 200. */
function balance(k: Kernel, sc: ScanControl): readonly [number, number] {
  if (!can_reclaim_anon_pages(k)) return [0, 200];
  if (sc.priority === 0) return [200, 200];
  if (sc.file_is_tiny) return [200, 0];
  if (sc.cache_trim_mode) return [0, 200];
  return [SWAPPINESS, 200 - SWAPPINESS];
}

/** Return: base pages to look at, of each list. */
export function get_scan_count(k: Kernel, sc: ScanControl): number[] {
  const [anon, file] = balance(k, sc);
  const scan = (list: LruList, share: number): number =>
    Math.floor(((k.lruvecs[sc.nid]!.size(list, sc.memcgId) >> sc.priority) * share) / 200);
  return [
    scan(LRU_INACTIVE_ANON, anon),
    scan(LRU_ACTIVE_ANON, anon),
    scan(LRU_INACTIVE_FILE, file),
    scan(LRU_ACTIVE_FILE, file),
  ];
}
