// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: mm/vmscan.c, reclaim_throttle() and who calls it: reclaim that meets pages which have to be written first wakes the
 * flusher, and sleeps until some have been. Fidelity: ported, as it is since 5.16.
 */
import { COST_TICK } from '../sim/costs.js';
import type { Executor, WaitQueue } from '../sim/executor.js';
import { done, type Task } from '../sim/task.js';
import type { Kernel } from './kernel.js';
import type { NodeReclaim, ThrottleReason } from './node_reclaim.js';
import { write_pending } from './page_writeback.js';
import { type DirtyCounts, type ScanControl, zone_reclaimable_pages } from './vmscan_balance.js';

const HZ = 1e9 / COST_TICK;

/** Ticks that it sleeps at most. */
const TIMEOUTS: Readonly<Record<ThrottleReason, number>> = {
  VMSCAN_THROTTLE_WRITEBACK: HZ / 10,
  VMSCAN_THROTTLE_ISOLATED: HZ / 50,
  VMSCAN_THROTTLE_NOPROGRESS: 1,
  VMSCAN_THROTTLE_CONGESTED: 1,
};

/** Whether the cgroup's limit is no reason to wait for single pages: that of the first hierarchy is one, as nobody slows down its writers. */
export const writeback_throttling_sane = (k: Kernel, { memcg }: Pick<ScanControl, 'memcg'>): boolean =>
  memcg === null || !k.memcgs!.legacy;

/** Whether little of what could be reclaimed waits for a disk, so that more is found without waiting. */
function skip_throttle_noprogress(k: Kernel, nid: number): boolean {
  if (k.kswapds[nid]!.isHopeless) return true;
  return 2 * write_pending(k, nid) <= zone_reclaimable_pages(k, nid);
}

/** Sleep until somebody wakes the queue, or `ns` have passed. Context: may sleep. */
function* schedule_timeout(executor: Executor, queue: WaitQueue, ns: number, where: string): Task {
  const task = executor.current!;
  let over = false;
  executor.addTimer(executor.now + ns, () => {
    if (over || task.queue !== queue) return;
    queue.remove(task);
    executor.makeRunnable(task);
  });
  yield* queue.sleep(executor, where);
  over = true;
}

/** Whoever reclaims pages of the node sleeps for a while; but no worker, who may be what he would wait for. Context: may sleep. */
function* reclaim_throttle(k: Kernel, { by, nid }: ScanControl, reason: ThrottleReason): Task {
  const { executor } = k;
  const node = k.reclaims[nid]!;
  const task = executor.current!;
  const worker = by !== 'kswapd' && task.data === null;
  const forProgress = reason === 'VMSCAN_THROTTLE_NOPROGRESS' || reason === 'VMSCAN_THROTTLE_CONGESTED';
  if (worker || (forProgress && skip_throttle_noprogress(k, nid))) {
    if (executor.shouldResched) yield* executor.cond_resched('reclaim_throttle');
    return;
  }
  const writeback = reason === 'VMSCAN_THROTTLE_WRITEBACK';
  if (writeback) node.begin_writeback_throttle();
  const began = executor.now;
  const timeout = TIMEOUTS[reason] * COST_TICK;
  yield* schedule_timeout(executor, node.reclaim_wait[reason], timeout, 'reclaim_throttle');
  if (writeback) node.nr_writeback_throttled--;
  if (k.trace === null) return;
  const usec_delayed = Math.floor((executor.now - began) / 1000);
  const args = { task: task.name, nid, reason, usec_timeout: timeout / 1000, usec_delayed };
  k.note({ event: 'mm_vmscan_throttled', fn: 'reclaim_throttle', args });
}

/** Whether others have taken so much off the lists that one more would look like reclaim without success. */
function too_many_isolated(k: Kernel, sc: ScanControl, inactive: number, isolated: number): boolean {
  if (sc.by === 'kswapd' || !writeback_throttling_sane(k, sc)) return false;
  if (isolated > inactive >> 3) return true;
  k.reclaims[sc.nid]!.reclaim_wait.VMSCAN_THROTTLE_ISOLATED.wakeAll(k.executor);
  return false;
}

/** Wait, once, while others have too much off the lists. `inactive`: base pages. Context: may sleep. Return: whether they have it still. */
export function* wait_for_isolated(
  k: Kernel,
  sc: ScanControl,
  file: boolean,
  inactive: number,
): Task<boolean> {
  const { isolated } = k.reclaims[sc.nid]!;
  const type = file ? 1 : 0;
  if (!too_many_isolated(k, sc, inactive, isolated[type])) return false;
  yield* reclaim_throttle(k, sc, 'VMSCAN_THROTTLE_ISOLATED');
  return k.signals.pending() || too_many_isolated(k, sc, inactive, isolated[type]);
}

/** What was met of `taken` pages off `list`: where nobody writes any of it, the flusher is to. Context: may sleep. */
export function handle_reclaim_writeback(
  k: Kernel,
  sc: ScanControl,
  taken: number,
  list: string,
  file: boolean,
  stat: DirtyCounts,
): Task {
  const { nr } = sc;
  nr.nr_dirty += stat.nr_dirty;
  nr.nr_congested += stat.nr_congested;
  nr.nr_unqueued_dirty += stat.nr_unqueued_dirty;
  nr.nr_writeback += stat.nr_writeback;
  nr.nr_immediate += stat.nr_immediate;
  nr.taken += taken;
  if (file) nr.file_taken += taken;
  if (stat.nr_unqueued_dirty !== taken) return done(undefined);
  k.flusher.wake({ by: sc.by, list, pages: taken });
  return writeback_throttling_sane(k, sc)
    ? done(undefined)
    : reclaim_throttle(k, sc, 'VMSCAN_THROTTLE_WRITEBACK');
}

/** What the daemon met says how it goes on. */
function note_kswapd_met(node: NodeReclaim, { nr }: ScanControl): void {
  if (nr.nr_writeback > 0 && nr.nr_writeback === nr.taken) node.writeback = true;
  if (nr.nr_unqueued_dirty === nr.file_taken) node.dirty = true;
}

/** The lists of node `sc.nid` have been looked at: sleep, where they are full of what is being written. Context: may sleep. */
export function* throttle_node(k: Kernel, sc: ScanControl): Task {
  const { by, memcg, nid, nr } = sc;
  const kswapd = by === 'kswapd';
  if (kswapd) {
    note_kswapd_met(k.reclaims[nid]!, sc);
    if (nr.nr_immediate > 0) yield* reclaim_throttle(k, sc, 'VMSCAN_THROTTLE_WRITEBACK');
  }
  const target = k.lruvecs[nid]!.state(memcg?.id ?? 0);
  const marks = kswapd || (memcg !== null && writeback_throttling_sane(k, sc));
  if (marks && nr.nr_dirty > 0 && nr.nr_dirty === nr.nr_congested) target.congested = true;
  if (!kswapd && target.congested) yield* reclaim_throttle(k, sc, 'VMSCAN_THROTTLE_CONGESTED');
}

/** The nodes have been looked at: whoever got next to nothing sleeps. Context: may sleep. */
export function consider_reclaim_throttle(k: Kernel, sc: ScanControl): Task {
  const { by, memcg, priority, nodes, nr_reclaimed, nr_scanned } = sc;
  sc.nid = nodes[0]!;
  if (nr_reclaimed > nr_scanned >> 3) {
    k.reclaims[sc.nid]!.reclaim_wait.VMSCAN_THROTTLE_NOPROGRESS.wakeAll(k.executor);
    return done(undefined);
  }
  if (by === 'kswapd' || memcg !== null || priority !== 1 || nr_reclaimed > 0) return done(undefined);
  return reclaim_throttle(k, sc, 'VMSCAN_THROTTLE_NOPROGRESS');
}

/** The node has memory again: what the daemon met is past. */
export function clear_pgdat_congested(k: Kernel, nid: number): void {
  const node = k.reclaims[nid]!;
  node.dirty = false;
  node.writeback = false;
  k.lruvecs[nid]!.state(0).congested = false;
}
