// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: drivers/gpu/drm/amd/amdgpu/amdgpu_vram_mgr.c and TTM's LRU list. Fidelity: simplified: the first free blocks that
 * suffice, in place of buddies; who finds none waits until the oldest buffers have been evicted.
 */
import type { SvmRangeBo } from './kfd_priv.js';

/** Pages of VRAM that follow each other, by their number in it. */
export interface VramBlock {
  readonly start: number;
  readonly pages: number;
}

export class AmdgpuVramMgr {
  /** Sorted, never adjacent. */
  private free: VramBlock[];
  /** What may be evicted, the oldest first. */
  readonly lru: SvmRangeBo[] = [];

  constructor(pages: number) {
    this.free = pages === 0 ? [] : [{ start: 0, pages }];
  }

  get freePages(): number {
    return this.free.reduce((sum, { pages }) => sum + pages, 0);
  }

  /** Return: blocks of `pages` in all, null where there is not so much. */
  alloc(pages: number): VramBlock[] | null {
    const whole = this.free.findIndex((block) => block.pages >= pages);
    if (whole >= 0) return [this.take(whole, pages)];
    if (this.freePages < pages) return null;
    const blocks: VramBlock[] = [];
    for (let left = pages; left > 0; ) {
      const block = this.take(0, Math.min(left, this.free[0]!.pages));
      blocks.push(block);
      left -= block.pages;
    }
    return blocks;
  }

  private take(at: number, pages: number): VramBlock {
    const { start, pages: all } = this.free[at]!;
    if (all === pages) this.free.splice(at, 1);
    else this.free[at] = { start: start + pages, pages: all - pages };
    return { start, pages };
  }

  give(blocks: readonly VramBlock[]): void {
    const merged: VramBlock[] = [];
    for (const block of [...this.free, ...blocks].sort((a, b) => a.start - b.start)) {
      const last = merged.at(-1);
      if (last !== undefined && last.start + last.pages === block.start) {
        merged[merged.length - 1] = { start: last.start, pages: last.pages + block.pages };
      } else merged.push(block);
    }
    this.free = merged;
  }
}

/** Walks over the pages of a buffer, as struct amdgpu_res_cursor does. */
export class ResCursor {
  private block = 0;
  private at: number;

  constructor(
    private readonly blocks: readonly VramBlock[],
    /** Pages from the buffer's begin. */
    offset: number,
  ) {
    this.at = offset;
    this.settle();
  }

  /** The page that it stands at, by its number in VRAM. */
  get page(): number {
    return this.blocks[this.block]!.start + this.at;
  }

  next(): void {
    this.at++;
    this.settle();
  }

  private settle(): void {
    while (this.block < this.blocks.length - 1 && this.at >= this.blocks[this.block]!.pages) {
      this.at -= this.blocks[this.block]!.pages;
      this.block++;
    }
  }
}
