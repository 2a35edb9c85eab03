// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: drivers/gpu/drm/amd/amdgpu/amdgpu_vm.c: the page table of one process on one GPU. Fidelity: simplified: two levels. */
import { NO_PAGE, type Page } from '../../sim/memmap.js';
import type { DmaAddr } from './kfd_dma_addr.js';

/** Pages that one leaf has. */
const LEAF = 512;

/** An entry: the page, and whether the GPU may write it. */
const WRITEABLE = 1;

export class AmdgpuVm {
  private readonly leaves = new Map<number, Uint32Array>();

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
