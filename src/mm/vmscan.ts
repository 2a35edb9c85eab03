// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: mm/vmscan.c: reclaim of what somebody names (reclaim_pages), and of what was not used for long
 * (try_to_free_pages). Fidelity: simplified. DIVERGES: whoever allocates does not wait for the daemon (throttle_direct_reclaim).
 */
import type { Page } from '../sim/memmap.js';
import type { Task } from '../sim/task.js';
import type { Kernel } from './kernel.js';
import { folio_putback_lru, lruvec_del_folio } from './lru.js';
import { lru_note_cost } from './lru_cost.js';
import {
  LRU_ACTIVE_ANON,
  LRU_ACTIVE_FILE,
  LRU_INACTIVE_ANON,
  LRU_INACTIVE_FILE,
  type LruList,
} from './lru_lists.js';
import type { MemCgroup } from './memcontrol.js';
import { SWAP_CLUSTER_MAX } from './node_reclaim.js';
import { folio_nr_pages, PG_active, PG_unevictable, PG_workingset } from './page_flags.js';
import { folio_referenced } from './rmap_referenced.js';
import { VM_EXEC } from './types.js';
import {
  DEF_PRIORITY,
  EVICTABLE,
  get_scan_count,
  inactive_is_low,
  type LruPlace,
  new_scan_control,
  no_scan_counts,
  prepare_scan_control,
  reclaimed_memcgs,
  type ScanControl,
  snapshot_refaults,
} from './vmscan_balance.js';
import { new_shrinking, shrink_folio_list } from './vmscan_folios.js';
import {
  consider_reclaim_throttle,
  handle_reclaim_writeback,
  throttle_node,
  wait_for_isolated,
  writeback_throttling_sane,
} from './vmscan_throttle.js';
import { workingset_age_nonresident } from './workingset.js';

/** reclaim_pages(): folios off the LRU, with a reference each, which goes. Context: may sleep. */
export function* reclaim_pages(k: Kernel, folios: readonly Page[]): Task {
  const advised = { by: 'advice', list: '', target: 0, sane: true, ignore_references: true } as const;
  yield* shrink_folio_list(k, folios, new_shrinking(advised));
}

/** What an lruvec is made of, as explanations call it. */
const LIST_NAMES = ['inactive anon', 'active anon', 'inactive file', 'active file'] as const;

/** Take folios of up to `nr_to_scan` pages off the end of a list, with a reference each, oldest first. */
function isolate_lru_folios(
  k: Kernel,
  nr_to_scan: number,
  list: LruList,
  { nid, memcgId }: LruPlace,
): Page[] {
  const taken: Page[] = [];
  const lruvec = k.lruvecs[nid]!;
  for (let scan = 0; scan < nr_to_scan; ) {
    const folio = lruvec.oldest(list, memcgId);
    if (folio === 0) break;
    scan += folio_nr_pages(k.mem, folio);
    lruvec_del_folio(k, folio);
    k.mem.refcount[folio]!++;
    taken.push(folio);
  }
  return taken;
}

function* shrink_inactive_list(k: Kernel, nr_to_scan: number, list: LruList, sc: ScanControl): Task<number> {
  const lruvec = k.lruvecs[sc.nid]!;
  const file = list === LRU_INACTIVE_FILE;
  if (yield* wait_for_isolated(k, sc, file, lruvec.page_state(list, 0)))
    return k.signals.pending() ? SWAP_CLUSTER_MAX : 0;
  const folios = isolate_lru_folios(k, nr_to_scan, list, sc);
  const nr_scanned = folios.reduce((sum, folio) => sum + folio_nr_pages(k.mem, folio), 0);
  if (nr_scanned === 0) return 0;
  sc.nr_scanned += nr_scanned;
  const shrinking = new_shrinking({
    by: sc.by,
    list: LIST_NAMES[list],
    target: sc.memcg?.id ?? 0,
    sane: writeback_throttling_sane(k, sc),
    ignore_references: false,
  });
  const { isolated } = k.reclaims[sc.nid]!;
  isolated[file ? 1 : 0] += nr_scanned;
  const nr_reclaimed = yield* shrink_folio_list(k, folios, shrinking);
  isolated[file ? 1 : 0] -= nr_scanned;
  workingset_age_nonresident(lruvec, sc.memcgId, shrinking.nr_activate);
  const nr_rotated = Math.max(nr_scanned - nr_reclaimed, 0);
  lruvec.mod_lruvec_state('rotate', file, nr_rotated, sc.memcgId);
  lru_note_cost(k, lruvec, sc.memcgId, file, shrinking.nr_pageout, nr_rotated);
  yield* handle_reclaim_writeback(k, sc, nr_scanned, LIST_NAMES[list], file, shrinking);
  return nr_reclaimed;
}

/**
 * The oldest active folios become inactive, and start with a clean slate: used or not. Pages of programs, which have been
 * run since, have one more round.
 */
export function shrink_active_list(k: Kernel, nr_to_scan: number, list: LruList, at: LruPlace): void {
  const { mem } = k;
  const { flags } = mem;
  const file = list === LRU_ACTIVE_FILE;
  const lruvec = k.lruvecs[at.nid]!;
  const inactive: Page[] = [];
  let nr_rotated = 0;
  for (const folio of isolate_lru_folios(k, nr_to_scan, list, at)) {
    const used = { vm_flags: 0 };
    if ((flags[folio]! & PG_unevictable) !== 0) {
      folio_putback_lru(k, folio);
    } else if (folio_referenced(k, folio, used) > 0 && file && (used.vm_flags & VM_EXEC) !== 0) {
      nr_rotated += folio_nr_pages(mem, folio);
      folio_putback_lru(k, folio);
    } else {
      flags[folio] = (flags[folio]! & ~PG_active) | PG_workingset;
      inactive.push(folio);
    }
  }
  for (const folio of inactive) folio_putback_lru(k, folio);
  if (nr_rotated === 0) return;
  workingset_age_nonresident(lruvec, at.memcgId, nr_rotated);
  lruvec.mod_lruvec_state('rotate', file, nr_rotated, at.memcgId);
  if (k.behaviour.rotationsCost) lru_note_cost(k, lruvec, at.memcgId, file, 0, nr_rotated);
}

function* shrink_list(k: Kernel, list: LruList, nr_to_scan: number, sc: ScanControl): Task<number> {
  const file = list >= LRU_INACTIVE_FILE;
  if (list !== LRU_ACTIVE_ANON && list !== LRU_ACTIVE_FILE)
    return yield* shrink_inactive_list(k, nr_to_scan, list, sc);
  if (file ? sc.deactivate_file : sc.deactivate_anon) shrink_active_list(k, nr_to_scan, list, sc);
  else sc.skipped_deactivate = true;
  return 0;
}

/** Enough is reclaimed: the smaller of anon and file is done with, the other goes on as far in proportion. */
function scan_in_proportion(nr: number[], targets: readonly number[]): void {
  const left = (base: number): number => nr[base]! + nr[base + 1]!;
  const [small, large] =
    left(LRU_INACTIVE_FILE) > left(LRU_INACTIVE_ANON)
      ? [LRU_INACTIVE_ANON, LRU_INACTIVE_FILE]
      : [LRU_INACTIVE_FILE, LRU_INACTIVE_ANON];
  const percentage = Math.floor((left(small) * 100) / (targets[small]! + targets[small + 1]! + 1));
  nr[small] = 0;
  nr[small + 1] = 0;
  for (const list of [large, large + 1]) {
    const scanned = targets[list]! - nr[list]!;
    const target = Math.floor((targets[list]! * (100 - percentage)) / 100);
    nr[list] = target - Math.min(target, scanned);
  }
}

function* shrink_lruvec(k: Kernel, sc: ScanControl): Task {
  const nr = get_scan_count(k, sc);
  const targets = [...nr];
  const proportional = sc.by === 'direct reclaim' && sc.priority === DEF_PRIORITY;
  let nr_reclaimed = 0;
  while (nr[LRU_INACTIVE_ANON]! + nr[LRU_ACTIVE_FILE]! + nr[LRU_INACTIVE_FILE]! > 0) {
    for (const list of EVICTABLE) {
      const now = Math.min(nr[list]!, SWAP_CLUSTER_MAX);
      if (now === 0) continue;
      nr[list]! -= now;
      nr_reclaimed += yield* shrink_list(k, list, now, sc);
    }
    if (k.executor.shouldResched) yield* k.executor.cond_resched('shrink_lruvec');
    if (nr_reclaimed < sc.nr_to_reclaim || proportional) continue;
    const nr_file = nr[LRU_INACTIVE_FILE]! + nr[LRU_ACTIVE_FILE]!;
    const nr_anon = nr[LRU_INACTIVE_ANON]! + nr[LRU_ACTIVE_ANON]!;
    if (nr_file === 0 || nr_anon === 0) break;
    scan_in_proportion(nr, targets);
  }
  sc.nr_reclaimed += nr_reclaimed;
  if (k.swap !== null && inactive_is_low(k.lruvecs[sc.nid]!, LRU_INACTIVE_ANON, sc.memcgId))
    shrink_active_list(k, SWAP_CLUSTER_MAX, LRU_ACTIVE_ANON, sc);
}

function* shrink_node_memcgs(k: Kernel, sc: ScanControl): Task {
  for (const memcgId of reclaimed_memcgs(k, sc.memcg)) {
    sc.memcgId = memcgId;
    yield* shrink_lruvec(k, sc);
  }
}

/** Node `sc.nid`. What is reclaimed gives its daemon new hope. */
export function* shrink_node(k: Kernel, sc: ScanControl): Task {
  const before = sc.nr_reclaimed;
  sc.nr = no_scan_counts();
  prepare_scan_control(k, sc);
  yield* shrink_node_memcgs(k, sc);
  yield* throttle_node(k, sc);
  if (sc.nr_reclaimed > before) k.kswapds[sc.nid]!.made_progress();
  else if (sc.cache_trim_mode) sc.cache_trim_mode_failed = true;
}

/** The nodes of the zonelist, one after the other. */
function* shrink_zones(k: Kernel, sc: ScanControl): Task {
  for (const nid of sc.nodes) {
    sc.nid = nid;
    yield* shrink_node(k, sc);
  }
  yield* consider_reclaim_throttle(k, sc);
}

/** Look at ever more of the lists, until something is free. */
function* do_try_to_free_pages(
  k: Kernel,
  nodes: readonly number[],
  memcg: MemCgroup | null,
  nr_to_reclaim: number,
  force_deactivate: boolean,
): Task<number> {
  const by = memcg === null ? 'direct reclaim' : 'a limit';
  const sc = new_scan_control({ by, nodes, memcg, nr_to_reclaim, force_deactivate });
  for (; sc.priority >= 0; sc.priority--) {
    sc.nr_scanned = 0;
    yield* shrink_zones(k, sc);
    if (sc.nr_reclaimed >= sc.nr_to_reclaim) break;
  }
  for (const nid of nodes) {
    snapshot_refaults(k, nid, memcg?.id ?? 0);
    if (memcg !== null) k.lruvecs[nid]!.state(memcg.id).congested = false;
  }
  if (sc.nr_reclaimed > 0 || !sc.skipped_deactivate || force_deactivate) return sc.nr_reclaimed;
  return yield* do_try_to_free_pages(k, nodes, memcg, nr_to_reclaim, true);
}

/** Direct reclaim on these nodes. Context: may sleep. Return: base pages that are free now. */
export function* try_to_free_pages(k: Kernel, nodes: readonly number[]): Task<number> {
  k.lru.link(k.firstDevicePage);
  return yield* do_try_to_free_pages(k, nodes, null, SWAP_CLUSTER_MAX, false);
}

/** Reclaim of a cgroup whose limit is reached. Context: may sleep. Return: base pages that are free now. */
export function* try_to_free_mem_cgroup_pages(k: Kernel, memcg: MemCgroup, nr_pages: number): Task<number> {
  k.lru.link(k.firstDevicePage);
  return yield* do_try_to_free_pages(k, k.zonelist, memcg, Math.max(nr_pages, SWAP_CLUSTER_MAX), false);
}
