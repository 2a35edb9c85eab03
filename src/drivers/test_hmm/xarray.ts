// SPDX-License-Identifier: GPL-2.0-only
/** The device page table: page number of an address to a page with a two-bit tag (struct xarray, xa_tag_pointer). */
import { NO_PAGE, type Page } from '../../sim/memmap.js';

export const DPT_XA_TAG_ATOMIC = 1;
export const DPT_XA_TAG_WRITE = 3;

/** Slots of a node, as in the kernel. */
const CHUNK = 64;

export const xa_untag_page = (entry: number): Page => entry >>> 2;
export const xa_tag = (entry: number): number => entry & 3;

export class XArray {
  private readonly chunks = new Map<number, number[]>();

  /** The tagged entry, 0 when there is none. */
  xa_load(index: number): number {
    const chunk = this.chunks.get(Math.floor(index / CHUNK));
    return chunk === undefined ? NO_PAGE : chunk[index & (CHUNK - 1)]!;
  }

  xa_store(index: number, page: Page, tag: number): void {
    const key = Math.floor(index / CHUNK);
    let chunk = this.chunks.get(key);
    if (chunk === undefined) {
      chunk = new Array<number>(CHUNK).fill(0);
      this.chunks.set(key, chunk);
    }
    chunk[index & (CHUNK - 1)] = ((page << 2) | tag) >>> 0;
  }

  /** Entries for `nr` pages in a row. */
  xa_store_range(index: number, page: Page, nr: number, tag: number): void {
    for (let n = 0; n < nr; n++) this.xa_store(index + n, page + n, tag);
  }

  xa_erase(index: number): void {
    const chunk = this.chunks.get(Math.floor(index / CHUNK));
    if (chunk !== undefined) chunk[index & (CHUNK - 1)] = 0;
  }

  /** Erase [first, last], both included. */
  xa_erase_range(first: number, last: number): void {
    const low = Math.floor(first / CHUNK);
    const high = Math.floor(last / CHUNK);
    if (high - low > this.chunks.size) {
      for (const key of [...this.chunks.keys()])
        if (key >= low && key <= high) this.eraseIn(key, first, last);
      return;
    }
    for (let key = low; key <= high; key++) this.eraseIn(key, first, last);
  }

  xa_destroy(): void {
    this.chunks.clear();
  }

  /** Entries in ascending order, for checkers and reports. */
  *entries(): Generator<{ index: number; page: Page; tag: number }> {
    for (const key of [...this.chunks.keys()].sort((a, b) => a - b)) {
      const chunk = this.chunks.get(key)!;
      for (let i = 0; i < CHUNK; i++) {
        const entry = chunk[i]!;
        if (entry !== 0) yield { index: key * CHUNK + i, page: xa_untag_page(entry), tag: xa_tag(entry) };
      }
    }
  }

  private eraseIn(key: number, first: number, last: number): void {
    const chunk = this.chunks.get(key);
    if (chunk === undefined) return;
    const from = Math.max(first - key * CHUNK, 0);
    const to = Math.min(last - key * CHUNK, CHUNK - 1);
    if (from === 0 && to === CHUNK - 1) this.chunks.delete(key);
    else chunk.fill(0, from, to + 1);
  }
}
