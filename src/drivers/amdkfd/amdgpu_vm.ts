// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: drivers/gpu/drm/amd/amdgpu/amdgpu_vm.c: the page table of one process on one GPU, and lists of pages for it. Fidelity: simplified: two levels. */
import { NO_PAGE, type Page } from '../../sim/memmap.js';

// --- pages that are mapped --------------------------------------------------------------------------------------

function followEachOther(pages: Uint32Array): boolean {
  const first = pages[0]!;
  for (let i = 1; i < pages.length; i++) if (pages[i] !== first + i) return false;
  return first !== NO_PAGE;
}

/** dma_addr[] of struct svm_range, for one GPU, or the pages of a buffer: those that follow each other are kept as the first of them. */
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

// --- the page table ---------------------------------------------------------------------------------------------

/** Pages that one leaf has. */
const LEAF = 512;

/** An entry: the page, and whether the GPU may write it. */
const WRITEABLE = 1;

/** struct amdgpu_bo_va_mapping: pages [start, last] are a buffer's, which is where the program has pages from `userptr` on. */
export interface BoVaMapping {
  readonly start: number;
  readonly last: number;
  readonly userptr: number;
}

export class AmdgpuVm {
  private readonly leaves = new Map<number, Uint32Array>();
  /** Where buffers are. */
  readonly va: BoVaMapping[] = [];

  /** The first buffer that has some of pages [start, last]. */
  bo_at(start: number, last: number): BoVaMapping | undefined {
    return this.va.find((mapping) => mapping.start <= last && mapping.last >= start);
  }

  /** The first buffer whose memory the program has at some of pages [start, last]. */
  userptr_at(start: number, last: number): BoVaMapping | undefined {
    return this.va.find(
      ({ userptr, start: at, last: end }) => userptr <= last && userptr + end - at >= start,
    );
  }

  /** The program's page that a virtual page of the GPU stands for: another one where a buffer is elsewhere. */
  cpu_page(addr: number): number {
    const buffer = this.va.length === 0 ? undefined : this.bo_at(addr, addr);
    return buffer === undefined ? addr : buffer.userptr + addr - buffer.start;
  }

  /** amdgpu_vm_update_range(): map pages [first, last] (virtual page numbers) to those from `offset` on. */
  map(first: number, last: number, pages: DmaAddr, offset: number, writeable: boolean): void {
    const flags = writeable ? WRITEABLE : 0;
    for (let addr = first, n = offset; addr <= last; ) {
      const leaf = this.leaf(addr);
      const next = Math.min(last + 1, addr - (addr % LEAF) + LEAF);
      for (; addr < next; addr++, n++) leaf[addr % LEAF] = ((pages.at(n) << 1) | flags) >>> 0;
    }
  }

  /** The same with nothing: the GPU faults there. */
  unmap(first: number, last: number): void {
    for (let addr = first; addr <= last; ) {
      const next = Math.min(last + 1, addr - (addr % LEAF) + LEAF);
      const n = Math.floor(addr / LEAF);
      if (next - addr === LEAF) this.leaves.delete(n);
      else this.leaves.get(n)?.fill(0, addr % LEAF, (addr % LEAF) + next - addr);
      addr = next;
    }
  }

  /** The page that the GPU reads (or writes) at a virtual page; NO_PAGE where it faults. */
  translate(addr: number, write: boolean): Page {
    const entry = this.leaves.get(Math.floor(addr / LEAF))?.[addr % LEAF] ?? 0;
    if (entry === 0 || (write && (entry & WRITEABLE) === 0)) return NO_PAGE;
    return entry >>> 1;
  }

  /** Every entry: virtual page, page, and whether the GPU may write there. */
  *entries(): Generator<{ readonly addr: number; readonly page: Page; readonly write: boolean }> {
    for (const [n, leaf] of this.leaves) {
      for (let i = 0; i < LEAF; i++) {
        const entry = leaf[i]!;
        if (entry !== 0) yield { addr: n * LEAF + i, page: entry >>> 1, write: (entry & WRITEABLE) !== 0 };
      }
    }
  }

  private leaf(addr: number): Uint32Array {
    const n = Math.floor(addr / LEAF);
    let leaf = this.leaves.get(n);
    if (leaf === undefined) {
      leaf = new Uint32Array(LEAF);
      this.leaves.set(n, leaf);
    }
    return leaf;
  }
}
