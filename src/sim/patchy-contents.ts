// SPDX-License-Identifier: GPL-2.0-only
/** Contents of a machine in which pages can be given out that have no memory: what is written there is lost. */
import { Contents, type StoredContents, WORDS_PER_PAGE } from './contents.js';
import type { Memmap, Page } from './memmap.js';

export class PatchyContents extends Contents {
  /** Where what is lost is written to. */
  private readonly nowhere = new Uint32Array(WORDS_PER_PAGE);

  constructor(
    private readonly memmap: Memmap,
    private readonly hasMemory: (pfn: number) => boolean,
  ) {
    super(memmap);
  }

  private isHole(page: Page): boolean {
    return !this.hasMemory(this.memmap.page_to_pfn(page));
  }

  override fill_sequence(page: Page, first: number, step: number): void {
    if (!this.isHole(page)) super.fill_sequence(page, first, step);
  }

  override copy_page(dst: Page, src: Page): void {
    if (!this.isHole(dst)) super.copy_page(dst, src);
  }

  override load_page(dst: Page, store: StoredContents, n: number): void {
    if (!this.isHole(dst)) super.load_page(dst, store, n);
  }

  override copy_pages(dst: Page, src: Page, nr: number): void {
    for (let n = 0; n < nr; n++) this.copy_page(dst + n, src + n);
  }

  override writable(page: Page): Uint32Array {
    return this.isHole(page) ? this.nowhere : super.writable(page);
  }

  override writeBytes(page: Page, offset: number, source: Uint8Array, at: number, count: number): void {
    if (!this.isHole(page)) super.writeBytes(page, offset, source, at, count);
  }
}
