// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: mm/filemap.c and mm/truncate.c: pages come into a file's page cache, and leave it. Fidelity: ported. */
import type { Page } from '../sim/memmap.js';
import type { Task } from '../sim/task.js';
import { PAGE_SIZE } from '../uapi/mman.js';
import type { Kernel } from './kernel.js';
import { folio_add_lru } from './lru.js';
import { put_page } from './page_alloc.js';
import {
  compound_head,
  folio_nr_pages,
  PG_dirty,
  PG_private,
  PG_readahead,
  PG_uptodate,
  PG_writeback,
} from './page_flags.js';
import { folio_wait_writeback } from './page_writeback.js';
import type { AddressSpace } from './types.js';
import { workingset_refault } from './workingset.js';

/** Behind the last page of any file. */
export const EVERYTHING = Number.MAX_SAFE_INTEGER;

/** Pages up to the end of the file. */
export const pagesOf = (mapping: AddressSpace): number => Math.ceil(mapping.size / PAGE_SIZE);

/**
 * A new page is the file's, which keeps the allocation's reference. It holds what the disk has of it; a hole is
 * zeros. `write`: it is about to be written to as a whole or in part (__GFP_WRITE), so that it is not read again.
 */
export function filemap_add_folio(
  k: Kernel,
  mapping: AddressSpace,
  index: number,
  page: Page,
  write = false,
): void {
  const block = mapping.blocks.get(index);
  if (block !== undefined) k.disk.read(page, block);
  k.mem.flags[page] = PG_uptodate;
  k.mem.mapping[page] = -mapping.id;
  k.mem.index[page] = index;
  mapping.i_pages.set(index, page);
  const shadow = mapping.i_shadows?.get(index);
  if (shadow !== undefined) {
    mapping.i_shadows!.delete(index);
    if (!write) workingset_refault(k, page, shadow);
  }
  folio_add_lru(k, page);
}

/** The buffers of a page go, and their reference. */
export function filemap_release_folio(k: Kernel, folio: Page): void {
  if ((k.mem.flags[folio]! & PG_private) === 0) return;
  k.mem.flags[folio]! &= ~PG_private;
  put_page(k, folio);
}

/** A folio leaves the cache, whose references, one for each page, the caller has then; `shadow`: it is evicted. */
export function filemap_remove_folio(k: Kernel, mapping: AddressSpace, folio: Page, shadow?: number): void {
  const { mem } = k;
  k.cacheWatch?.left(folio);
  filemap_release_folio(k, folio);
  mem.flags[folio]! &= ~(PG_dirty | PG_readahead);
  const nr = folio_nr_pages(mem, folio);
  for (let i = 0; i < nr; i++) mapping.i_pages.delete(mem.index[folio]! + i);
  mem.mapping[folio] = 0;
  if (shadow === undefined) return;
  mapping.i_shadows ??= new Map();
  mapping.i_shadows.set(mem.index[folio]!, shadow);
}

/**
 * A clean folio that nobody uses but the caller, who has a reference, leaves the cache. Context: locked. Return: whether it has.
 * Source: mm/truncate.c.
 */
export function mapping_evict_folio(k: Kernel, mapping: AddressSpace, folio: Page): boolean {
  const { mem } = k;
  const flags = mem.flags[folio]!;
  const nr = folio_nr_pages(mem, folio);
  if ((flags & (PG_dirty | PG_writeback)) !== 0) return false;
  if (mem.refcount[folio]! > nr + 1 + ((flags & PG_private) === 0 ? 0 : 1)) return false;
  filemap_remove_folio(k, mapping, folio);
  put_page(k, folio, nr);
  return true;
}

/** Drop the whole cache of an inode that nobody maps or has open (evict). */
export function truncate_inode_pages_final(k: Kernel, mapping: AddressSpace): void {
  for (const page of mapping.i_pages.values()) {
    const folio = compound_head(k.mem, page);
    filemap_remove_folio(k, mapping, folio);
    put_page(k, folio, folio_nr_pages(k.mem, folio));
  }
}

/**
 * Free the pages from `first` up to `end`, wherever they are referenced still; huge ones as a whole, which lie there as a whole.
 * Context: may sleep.
 */
export function* truncate_inode_pages_range(
  k: Kernel,
  mapping: AddressSpace,
  first: number,
  end: number,
  where: string,
): Task {
  for (const index of mapping.i_shadows?.keys() ?? [])
    if (index >= first && index < end) mapping.i_shadows!.delete(index);
  const indices = [...mapping.i_pages.keys()].filter((index) => index >= first && index < end);
  for (const index of indices.sort((a, b) => a - b)) {
    const page = mapping.i_pages.get(index);
    if (page === undefined) continue;
    const folio = compound_head(k.mem, page);
    yield* k.lock_page(folio, where);
    yield* folio_wait_writeback(k, folio);
    const ours = mapping.i_pages.get(index) === page;
    if (ours) filemap_remove_folio(k, mapping, folio);
    k.unlock_page(folio);
    if (ours) put_page(k, folio, folio_nr_pages(k.mem, folio));
  }
}

/** The page in the middle of which the file ends, or a hole begins: zeros behind. */
export function clear_partial(k: Kernel, mapping: AddressSpace, start: number, end: number): void {
  const page = (mapping.dax?.blocks ?? mapping.i_pages).get(Math.floor(start / PAGE_SIZE));
  if (page === undefined || start >= end) return;
  k.contents.writeBytes(page, start % PAGE_SIZE, new Uint8Array(end - start), 0, end - start);
}

/** The pages of a hole that are in it as a whole: from, and up to. */
export function holePages(offset: number, length: number): { readonly first: number; readonly end: number } {
  return { first: Math.ceil(offset / PAGE_SIZE), end: Math.floor((offset + length) / PAGE_SIZE) };
}

/** The parts of pages, in bytes, that a hole covers at its ends; one that is empty does not count. */
export function holeEdges(
  offset: number,
  length: number,
): { readonly start: number; readonly end: number }[] {
  const { first, end } = holePages(offset, length);
  const edges = [{ start: offset, end: Math.min(first * PAGE_SIZE, offset + length) }];
  if (end >= first) edges.push({ start: Math.max(offset, end * PAGE_SIZE), end: offset + length });
  return edges;
}
