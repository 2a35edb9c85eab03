// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: the VMA tree of an mm (mm/mmap.c over lib/maple_tree.c). Fidelity: simplified (a list of sorted blocks
 * instead of a maple tree; the same order and bounds).
 */
import type { VmArea } from './types.js';

const BLOCK = 256;

/** Neighbours in the address space. */
interface Block {
  readonly vmas: VmArea[];
  // The bounds of each: a search reads these, one beside the other, instead of an object for every step.
  readonly starts: number[];
  readonly ends: number[];
}

export class VmaTree {
  /** Blocks of VMAs by ascending address; no block is empty. */
  private blocks: Block[] = [];
  /** The last end of each block. */
  private lastEnds: number[] = [];
  private count = 0;
  /** What find_vma() found last, and its bounds. */
  private cached: VmArea | null = null;
  private cachedStart = 0;
  private cachedEnd = 0;

  get size(): number {
    return this.count;
  }

  /** find_vma(): the first VMA that ends above `addr`. */
  find_vma(addr: number): VmArea | null {
    if (this.cached !== null && this.cachedStart <= addr && addr < this.cachedEnd) return this.cached;
    const b = this.blockOf(addr);
    if (b === this.blocks.length) return null;
    const { vmas, starts, ends } = this.blocks[b]!;
    const i = firstAbove(ends, addr);
    this.cached = vmas[i]!;
    this.cachedStart = starts[i]!;
    this.cachedEnd = ends[i]!;
    return this.cached;
  }

  /** vma_lookup(): the VMA that contains `addr`. */
  vma_lookup(addr: number): VmArea | null {
    const vma = this.find_vma(addr);
    return vma !== null && this.cachedStart <= addr ? vma : null;
  }

  /** The VMA after `vma`. */
  next(vma: VmArea): VmArea | null {
    return this.find_vma(vma.vm_end);
  }

  /** The last VMA that begins below `addr` and ends at or below it. */
  prev(addr: number): VmArea | null {
    let b = this.blockOf(addr);
    let i = 0;
    if (b < this.blocks.length) i = firstAbove(this.blocks[b]!.ends, addr);
    if (i === 0) {
      if (b === 0) return null;
      b--;
      i = this.blocks[b]!.vmas.length;
    }
    return this.blocks[b]!.vmas[i - 1]!;
  }

  insert(vma: VmArea): void {
    this.count++;
    this.cached = null;
    if (this.blocks.length === 0) {
      this.blocks.push({ vmas: [vma], starts: [vma.vm_start], ends: [vma.vm_end] });
      this.lastEnds.push(vma.vm_end);
      return;
    }
    const b = Math.min(this.blockOf(vma.vm_start), this.blocks.length - 1);
    const { vmas, starts, ends } = this.blocks[b]!;
    const i = firstAbove(ends, vma.vm_start);
    vmas.splice(i, 0, vma);
    starts.splice(i, 0, vma.vm_start);
    ends.splice(i, 0, vma.vm_end);
    if (vmas.length > BLOCK) this.split(b);
    this.noteLast(b);
  }

  private split(b: number): void {
    const { vmas, starts, ends } = this.blocks[b]!;
    const half = BLOCK / 2;
    const upper = { vmas: vmas.splice(half), starts: starts.splice(half), ends: ends.splice(half) };
    this.blocks.splice(b + 1, 0, upper);
    this.lastEnds.splice(b + 1, 0, 0);
    this.noteLast(b + 1);
  }

  erase(vma: VmArea): void {
    this.cached = null;
    const b = this.blockOf(vma.vm_start);
    const i = this.slotOf(vma, b);
    const { vmas, starts, ends } = this.blocks[b]!;
    vmas.splice(i, 1);
    starts.splice(i, 1);
    ends.splice(i, 1);
    this.count--;
    if (vmas.length > 0) {
      this.noteLast(b);
      return;
    }
    this.blocks.splice(b, 1);
    this.lastEnds.splice(b, 1);
  }

  /** Set vm_start and vm_end of a VMA in the tree. Its place among the others must stay the same. */
  setRange(vma: VmArea, start: number, end: number): void {
    this.cached = null;
    const b = this.blockOf(vma.vm_start);
    const i = this.slotOf(vma, b);
    const { starts, ends } = this.blocks[b]!;
    starts[i] = start;
    ends[i] = end;
    this.noteLast(b);
    vma.vm_start = start;
    vma.vm_end = end;
  }

  /** VMAs in order. Do not change the tree meanwhile. */
  *[Symbol.iterator](): Generator<VmArea> {
    for (const { vmas } of this.blocks) yield* vmas;
  }

  clear(): void {
    this.blocks = [];
    this.lastEnds = [];
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
    return firstAbove(this.lastEnds, addr);
  }

  private slotOf(vma: VmArea, b: number): number {
    const block = this.blocks[b];
    const i = block === undefined ? 0 : firstAbove(block.ends, vma.vm_start);
    if (block?.vmas[i] !== vma) throw new Error('VmaTree: the VMA is not in the tree');
    return i;
  }

  private noteLast(b: number): void {
    const { ends } = this.blocks[b]!;
    this.lastEnds[b] = ends[ends.length - 1]!;
  }
}

/** Index of the first of the ascending `ends` that is above `addr`. */
function firstAbove(ends: readonly number[], addr: number): number {
  let low = 0;
  let high = ends.length;
  while (low < high) {
    const mid = (low + high) >>> 1;
    if (ends[mid]! > addr) high = mid;
    else low = mid + 1;
  }
  return low;
}
