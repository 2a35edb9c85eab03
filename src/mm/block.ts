// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: block/blk-core.c, block/bio.c and the driver of a disk: what files have on it, and how long writing takes. Fidelity:
 * simplified: one disk without an end, which serves one request after the other and never fails; reading is done at once.
 */
import { StoredContents } from '../sim/contents.js';
import { COST_COPY, COST_DISK } from '../sim/costs.js';
import type { Page } from '../sim/memmap.js';
import type { Kernel } from './kernel.js';

/** Blocks of one page each. */
export class Disk {
  private stored = new StoredContents(64);
  private used = 0;
  private readonly free: number[] = [];
  /** When the last request that it was given is done, in simulated ns. */
  private busyUntil = 0;

  constructor(private readonly k: Kernel) {}

  /** Whether a file has ever had a block. */
  get used_once(): boolean {
    return this.used > 0;
  }

  /** A block that no file has. */
  alloc_block(): number {
    const block = this.free.pop() ?? this.used++;
    if (block === this.stored.content.length) this.stored = this.stored.grown();
    return block;
  }

  free_block(block: number): void {
    this.k.contents.store_page(this.stored, block, this.k.zeroPage);
    this.free.push(block);
  }

  read(page: Page, block: number): void {
    this.k.contents.load_page(page, this.stored, block);
    this.k.executor.charge(COST_COPY);
  }

  /** At once, of a disk that is another machine's. */
  write(page: Page, block: number): void {
    this.k.contents.store_page(this.stored, block, page);
    this.k.executor.charge(COST_COPY);
  }

  /**
   * submit_bio() of a write: `pages` go to `blocks`, place by place. What is written is what a page holds when the request is
   * done, which is when `end_io` is called. Context: may not sleep.
   */
  submit_write(pages: readonly Page[], blocks: readonly number[], end_io: () => void): void {
    const { executor, contents } = this.k;
    this.busyUntil = Math.max(this.busyUntil, executor.now) + COST_DISK + COST_COPY * pages.length;
    executor.addTimer(this.busyUntil, () => {
      for (const [i, page] of pages.entries()) contents.store_page(this.stored, blocks[i]!, page);
      end_io();
    });
  }
}
