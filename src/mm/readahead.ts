// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: mm/readahead.c: which pages of a file on a disk are read before anybody asks for them. Fidelity: ported
 * for a disk with read_ahead_kb 128 and max_sectors_kb 1280. DIVERGES: folios are small, also where
 * the page cache of ext4 takes large ones; and nothing is reclaimed to read ahead.
 */
import { NO_PAGE, type Page } from '../sim/memmap.js';
import { PAGE_SIZE } from '../uapi/mman.js';
import { filemap_add_folio, pagesOf } from './filemap_pages.js';
import type { Kernel } from './kernel.js';
import { current_mm, mem_cgroup_from_mm } from './memcontrol.js';
import { mem_cgroup_charge_atomic } from './memcontrol_charge.js';
import { alloc_page_at, task_choice } from './mempolicy.js';
import { put_page } from './page_alloc.js';
import { PG_readahead, PG_writeback } from './page_flags.js';
import type { AddressSpace } from './types.js';

/** Pages of the largest window (ra_pages of the backing device). */
export const RA_PAGES = 32;
/** Pages of the largest request to the disk (io_pages). */
const IO_PAGES = 320;
/** Pages that are read by force at once. */
const FORCED_CHUNK = 512;

/** struct file_ra_state, of each open file: the last window, in pages. */
export class FileRaState {
  start = 0;
  size = 0;
  /** The last pages of the window, whose first carries PG_readahead. */
  async_size = 0;
  /** Of the folios that the window is made of, where the page cache takes large ones. */
  order = 0;
  /** Faults that found nothing in the page cache, less those that did. */
  mmap_miss = 0;
  /** Byte behind the last read(); -1: there was none. */
  prev_pos = -1;
}

const roundUpToPowerOfTwo = (n: number): number => 2 ** Math.ceil(Math.log2(n));

function get_init_ra_size(size: number, max: number): number {
  const rounded = roundUpToPowerOfTwo(size);
  if (rounded <= max / 32) return rounded * 4;
  return rounded <= max / 4 ? rounded * 2 : max;
}

function get_next_ra_size({ size }: FileRaState, max: number): number {
  if (size < Math.floor(max / 16)) return 4 * size;
  return size <= Math.floor(max / 2) ? 2 * size : max;
}

/** A request that is larger than the window may be as large as the disk takes it. */
function ractl_max_pages(req_size: number): number {
  return req_size > RA_PAGES ? Math.min(req_size, IO_PAGES) : RA_PAGES;
}

/** A page to read into, paid for by whoever reads; NO_PAGE where there is none at once. */
function readahead_folio(k: Kernel): Page {
  const folio = alloc_page_at(k, task_choice(k));
  if (folio === NO_PAGE || k.memcgs === null) return folio;
  if (mem_cgroup_charge_atomic(k, folio, mem_cgroup_from_mm(current_mm(k))) === 0) return folio;
  put_page(k, folio);
  return NO_PAGE;
}

/** Bring pages that are missing, up to the end of the file; the one `lookahead` before the end is marked. */
function do_page_cache_ra(
  k: Kernel,
  mapping: AddressSpace,
  index: number,
  nr_to_read: number,
  lookahead: number,
): void {
  const behind = pagesOf(mapping) - index;
  if (behind <= 0) return;
  const ends = nr_to_read > behind - 1;
  const nr = ends ? behind : nr_to_read;
  const mark = ends && k.behaviour.readaheadEndsUnmarked ? -1 : nr - lookahead;
  for (let i = 0; i < nr; i++) {
    if (mapping.i_pages.has(index + i)) continue;
    const folio = readahead_folio(k);
    if (folio === NO_PAGE) return;
    filemap_add_folio(k, mapping, index + i, folio);
    if (i === mark) k.mem.flags[folio]! |= PG_readahead;
  }
}

/**
 * Read the window of `ra`, or from `start` on. A page cache that takes large folios is filled up to the first page that is
 * there; the rest is for the other way.
 */
export function page_cache_ra_order(
  k: Kernel,
  mapping: AddressSpace,
  ra: FileRaState,
  start = ra.start,
): void {
  let index = start;
  if (!k.behaviour.ext4LargeFolios) ra.order = 0;
  else {
    ra.order = Math.min(ra.order, Math.floor(Math.log2(ra.size)));
    const end = Math.min(pagesOf(mapping), start + ra.size);
    const unmarked = end === pagesOf(mapping) && k.behaviour.readaheadEndsUnmarked;
    const mark = unmarked ? -1 : start + ra.size - ra.async_size;
    for (; index < end && !mapping.i_pages.has(index); index++) {
      const folio = readahead_folio(k);
      if (folio === NO_PAGE) break;
      filemap_add_folio(k, mapping, index, folio);
      if (index === mark) k.mem.flags[folio]! |= PG_readahead;
    }
    if (index >= end) return;
  }
  do_page_cache_ra(k, mapping, index, ra.size - (index - start), ra.async_size);
}

/** Read what somebody says that he will need. Source: mm/readahead.c force_page_cache_ra. */
export function force_page_cache_ra(
  k: Kernel,
  mapping: AddressSpace,
  index: number,
  nr_to_read: number,
): void {
  const end = index + Math.min(nr_to_read, Math.max(IO_PAGES, RA_PAGES));
  for (let at = index; at < end; at += FORCED_CHUNK) {
    do_page_cache_ra(k, mapping, at, Math.min(FORCED_CHUNK, end - at), 0);
  }
}

/** The first page before `index` that is missing, at most `max` back; -1: the file is cached from its beginning. */
function page_cache_prev_miss(mapping: AddressSpace, index: number, max: number): number {
  let at = index - 1;
  while (at >= index - max && mapping.i_pages.has(at)) at--;
  return at;
}

/** The first page from `index` on that is missing, at most `max` further. */
function page_cache_next_miss(mapping: AddressSpace, index: number, max: number): number {
  let at = index;
  while (at < index + max && mapping.i_pages.has(at)) at++;
  return at;
}

/** Whether the read goes on where the last one ended. */
function isSequential(ra: FileRaState, index: number): boolean {
  if (ra.prev_pos < 0) return false;
  const ahead = index - Math.floor(ra.prev_pos / PAGE_SIZE);
  return ahead === 0 || ahead === 1;
}

/** Set the window of a stream that has left its pages before `index`. Return: false where there are too few. */
function try_context_readahead(
  mapping: AddressSpace,
  ra: FileRaState,
  index: number,
  req_size: number,
  max: number,
): boolean {
  const miss = page_cache_prev_miss(mapping, index, max);
  const history = index - 1 - miss;
  if (history <= req_size) return false;
  ra.start = index;
  ra.size = Math.min((miss < 0 ? 2 * history : history) + req_size, max);
  ra.async_size = 1;
  return true;
}

/** A marked page without a window that it belongs to: the window begins behind what is cached. Return: whether it does. */
function window_behind(
  mapping: AddressSpace,
  ra: FileRaState,
  index: number,
  req: number,
  max: number,
): boolean {
  const start = page_cache_next_miss(mapping, index + 1, max);
  if (start - index > max) return false;
  ra.start = start;
  ra.size = start - index + req;
  ra.size = get_next_ra_size(ra, max);
  ra.async_size = ra.size;
  return true;
}

/** The next window, which goes on where the last one ended. */
function next_window(ra: FileRaState, max: number): void {
  ra.start += ra.size;
  ra.size = Math.max(ra.size, get_next_ra_size(ra, max));
  ra.async_size = ra.size;
}

/** Set the window of a read at `index`, which found a marked page or none. Return: whether there is one to be read. */
function ondemand_window(
  mapping: AddressSpace,
  ra: FileRaState,
  index: number,
  marked: boolean,
  req: number,
  max: number,
): boolean {
  const expected = ra.start + ra.size - ra.async_size;
  if (index > 0) {
    if (index === expected || index === ra.start + ra.size) {
      next_window(ra, max);
      return true;
    }
    if (marked) return window_behind(mapping, ra, index, req, max);
    if (req <= max && !isSequential(ra, index)) return try_context_readahead(mapping, ra, index, req, max);
  }
  ra.start = index;
  ra.size = get_init_ra_size(req, max);
  ra.async_size = ra.size > req ? ra.size - req : ra.size;
  return true;
}

/** Before 6.11: one function for a read that found a marked page, and for one that found none. */
function ondemand_readahead(
  k: Kernel,
  mapping: AddressSpace,
  ra: FileRaState,
  index: number,
  marked: boolean,
  req: number,
): void {
  const max = ractl_max_pages(req);
  if (!ondemand_window(mapping, ra, index, marked, req, max)) {
    if (!marked) do_page_cache_ra(k, mapping, index, req, 0);
    return;
  }
  if (index === ra.start && ra.size === ra.async_size) {
    const more = get_next_ra_size(ra, max);
    const fits = ra.size + more <= max;
    ra.async_size = fits ? more : Math.floor(max / 2);
    ra.size = fits ? ra.size + more : max;
  }
  page_cache_ra_order(k, mapping, ra);
}

/** A read of `req` pages from `index` on found nothing there. */
export function page_cache_sync_ra(
  k: Kernel,
  mapping: AddressSpace,
  ra: FileRaState,
  index: number,
  req: number,
): void {
  if (!k.behaviour.readaheadSyncApart) {
    ondemand_readahead(k, mapping, ra, index, false, req);
    return;
  }
  const max = ractl_max_pages(req);
  if (index === 0 || req > max || isSequential(ra, index)) {
    ra.start = index;
    ra.size = get_init_ra_size(req, max);
    ra.async_size = ra.size > req ? ra.size - req : Math.floor(ra.size / 2);
  } else if (!try_context_readahead(mapping, ra, index, req, max)) {
    do_page_cache_ra(k, mapping, index, req, 0);
    return;
  }
  ra.order = 0;
  page_cache_ra_order(k, mapping, ra);
}

/** Each window has larger folios than the last one, and ends where one ends. */
function align_window(ra: FileRaState, max: number): void {
  ra.order += 2;
  const align = 2 ** Math.min(ra.order, Math.log2(max & -max));
  const end = ra.start + ra.size;
  const aligned = end - (end % align);
  if (aligned > ra.start) ra.size = aligned - ra.start;
  ra.async_size = ra.size;
}

/** A read of `req` pages from `index` on found a marked page there, whose mark goes. */
export function page_cache_async_ra(
  k: Kernel,
  mapping: AddressSpace,
  ra: FileRaState,
  index: number,
  req: number,
): void {
  const folio = mapping.i_pages.get(index)!;
  // The mark of one that is being written is reclaim's.
  if ((k.mem.flags[folio]! & PG_writeback) !== 0) return;
  k.mem.flags[folio]! &= ~PG_readahead;
  if (!k.behaviour.readaheadSyncApart) {
    ondemand_readahead(k, mapping, ra, index, true, req);
    return;
  }
  const max = ractl_max_pages(req);
  if (index === ra.start + ra.size - ra.async_size) next_window(ra, max);
  else if (!window_behind(mapping, ra, index, req, max)) return;
  if (k.behaviour.readaheadEndsAligned) align_window(ra, max);
  page_cache_ra_order(k, mapping, ra);
}
