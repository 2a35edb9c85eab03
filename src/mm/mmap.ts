// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: mm/mmap.c, mm/vma.c, kernel/fork.c (dup_mmap): mapping and unmapping, fork and exit of an address
 * space. Fidelity: ported; no ASLR, no stack growth, no rlimits but RLIMIT_MEMLOCK.
 */
import { KernelBug } from '../sim/errors.js';
import type { Task } from '../sim/task.js';
import { EEXIST, EINVAL, ENOMEM } from '../uapi/errno.js';
import {
  MAP_FIXED,
  MAP_FIXED_NOREPLACE,
  MAP_LOCKED,
  MAP_NORESERVE,
  MAP_SHARED,
  PAGE_SIZE,
  PROT_EXEC,
  PROT_READ,
  PROT_WRITE,
} from '../uapi/mman.js';
import { anon_vma_fork } from './anon_vma.js';
import { hugetlb_dup_vma_private } from './hugetlb.js';
import { copy_page_range } from './memory_fork.js';
import { type MmuGather, tlb_finish_mmu, unmap_vmas } from './memory_zap.js';
import {
  mmu_notifier_invalidate_range_end,
  mmu_notifier_invalidate_range_start,
  mmu_notifier_range,
  mmu_notifier_release,
} from './mmu_notifier.js';
import { __vm_enough_memory } from './swap.js';
import { flush_tlb_mm } from './tlb.js';
import {
  is_vm_hugetlb_page,
  type MappableFile,
  type MmStruct,
  VM_ACCOUNT,
  VM_DONTCOPY,
  VM_EXEC,
  VM_HUGETLB,
  VM_LOCKED,
  VM_LOCKED_MASK,
  VM_MAYEXEC,
  VM_MAYREAD,
  VM_MAYSHARE,
  VM_MAYWRITE,
  VM_NORESERVE,
  VM_READ,
  VM_SHARED,
  VM_SPECIAL,
  VM_WIPEONFORK,
  VM_WRITE,
  VmArea,
  type VmOperations,
  vma_is_dax,
} from './types.js';
import {
  MAX_MAP_COUNT,
  remove_vma,
  split_vma,
  userfaultfd_reset_ctx,
  vm_area_dup,
  vma_link,
  vma_link_copy,
  vma_merge_new_range,
  vma_set_page_prot,
} from './vma.js';

export const TASK_SIZE = 0x7ffffffff000;
/** Where mmap searches downward from. */
const MMAP_BASE = 0x7ffff7fff000;
export const MMAP_MIN_ADDR = 0x10000;

/** Operations of a file mapping whose driver set none. */
export const vma_dummy_vm_ops: VmOperations = { name: 'dummy' };

/** How the object behind a mapping is mapped; null: anonymous private memory. */
export interface MappingSource {
  readonly file: MappableFile;
  readonly ops: VmOperations;
  /** The driver's mmap(); 0 or -errno. */
  mmap?(vma: VmArea): number;
}

export interface MmapRequest {
  readonly addr: number;
  readonly length: number;
  readonly prot: number;
  readonly flags: number;
  /** Offset into the object, in pages. */
  readonly pgoff: number;
  readonly source: MappingSource | null;
  readonly hugetlb: boolean;
}

const pageAlign = (length: number): number => Math.ceil(length / PAGE_SIZE) * PAGE_SIZE;

function calc_vm_flags(request: MmapRequest): number {
  const { prot, flags } = request;
  let vm_flags = VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC;
  if ((prot & PROT_READ) !== 0) vm_flags |= VM_READ;
  if ((prot & PROT_WRITE) !== 0) vm_flags |= VM_WRITE;
  if ((prot & PROT_EXEC) !== 0) vm_flags |= VM_EXEC;
  if ((flags & MAP_LOCKED) !== 0) vm_flags |= VM_LOCKED;
  if ((flags & MAP_SHARED) !== 0) vm_flags |= VM_SHARED | VM_MAYSHARE;
  if (request.hugetlb) vm_flags |= VM_HUGETLB;
  if ((flags & MAP_NORESERVE) !== 0) vm_flags |= VM_NORESERVE;
  return vm_flags;
}

/**
 * do_mmap(). Context: mmap_lock held for write; may sleep. Return: the address, or -EINVAL, -ENOMEM, -EEXIST.
 */
export function* do_mmap(mm: MmStruct, request: MmapRequest): Task<number> {
  const length = pageAlign(request.length);
  if (request.length === 0) return -EINVAL;
  if (length > TASK_SIZE) return -ENOMEM;
  if (mm.vmas.size > MAX_MAP_COUNT) return -ENOMEM;
  const addr = get_unmapped_area(mm, request, length);
  if (addr < 0) return addr;
  return yield* mmap_region(mm, addr, length, request);
}

/** Where a mapping goes. Context: mmap_lock held for write. Return: the address, -EINVAL, -ENOMEM or -EEXIST. */
export function get_unmapped_area(mm: MmStruct, request: MmapRequest, length: number): number {
  const { addr, flags } = request;
  if ((flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) !== 0) {
    if (addr % PAGE_SIZE !== 0) return -EINVAL;
    if (request.hugetlb && (addr % 0x200000 !== 0 || length % 0x200000 !== 0)) return -EINVAL;
    if (addr > TASK_SIZE - length) return -ENOMEM;
    if ((flags & MAP_FIXED_NOREPLACE) !== 0 && mm.vmas.inRange(addr, addr + length).length > 0)
      return -EEXIST;
    return addr;
  }
  const align = request.hugetlb ? 0x200000 : PAGE_SIZE;
  if (addr !== 0) {
    const hint = Math.ceil(addr / align) * align;
    const free = mm.vmas.inRange(hint, hint + length).length === 0;
    if (free && hint >= MMAP_MIN_ADDR && hint <= TASK_SIZE - length) return hint;
  }
  const thp = request.source === null && mm.kernel.behaviour.thpAlignedMmap && length >= 0x200000;
  if (thp) {
    const found = search_gap(mm, length + 0x200000, PAGE_SIZE);
    if (found >= 0) {
      const sub = (0x200000 - (found % 0x200000)) % 0x200000;
      return sub === 0 ? found + 0x200000 : found + sub;
    }
  }
  return search_gap(mm, length, align);
}

/** A free range of `length` bytes for a mapping that moves; or -ENOMEM. */
export function find_free_area(mm: MmStruct, length: number): number {
  return search_gap(mm, length, PAGE_SIZE);
}

/** The highest free range of `length` below the mmap base. */
function search_gap(mm: MmStruct, length: number, align: number): number {
  let top = MMAP_BASE;
  for (;;) {
    const prev = mm.vmas.prev(top);
    const inside = mm.vmas.vma_lookup(top - PAGE_SIZE);
    const below = inside ?? prev;
    const floor = Math.max(below === null ? 0 : below.vm_end, MMAP_MIN_ADDR);
    const start = top - length - ((top - length) % align);
    if (start >= floor) return start;
    if (below === null || below.vm_start <= MMAP_MIN_ADDR) return -ENOMEM;
    top = below.vm_start;
  }
}

function* mmap_region(mm: MmStruct, addr: number, length: number, request: MmapRequest): Task<number> {
  const k = mm.kernel;
  const end = addr + length;
  let vm_flags = calc_vm_flags(request);
  const shared = (vm_flags & VM_SHARED) !== 0;
  const replaced = mm.vmas.inRange(addr, end);
  if (replaced.length > 0) {
    const err = yield* do_vmi_munmap(mm, addr, length);
    if (err !== 0) return err;
  }
  if (!shared && (vm_flags & (VM_WRITE | VM_NORESERVE | VM_HUGETLB)) === VM_WRITE) {
    if (!__vm_enough_memory(k, length / PAGE_SIZE)) return -ENOMEM;
    vm_flags |= VM_ACCOUNT;
  }
  const { source } = request;
  const pgoff = source === null ? addr / PAGE_SIZE : request.pgoff;
  const ops = source === null ? null : source.ops;
  if (source === null || source.mmap === undefined) {
    const file = source === null ? null : source.file;
    const merged = vma_merge_new_range(mm, {
      start: addr,
      end,
      flags: vm_flags,
      file,
      ops,
      anon_vma: null,
      pgoff,
      uffd: null,
      policy: null,
    });
    if (merged !== null) {
      if ((vm_flags & VM_LOCKED) !== 0) mm.locked_vm += length / PAGE_SIZE;
      return addr;
    }
  }
  const vma = new VmArea(mm, addr, end);
  vma.vm_flags = vm_flags;
  vma.vm_pgoff = pgoff;
  vma.vm_ops = ops;
  vma_set_page_prot(vma);
  if (source !== null) {
    vma.vm_file = source.file;
    source.file.get_file();
    const err = source.mmap?.(vma) ?? 0;
    if (err !== 0) {
      vma.vm_file = null;
      source.file.fput();
      return err;
    }
  }
  if ((vma.vm_flags & VM_SPECIAL) !== 0 || vma_is_dax(vma)) vma.vm_flags &= ~VM_LOCKED_MASK;
  vma_link(mm, vma);
  return addr;
}

/**
 * do_munmap(). Context: mmap_lock held for write; may sleep. Return: 0, -EINVAL, -ENOMEM.
 */
export function* do_vmi_munmap(mm: MmStruct, start: number, len: number): Task<number> {
  if (start % PAGE_SIZE !== 0 || start > TASK_SIZE || len > TASK_SIZE - start) return -EINVAL;
  const end = start + pageAlign(len);
  if (end === start) return -EINVAL;
  const first = mm.vmas.find_vma(start);
  if (first === null || first.vm_start >= end) return 0;
  if (start > first.vm_start) {
    if (end < first.vm_end && mm.vmas.size >= MAX_MAP_COUNT) return -ENOMEM;
    const err = yield* split_vma(first, start, true);
    if (err !== 0) return err;
  }
  const last = mm.vmas.vma_lookup(end - 1);
  if (last !== null && last.vm_end > end) {
    const err = yield* split_vma(last, end, false);
    if (err !== 0) return err;
  }
  const doomed = mm.vmas.inRange(start, end);
  for (const vma of doomed) mm.vmas.erase(vma);
  yield* unmap_region(mm, doomed, start, end);
  for (const vma of doomed) {
    if ((vma.vm_flags & VM_LOCKED) !== 0) mm.locked_vm -= (vma.vm_end - vma.vm_start) / PAGE_SIZE;
    vma.vm_file?.mapping?.i_mmap.delete(vma);
    remove_vma(vma);
  }
  return 0;
}

/** Unmap VMAs that have left the tree, and free page tables that nobody needs. */
function* unmap_region(mm: MmStruct, doomed: readonly VmArea[], start: number, end: number): Task {
  const range = mmu_notifier_range(mm, start, end, 'MMU_NOTIFY_UNMAP');
  yield* mmu_notifier_invalidate_range_start(range);
  const tlb: MmuGather = [];
  yield* unmap_vmas(tlb, doomed, start, end);
  mmu_notifier_invalidate_range_end(range);
  const prev = mm.vmas.prev(start);
  const next = mm.vmas.find_vma(start);
  const floor = prev === null ? 0 : prev.vm_end;
  const ceiling = next === null ? TASK_SIZE + PAGE_SIZE : next.vm_start;
  for (const vma of doomed) mm.pt.free_pgd_range(vma.vm_start, vma.vm_end, floor, ceiling);
  tlb_finish_mmu(mm.kernel, tlb);
}

/** mmput(): the last user tears the address space down. Context: may sleep. */
export function* mmput(mm: MmStruct): Task {
  if (--mm.mm_users > 0) return;
  mm.kernel.executor.point('last reference', mm);
  yield* exit_mmap(mm);
  mm.kernel.mmdrop(mm);
}

function* exit_mmap(mm: MmStruct): Task {
  if (mm.notifiers !== null) yield* mmu_notifier_release(mm);
  const everything = mmu_notifier_range(mm, 0, Number.MAX_SAFE_INTEGER, 'MMU_NOTIFY_UNMAP');
  yield* mmu_notifier_invalidate_range_start(everything);
  const vmas = [...mm.vmas];
  const tlb: MmuGather = [];
  yield* unmap_vmas(tlb, vmas, 0, Number.MAX_SAFE_INTEGER);
  mmu_notifier_invalidate_range_end(everything);
  mm.vmas.clear();
  flush_tlb_mm(mm);
  for (const vma of vmas) {
    mm.pt.free_pgd_range(vma.vm_start, vma.vm_end, 0, Number.MAX_SAFE_INTEGER);
    vma.vm_file?.mapping?.i_mmap.delete(vma);
    remove_vma(vma);
  }
  tlb_finish_mmu(mm.kernel, tlb);
  mm.oom_skip = true;
  mm.locked_vm = 0;
  mm.lockedForGood = 0;
  if (mm.rss !== 0) throw new KernelBug('check_mm', `bad rss-counter state: ${mm.rss} pages left`);
}

/**
 * dup_mmap(): copy the address space for a child.
 * Context: takes the parent's mmap_lock for write; may sleep. Return: the child's mm, or -ENOMEM.
 */
export function* dup_mm(oldmm: MmStruct): Task<MmStruct | number> {
  const k = oldmm.kernel;
  const mm = k.mm_alloc();
  mm.memcg = oldmm.memcg;
  mm.mempolicy = oldmm.mempolicy;
  mm.il_prev = oldmm.il_prev;
  yield* oldmm.mmap_lock.down_write('dup_mmap');
  let err = 0;
  for (const mpnt of oldmm.vmas) {
    if ((mpnt.vm_flags & VM_DONTCOPY) !== 0) continue;
    err = yield* dup_vma(mm, mpnt);
    if (err !== 0) break;
  }
  flush_tlb_mm(oldmm);
  oldmm.mmap_lock.up_write();
  if (err === 0) return mm;
  yield* mmput(mm);
  // copy_mm() knows of no other reason.
  return -ENOMEM;
}

function* dup_vma(mm: MmStruct, mpnt: VmArea): Task<number> {
  const tmp = vm_area_dup(mm, mpnt);
  tmp.vm_flags &= ~VM_LOCKED_MASK;
  userfaultfd_reset_ctx(tmp);
  if ((tmp.vm_flags & VM_WIPEONFORK) === 0) anon_vma_fork(tmp, mpnt);
  else tmp.anon_vma = null;
  tmp.vm_file?.get_file();
  if (is_vm_hugetlb_page(tmp)) hugetlb_dup_vma_private(tmp);
  vma_link_copy(mm, tmp, mpnt);
  let err = 0;
  if ((tmp.vm_flags & VM_WIPEONFORK) === 0) err = yield* copy_page_range(tmp, mpnt);
  tmp.vm_ops?.open?.(tmp);
  return err;
}
