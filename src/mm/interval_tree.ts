// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: mm/interval_tree.c, the tree of the VMAs that may map pages of an anon_vma, by page offset. Fidelity:
 * simplified: built when it is first asked after a change, as a sorted array that is its own balanced tree.
 */

import { PAGE_SIZE } from '../uapi/mman.js';
import type { VmArea } from './types.js';

const pages = (vma: VmArea): number => (vma.vm_end - vma.vm_start) / PAGE_SIZE;

/** VMAs in the order in which a tree is walked that they entered one by one. */
export const in_tree_order = (vmas: VmArea[]): VmArea[] => vmas.sort((a, b) => a.vm_pgoff - b.vm_pgoff);

export class IntervalTree {
  private readonly vmas: VmArea[];
  /** The largest end of any VMA below each node; node `mid` of [low, high) is the root of that part. */
  private readonly subtreeEnd: Float64Array;

  constructor(vmas: Iterable<VmArea>) {
    this.vmas = in_tree_order([...vmas]);
    this.subtreeEnd = new Float64Array(this.vmas.length);
    this.build(0, this.vmas.length);
  }

  private build(low: number, high: number): number {
    if (low === high) return Number.NEGATIVE_INFINITY;
    const mid = (low + high) >>> 1;
    const vma = this.vmas[mid]!;
    const below = Math.max(this.build(low, mid), this.build(mid + 1, high));
    const end = Math.max(vma.vm_pgoff + pages(vma), below);
    this.subtreeEnd[mid] = end;
    return end;
  }

  /** Calls `visit` for each VMA that maps an offset of [first, end), in order of their first offsets. */
  forEach(first: number, end: number, visit: (vma: VmArea) => void): void {
    this.search(0, this.vmas.length, first, end, visit);
  }

  private search(low: number, high: number, first: number, end: number, visit: (vma: VmArea) => void): void {
    if (low === high) return;
    const mid = (low + high) >>> 1;
    if (this.subtreeEnd[mid]! <= first) return;
    this.search(low, mid, first, end, visit);
    const vma = this.vmas[mid]!;
    if (vma.vm_pgoff >= end) return;
    if (vma.vm_pgoff + pages(vma) > first) visit(vma);
    this.search(mid + 1, high, first, end, visit);
  }
}
