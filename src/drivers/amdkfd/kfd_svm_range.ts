// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: drivers/gpu/drm/amd/amdkfd/kfd_svm.c: ranges, and how they are split. Fidelity: ported. */

import type { Task } from '../../sim/task.js';
import { EINVAL } from '../../uapi/errno.js';
import { reserve_system_mem } from './amdgpu_amdkfd_gpuvm.js';
import { type KfdProcess, SvmRange } from './kfd_priv.js';
import { svm_bo_list_del, svm_bo_share, svm_range_vram_node_free } from './kfd_svm_bo.js';
import { interval_tree_insert, interval_tree_remove } from './kfd_svm_tree.js';

/** Context: the process's svms.lock. Return: null where the range would be more than system memory may hold. */
export function svm_range_new(
  process: KfdProcess,
  start: number,
  last: number,
  update_mem_usage: boolean,
): SvmRange | null {
  const { module, xnack_enabled } = process;
  if (!xnack_enabled && update_mem_usage && !reserve_system_mem(module, last - start + 1)) {
    module.kernel.printk('amdgpu: SVM mapping failed, exceeds resident system memory limit');
    return null;
  }
  return new SvmRange(process, start, last);
}

/** `do_unmap`: its memory counts no more; false where other ranges go on to have it. Context: may sleep. */
export function* svm_range_free(prange: SvmRange, do_unmap: boolean): Task {
  const { module, xnack_enabled } = prange.process;
  yield* svm_range_vram_node_free(prange);
  if (do_unmap && !xnack_enabled) module.system_mem_used -= prange.npages;
  prange.dma_addr.fill(null);
}

/** When the process goes from one XNACK mode to the other, its ranges count, or count no more. Return: false: too much. */
export function svm_range_switch_xnack_reserve_mem(p: KfdProcess, xnack_enabled: boolean): boolean {
  let pages = 0;
  for (const prange of p.svms.list) {
    pages += prange.npages;
    for (const pchild of prange.child_list) pages += pchild.npages;
  }
  if (xnack_enabled) p.module.system_mem_used -= pages;
  else if (!reserve_system_mem(p.module, pages)) return false;
  p.xnack_enabled = xnack_enabled;
  return true;
}

export function svm_range_add_to_svms(prange: SvmRange): void {
  const { svms } = prange.process;
  svms.list.add(prange);
  interval_tree_insert(svms, prange);
}

export function svm_range_unlink(prange: SvmRange): void {
  const { svms } = prange.process;
  svm_bo_list_del(prange);
  svms.list.delete(prange);
  interval_tree_remove(svms, prange);
}

function copy_attributes(to: SvmRange, from: SvmRange): void {
  to.flags = from.flags;
  to.preferred_loc = from.preferred_loc;
  to.prefetch_loc = from.prefetch_loc;
  to.actual_loc = from.actual_loc;
  to.granularity = from.granularity;
  to.mapped_to_gpu = from.mapped_to_gpu;
  to.bitmap_access = from.bitmap_access;
  to.bitmap_aip = from.bitmap_aip;
}

/** A range like the old one, to be split in its place. */
export function svm_range_clone(old: SvmRange): SvmRange {
  const prange = new SvmRange(old.process, old.start, old.last);
  for (const [gpuidx, addrs] of old.dma_addr.entries())
    prange.dma_addr[gpuidx] = addrs?.slice(0, old.npages) ?? null;
  // A range whose pages have all come home holds its buffer no longer, and nobody lets go of one that its clone took.
  const { amdkfdClonesHeldOnly } = old.process.module.kernel.behaviour;
  if (old.svm_bo !== null && (old.ttm_res || !amdkfdClonesHeldOnly)) {
    svm_bo_share(prange, old);
    prange.offset = old.offset;
  }
  copy_attributes(prange, old);
  prange.vram_pages = old.vram_pages;
  return prange;
}

// --- splitting ------------------------------------------------------------------------------------------------

/** The new range takes its part of what the old one has mapped. `npages`: what the old one keeps. */
function svm_range_split_pages(part: SvmRange, old: SvmRange, npages: number): void {
  const { kernel } = old.process.module;
  let mapped = false;
  for (const [gpuidx, addrs] of old.dma_addr.entries()) {
    if (addrs === null) continue;
    mapped = true;
    const from = part.start - old.start;
    const theirs = addrs.slice(from, part.npages);
    part.dma_addr[gpuidx] = theirs;
    old.dma_addr[gpuidx] = addrs.slice(from === 0 ? part.npages : 0, npages);
    if (old.actual_loc !== 0) {
      part.vram_pages = theirs.count((page) => kernel.is_zone_device_page(page));
    }
  }
  if (old.actual_loc === 0) return;
  // Pages that were only ever prefetched are mapped nowhere: what is in VRAM as a whole still splits exactly.
  if (!mapped && old.vram_pages === old.npages) part.vram_pages = part.npages;
  old.vram_pages -= part.vram_pages;
}

function svm_range_split_nodes(part: SvmRange, old: SvmRange, npages: number): void {
  if (part.start === old.start) {
    part.offset = old.offset;
    old.offset += part.npages;
  } else part.offset = old.offset + npages;
  svm_bo_share(part, old);
}

/** Cut the range down to [start, last], one of whose ends is its own. Return: the rest as a range of its own, or -EINVAL. */
export function svm_range_split(prange: SvmRange, start: number, last: number): SvmRange | number {
  if (prange.start !== start && prange.last !== last) return -EINVAL;
  if (start < prange.start || last > prange.last) return -EINVAL;
  const { process } = prange;
  const part =
    prange.start === start
      ? new SvmRange(process, last + 1, prange.last)
      : new SvmRange(process, prange.start, start - 1);
  const npages = last - start + 1;
  svm_range_split_pages(part, prange, npages);
  if (prange.actual_loc !== 0 && prange.ttm_res) svm_range_split_nodes(part, prange, npages);
  prange.start = start;
  prange.last = last;
  copy_attributes(part, prange);
  return part;
}
