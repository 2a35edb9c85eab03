// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: fs/fs-writeback.c, mm/backing-dev.c: the flusher of the disk, which writes what is dirty. Fidelity: simplified: it is
 * woken for reclaim alone, and writes files one after the other, each as a whole.
 */
import type { Task } from '../sim/task.js';
import type { Kernel } from './kernel.js';

/** Why somebody wakes it: what he met, and where. */
export interface FlusherWoken {
  readonly by: string;
  /** Where the pages were. */
  readonly list: string;
  /** Base pages, all of them dirty, and none being written. */
  readonly pages: number;
}

export class Flusher {
  /** It is to write everything, or does so already (WB_start_all). */
  private start_all = false;

  constructor(private readonly k: Kernel) {}

  /** wakeup_flusher_threads(WB_REASON_VMSCAN). Context: may not sleep. */
  wake(woken: FlusherWoken): void {
    if (this.start_all) return;
    this.start_all = true;
    const { k } = this;
    if (k.trace !== null) {
      const task = k.executor.current?.name ?? '';
      k.note({ event: 'wakeup_flusher_threads', fn: 'wakeup_flusher_threads', args: { task, ...woken } });
    }
    k.executor.spawn('flush-8:0', this.wb_workfn(), null);
    k.executor.resched_curr();
  }

  private *wb_workfn(): Task {
    const { k } = this;
    let pages = 0;
    for (const mapping of k.mappings) {
      if (mapping === null || mapping.a_ops === null) continue;
      pages += yield* mapping.a_ops.writepages(k, mapping, 0, Number.MAX_SAFE_INTEGER, 'WB_SYNC_NONE');
    }
    this.start_all = false;
    if (k.trace !== null) k.note({ event: 'writeback_pages_written', fn: 'wb_workfn', args: { pages } });
  }
}
