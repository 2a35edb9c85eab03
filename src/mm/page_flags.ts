// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: include/linux/page-flags.h. Bits of Memmap.flags; the layout is ours.
 *
 * A large folio keeps, as in the kernel, its own counts in its tail pages: entire mapcount, sum of all
 * mappings and pins in the `index` of tail pages 1 to 3.
 */
import type { Memmap, Page } from '../sim/memmap.js';
import type { Kernel } from './kernel.js';
import type { AddressSpace } from './types.js';

export const PG_locked = 1 << 0;
export const PG_referenced = 1 << 1;
export const PG_uptodate = 1 << 2;
export const PG_dirty = 1 << 3;
export const PG_lru = 1 << 4;
export const PG_active = 1 << 5;
export const PG_swapbacked = 1 << 6;
export const PG_mlocked = 1 << 7;
export const PG_unevictable = 1 << 8;
export const PG_anon_exclusive = 1 << 9;
export const PG_head = 1 << 10;
export const PG_tail = 1 << 11;
export const PG_hugetlb = 1 << 12;
export const PG_reserved = 1 << 13;
/** The page is in the free list of the page allocator, or of hugetlb. */
export const PG_buddy = 1 << 14;
/** hugetlb: the page was taken from a reservation that a failed fault must give back. */
export const PG_restore_reserve = 1 << 15;
export const PG_waiters = 1 << 16;
/** In the swap cache, with its slot in page->private. */
export const PG_swapcache = 1 << 17;
/** The page of a file has buffers (attach_page_private), which hold a reference. */
export const PG_private = 1 << 18;
/** Reclaim has met the folio dirty, or while it was written: it goes first once the disk has it. */
export const PG_reclaim = 1 << 19;
/** Whoever gets here reads on: the next pages of the file are to be read ahead. The same bit: one is for writes, one for reads. */
export const PG_readahead = PG_reclaim;
/** The hardware has lost what it held: it is used no more. */
export const PG_hwpoison = 1 << 20;
/** The disk is being given what it holds. */
export const PG_writeback = 1 << 21;
/** It was active once, and reclaim has looked at it since. */
export const PG_workingset = 1 << 22;

/** Flags that __split_huge_page_tail() copies from the head. */
export const SPLIT_COPIED_FLAGS =
  PG_referenced |
  PG_swapbacked |
  PG_mlocked |
  PG_uptodate |
  PG_active |
  PG_workingset |
  PG_locked |
  PG_unevictable |
  PG_dirty;

/** Somebody has written to the folio: what reclaim or read-ahead had marked it for is over. Source: mm/page-writeback.c. */
export function folio_mark_dirty(mem: Memmap, folio: Page): void {
  mem.flags[folio] = (mem.flags[folio]! & ~PG_reclaim) | PG_dirty;
}

/** The head page of the folio that `page` belongs to. */
export function compound_head(mem: Memmap, page: Page): Page {
  return (mem.flags[page]! & PG_tail) !== 0 ? mem.priv[page]! : page;
}

/** Whether it is on the lists of files: of a file on a disk, or memory after MADV_FREE. */
export function folio_is_file_lru(mem: Memmap, folio: Page): boolean {
  return (mem.flags[folio]! & PG_swapbacked) === 0;
}

export function folio_test_large(mem: Memmap, folio: Page): boolean {
  return (mem.flags[folio]! & PG_head) !== 0;
}

/** Base pages in the folio: 1 or 512. */
export function folio_nr_pages(mem: Memmap, folio: Page): number {
  return (mem.flags[folio]! & PG_head) !== 0 ? 512 : 1;
}

export function folio_test_anon(mem: Memmap, folio: Page): boolean {
  return mem.mapping[folio]! > 0;
}

/** The file whose page cache has the folio; null for what no file has, as anonymous memory. */
export function folio_mapping_of_file(k: Kernel, folio: Page): AddressSpace | null {
  const id = k.mem.mapping[folio]!;
  return id < 0 ? k.mappings[-id]! : null;
}

export function PageAnonExclusive(mem: Memmap, page: Page): boolean {
  // A hugetlb folio keeps the flag in its head page.
  return (mem.flags[page]! & PG_anon_exclusive) !== 0;
}

export function SetPageAnonExclusive(mem: Memmap, page: Page): void {
  mem.flags[page]! |= PG_anon_exclusive;
}

export function ClearPageAnonExclusive(mem: Memmap, page: Page): void {
  mem.flags[page]! &= ~PG_anon_exclusive;
}

const ENTIRE = 1;
const LARGE_MAPCOUNT = 2;
const PINCOUNT = 3;

export function folio_entire_mapcount(mem: Memmap, folio: Page): number {
  return mem.index[folio + ENTIRE]!;
}

export function add_entire_mapcount(mem: Memmap, folio: Page, delta: number): void {
  mem.index[folio + ENTIRE]! += delta;
  mem.index[folio + LARGE_MAPCOUNT]! += delta;
}

/** The sum of PTE mappings of a large folio changes by `delta`. */
export function add_large_mapcount(mem: Memmap, folio: Page, delta: number): void {
  mem.index[folio + LARGE_MAPCOUNT]! += delta;
}

/** How many page table entries map the folio, or any part of it. */
export function folio_mapcount(mem: Memmap, folio: Page): number {
  return (mem.flags[folio]! & PG_head) !== 0 ? mem.index[folio + LARGE_MAPCOUNT]! : mem.mapcount[folio]!;
}

export function folio_mapped(mem: Memmap, folio: Page): boolean {
  return folio_mapcount(mem, folio) > 0;
}

/** How many page table entries map this very page (fs/proc/internal.h folio_precise_page_mapcount). */
export function page_mapcount(mem: Memmap, page: Page): number {
  const folio = compound_head(mem, page);
  if (!folio_test_large(mem, folio)) return mem.mapcount[page]!;
  if ((mem.flags[folio]! & PG_hugetlb) !== 0) return folio_entire_mapcount(mem, folio);
  return mem.mapcount[page]! + folio_entire_mapcount(mem, folio);
}

export const GUP_PIN_COUNTING_BIAS = 1024;

export function folio_pincount(mem: Memmap, folio: Page): number {
  return mem.index[folio + PINCOUNT]!;
}

export function add_pincount(mem: Memmap, folio: Page, delta: number): void {
  mem.index[folio + PINCOUNT]! += delta;
}

export function folio_maybe_dma_pinned(mem: Memmap, folio: Page): boolean {
  if (folio_test_large(mem, folio)) return folio_pincount(mem, folio) > 0;
  return mem.refcount[folio]! >= GUP_PIN_COUNTING_BIAS;
}

/** Turn 512 pages into one folio: head and tails. */
export function prep_compound_page(mem: Memmap, head: Page): void {
  mem.flags[head]! |= PG_head;
  for (let i = 1; i < 512; i++) {
    mem.flags[head + i] = PG_tail;
    mem.priv[head + i] = head;
    mem.refcount[head + i] = 0;
    mem.mapcount[head + i] = 0;
    mem.mapping[head + i] = 0;
  }
  mem.index[head + ENTIRE] = 0;
  mem.index[head + LARGE_MAPCOUNT] = 0;
  mem.index[head + PINCOUNT] = 0;
}
