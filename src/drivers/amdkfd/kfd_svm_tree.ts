// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: drivers/gpu/drm/amd/amdkfd/kfd_svm.c, the interval tree of a process's ranges. Fidelity: ported; a sorted array stands for the tree. */
import type { SvmRange, SvmRangeList } from './kfd_priv.js';

/** The first range, by number, that ends at `start` or behind. */
function lowerBound(objects: readonly SvmRange[], start: number): number {
  let low = 0;
  let high = objects.length;
  while (low < high) {
    const mid = (low + high) >>> 1;
    if (objects[mid]!.it_last < start) low = mid + 1;
    else high = mid;
  }
  return low;
}

/** interval_tree_insert(), where the range is now. */
export function interval_tree_insert(svms: SvmRangeList, prange: SvmRange): void {
  prange.it_start = prange.start;
  prange.it_last = prange.last;
  const { objects } = svms;
  let at = lowerBound(objects, prange.it_start);
  // While ranges are replaced, old and new ones are there together.
  while (at < objects.length && objects[at]!.it_start < prange.it_start) at++;
  objects.splice(at, 0, prange);
}

export function interval_tree_remove(svms: SvmRangeList, prange: SvmRange): void {
  const at = svms.objects.indexOf(prange);
  if (at >= 0) svms.objects.splice(at, 1);
}

/** The ranges that have a page of [start, last], in order. */
export function interval_tree_overlaps({ objects }: SvmRangeList, start: number, last: number): SvmRange[] {
  const found: SvmRange[] = [];
  for (let at = lowerBound(objects, start); at < objects.length; at++) {
    const prange = objects[at]!;
    if (prange.it_start > last) break;
    if (prange.it_last >= start) found.push(prange);
  }
  return found;
}

/** The ranges before and behind a page that none has. */
export function interval_tree_neighbours(
  { objects }: SvmRangeList,
  addr: number,
): { readonly before: SvmRange | undefined; readonly behind: SvmRange | undefined } {
  const at = lowerBound(objects, addr + 1);
  return { before: objects[at - 1], behind: objects[at] };
}

/** The range that has the page, be it one that a notifier has split off and that is not in the tree yet. */
export function svm_range_from_addr(svms: SvmRangeList, addr: number): SvmRange | null {
  const has = ({ start, last }: SvmRange): boolean => addr >= start && addr <= last;
  const [prange] = interval_tree_overlaps(svms, addr, addr);
  if (prange === undefined) return null;
  return has(prange) ? prange : (prange.child_list.find(has) ?? null);
}
