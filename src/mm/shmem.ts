// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: mm/shmem.c, mm/filemap.c: memory files and shared anonymous memory. Fidelity: simplified: no huge pages, no swap. */
import { NO_PAGE, type Page } from '../sim/memmap.js';
import type { Task } from '../sim/task.js';
import { PAGE_SIZE } from '../uapi/mman.js';
import type { Kernel } from './kernel.js';
import { type MmuGather, tlb_finish_mmu, unmap_page_range } from './memory_zap.js';
import {
  mmu_notifier_invalidate_range_end,
  mmu_notifier_invalidate_range_start,
  mmu_notifier_range,
} from './mmu_notifier.js';
import { get_page, put_page } from './page_alloc.js';
import { PG_dirty, PG_locked, PG_lru, PG_swapbacked, PG_uptodate } from './page_flags.js';
import {
  type AddressSpace,
  VM_FAULT_OOM,
  VM_FAULT_SIGBUS,
  type VmArea,
  type VmFault,
  type VmOperations,
} from './types.js';

/** The page at `index` of the file, made when it is missing; NO_PAGE when memory is used up. Not referenced. */
export function shmem_get_folio(k: Kernel, mapping: AddressSpace, index: number): Page {
  const cached = mapping.i_pages.get(index);
  if (cached !== undefined) return cached;
  const page = k.pages.alloc_page();
  if (page === NO_PAGE) return NO_PAGE;
  k.mem.flags[page] = PG_uptodate | PG_lru | PG_swapbacked | PG_dirty;
  k.mem.mapping[page] = -mapping.id;
  k.mem.index[page] = index;
  // The page cache keeps the allocation's reference.
  mapping.i_pages.set(index, page);
  return page;
}

const pagesOf = (mapping: AddressSpace): number => Math.ceil(mapping.size / PAGE_SIZE);

function* shmem_fault(vmf: VmFault): Task<number> {
  const { vma } = vmf;
  const k = vma.vm_mm.kernel;
  const mapping = vma.vm_file!.mapping!;
  if (vmf.pgoff >= pagesOf(mapping)) return VM_FAULT_SIGBUS;
  const page = shmem_get_folio(k, mapping, vmf.pgoff);
  if (page === NO_PAGE) return VM_FAULT_OOM;
  get_page(k, page);
  if (!k.trylock_page(page)) yield* k.lock_page(page, 'shmem_fault');
  vmf.page = page;
  return 0;
}

function cachedPage(vma: VmArea, pgoff: number): Page {
  const mapping = vma.vm_file!.mapping!;
  if (pgoff >= pagesOf(mapping)) return NO_PAGE;
  const page = mapping.i_pages.get(pgoff);
  if (page === undefined) return NO_PAGE;
  return (vma.vm_mm.kernel.mem.flags[page]! & PG_locked) !== 0 ? NO_PAGE : page;
}

export const shmem_vm_ops: VmOperations = { name: 'shmem', fault: shmem_fault, cachedPage };

/** Drop the page cache of an inode that nobody maps or has open (shmem_evict_inode). */
export function shmem_evict_inode(k: Kernel, mapping: AddressSpace): void {
  for (const page of mapping.i_pages.values()) {
    k.mem.mapping[page] = 0;
    put_page(k, page);
  }
  mapping.i_pages.clear();
  k.dropMapping(mapping);
}

/** ftruncate(): a smaller size unmaps and frees what lies beyond. Context: may sleep. */
export function* shmem_truncate(k: Kernel, mapping: AddressSpace, size: number): Task {
  const first = Math.ceil(size / PAGE_SIZE);
  const shrinks = size < mapping.size;
  mapping.size = size;
  if (!shrinks) return;
  for (const vma of [...mapping.i_mmap]) {
    const from = Math.max(vma.vm_start, vma.vm_start + (first - vma.vm_pgoff) * PAGE_SIZE);
    if (from >= vma.vm_end) continue;
    const range = mmu_notifier_range(vma.vm_mm, from, vma.vm_end, 'MMU_NOTIFY_CLEAR');
    yield* mmu_notifier_invalidate_range_start(range);
    const tlb: MmuGather = [];
    yield* unmap_page_range(tlb, vma, from, vma.vm_end);
    mmu_notifier_invalidate_range_end(range);
    tlb_finish_mmu(k, tlb);
  }
  for (const [index, page] of mapping.i_pages) {
    if (index < first) continue;
    mapping.i_pages.delete(index);
    k.mem.mapping[page] = 0;
    put_page(k, page);
  }
}
