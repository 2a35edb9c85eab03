// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: mm/shmem.c: memory files and shared anonymous memory. Fidelity: ported, with `huge=never`: huge pages come of
 * MADV_COLLAPSE alone. The page cache has them by their small pages, each of which holds a reference of the huge one.
 */
import { NO_PAGE, type Page } from '../sim/memmap.js';
import { done, type Task } from '../sim/task.js';
import { PAGE_SIZE } from '../uapi/mman.js';
import {
  clear_partial,
  EVERYTHING,
  holeEdges,
  holePages,
  pagesOf,
  truncate_inode_pages_final,
  truncate_inode_pages_range,
} from './filemap_pages.js';
import { split_folio } from './huge_split.js';
import type { Kernel } from './kernel.js';
import { folio_add_lru, lruvec_del_folio } from './lru.js';
import { current_mm } from './memcontrol.js';
import { folio_prealloc } from './memcontrol_charge.js';
import { unmap_mapping_pages } from './memory_zap.js';
import { shmem_choice } from './mempolicy.js';
import { get_page, put_page } from './page_alloc.js';
import {
  compound_head,
  folio_mark_dirty,
  folio_nr_pages,
  folio_test_large,
  PG_active,
  PG_hwpoison,
  PG_locked,
  PG_referenced,
  PG_swapbacked,
  PG_uptodate,
  PG_workingset,
} from './page_flags.js';
import { delete_from_swap_cache, free_swap_and_cache, swap_free, swap_read_folio } from './swap.js';
import {
  type AddressSpace,
  linear_page_index,
  type MmStruct,
  userfaultfd_missing,
  VM_FAULT_OOM,
  VM_FAULT_SIGBUS,
  type VmArea,
  type VmFault,
  type VmOperations,
} from './types.js';
import { handle_userfault } from './userfaultfd_k.js';
import { workingset_refault } from './workingset.js';

/**
 * The page at `index` of the file, made when it is missing; NO_PAGE when memory is used up. Not referenced. `mm`: who
 * pays for it.
 * Context: may sleep.
 */
export function shmem_get_folio(
  k: Kernel,
  mapping: AddressSpace,
  index: number,
  mm: MmStruct | null = current_mm(k),
): Task<Page> {
  const cached = mapping.i_pages.get(index);
  return cached !== undefined ? done(cached) : shmem_get_missing_folio(k, mapping, index, mm);
}

function* shmem_get_missing_folio(
  k: Kernel,
  mapping: AddressSpace,
  index: number,
  mm: MmStruct | null,
): Task<Page> {
  const swapped = mapping.i_swapped.get(index);
  const inCache = swapped === undefined ? undefined : k.swap!.cache.get(swapped);
  const page = inCache ?? (yield* folio_prealloc(k, mm, shmem_choice(k, mapping, index)));
  if (page === NO_PAGE) return NO_PAGE;
  // While memory was reclaimed for it, somebody else may have been here.
  const cached = mapping.i_pages.get(index);
  if (cached !== undefined || mapping.i_swapped.get(index) !== swapped) {
    if (inCache === undefined) put_page(k, page);
    return yield* shmem_get_folio(k, mapping, index, mm);
  }
  if (swapped !== undefined) shmem_swapin_folio(k, mapping, index, swapped, page);
  shmem_add_to_page_cache(k, mapping, index, page);
  // Its slot on the swap device is gone.
  if (swapped !== undefined) folio_mark_dirty(k.mem, page);
  return page;
}

/** What a page from the swap cache keeps. */
const KEPT_FLAGS = PG_referenced | PG_active | PG_workingset;

/** A new page, clean, becomes the file's, which keeps the allocation's reference. */
export function shmem_add_to_page_cache(k: Kernel, mapping: AddressSpace, index: number, page: Page): void {
  k.mem.flags[page] = (k.mem.flags[page]! & KEPT_FLAGS) | PG_uptodate | PG_swapbacked;
  k.mem.mapping[page] = -mapping.id;
  k.mem.index[page] = index;
  mapping.i_pages.set(index, page);
  folio_add_lru(k, page);
}

/** Whether the address lies behind the end of the file that is mapped there; of anonymous memory never. */
export function shmem_beyond_end(vma: VmArea, addr: number): boolean {
  const mapping = vma.vm_file?.mapping ?? null;
  return mapping !== null && linear_page_index(vma, addr) >= pagesOf(mapping);
}

/** Bring a page of the file back from swap: into `page`, or the one that the cache has. */
function shmem_swapin_folio(k: Kernel, mapping: AddressSpace, index: number, slot: number, page: Page): void {
  const cached = k.swap!.cache.get(slot);
  if (cached === undefined) {
    const shadow = k.swap!.shadows.get(slot);
    swap_read_folio(k, page, slot);
    k.mem.flags[page]! |= PG_swapbacked;
    if (shadow !== undefined) workingset_refault(k, page, shadow);
  } else {
    get_page(k, page);
    lruvec_del_folio(k, page);
    delete_from_swap_cache(k, page);
  }
  mapping.i_swapped.delete(index);
  swap_free(k, slot);
}

/** write() has been there. */
export function shmem_write_end({ mem }: Kernel, page: Page): void {
  folio_mark_dirty(mem, compound_head(mem, page));
}

/** Whether the file has something there, in memory or on the swap device. */
export const shmem_has = (mapping: AddressSpace, index: number): boolean =>
  mapping.i_pages.has(index) || mapping.i_swapped.has(index);

/** What the file has on the swap device from `first` up to `end` is gone. */
function free_swapped(k: Kernel, mapping: AddressSpace, first: number, end: number): void {
  for (const [index, slot] of mapping.i_swapped) {
    if (index < first || index >= end) continue;
    mapping.i_swapped.delete(index);
    free_swap_and_cache(k, slot);
  }
}

function* shmem_fault(vmf: VmFault): Task<number> {
  const { vma } = vmf;
  const k = vma.vm_mm.kernel;
  const mapping = vma.vm_file!.mapping!;
  if (vmf.pgoff >= pagesOf(mapping)) return VM_FAULT_SIGBUS;
  if (userfaultfd_missing(vma) && !shmem_has(mapping, vmf.pgoff))
    return handle_userfault(vmf, 'uffd-missing');
  const page = yield* shmem_get_folio(k, mapping, vmf.pgoff, vma.vm_mm);
  if (page === NO_PAGE) return VM_FAULT_OOM;
  const folio = compound_head(k.mem, page);
  get_page(k, folio);
  if (!k.trylock_page(folio)) yield* k.lock_page(folio, 'shmem_fault');
  vmf.page = page;
  return 0;
}

function cachedPage(vma: VmArea, pgoff: number): Page {
  const mapping = vma.vm_file!.mapping!;
  if (pgoff >= pagesOf(mapping)) return NO_PAGE;
  const page = mapping.i_pages.get(pgoff);
  if (page === undefined) return NO_PAGE;
  const { mem } = vma.vm_mm.kernel;
  if ((mem.flags[page]! & PG_hwpoison) !== 0) return NO_PAGE;
  return (mem.flags[compound_head(mem, page)]! & PG_locked) !== 0 ? NO_PAGE : page;
}

export const shmem_vm_ops: VmOperations = { name: 'shmem', fault: shmem_fault, cachedPage };
export const shmem_anon_vm_ops: VmOperations = { ...shmem_vm_ops, name: 'shmem_anon' };

/** Drop the page cache of an inode that nobody maps or has open (shmem_evict_inode). */
export function shmem_evict_inode(k: Kernel, mapping: AddressSpace): Task {
  truncate_inode_pages_final(k, mapping);
  free_swapped(k, mapping, 0, EVERYTHING);
  k.dropMapping(mapping);
  return done(undefined);
}

/** Zeros in a part of a page that the file has, which comes back from swap for it (shmem_get_partial_folio). Context: may sleep. */
function* shmem_clear_partial(k: Kernel, mapping: AddressSpace, start: number, end: number): Task {
  const index = Math.floor(start / PAGE_SIZE);
  if (start >= end || !shmem_has(mapping, index)) return;
  const page = yield* shmem_get_folio(k, mapping, index);
  if (page === NO_PAGE) return;
  shmem_write_end(k, page);
  clear_partial(k, mapping, start, end);
}

/**
 * The huge page with the page at `index`, if it is one and does not lie in [first, end) as a whole: zeros are where they overlap,
 * and it is split. DIVERGES: 7.3 leaves larger pieces than one page. Context: may sleep. Return: the first page behind it and its own first page
 * where it cannot be split and so keeps all of its pages; else null.
 */
function* truncate_inode_partial_folio(
  k: Kernel,
  mapping: AddressSpace,
  index: number,
  first: number,
  end: number,
): Task<{ readonly from: number; readonly to: number } | null> {
  const page = mapping.i_pages.get(index);
  if (page === undefined) return null;
  const folio = compound_head(k.mem, page);
  const from = k.mem.index[folio]!;
  const to = from + folio_nr_pages(k.mem, folio);
  if (to - from === 1 || (first <= from && to <= end)) return null;
  get_page(k, folio);
  yield* k.lock_page(folio, 'shmem_undo_range');
  let kept: { readonly from: number; readonly to: number } | null = null;
  if (k.mem.mapping[folio] === -mapping.id && folio_test_large(k.mem, folio)) {
    const low = Math.max(first, from);
    const high = Math.min(end, to);
    if (high > low) k.contents.clear_pages(folio + low - from, high - low);
    if ((yield* split_folio(k, folio)) !== 0) kept = { from, to };
  }
  k.unlock_page(folio);
  put_page(k, folio);
  return kept;
}

/**
 * Free the pages that lie in bytes [start, end) as a whole, wherever they are referenced still (shmem_truncate_range,
 * shmem_undo_range). Context: may sleep.
 */
function* shmem_truncate_range(k: Kernel, mapping: AddressSpace, start: number, end: number): Task {
  const { first, end: last } = holePages(start, end - start);
  free_swapped(k, mapping, first, last);
  let [from, to] = [first, last];
  const low = yield* truncate_inode_partial_folio(k, mapping, Math.floor(start / PAGE_SIZE), first, last);
  if (low !== null) {
    from = Math.max(from, low.to);
    if (last <= low.to) to = Math.min(to, low.from);
  }
  const high = yield* truncate_inode_partial_folio(k, mapping, Math.ceil(end / PAGE_SIZE) - 1, first, last);
  if (high !== null) to = Math.min(to, high.from);
  yield* truncate_inode_pages_range(k, mapping, from, to, 'shmem_undo_range');
}

/** ftruncate(): a smaller size unmaps and frees what lies beyond, private copies too. Context: may sleep. Return: 0. */
export function* shmem_setattr(k: Kernel, mapping: AddressSpace, size: number): Task<number> {
  const old = mapping.size;
  mapping.size = size;
  if (size > old) return 0;
  const first = Math.ceil(size / PAGE_SIZE);
  const shrinks = old > first * PAGE_SIZE;
  const everything = EVERYTHING - first;
  if (shrinks) yield* unmap_mapping_pages(mapping, first, everything, true);
  yield* shmem_clear_partial(k, mapping, size, Math.min(first * PAGE_SIZE, old));
  yield* shmem_truncate_range(k, mapping, size, EVERYTHING);
  // Once more, for private copies that were made meanwhile.
  if (shrinks) yield* unmap_mapping_pages(mapping, first, everything, true);
  return 0;
}

/** fallocate(FALLOC_FL_PUNCH_HOLE): pages of the range go, private copies stay. Context: may sleep. Return: 0. */
export function* shmem_punch_hole(
  k: Kernel,
  mapping: AddressSpace,
  offset: number,
  length: number,
): Task<number> {
  const { first, end } = holePages(offset, length);
  if (end > first) yield* unmap_mapping_pages(mapping, first, end - first, false);
  for (const edge of holeEdges(offset, length)) yield* shmem_clear_partial(k, mapping, edge.start, edge.end);
  yield* shmem_truncate_range(k, mapping, offset, offset + length);
  return 0;
}
