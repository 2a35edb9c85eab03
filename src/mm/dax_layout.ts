// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: what takes pages from files of fs/dax.c: ext4_setattr() and ext4_punch_hole() of fs/ext4/inode.c, their like in
 * fs/xfs/xfs_file.c and fs/fuse/dax.c. They wait until nobody has one of the pages that are to go. Fidelity: ported; leases
 * of a file are not simulated.
 */
import { NO_PAGE, type Page } from '../sim/memmap.js';
import type { Task } from '../sim/task.js';
import { PAGE_SIZE } from '../uapi/mman.js';
import { dax_busy_page, dax_delete_mapping_range, dax_page_unused } from './dax.js';
import { clear_partial, EVERYTHING, holeEdges, holePages } from './filemap_pages.js';
import type { Kernel } from './kernel.js';
import { unmap_mapping_pages } from './memory_zap.js';
import type { AddressSpace } from './types.js';
import { wait_var_event } from './wait_bit.js';

/**
 * Unmap pages of the file from `first` up to `end`; then the first of them that somebody has still, NO_PAGE where there is
 * none. Context: may sleep. Source: fs/dax.c dax_layout_busy_page_range().
 */
function* dax_layout_busy_page(k: Kernel, mapping: AddressSpace, first = 0, end = EVERYTHING): Task<Page> {
  if (mapping.i_mmap.size === 0 && !k.behaviour.daxWaitsUnmapped) return NO_PAGE;
  yield* unmap_mapping_pages(mapping, first, end - first, false);
  const indices = [...mapping.i_pages.keys()]
    .filter((index) => index >= first && index < end)
    .sort((a, b) => a - b);
  const busy = indices.find((index) => dax_busy_page(k, mapping.i_pages.get(index)!));
  return busy === undefined ? NO_PAGE : mapping.i_pages.get(busy)!;
}

/** Wait for one page. Context: invalidate_lock held, written, and dropped for a while. Return: 0 or -ERESTARTSYS. */
function dax_wait_page(
  k: Kernel,
  mapping: AddressSpace,
  page: Page,
  where: string,
  final = false,
): Task<number> {
  const { invalidate_lock } = mapping.dax!;
  const pfn = k.mem.page_to_pfn(page).toString(16);
  return wait_var_event(k, {
    page,
    name: `the last reference to page ${k.mem.index[page]} of the file (pfn 0x${pfn})`,
    where,
    interruptible: !final,
    done: () => dax_page_unused(k, page),
    unlock: () => invalidate_lock.up_write(),
    lock: () => invalidate_lock.down_write(where),
  });
}

/** What sleeps, by the file system. */
const WAITS = { ext4: 'ext4_wait_dax_page', xfs: 'xfs_wait_dax_page', fuse: 'fuse_wait_dax_page' } as const;

/** ext4 looks again until no page is in use. */
function* ext4_break_layouts(k: Kernel, mapping: AddressSpace): Task<number> {
  let error: number;
  do {
    const page = yield* dax_layout_busy_page(k, mapping);
    if (page === NO_PAGE) return 0;
    error = yield* dax_wait_page(k, mapping, page, WAITS.ext4);
  } while (error === 0);
  return error;
}

/** What waits for one page, and whether the caller has to look again. */
interface OneWait {
  readonly error: number;
  readonly retry: boolean;
}

/** xfs and fuse wait for one page at a time. */
function* break_dax_layouts(
  k: Kernel,
  mapping: AddressSpace,
  where: string,
  first: number,
  end: number,
): Task<OneWait> {
  const page = yield* dax_layout_busy_page(k, mapping, first, end);
  if (page === NO_PAGE) return { error: 0, retry: false };
  return { error: yield* dax_wait_page(k, mapping, page, where), retry: true };
}

function* retry_layouts(
  k: Kernel,
  mapping: AddressSpace,
  where: string,
  first = 0,
  end = EVERYTHING,
): Task<number> {
  let once: OneWait;
  do {
    once = yield* break_dax_layouts(k, mapping, where, first, end);
  } while (once.error === 0 && once.retry);
  return once.error;
}

/** Of pages from `first` up to `end`. Context: invalidate_lock held, written; may sleep. Return: 0 or -ERESTARTSYS. */
export function fuse_dax_break_layouts(
  k: Kernel,
  mapping: AddressSpace,
  first: number,
  end: number,
): Task<number> {
  return retry_layouts(k, mapping, WAITS.fuse, first, end);
}

/** Whoever takes pages of a file away passes (0, 0), which is a range of one page; later (0, -1), which is the whole file. */
const fuse_end = (k: Kernel): number => (k.behaviour.fuseBreaksWholeFile ? EVERYTHING : 1);

/**
 * Wait until no page of the file is in use but by those who map it, who lose it. Context: invalidate_lock held, written; may
 * sleep. Return: 0 or -ERESTARTSYS.
 */
function break_layouts(k: Kernel, mapping: AddressSpace): Task<number> {
  switch (mapping.dax!.sb.type) {
    case 'ext4':
      return ext4_break_layouts(k, mapping);
    case 'xfs':
      return retry_layouts(k, mapping, WAITS.xfs);
    case 'fuse':
      return fuse_dax_break_layouts(k, mapping, 0, fuse_end(k));
  }
}

/** Pages from `first` up to `end` are no longer the file's. */
function free_blocks(k: Kernel, mapping: AddressSpace, first: number, end: number): void {
  const { blocks, sb } = mapping.dax!;
  dax_delete_mapping_range(k, mapping, first, end);
  if (sb.window !== null) {
    sb.window.cleared(mapping, first, end);
    return;
  }
  for (const [index, page] of blocks) {
    if (index < first || index >= end) continue;
    blocks.delete(index);
    sb.free(page);
  }
}

/** Do `body`, once nobody uses a page of the file, with nobody faulting one in. Return: 0 or -ERESTARTSYS. */
function* with_idle_layout(k: Kernel, mapping: AddressSpace, body: Task): Task<number> {
  const { invalidate_lock } = mapping.dax!;
  yield* invalidate_lock.down_write('filemap_invalidate_lock');
  const error = k.behaviour.daxTruncateWaits ? yield* break_layouts(k, mapping) : 0;
  if (error === 0) yield* body;
  invalidate_lock.up_write();
  return error;
}

/** Zeros in a part of a page, also where the window of fuse does not show it. */
function clear_part(k: Kernel, mapping: AddressSpace, start: number, end: number): void {
  if (start >= end) return;
  clear_partial(k, mapping, start, end);
  const index = Math.floor(start / PAGE_SIZE);
  mapping.dax!.sb.window?.clear_part(mapping, index, start % PAGE_SIZE, end - start);
}

/** truncate_pagecache(), and the blocks. */
function* truncate(k: Kernel, mapping: AddressSpace, size: number): Task {
  const old = mapping.size;
  mapping.size = size;
  if (size >= old) return;
  const first = Math.ceil(size / PAGE_SIZE);
  yield* unmap_mapping_pages(mapping, first, EVERYTHING - first, true);
  clear_part(k, mapping, size, Math.min(first * PAGE_SIZE, old));
  free_blocks(k, mapping, first, EVERYTHING);
  yield* unmap_mapping_pages(mapping, first, EVERYTHING - first, true);
}

/** ftruncate(). Context: may sleep for ever, where somebody keeps a page. Return: 0 or -ERESTARTSYS. */
export function dax_setattr(k: Kernel, mapping: AddressSpace, size: number): Task<number> {
  return with_idle_layout(k, mapping, truncate(k, mapping, size));
}

function* punch(k: Kernel, mapping: AddressSpace, offset: number, length: number): Task {
  if (offset >= mapping.size) return;
  const { first, end } = holePages(offset, length);
  if (end > first) yield* unmap_mapping_pages(mapping, first, end - first, false);
  for (const edge of holeEdges(offset, length)) clear_part(k, mapping, edge.start, edge.end);
  free_blocks(k, mapping, first, end);
}

/**
 * fallocate(FALLOC_FL_PUNCH_HOLE). A hole behind the end of the file is none: ext4 once looked at that first, else it is found out
 * after the wait. Context: may sleep for ever, where somebody keeps a page. Return: 0 or -ERESTARTSYS.
 */
export function* dax_punch_hole(
  k: Kernel,
  mapping: AddressSpace,
  offset: number,
  length: number,
): Task<number> {
  const looksFirst = mapping.dax!.sb.type === 'ext4' && !k.behaviour.ext4WaitsBeforePunch;
  if (looksFirst && offset >= mapping.size) return 0;
  return yield* with_idle_layout(k, mapping, punch(k, mapping, offset, length));
}

/**
 * Nobody has the inode any more; `unlinked`: its blocks go. Before 6.15 a page that is in use goes as well, with a WARN.
 * Context: may sleep for ever.
 */
export function* dax_evict_inode(k: Kernel, mapping: AddressSpace, unlinked: boolean): Task {
  if (k.behaviour.daxEvictionWaits) yield* dax_break_layout_final(k, mapping);
  if (unlinked) free_blocks(k, mapping, 0, EVERYTHING);
  else dax_delete_mapping_range(k, mapping, 0, EVERYTHING);
  mapping.dax!.sb.window?.evicted(mapping);
  k.dropMapping(mapping);
}

function* dax_break_layout_final(k: Kernel, mapping: AddressSpace): Task {
  const { invalidate_lock } = mapping.dax!;
  yield* invalidate_lock.down_write('dax_break_layout_final');
  for (;;) {
    const page = yield* dax_layout_busy_page(k, mapping);
    if (page === NO_PAGE) break;
    yield* dax_wait_page(k, mapping, page, 'dax_break_layout_final', true);
  }
  invalidate_lock.up_write();
}
