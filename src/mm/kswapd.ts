// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: mm/vmscan.c, kswapd(): the daemon of a node, which reclaims while there is little free memory, so that whoever
 * wants some need not. Fidelity: ported, for one zone a node and single pages (no watermark boost, no kcompactd). DIVERGES: a
 * machine has one processor, on which the daemon runs at once when it is woken.
 */
import type { Task } from '../sim/task.js';
import type { Kernel } from './kernel.js';
import { LRU_ACTIVE_ANON, LRU_INACTIVE_ANON } from './lru_lists.js';
import { MAX_RECLAIM_RETRIES, SWAP_CLUSTER_MAX } from './node_reclaim.js';
import { shrink_active_list, shrink_node } from './vmscan.js';
import {
  DEF_PRIORITY,
  inactive_is_low,
  new_scan_control,
  reclaimed_memcgs,
  type ScanControl,
  snapshot_refaults,
} from './vmscan_balance.js';
import { clear_pgdat_congested } from './vmscan_throttle.js';

/** Nanoseconds that it sleeps before it looks at the watermark once more: HZ / 10. */
const SHORT_SLEEP = 100_000_000;

/** What a struct pglist_data has of its daemon. */
export class Kswapd {
  /** How often in a row it reclaimed nothing. */
  private kswapd_failures = 0;
  private awake = false;
  /** Counts short sleeps, so that a timer knows whether it is for this one. */
  private sleeps = 0;

  constructor(
    private readonly k: Kernel,
    private readonly nid: number,
  ) {}

  /** Whether as many pages are free as the high watermark asks for. */
  private get pgdat_balanced(): boolean {
    const { nr_free_pages, watermarks } = this.k.zones[this.nid]!;
    return nr_free_pages > watermarks.high;
  }

  /** Whether the node is one of the system, or a device's that forbids nobody to reclaim its pages. */
  private get mayReclaim(): boolean {
    return this.k.severalNodes?.rules_of(this.nid)?.reclaims ?? true;
  }

  /** It has tried often enough: whoever wants memory has to reclaim (kswapd_test_hopeless). */
  get isHopeless(): boolean {
    return this.kswapd_failures >= MAX_RECLAIM_RETRIES;
  }

  /** Somebody has reclaimed pages of the node. */
  made_progress(): void {
    if (!this.k.behaviour.hopelessUntilBalanced || this.pgdat_balanced) this.kswapd_failures = 0;
  }

  /** A page was asked for, and no more are free than the low watermark asks for. Context: may not sleep. */
  wakeup_kswapd(): void {
    if (this.awake || this.prepare_kswapd_sleep || !this.mayReclaim) return;
    this.wake();
  }

  private wake(): void {
    const { k, nid } = this;
    this.awake = true;
    if (k.trace !== null) {
      const { nr_free_pages: free, watermarks } = k.zones[nid]!;
      const { low, high } = watermarks;
      k.note({ event: 'mm_vmscan_kswapd_wake', fn: 'kswapd', args: { nid, free, low, high } });
    }
    k.executor.spawn(`kswapd${nid}`, this.kswapd(), null);
    k.executor.resched_curr();
  }

  /** From when it is woken until it sleeps. */
  private *kswapd(): Task {
    do yield* this.balance_pgdat();
    while (!this.prepare_kswapd_sleep);
    if (!this.isHopeless) clear_pgdat_congested(this.k, this.nid);
    this.awake = false;
    this.kswapd_try_to_sleep();
  }

  /** Whether there is nothing that it is to do. */
  private get prepare_kswapd_sleep(): boolean {
    return this.isHopeless || this.pgdat_balanced;
  }

  /** It sleeps for a short while first: what is gone by then it reclaims, though nobody wakes it. */
  private kswapd_try_to_sleep(): void {
    const sleep = ++this.sleeps;
    const { executor } = this.k;
    executor.addTimer(executor.now + SHORT_SLEEP, () => {
      if (sleep === this.sleeps && !this.awake && !this.prepare_kswapd_sleep) this.wake();
    });
  }

  /** Some of the active anonymous pages become inactive, so that what is in use can be told from the rest. */
  private kswapd_age_node(): void {
    const { k, nid } = this;
    const lruvec = k.lruvecs[nid]!;
    if (k.swap === null || !inactive_is_low(lruvec, LRU_INACTIVE_ANON, 0)) return;
    for (const memcgId of reclaimed_memcgs(k, null))
      shrink_active_list(k, SWAP_CLUSTER_MAX, LRU_ACTIVE_ANON, { nid, memcgId });
  }

  /** Return: whether as much was looked at as would do, if all of it were reclaimed. Context: may sleep. */
  private *kswapd_shrink_node(sc: ScanControl): Task<boolean> {
    const before = sc.nr_reclaimed;
    sc.nr_scanned = 0;
    yield* shrink_node(this.k, sc);
    return Math.max(sc.nr_scanned, sc.nr_reclaimed - before) >= sc.nr_to_reclaim;
  }

  /** Look at ever more of the lists, until the high watermark is reached. Return: false when they were all looked at. */
  private *shrink_until_balanced(sc: ScanControl): Task<boolean> {
    const { executor } = this.k;
    for (sc.priority = DEF_PRIORITY; sc.priority >= 1; ) {
      if (this.pgdat_balanced) return true;
      const before = sc.nr_reclaimed;
      this.kswapd_age_node();
      const enough = yield* this.kswapd_shrink_node(sc);
      if (executor.shouldResched) yield* executor.cond_resched('balance_pgdat');
      if (!enough || sc.nr_reclaimed === before) sc.priority--;
    }
    return false;
  }

  private *balance_pgdat(): Task {
    const { k, nid } = this;
    k.lru.link(k.firstDevicePage);
    const nr_to_reclaim = Math.max(k.zones[nid]!.watermarks.high, SWAP_CLUSTER_MAX);
    const sc = new_scan_control({
      by: 'kswapd',
      nodes: [nid],
      memcg: null,
      nr_to_reclaim,
      force_deactivate: false,
    });
    let balanced = yield* this.shrink_until_balanced(sc);
    if (!balanced && sc.nr_reclaimed === 0 && sc.cache_trim_mode_failed && k.behaviour.cacheTrimIsGivenUp) {
      sc.no_cache_trim_mode = true;
      balanced = yield* this.shrink_until_balanced(sc);
    }
    if (!balanced && sc.nr_reclaimed === 0) this.kswapd_failures++;
    snapshot_refaults(k, nid, 0);
  }
}
