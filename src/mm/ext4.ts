// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: fs/ext4/inode.c and file.c: a file system that knows of every page that is written to. Fidelity:
 * simplified: blocks are allocated late, and there is always room for them; no journal.
 */
import { NO_PAGE, type Page } from '../sim/memmap.js';
import { done, type Task } from '../sim/task.js';
import { PAGE_SIZE } from '../uapi/mman.js';
import { filemap_cached, filemap_fault, filemap_mapped_around } from './filemap.js';
import { filemap_grab_folio } from './filemap_grab.js';
import {
  clear_hole_edges,
  clear_partial,
  holePages,
  pagesOf,
  truncate_inode_pages_final,
  truncate_inode_pages_range,
} from './filemap_pages.js';
import type { Kernel } from './kernel.js';
import { unmap_mapping_pages } from './memory_zap.js';
import { get_page } from './page_alloc.js';
import { PG_dirty, PG_private } from './page_flags.js';
import { type AddressSpace, VM_FAULT_NOPAGE, type VmFault, type VmOperations } from './types.js';

/** A page that will be written back: it has buffers, which hold a reference. */
function mark_dirty(k: Kernel, folio: Page): void {
  if ((k.mem.flags[folio]! & PG_private) === 0) get_page(k, folio);
  k.mem.flags[folio]! |= PG_private | PG_dirty;
}

/** The page at `index`, about to be written to by write(). Not referenced; NO_PAGE: no memory. */
export function* ext4_da_write_begin(k: Kernel, mapping: AddressSpace, index: number): Task<Page> {
  const folio = yield* filemap_grab_folio(k, mapping, index);
  if (folio !== NO_PAGE) mark_dirty(k, folio);
  return folio;
}

/** The page of a shared mapping is about to be written to. Context: may sleep. Return: as VmOperations has it. */
function* ext4_page_mkwrite(vmf: VmFault): Task<number> {
  const { vma, page } = vmf;
  const k = vma.vm_mm.kernel;
  const mapping = vma.vm_file!.mapping!;
  yield* k.lock_page(page, 'block_page_mkwrite');
  if (mapping.i_pages.get(vmf.pgoff) !== page || vmf.pgoff >= pagesOf(mapping)) {
    k.unlock_page(page);
    return VM_FAULT_NOPAGE;
  }
  mark_dirty(k, page);
  return 0;
}

export const ext4_file_vm_ops: VmOperations = {
  name: 'ext4',
  fault: filemap_fault,
  cachedPage: filemap_cached,
  faultedAround: filemap_mapped_around,
  page_mkwrite: ext4_page_mkwrite,
};

/** Nobody maps the inode or has it open, and it has no name. */
export function ext4_evict_inode(k: Kernel, mapping: AddressSpace): Task {
  truncate_inode_pages_final(k, mapping);
  k.dropMapping(mapping);
  return done(undefined);
}

/** ftruncate(): what lies beyond is unmapped and freed, private copies too. Context: may sleep. Return: 0. */
export function* ext4_setattr(k: Kernel, mapping: AddressSpace, size: number): Task<number> {
  const old = mapping.size;
  mapping.size = size;
  if (size > old) return 0;
  const first = Math.ceil(size / PAGE_SIZE);
  const everything = Number.MAX_SAFE_INTEGER - first;
  yield* unmap_mapping_pages(mapping, first, everything, true);
  clear_partial(k, mapping, size, Math.min(first * PAGE_SIZE, old));
  yield* truncate_inode_pages_range(k, mapping, first, Number.MAX_SAFE_INTEGER, 'truncate_inode_pages_range');
  // Once more, for private copies that were made meanwhile.
  yield* unmap_mapping_pages(mapping, first, everything, true);
  return 0;
}

/** fallocate(FALLOC_FL_PUNCH_HOLE): pages of the range go, private copies stay. Context: may sleep. Return: 0. */
export function* ext4_punch_hole(
  k: Kernel,
  mapping: AddressSpace,
  offset: number,
  length: number,
): Task<number> {
  if (offset >= mapping.size) return 0;
  const { first, end } = holePages(offset, length);
  if (end > first) yield* unmap_mapping_pages(mapping, first, end - first, false);
  clear_hole_edges(k, mapping, offset, length);
  yield* truncate_inode_pages_range(k, mapping, first, end, 'truncate_inode_pages_range');
  return 0;
}
