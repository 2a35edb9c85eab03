// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: the VMA tree of an mm (mm/mmap.c over lib/maple_tree.c). Fidelity: simplified (a list of sorted blocks
 * instead of a maple tree; the same order and bounds).
 */
import type { VmArea } from './types.js';

const BLOCK = 128;

export class VmaTree {
  /** Blocks of VMAs by ascending address; no block is empty. */
  private blocks: VmArea[][] = [];
  private count = 0;
  private cached: VmArea | null = null;

  get size(): number {
    return this.count;
  }

  /** find_vma(): the first VMA that ends above `addr`. */
  find_vma(addr: number): VmArea | null {
    const cached = this.cached;
    if (cached !== null && cached.vm_start <= addr && addr < cached.vm_end) return cached;
    const b = this.blockOf(addr);
    if (b === this.blocks.length) return null;
    const block = this.blocks[b]!;
    const vma = block[this.indexIn(block, addr)]!;
    if (vma.vm_start <= addr) this.cached = vma;
    return vma;
  }

  /** vma_lookup(): the VMA that contains `addr`. */
  vma_lookup(addr: number): VmArea | null {
    const vma = this.find_vma(addr);
    return vma !== null && vma.vm_start <= addr ? vma : null;
  }

  /** The VMA after `vma`. */
  next(vma: VmArea): VmArea | null {
    return this.find_vma(vma.vm_end);
  }

  /** The last VMA that begins below `addr` and ends at or below it. */
  prev(addr: number): VmArea | null {
    let b = this.blockOf(addr);
    let i = 0;
    if (b < this.blocks.length) i = this.indexIn(this.blocks[b]!, addr);
    if (i === 0) {
      if (b === 0) return null;
      b--;
      i = this.blocks[b]!.length;
    }
    return this.blocks[b]![i - 1]!;
  }

  insert(vma: VmArea): void {
    this.count++;
    this.cached = null;
    if (this.blocks.length === 0) {
      this.blocks.push([vma]);
      return;
    }
    const b = Math.min(this.blockOf(vma.vm_start), this.blocks.length - 1);
    const block = this.blocks[b]!;
    block.splice(this.indexIn(block, vma.vm_start), 0, vma);
    if (block.length > BLOCK) this.blocks.splice(b + 1, 0, block.splice(BLOCK / 2));
  }

  erase(vma: VmArea): void {
    this.cached = null;
    const b = this.blockOf(vma.vm_start);
    const block = this.blocks[b]!;
    const i = this.indexIn(block, vma.vm_start);
    if (block[i] !== vma) throw new Error('VmaTree.erase: the VMA is not in the tree');
    block.splice(i, 1);
    if (block.length === 0) this.blocks.splice(b, 1);
    this.count--;
  }

  /** VMAs in order. Do not change the tree meanwhile. */
  *[Symbol.iterator](): Generator<VmArea> {
    for (const block of this.blocks) yield* block;
  }

  clear(): void {
    this.blocks = [];
    this.count = 0;
    this.cached = null;
  }

  /** VMAs that overlap [start, end), in order. */
  inRange(start: number, end: number): VmArea[] {
    const found: VmArea[] = [];
    for (let vma = this.find_vma(start); vma !== null && vma.vm_start < end; vma = this.next(vma)) {
      found.push(vma);
    }
    return found;
  }

  /** Index of the first block whose last VMA ends above `addr`. */
  private blockOf(addr: number): number {
    let low = 0;
    let high = this.blocks.length;
    while (low < high) {
      const mid = (low + high) >>> 1;
      const block = this.blocks[mid]!;
      if (block[block.length - 1]!.vm_end > addr) high = mid;
      else low = mid + 1;
    }
    return low;
  }

  /** Index in `block` of the first VMA that ends above `addr`. */
  private indexIn(block: VmArea[], addr: number): number {
    let low = 0;
    let high = block.length;
    while (low < high) {
      const mid = (low + high) >>> 1;
      if (block[mid]!.vm_end > addr) high = mid;
      else low = mid + 1;
    }
    return low;
  }
}
