// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: mm/mremap.c. Fidelity: ported; page tables are moved entry by entry. */
import type { Task } from '../sim/task.js';
import { EFAULT, EINVAL, ENOMEM } from '../uapi/errno.js';
import { MREMAP_DONTUNMAP, MREMAP_FIXED, MREMAP_MAYMOVE, PAGE_SIZE } from '../uapi/mman.js';
import { anon_vma_clone, unlink_anon_vmas } from './anon_vma.js';
import { __mm_populate } from './gup.js';
import { __split_huge_pmd } from './huge_split.js';
import { clear_vma_resv_huge_pages, move_hugetlb_page_tables } from './hugetlb.js';
import { do_vmi_munmap, find_free_area, TASK_SIZE } from './mmap.js';
import {
  mmu_notifier_invalidate_range_end,
  mmu_notifier_invalidate_range_start,
  mmu_notifier_range,
} from './mmu_notifier.js';
import {
  FLAGS,
  is_guard_marker,
  is_pte_marker,
  PTE_UFFD_WP,
  type PteTable,
  pmd_index,
  pmd_is_huge,
  pte_index,
  pte_present,
  SWP_UFFD_WP,
} from './pgtable.js';
import { refused } from './reasons.js';
import { flush_tlb_range } from './tlb.js';
import {
  is_vm_hugetlb_page,
  type MmStruct,
  VM_ACCOUNT,
  VM_DONTEXPAND,
  VM_LOCKED,
  VM_LOCKED_MASK,
  VM_MAYSHARE,
  VM_PFNMAP,
  VM_SHARED,
  type VmArea,
  vma_is_anonymous,
} from './types.js';
import {
  MAX_MAP_COUNT,
  userfaultfd_reset_ctx,
  vm_area_dup,
  vma_link,
  vma_merge_new_range,
  vma_set_range,
} from './vma.js';

const pageAlign = (length: number): number => Math.ceil(length / PAGE_SIZE) * PAGE_SIZE;

export interface MremapRequest {
  readonly addr: number;
  readonly oldLength: number;
  readonly newLength: number;
  readonly flags: number;
  readonly newAddr: number;
}

/** mremap(2). Context: may sleep. Return: the new address, -EINVAL, -EFAULT, -ENOMEM. */
export function* do_mremap(mm: MmStruct, request: MremapRequest): Task<number> {
  const { flags, addr } = request;
  if ((flags & ~(MREMAP_FIXED | MREMAP_MAYMOVE | MREMAP_DONTUNMAP)) !== 0) return -EINVAL;
  if ((flags & MREMAP_FIXED) !== 0 && (flags & MREMAP_MAYMOVE) === 0) return -EINVAL;
  if ((flags & MREMAP_DONTUNMAP) !== 0) {
    if ((flags & MREMAP_MAYMOVE) === 0 || request.oldLength !== request.newLength) return -EINVAL;
  }
  if (addr % PAGE_SIZE !== 0) return -EINVAL;
  if (request.newLength === 0) return -EINVAL;
  yield* mm.mmap_lock.down_write('mremap');
  const locked: { start: number; length: number }[] = [];
  const ret = yield* mremap_locked(mm, request, locked);
  mm.mmap_lock.up_write();
  for (const { start, length } of locked) yield* __mm_populate(mm, start, length, true);
  return ret;
}

function* mremap_locked(
  mm: MmStruct,
  request: MremapRequest,
  locked: { start: number; length: number }[],
): Task<number> {
  const { addr, flags, newAddr } = request;
  let oldLength = pageAlign(request.oldLength);
  let newLength = pageAlign(request.newLength);
  const vma = mm.vmas.vma_lookup(addr);
  if (vma === null) return refused(mm, 'mremap_locked', addr, 'no-vma', EFAULT);
  if (is_vm_hugetlb_page(vma)) {
    oldLength = Math.ceil(oldLength / 0x200000) * 0x200000;
    newLength = Math.ceil(newLength / 0x200000) * 0x200000;
    if (newLength > oldLength) return refused(mm, 'mremap_locked', addr, 'hugetlb-mapping', EINVAL);
    if (addr % 0x200000 !== 0 || newAddr % 0x200000 !== 0)
      return refused(mm, 'mremap_locked', addr, 'inside-huge-page', EINVAL);
  }
  if ((flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) !== 0) {
    return yield* mremap_to(mm, addr, oldLength, newAddr, newLength, flags, locked);
  }
  if (oldLength >= newLength) {
    if (oldLength === newLength) return addr;
    const err = yield* do_vmi_munmap(mm, addr + newLength, oldLength - newLength);
    return err !== 0 ? err : addr;
  }
  return yield* mremap_grow(mm, addr, oldLength, newLength, flags, locked);
}

/** The mapping at `addr` if it can be given a new size; or -errno. */
function vma_to_resize(
  mm: MmStruct,
  addr: number,
  oldLength: number,
  newLength: number,
  flags: number,
): VmArea | number {
  const vma = mm.vmas.vma_lookup(addr);
  if (vma === null) return refused(mm, 'vma_to_resize', addr, 'no-vma', EFAULT);
  if (oldLength === 0 && (vma.vm_flags & (VM_SHARED | VM_MAYSHARE)) === 0) return -EINVAL;
  if ((flags & MREMAP_DONTUNMAP) !== 0 && (vma.vm_flags & (VM_DONTEXPAND | VM_PFNMAP)) !== 0) return -EINVAL;
  if (oldLength > vma.vm_end - addr) return refused(mm, 'vma_to_resize', vma.vm_end, 'beyond-vma', EFAULT);
  if (newLength === oldLength) return vma;
  const special = (vma.vm_flags & (VM_DONTEXPAND | VM_PFNMAP)) !== 0;
  return special ? refused(mm, 'vma_to_resize', addr, 'special-mapping', EFAULT) : vma;
}

function* mremap_grow(
  mm: MmStruct,
  addr: number,
  oldLength: number,
  newLength: number,
  flags: number,
  locked: { start: number; length: number }[],
): Task<number> {
  const vma = vma_to_resize(mm, addr, oldLength, newLength, flags);
  if (typeof vma === 'number') return vma;
  const end = addr + newLength;
  if (oldLength === vma.vm_end - addr && end <= TASK_SIZE && mm.vmas.inRange(vma.vm_end, end).length === 0) {
    if ((vma.vm_flags & VM_LOCKED) !== 0) {
      mm.locked_vm += (newLength - oldLength) / PAGE_SIZE;
      locked.push({ start: vma.vm_end, length: newLength - oldLength });
    }
    vma_set_range(vma, vma.vm_start, end, vma.vm_pgoff);
    return addr;
  }
  if ((flags & MREMAP_MAYMOVE) === 0)
    return refused(mm, 'mremap_grow', addr + oldLength, 'no-room-to-grow', ENOMEM);
  const target = find_free_area(mm, newLength);
  if (target < 0) return target;
  return yield* move_vma(mm, vma, addr, oldLength, newLength, target, flags, locked);
}

function* mremap_to(
  mm: MmStruct,
  addr: number,
  oldLength: number,
  newAddr: number,
  newLength: number,
  flags: number,
  locked: { start: number; length: number }[],
): Task<number> {
  if (newAddr % PAGE_SIZE !== 0) return -EINVAL;
  if (newLength > TASK_SIZE || newAddr > TASK_SIZE - newLength) return -EINVAL;
  if (addr + oldLength > newAddr && newAddr + newLength > addr)
    return refused(mm, 'mremap_overlaps', newAddr, 'ranges-overlap', EINVAL);
  if (mm.vmas.size + 2 >= MAX_MAP_COUNT - 3) return -ENOMEM;
  if ((flags & MREMAP_FIXED) !== 0) {
    const err = yield* do_vmi_munmap(mm, newAddr, newLength);
    if (err !== 0) return err;
  }
  if (oldLength > newLength) {
    const err = yield* do_vmi_munmap(mm, addr + newLength, oldLength - newLength);
    if (err !== 0) return err;
    oldLength = newLength;
  }
  const vma = vma_to_resize(mm, addr, oldLength, newLength, flags);
  if (typeof vma === 'number') return vma;
  const target = (flags & MREMAP_FIXED) !== 0 ? newAddr : find_free_area(mm, newLength);
  if (target < 0) return target;
  return yield* move_vma(mm, vma, addr, oldLength, newLength, target, flags, locked);
}

/** A VMA at the new place for the same object (copy_vma); may be a neighbour that grew over it. */
function copy_vma(mm: MmStruct, vma: VmArea, addr: number, length: number, oldAddr: number): VmArea {
  let pgoff = vma.vm_pgoff + (oldAddr - vma.vm_start) / PAGE_SIZE;
  if (vma_is_anonymous(vma) && vma.anon_vma === null) pgoff = addr / PAGE_SIZE;
  const merged = vma_merge_new_range(mm, {
    start: addr,
    end: addr + length,
    flags: vma.vm_flags,
    file: vma.vm_file,
    ops: vma.vm_ops,
    anon_vma: vma.anon_vma,
    pgoff,
    uffd: vma.vm_userfaultfd_ctx,
    policy: vma.vm_policy,
  });
  if (merged !== null) {
    if (merged.anon_vma === null && vma.anon_vma !== null) anon_vma_clone(merged, vma);
    return merged;
  }
  const fresh = vm_area_dup(mm, vma);
  fresh.vm_start = addr;
  fresh.vm_end = addr + length;
  fresh.vm_pgoff = pgoff;
  anon_vma_clone(fresh, vma);
  fresh.vm_file?.get_file();
  fresh.vm_ops?.open?.(fresh);
  vma_link(mm, fresh);
  if ((fresh.vm_flags & VM_LOCKED) !== 0) mm.locked_vm -= length / PAGE_SIZE;
  return fresh;
}

function* move_vma(
  mm: MmStruct,
  vma: VmArea,
  oldAddr: number,
  oldLength: number,
  newLength: number,
  newAddr: number,
  flags: number,
  locked: { start: number; length: number }[],
): Task<number> {
  if (mm.vmas.size >= MAX_MAP_COUNT - 3) return -ENOMEM;
  const oldEnd = oldAddr + oldLength;
  if (vma.vm_ops?.may_split !== undefined) {
    let err = vma.vm_start === oldAddr ? 0 : vma.vm_ops.may_split(vma, oldAddr);
    if (err === 0 && vma.vm_end !== oldEnd) err = vma.vm_ops.may_split(vma, oldEnd);
    if (err !== 0) return err;
  }
  const { vm_flags, vm_start } = vma;
  const fresh = copy_vma(mm, vma, newAddr, newLength, oldAddr);
  // A source that nothing was ever faulted into may have been merged with its new place.
  if (vm_start >= fresh.vm_start && vm_start < fresh.vm_end) vma = fresh;
  yield* move_page_tables(vma, oldAddr, fresh, newAddr, oldLength);
  // Nobody asked for UFFD_FEATURE_EVENT_REMAP.
  userfaultfd_reset_ctx(fresh);
  if (is_vm_hugetlb_page(vma)) clear_vma_resv_huge_pages(vma, oldAddr, oldEnd);
  if ((flags & MREMAP_DONTUNMAP) !== 0) {
    // As in the kernel, what stays of a locked VMA counts as locked for good.
    if ((vm_flags & VM_LOCKED) !== 0) mm.lockedForGood += (vma.vm_end - vma.vm_start - oldLength) / PAGE_SIZE;
    vma.vm_flags &= ~VM_LOCKED_MASK;
    if (vma.vm_start === oldAddr && vma.vm_end === oldEnd) {
      unlink_anon_vmas(vma);
      if (vma_is_anonymous(vma)) vma.vm_pgoff = vma.vm_start / PAGE_SIZE;
    }
    return newAddr;
  }
  const before = vma.vm_start < oldAddr;
  const after = vma.vm_end > oldEnd;
  vma.vm_flags &= ~VM_ACCOUNT;
  yield* do_vmi_munmap(mm, oldAddr, oldLength);
  if ((vm_flags & VM_LOCKED) !== 0) {
    mm.locked_vm += newLength / PAGE_SIZE;
    // Only what the mapping has grown by is faulted in: what moved stays as it was.
    if (newLength > oldLength) {
      locked.push({ start: newAddr + oldLength, length: newLength - oldLength });
    }
  }
  if ((vm_flags & VM_ACCOUNT) !== 0) {
    if (before) mm.vmas.prev(oldAddr)!.vm_flags |= VM_ACCOUNT;
    if (after) mm.vmas.vma_lookup(oldEnd)!.vm_flags |= VM_ACCOUNT;
  }
  return newAddr;
}

/** Move the entries of [oldAddr, oldAddr + length) to the new VMA. Context: may sleep (notifiers). */
function* move_page_tables(
  vma: VmArea,
  oldAddr: number,
  fresh: VmArea,
  newAddr: number,
  length: number,
): Task {
  vma.vm_mm.kernel.enter('move_page_tables', oldAddr);
  const mm = vma.vm_mm;
  if (length === 0) return;
  if (is_vm_hugetlb_page(vma)) {
    yield* move_hugetlb_page_tables(vma, fresh, oldAddr, newAddr, length);
    return;
  }
  const oldEnd = oldAddr + length;
  const range = mmu_notifier_range(mm, oldAddr, oldEnd, 'MMU_NOTIFY_UNMAP');
  yield* mmu_notifier_invalidate_range_start(range);
  for (let done = 0; done < length; ) {
    const from = oldAddr + done;
    const to = newAddr + done;
    const extent = Math.min(0x200000 - (from % 0x200000), 0x200000 - (to % 0x200000), length - done);
    yield* move_extent(vma, from, to, extent);
    done += extent;
  }
  flush_tlb_range(mm, oldAddr, oldEnd);
  mmu_notifier_invalidate_range_end(range);
}

/** Move what lies within one PMD on both sides. */
function* move_extent(vma: VmArea, from: number, to: number, extent: number): Task {
  const { pt } = vma.vm_mm;
  const pmd = pt.pmdTable(from);
  if (pmd === null) return;
  const i = pmd_index(from);
  if (pmd_is_huge(pmd, i)) {
    const target = pt.pmd_alloc(to);
    const t = pmd_index(to);
    if (extent === 0x200000 && target.child[t] === null && target.e[FLAGS + t] === 0) {
      const flags = pmd.e[FLAGS + i]!;
      pt.set_pmd(target, t, pmd.e[i]!, flags & ~(pte_present(flags) ? PTE_UFFD_WP : SWP_UFFD_WP));
      pt.pmd_clear(pmd, i);
      return;
    }
    yield* __split_huge_pmd(vma, pmd, i, from, false, null);
  }
  const table = pmd.child[i]!;
  if (table === null) return;
  move_ptes(table, pte_index(from), pt.pte_alloc(to), pte_index(to), extent / PAGE_SIZE);
}

function move_ptes(old: PteTable, from: number, fresh: PteTable, to: number, count: number): void {
  for (let n = 0; n < count; n++) {
    const flags = old[FLAGS + from + n]!;
    if (flags === 0) continue;
    // The new place has no userfaultfd, nor its marks.
    if (pte_present(flags) || !is_pte_marker(flags) || is_guard_marker(flags)) {
      fresh[to + n] = old[from + n]!;
      fresh[FLAGS + to + n] = flags & ~(pte_present(flags) ? PTE_UFFD_WP : SWP_UFFD_WP);
    }
    old[from + n] = 0;
    old[FLAGS + from + n] = 0;
  }
}
