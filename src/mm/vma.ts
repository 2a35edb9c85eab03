// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: mm/vma.c (6.12) and mm/mmap.c (6.1): merging, splitting and linking of VMAs. Fidelity: ported. */
import type { Task } from '../sim/task.js';
import { EINVAL, ENOMEM } from '../uapi/errno.js';
import { PAGE_SIZE } from '../uapi/mman.js';
import { anon_vma_bounds_changed, anon_vma_clone, unlink_anon_vmas } from './anon_vma.js';
import { split_huge_pmd_if_needed } from './huge_split.js';
import { mpol_equal } from './mempolicy.js';
import { PTE_PRESENT, PTE_PROTNONE, PTE_WRITE } from './pgtable.js';
import { refused } from './reasons.js';
import {
  is_vm_hugetlb_page,
  type MmStruct,
  userfaultfd_wp,
  VM_ACCESS_FLAGS,
  VM_LOCKED,
  VM_SHARED,
  VM_SPECIAL,
  VM_UFFD_FLAGS,
  VM_UFFD_WP,
  VM_WRITE,
  VmArea,
} from './types.js';

/** sysctl vm.max_map_count */
export const MAX_MAP_COUNT = 65530;

/** PTE bits of a page mapped without a write fault: private mappings never begin writable. */
export function vm_get_page_prot(vm_flags: number): number {
  if ((vm_flags & VM_ACCESS_FLAGS) === 0) return PTE_PRESENT | PTE_PROTNONE;
  // A userfaultfd wants to know of the first write.
  return (vm_flags & (VM_SHARED | VM_WRITE | VM_UFFD_WP)) === (VM_SHARED | VM_WRITE)
    ? PTE_PRESENT | PTE_WRITE
    : PTE_PRESENT;
}

/** Whether somebody wants to know of the first write to a page: the file system, or a userfaultfd. */
export function vma_wants_writenotify(vma: VmArea): boolean {
  if ((vma.vm_flags & (VM_SHARED | VM_WRITE)) !== (VM_SHARED | VM_WRITE)) return false;
  return vma.vm_ops?.page_mkwrite !== undefined || userfaultfd_wp(vma);
}

export function vma_set_page_prot(vma: VmArea): void {
  const { vm_flags } = vma;
  vma.vm_page_prot = vm_get_page_prot(vma_wants_writenotify(vma) ? vm_flags & ~VM_SHARED : vm_flags);
}

/** Put a VMA into its mm and its file's i_mmap. */
export function vma_link(mm: MmStruct, vma: VmArea): void {
  mm.vmas.insert(vma);
  vma.vm_file?.mapping?.i_mmap.add(vma);
  if ((vma.vm_flags & VM_LOCKED) !== 0) mm.locked_vm += (vma.vm_end - vma.vm_start) / PAGE_SIZE;
}

/** fork(): put the child's copy of `original` into its mm, and into i_mmap right behind the original. */
export function vma_link_copy(mm: MmStruct, vma: VmArea, original: VmArea): void {
  vma_link(mm, vma);
  const i_mmap = vma.vm_file?.mapping?.i_mmap;
  if (i_mmap === undefined) return;
  const all = [...i_mmap];
  for (const later of all.slice(all.indexOf(original) + 1, -1)) {
    i_mmap.delete(later);
    i_mmap.add(later);
  }
}

/** The bounds of a VMA have changed: it leaves the trees that rmap walks and enters them again, behind its equals. */
function bounds_changed(vma: VmArea): void {
  anon_vma_bounds_changed(vma);
  const i_mmap = vma.vm_file?.mapping?.i_mmap;
  if (i_mmap?.delete(vma)) i_mmap.add(vma);
}

/** remove_vma(): drop what an unlinked VMA holds. */
export function remove_vma(vma: VmArea): void {
  vma.vm_ops?.close?.(vma);
  unlink_anon_vmas(vma);
  vma.vm_file?.fput();
}

/** vma_set_range(): move the bounds of a VMA that is linked. */
export function vma_set_range(vma: VmArea, start: number, end: number, pgoff: number): void {
  vma.vm_mm.vmas.setRange(vma, start, end);
  vma.vm_pgoff = pgoff;
  bounds_changed(vma);
}

/** A copy with the same contents; not linked, and in no anon_vma's chains yet. */
export function vm_area_dup(mm: MmStruct, orig: VmArea): VmArea {
  const vma = new VmArea(mm, orig.vm_start, orig.vm_end);
  vma.vm_pgoff = orig.vm_pgoff;
  vma.vm_flags = orig.vm_flags;
  vma.vm_page_prot = orig.vm_page_prot;
  vma.vm_file = orig.vm_file;
  vma.vm_ops = orig.vm_ops;
  vma.anon_vma = orig.anon_vma;
  vma.vm_private_data = orig.vm_private_data;
  vma.vm_userfaultfd_ctx = orig.vm_userfaultfd_ctx;
  vma.vm_policy = orig.vm_policy;
  return vma;
}

/**
 * Split at `addr`, which lies inside; `vma` keeps the lower part, or the upper one with `new_below`.
 * Context: mmap_lock held for write; may sleep. Return: 0, -ENOMEM past max_map_count, -EINVAL by may_split.
 */
export function* split_vma(vma: VmArea, addr: number, new_below: boolean): Task<number> {
  const mm = vma.vm_mm;
  if ((vma.vm_ops?.may_split?.(vma, addr) ?? 0) !== 0) {
    const because = is_vm_hugetlb_page(vma) ? 'inside-huge-page' : 'special-mapping';
    return refused(mm, '__split_vma', addr, because, EINVAL);
  }
  if (mm.vmas.size >= MAX_MAP_COUNT) return -ENOMEM;
  yield* split_huge_pmd_if_needed(vma, addr);
  const fresh = vm_area_dup(mm, vma);
  anon_vma_clone(fresh, vma);
  vma.vm_file?.get_file();
  const upper = vma.vm_pgoff + (addr - vma.vm_start) / PAGE_SIZE;
  if (new_below) {
    fresh.vm_end = addr;
    vma_set_range(vma, addr, vma.vm_end, upper);
  } else {
    fresh.vm_start = addr;
    fresh.vm_pgoff = upper;
    vma_set_range(vma, vma.vm_start, addr, vma.vm_pgoff);
  }
  mm.vmas.insert(fresh);
  fresh.vm_file?.mapping?.i_mmap.add(fresh);
  fresh.vm_ops?.open?.(fresh);
  return 0;
}

function is_mergeable_anon_vma(a: VmArea['anon_vma'], b: VmArea['anon_vma'], vma: VmArea | null): boolean {
  if ((a === null || b === null) && (vma === null || vma.anon_vma_chain.length === 1)) return true;
  return a === b;
}

export interface MergeCandidate {
  readonly start: number;
  readonly end: number;
  readonly flags: number;
  readonly file: VmArea['vm_file'];
  readonly ops: VmArea['vm_ops'];
  readonly anon_vma: VmArea['anon_vma'];
  readonly pgoff: number;
  readonly uffd: VmArea['vm_userfaultfd_ctx'];
  readonly policy: VmArea['vm_policy'];
}

function is_mergeable_vma(vma: VmArea, range: MergeCandidate): boolean {
  // Mappings with a driver's own pages never merge.
  if ((range.flags & VM_SPECIAL) !== 0) return false;
  if (vma.vm_userfaultfd_ctx !== range.uffd || !mpol_equal(vma.vm_policy, range.policy)) return false;
  return vma.vm_flags === range.flags && vma.vm_file === range.file && vma.vm_ops === range.ops;
}

/** The VMA that ends where `range` begins and can take it in. */
function mergeable_prev(mm: MmStruct, range: MergeCandidate): VmArea | null {
  const prev = mm.vmas.prev(range.start);
  if (prev === null || prev.vm_end !== range.start || !is_mergeable_vma(prev, range)) return null;
  if (!is_mergeable_anon_vma(range.anon_vma, prev.anon_vma, prev)) return null;
  return prev.vm_pgoff + (prev.vm_end - prev.vm_start) / PAGE_SIZE === range.pgoff ? prev : null;
}

/** The VMA that begins where `range` ends and can take it in. */
function mergeable_next(mm: MmStruct, range: MergeCandidate): VmArea | null {
  const next = mm.vmas.vma_lookup(range.end);
  if (next === null || next.vm_start !== range.end || !is_mergeable_vma(next, range)) return null;
  if (!is_mergeable_anon_vma(range.anon_vma, next.anon_vma, next)) return null;
  return next.vm_pgoff === range.pgoff + (range.end - range.start) / PAGE_SIZE ? next : null;
}

/** The survivor takes over the pages of a VMA that is removed or shrinks. */
function dup_anon_vma(survivor: VmArea, source: VmArea): void {
  if (survivor.anon_vma !== null || source.anon_vma === null) return;
  survivor.anon_vma = source.anon_vma;
  anon_vma_clone(survivor, source);
}

function drop_merged(mm: MmStruct, vma: VmArea): void {
  mm.vmas.erase(vma);
  vma.vm_file?.mapping?.i_mmap.delete(vma);
  unlink_anon_vmas(vma);
  vma.vm_file?.fput();
}

/** A VMA with close() must not vanish in a merge. */
const removable = (vma: VmArea): boolean => vma.vm_ops?.close === undefined;

/**
 * vma_merge() for a new range in a gap: extend a neighbour over it. Return: the VMA that covers it now, or null.
 */
export function vma_merge_new_range(mm: MmStruct, range: MergeCandidate): VmArea | null {
  const prev = mergeable_prev(mm, range);
  const next = mergeable_next(mm, range);
  if (
    prev !== null &&
    next !== null &&
    removable(next) &&
    is_mergeable_anon_vma(prev.anon_vma, next.anon_vma, null)
  ) {
    dup_anon_vma(prev, next);
    const end = next.vm_end;
    drop_merged(mm, next);
    vma_set_range(prev, prev.vm_start, end, prev.vm_pgoff);
    return prev;
  }
  if (prev !== null) {
    vma_set_range(prev, prev.vm_start, range.end, prev.vm_pgoff);
    return prev;
  }
  if (next !== null) {
    vma_set_range(next, range.start, next.vm_end, range.pgoff);
    return next;
  }
  return null;
}

/**
 * vma_modify_flags(): give [start, end) of `vma` new flags (or another policy: vma_modify_policy), merging with equal neighbours or splitting.
 * The flags themselves are set by the caller where the result is `vma` itself.
 * Context: mmap_lock held for write; may sleep. Return: the VMA that covers the range, or -errno.
 */
export function* vma_modify_flags(
  vma: VmArea,
  start: number,
  end: number,
  flags: number,
  uffd = vma.vm_userfaultfd_ctx,
  policy = vma.vm_policy,
): Task<VmArea | number> {
  const mm = vma.vm_mm;
  const merged = yield* vma_merge_existing_range(mm, vma, start, end, flags, uffd, policy);
  if (merged !== null) return merged;
  if (start > vma.vm_start) {
    const err = yield* split_vma(vma, start, true);
    if (err !== 0) return err;
  }
  if (end < vma.vm_end) {
    const err = yield* split_vma(vma, end, false);
    if (err !== 0) return err;
  }
  return vma;
}

/**
 * The range [start, end) of `vma`, here rrrr, becomes like a neighbour, w. Who takes it:
 *
 *     wwww|rrrr|wwww  ->  wwwwwwwwwwww   prev; vma and next go
 *     wwww|rrrr       ->  wwwwwwww       prev; vma goes
 *     wwww|rr__       ->  wwwwww|__      prev; vma begins later
 *     rrrr|wwww       ->  wwwwwwww       next; vma goes
 *     __rr|wwww       ->  __|wwwwww      next; vma ends earlier
 *
 * Return: null where nobody can, and vma has to be split.
 */
function* vma_merge_existing_range(
  mm: MmStruct,
  vma: VmArea,
  start: number,
  end: number,
  flags: number,
  uffd: VmArea['vm_userfaultfd_ctx'],
  policy: VmArea['vm_policy'],
): Task<VmArea | null> {
  const range: MergeCandidate = {
    start,
    end,
    flags,
    file: vma.vm_file,
    ops: vma.vm_ops,
    anon_vma: vma.anon_vma,
    pgoff: vma.vm_pgoff + (start - vma.vm_start) / PAGE_SIZE,
    uffd,
    policy,
  };
  const prev = start === vma.vm_start ? mergeable_prev(mm, range) : null;
  const next = end === vma.vm_end ? mergeable_next(mm, range) : null;
  if (prev !== null && next !== null && is_mergeable_anon_vma(prev.anon_vma, next.anon_vma, null)) {
    if (!removable(vma) || !removable(next)) return null;
    dup_anon_vma(prev, next.anon_vma === null ? vma : next);
    const last = next.vm_end;
    drop_merged(mm, vma);
    drop_merged(mm, next);
    vma_set_range(prev, prev.vm_start, last, prev.vm_pgoff);
    return prev;
  }
  if (prev !== null) {
    if (end === vma.vm_end && !removable(vma)) return null;
    yield* split_huge_pmd_if_needed(vma, end);
    dup_anon_vma(prev, vma);
    if (end === vma.vm_end) {
      drop_merged(mm, vma);
    } else {
      vma_set_range(vma, end, vma.vm_end, vma.vm_pgoff + (end - vma.vm_start) / PAGE_SIZE);
    }
    vma_set_range(prev, prev.vm_start, end, prev.vm_pgoff);
    return prev;
  }
  if (next !== null) {
    if (start === vma.vm_start && !removable(vma)) return null;
    yield* split_huge_pmd_if_needed(vma, start);
    dup_anon_vma(next, vma);
    if (start === vma.vm_start) drop_merged(mm, vma);
    else vma_set_range(vma, vma.vm_start, start, vma.vm_pgoff);
    vma_set_range(next, start, next.vm_end, next.vm_pgoff - (next.vm_start - start) / PAGE_SIZE);
    return next;
  }
  return null;
}

/** Write permission for what the VMA lets write (include/linux/mm.h). */
export function maybe_mkwrite(flags: number, vma: VmArea): number {
  return (vma.vm_flags & VM_WRITE) !== 0 ? flags | PTE_WRITE : flags;
}

/** userfaultfd_reset_ctx(): the VMA is no userfaultfd's any more. */
export function userfaultfd_reset_ctx(vma: VmArea): void {
  if (vma.vm_userfaultfd_ctx === null) return;
  vma.vm_userfaultfd_ctx = null;
  vma.vm_flags &= ~VM_UFFD_FLAGS;
  vma_set_page_prot(vma);
}
