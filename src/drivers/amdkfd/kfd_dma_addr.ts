// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: drivers/gpu/drm/amd/amdkfd/kfd_svm.h, dma_addr[] of struct svm_range, for one GPU. Fidelity: ported; pages that follow
 * each other, as those of a buffer in VRAM do, are kept as the first of them.
 */
import { NO_PAGE, type Page } from '../../sim/memmap.js';

function followEachOther(pages: Uint32Array): boolean {
  const first = pages[0]!;
  for (let i = 1; i < pages.length; i++) if (pages[i] !== first + i) return false;
  return first !== NO_PAGE;
}

export class DmaAddr {
  /** null: they follow each other from `first` on, or there are none. */
  private pages: Uint32Array | null = null;
  private first: Page = NO_PAGE;

  constructor(private readonly npages: number) {}

  /** The page that page `i` of the range is mapped to; NO_PAGE for none. */
  at(i: number): Page {
    if (this.pages !== null) return this.pages[i]!;
    return this.first === NO_PAGE ? NO_PAGE : this.first + i;
  }

  /** Pages from `offset` on are mapped to these. */
  set(pages: Uint32Array, offset: number): void {
    if (pages.length === this.npages && followEachOther(pages)) {
      this.pages = null;
      this.first = pages[0]!;
      return;
    }
    this.pages ??= Uint32Array.from({ length: this.npages }, (_, i) => this.at(i));
    this.pages.set(pages, offset);
  }

  /** `npages` of them from `from` on, for a range of their own. */
  slice(from: number, npages: number): DmaAddr {
    const part = new DmaAddr(npages);
    part.first = this.at(from);
    part.pages = this.pages?.slice(from, from + npages) ?? null;
    return part;
  }

  /** How many of the pages are such. */
  count(isSuch: (page: Page) => boolean): number {
    let count = 0;
    for (let i = 0; i < this.npages; i++) if (isSuch(this.at(i))) count++;
    return count;
  }
}
