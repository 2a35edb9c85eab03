// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: struct pglist_data: what a node knows of those that reclaim its pages, and of those that wait meanwhile. Fidelity: ported. */
import { type Executor, WaitQueue } from '../sim/executor.js';

/** How often reclaim may be in vain before something else has to happen (mm/internal.h). */
export const MAX_RECLAIM_RETRIES = 16;
export const SWAP_CLUSTER_MAX = 32;

/** enum vmscan_throttle_state. */
export type ThrottleReason =
  | 'VMSCAN_THROTTLE_WRITEBACK'
  | 'VMSCAN_THROTTLE_ISOLATED'
  | 'VMSCAN_THROTTLE_NOPROGRESS'
  | 'VMSCAN_THROTTLE_CONGESTED';

export class NodeReclaim {
  readonly reclaim_wait: Readonly<Record<ThrottleReason, WaitQueue>> = {
    VMSCAN_THROTTLE_WRITEBACK: new WaitQueue(),
    VMSCAN_THROTTLE_ISOLATED: new WaitQueue(),
    VMSCAN_THROTTLE_NOPROGRESS: new WaitQueue(),
    VMSCAN_THROTTLE_CONGESTED: new WaitQueue(),
  };
  /** Who waits for pages to be written. */
  nr_writeback_throttled = 0;
  /** NR_THROTTLED_WRITTEN when the first of them began to wait. */
  nr_reclaim_start = 0;
  /** NR_ISOLATED_*, in base pages: what reclaim has taken off the lists just now, of anonymous memory and of files. */
  readonly isolated: [anon: number, file: number] = [0, 0];
  /** PGDAT_DIRTY: the daemon met nothing but dirty pages of files that nobody writes. */
  dirty = false;
  /** PGDAT_WRITEBACK: it met nothing but pages that are being written. */
  writeback = false;
  /** NR_THROTTLED_WRITTEN: base pages that were written while somebody waited for that. */
  private throttled_written = 0;

  /** One more waits for pages to be written. */
  begin_writeback_throttle(): void {
    if (++this.nr_writeback_throttled === 1) this.nr_reclaim_start = this.throttled_written;
  }

  /** Pages of the node have been written: enough of them let all go on who wait for that (acct_reclaim_writeback). */
  acct_reclaim_writeback(executor: Executor, nr_pages: number): void {
    if (this.nr_writeback_throttled === 0) return;
    this.throttled_written += nr_pages;
    const nr_written = this.throttled_written - this.nr_reclaim_start;
    if (nr_written > SWAP_CLUSTER_MAX * this.nr_writeback_throttled)
      this.reclaim_wait.VMSCAN_THROTTLE_WRITEBACK.wakeAll(executor);
  }
}
