// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: fs/ext4/inode.c and file.c: a file system that knows of every page that is written to, and writes them back. Fidelity:
 * simplified: blocks are allocated late, and there is always room for them; no journal.
 */
import { NO_PAGE, type Page } from '../sim/memmap.js';
import type { Task } from '../sim/task.js';
import { PAGE_SIZE } from '../uapi/mman.js';
import { filemap_cached, filemap_fault, filemap_mapped_around } from './filemap.js';
import { filemap_grab_folio } from './filemap_grab.js';
import {
  clear_partial,
  EVERYTHING,
  holeEdges,
  holePages,
  pagesOf,
  truncate_inode_pages_final,
  truncate_inode_pages_range,
} from './filemap_pages.js';
import type { Kernel } from './kernel.js';
import { unmap_mapping_pages } from './memory_zap.js';
import { get_page, put_page } from './page_alloc.js';
import { folio_mark_dirty, folio_nr_pages, PG_dirty, PG_locked, PG_private } from './page_flags.js';
import {
  filemap_fdatawait_range,
  folio_clear_dirty_for_io,
  folio_end_writeback,
  folio_start_writeback,
  folio_test_writeback,
  folio_wait_writeback,
  folios_with,
} from './page_writeback.js';
import {
  type AddressSpace,
  type AddressSpaceOperations,
  type SyncMode,
  VM_FAULT_NOPAGE,
  type VmFault,
  type VmOperations,
} from './types.js';

/** A page that will be written back: it has buffers, which hold a reference. */
function mark_dirty(k: Kernel, folio: Page): void {
  if ((k.mem.flags[folio]! & PG_private) === 0) get_page(k, folio);
  k.mem.flags[folio]! |= PG_private | PG_dirty;
}

/** The page at `index`, about to be written to by write(). Not referenced; NO_PAGE: no memory. */
export function* ext4_da_write_begin(k: Kernel, mapping: AddressSpace, index: number): Task<Page> {
  const folio = yield* filemap_grab_folio(k, mapping, index, true);
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
  folio_mark_dirty(k.mem, page);
  return 0;
}

export const ext4_file_vm_ops: VmOperations = {
  name: 'ext4',
  fault: filemap_fault,
  cachedPage: filemap_cached,
  faultedAround: filemap_mapped_around,
  page_mkwrite: ext4_page_mkwrite,
};

// --- writing back -------------------------------------------------------------------------------------------------

/** Folios in a row that are written by one request; each is locked, clean, and under write-back. */
interface Extent {
  readonly folios: Page[];
  /** Of the page behind the last one. */
  next: number;
}

/** mpage_map_and_submit_extent(): blocks for what has none yet, and off to the disk. */
function submit_extent(k: Kernel, mapping: AddressSpace, { folios }: Extent): void {
  if (folios.length === 0) return;
  const pages: Page[] = [];
  const blocks: number[] = [];
  for (const folio of folios) {
    for (let i = 0; i < folio_nr_pages(k.mem, folio); i++) {
      const index = k.mem.index[folio]! + i;
      const block = mapping.blocks.get(index) ?? k.disk.alloc_block();
      mapping.blocks.set(index, block);
      pages.push(folio + i);
      blocks.push(block);
    }
  }
  k.disk.submit_write(pages, blocks, () => {
    for (const folio of folios) folio_end_writeback(k, folio);
  });
}

/** Whether the locked folio is to be written: dirty, the file's still, and not being written already. Context: may sleep. */
function* takes_part(k: Kernel, mapping: AddressSpace, folio: Page, mode: SyncMode): Task<boolean> {
  const { mem } = k;
  if (mem.mapping[folio] !== -mapping.id) return false;
  if (folio_test_writeback(k, folio) && mode === 'WB_SYNC_NONE') return false;
  if ((mem.flags[folio]! & PG_dirty) === 0) return false;
  yield* folio_wait_writeback(k, folio);
  if ((mem.flags[folio]! & PG_private) !== 0) return true;
  k.printk(`EXT4-fs warning: page ${mem.index[folio]} does not have buffers attached`);
  mem.flags[folio]! &= ~PG_dirty;
  return false;
}

/**
 * Write what is dirty of the pages from `first` up to `end`; those in a row go by one request. Context: may sleep, also for pages
 * that are being written, where `mode` is WB_SYNC_ALL; does not wait for what it submits. Return: base pages that are written.
 * Source: fs/ext4/inode.c ext4_do_writepages().
 */
function* ext4_writepages(
  k: Kernel,
  mapping: AddressSpace,
  first: number,
  end: number,
  mode: SyncMode,
): Task<number> {
  let extent: Extent = { folios: [], next: 0 };
  let pages = 0;
  for (const folio of folios_with(k, mapping, first, end, PG_dirty)) {
    const { flags, index } = k.mem;
    // While another one was waited for, it may have gone.
    if (!is_dirty_page_of(k, mapping, folio)) continue;
    get_page(k, folio);
    if ((flags[folio]! & PG_locked) !== 0) {
      // Nobody is to wait for what is not on its way.
      submit_extent(k, mapping, extent);
      extent = { folios: [], next: 0 };
    }
    yield* k.lock_page(folio, 'mpage_prepare_extent_to_map');
    if (yield* takes_part(k, mapping, folio, mode)) {
      yield* folio_clear_dirty_for_io(k, folio);
      folio_start_writeback(k, folio);
      if (index[folio] !== extent.next) {
        submit_extent(k, mapping, extent);
        extent = { folios: [], next: 0 };
      }
      extent.folios.push(folio);
      extent.next = index[folio]! + folio_nr_pages(k.mem, folio);
      pages += folio_nr_pages(k.mem, folio);
    }
    k.unlock_page(folio);
    put_page(k, folio);
  }
  submit_extent(k, mapping, extent);
  return pages;
}

/** Whether the file, which may have gone itself, has the folio still. */
const is_dirty_page_of = ({ mem, mappings }: Kernel, mapping: AddressSpace, folio: Page): boolean =>
  mappings[mapping.id] === mapping &&
  mem.mapping[folio] === -mapping.id &&
  (mem.flags[folio]! & PG_dirty) !== 0;

/**
 * Reclaim wants the clean folio to be written. What has no block yet cannot be: that takes what may want memory itself.
 * Context: locked.
 */
function ext4_writepage(k: Kernel, mapping: AddressSpace, folio: Page): void {
  if (!mapping.blocks.has(k.mem.index[folio]!)) {
    k.mem.flags[folio]! |= PG_dirty;
    return;
  }
  folio_start_writeback(k, folio);
  submit_extent(k, mapping, { folios: [folio], next: 0 });
}

export const ext4_da_aops: AddressSpaceOperations = {
  writepages: ext4_writepages,
  writepage: ext4_writepage,
};

/** fsync() of pages from `first` up to `end`. Context: may sleep. Return: 0. Source: fs/ext4/fsync.c. */
export function* ext4_sync_file(k: Kernel, mapping: AddressSpace, first: number, end: number): Task<number> {
  yield* ext4_writepages(k, mapping, first, end, 'WB_SYNC_ALL');
  yield* filemap_fdatawait_range(k, mapping, first, end);
  return 0;
}

// --- what cuts pages off ------------------------------------------------------------------------------------------

/** The blocks of pages from `first` up to `end` are the disk's again. */
function free_blocks(k: Kernel, { blocks }: AddressSpace, first: number, end: number): void {
  for (const [index, block] of blocks) {
    if (index < first || index >= end) continue;
    k.disk.free_block(block);
    blocks.delete(index);
  }
}

/** Nobody maps the inode or has it open, and it has no name: what is dirty need not be written. Context: may sleep. */
export function* ext4_evict_inode(k: Kernel, mapping: AddressSpace): Task {
  yield* filemap_fdatawait_range(k, mapping, 0, EVERYTHING);
  truncate_inode_pages_final(k, mapping);
  free_blocks(k, mapping, 0, EVERYTHING);
  k.dropMapping(mapping);
}

/** Zeros in a part of a page, which has to be read first where the disk has it. Source: fs/ext4/inode.c ext4_block_zero_page_range(). */
function* zero_part(k: Kernel, mapping: AddressSpace, start: number, end: number): Task {
  const index = Math.floor(start / PAGE_SIZE);
  if (start >= end) return;
  const onDisk = mapping.blocks.has(index);
  const folio = onDisk ? yield* filemap_grab_folio(k, mapping, index) : NO_PAGE;
  clear_partial(k, mapping, start, end);
  if (folio !== NO_PAGE) mark_dirty(k, folio);
}

/** ftruncate(): what lies beyond is unmapped and freed, private copies too. Context: may sleep. Return: 0. */
export function* ext4_setattr(k: Kernel, mapping: AddressSpace, size: number): Task<number> {
  const old = mapping.size;
  mapping.size = size;
  if (size > old) return 0;
  const first = Math.ceil(size / PAGE_SIZE);
  const everything = EVERYTHING - first;
  yield* unmap_mapping_pages(mapping, first, everything, true);
  yield* zero_part(k, mapping, size, Math.min(first * PAGE_SIZE, old));
  yield* truncate_inode_pages_range(k, mapping, first, EVERYTHING, 'truncate_inode_pages_range');
  free_blocks(k, mapping, first, EVERYTHING);
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
  for (const edge of holeEdges(offset, length)) yield* zero_part(k, mapping, edge.start, edge.end);
  yield* truncate_inode_pages_range(k, mapping, first, end, 'truncate_inode_pages_range');
  free_blocks(k, mapping, first, end);
  return 0;
}
