// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: mm/rmap.c (anon_vma, anon_vma_chain and their forking). Fidelity: ported. */

import { PAGE_SIZE } from '../uapi/mman.js';
import { IntervalTree, in_tree_order } from './interval_tree.js';
import type { Kernel } from './kernel.js';
import type { VmArea } from './types.js';

/** Connects a VMA with one anon_vma whose pages it may map. */
export interface AnonVmaChain {
  readonly vma: VmArea;
  readonly anon_vma: AnonVma;
}

/** With fewer VMAs than this, looking at each is cheaper than a tree. */
const TREE_FROM = 16;

export class AnonVma {
  root: AnonVma;
  parent: AnonVma;
  refcount = 1;
  num_children = 0;
  num_active_vmas = 0;
  /** Who may map pages of this anon_vma. */
  readonly chains = new Set<AnonVmaChain>();
  private rb_root: IntervalTree | null = null;
  /** The same VMAs in the tree's order, while they are few. */
  private ordered: readonly VmArea[] | null = null;

  constructor(readonly id: number) {
    this.root = this;
    this.parent = this;
  }

  /**
   * Calls `visit` for each VMA that may map an offset (in pages) of [first, first + nr), and perhaps for others: in the
   * order of their first offsets, and where these are equal, of their entry into the tree.
   */
  forEachVma(first: number, nr: number, visit: (vma: VmArea) => void): void {
    if (this.chains.size < TREE_FROM) {
      this.ordered ??= in_tree_order(Array.from(this.chains, ({ vma }) => vma));
      for (const vma of this.ordered) visit(vma);
      return;
    }
    this.rb_root ??= new IntervalTree(Array.from(this.chains, ({ vma }) => vma));
    this.rb_root.forEach(first, first + nr, visit);
  }

  /** A VMA has come, gone, or changed its bounds: the tree is to be built again. */
  changed(): void {
    this.rb_root = null;
    this.ordered = null;
  }
}

/** The bounds of a VMA have changed: it leaves the trees and enters them again, behind its equals. */
export function anon_vma_bounds_changed(vma: VmArea): void {
  for (const avc of vma.anon_vma_chain) {
    const { anon_vma } = avc;
    anon_vma.chains.delete(avc);
    anon_vma.chains.add(avc);
    anon_vma.changed();
  }
}

function anon_vma_alloc(k: Kernel): AnonVma {
  const id = k.freeAnonVmaIds.pop() ?? k.anonVmas.length;
  const anon_vma = new AnonVma(id);
  k.anonVmas[id] = anon_vma;
  return anon_vma;
}

/** Drop a reference; at zero, and without chains, the anon_vma is gone. */
function put_anon_vma(k: Kernel, anon_vma: AnonVma): void {
  if (--anon_vma.refcount > 0) return;
  if (anon_vma.root !== anon_vma) put_anon_vma(k, anon_vma.root);
  k.anonVmas[anon_vma.id] = null;
  k.freeAnonVmaIds.push(anon_vma.id);
}

function anon_vma_chain_link(vma: VmArea, anon_vma: AnonVma): void {
  const avc = { vma, anon_vma };
  vma.anon_vma_chain.push(avc);
  anon_vma.chains.add(avc);
  anon_vma.changed();
}

/** A neighbour's anon_vma that `vma` can share, so that the two may merge later. */
function find_mergeable_anon_vma(vma: VmArea): AnonVma | null {
  const { vmas } = vma.vm_mm;
  const next = vmas.next(vma);
  if (next !== null) {
    const shared = reusable_anon_vma(next, vma, next);
    if (shared !== null) return shared;
  }
  const prev = vmas.prev(vma.vm_start);
  return prev === null ? null : reusable_anon_vma(prev, prev, vma);
}

function reusable_anon_vma(old: VmArea, a: VmArea, b: VmArea): AnonVma | null {
  const compatible =
    a.vm_end === b.vm_start &&
    a.vm_file === b.vm_file &&
    // Access flags may differ: an mprotect may yet make them equal.
    ((a.vm_flags ^ b.vm_flags) & ~0x7) === 0 &&
    b.vm_pgoff === a.vm_pgoff + (b.vm_start - a.vm_start) / PAGE_SIZE;
  if (!compatible) return null;
  return old.anon_vma !== null && old.anon_vma_chain.length === 1 ? old.anon_vma : null;
}

/** Give the VMA an anon_vma before its first anonymous page is mapped. */
export function anon_vma_prepare(vma: VmArea): void {
  if (vma.anon_vma !== null) return;
  const k = vma.vm_mm.kernel;
  let anon_vma = find_mergeable_anon_vma(vma);
  if (anon_vma === null) {
    anon_vma = anon_vma_alloc(k);
    anon_vma.num_children++;
  }
  vma.anon_vma = anon_vma;
  anon_vma_chain_link(vma, anon_vma);
  anon_vma.num_active_vmas++;
}

/** Attach `dst` to all anon_vmas of `src` (VMA split, copy or fork); may reuse a childless one as dst's own. */
export function anon_vma_clone(dst: VmArea, src: VmArea): void {
  for (const { anon_vma } of [...src.anon_vma_chain]) {
    anon_vma_chain_link(dst, anon_vma);
    const reuse =
      dst.anon_vma === null &&
      src.anon_vma !== null &&
      anon_vma.num_children < 2 &&
      anon_vma.num_active_vmas === 0;
    if (reuse) dst.anon_vma = anon_vma;
  }
  if (dst.anon_vma !== null) dst.anon_vma.num_active_vmas++;
}

/** fork(): the child's VMA can map the parent's pages, and gets an anon_vma of its own for new ones. */
export function anon_vma_fork(vma: VmArea, pvma: VmArea): void {
  if (pvma.anon_vma === null) return;
  const k = vma.vm_mm.kernel;
  vma.anon_vma = null;
  anon_vma_clone(vma, pvma);
  if (vma.anon_vma !== null) return;

  const anon_vma = anon_vma_alloc(k);
  anon_vma.num_active_vmas++;
  anon_vma.root = pvma.anon_vma.root;
  anon_vma.parent = pvma.anon_vma;
  anon_vma.root.refcount++;
  vma.anon_vma = anon_vma;
  anon_vma_chain_link(vma, anon_vma);
  anon_vma.parent.num_children++;
}

/** The VMA goes away: leave all its anon_vmas, and free those that nobody uses any more. */
export function unlink_anon_vmas(vma: VmArea): void {
  const k = vma.vm_mm.kernel;
  const empty: AnonVma[] = [];
  for (const avc of vma.anon_vma_chain) {
    const { anon_vma } = avc;
    anon_vma.chains.delete(avc);
    anon_vma.changed();
    if (anon_vma.chains.size > 0) continue;
    anon_vma.parent.num_children--;
    empty.push(anon_vma);
  }
  vma.anon_vma_chain.length = 0;
  if (vma.anon_vma !== null) {
    vma.anon_vma.num_active_vmas--;
    vma.anon_vma = null;
  }
  for (const anon_vma of empty) put_anon_vma(k, anon_vma);
}
