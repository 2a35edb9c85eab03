// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: mm/swapfile.c, mm/swap_state.c, mm/page_io.c: a swap device and its cache. Fidelity: simplified: one
 * device, a RAM disk whose pages are there from its first write on; no readahead.
 */
import { NO_PAGE, type Page } from '../sim/memmap.js';
import type { Kernel } from './kernel.js';
import { get_page, put_page, UNMOVABLE } from './page_alloc.js';
import { folio_mapped, PG_dirty, PG_swapcache } from './page_flags.js';

export class SwapDevice {
  /** Who refers to each slot: page table entries, and files. */
  readonly #map: Uint16Array;
  /** Pages of the RAM disk, by slot: those that were ever written. */
  readonly disk = new Map<number, Page>();
  /** The swap cache: by slot. A page keeps its slot in page->private. */
  readonly cache = new Map<number, Page>();
  #next = 0;

  constructor(readonly slots: number) {
    this.#map = new Uint16Array(slots);
  }

  count(slot: number): number {
    return this.#map[slot]!;
  }

  change(slot: number, delta: number): void {
    this.#map[slot]! += delta;
  }

  /** Slots that somebody refers to, or whose page is in the cache. */
  inUse(): number {
    const cached = [...this.cache.keys()].filter((slot) => this.#map[slot] === 0).length;
    return this.#map.reduce((sum, count) => sum + (count > 0 ? 1 : 0), cached);
  }

  /** A slot that nobody refers to; -1 where there is none. */
  find_free(): number {
    for (let n = 0; n < this.slots; n++) {
      const slot = (this.#next + n) % this.slots;
      if (this.#map[slot] !== 0 || this.cache.has(slot)) continue;
      this.#next = slot + 1;
      return slot;
    }
    return -1;
  }
}

export const folio_test_swapcache = (k: Kernel, folio: Page): boolean =>
  (k.mem.flags[folio]! & PG_swapcache) !== 0;

/** Put a folio into the cache, which takes a reference. */
function add_to_swap_cache(k: Kernel, folio: Page, slot: number): void {
  k.swap!.cache.set(slot, folio);
  k.mem.priv[folio] = slot;
  k.mem.flags[folio]! |= PG_swapcache;
  get_page(k, folio);
}

/** Give a locked folio a slot. Return: whether there was one. */
export function add_to_swap(k: Kernel, folio: Page): boolean {
  const slot = k.swap === null ? -1 : k.swap.find_free();
  if (slot < 0) return false;
  add_to_swap_cache(k, folio, slot);
  k.mem.flags[folio]! |= PG_dirty;
  return true;
}

export function delete_from_swap_cache(k: Kernel, folio: Page): void {
  k.swap!.cache.delete(k.mem.priv[folio]!);
  k.mem.priv[folio] = 0;
  k.mem.flags[folio]! &= ~PG_swapcache;
  put_page(k, folio);
}

/** The new folio of a migration takes the place of the old one. */
export function replace_in_swap_cache(k: Kernel, newfolio: Page, folio: Page): void {
  const slot = k.mem.priv[folio]!;
  delete_from_swap_cache(k, folio);
  add_to_swap_cache(k, newfolio, slot);
}

/** Take a locked folio out of the cache, if no entry refers to its slot. Return: whether it is out. */
export function folio_free_swap(k: Kernel, folio: Page): boolean {
  if (!folio_test_swapcache(k, folio) || k.swap!.count(k.mem.priv[folio]!) > 0) return false;
  delete_from_swap_cache(k, folio);
  k.mem.flags[folio]! |= PG_dirty;
  return true;
}

/** The last mapping may be gone: then the cache need not keep the folio (free_swap_cache). */
export function free_swap_cache(k: Kernel, folio: Page): void {
  if (!folio_test_swapcache(k, folio) || folio_mapped(k.mem, folio) || !k.trylock_page(folio)) return;
  folio_free_swap(k, folio);
  k.unlock_page(folio);
}

export function swap_duplicate(k: Kernel, slot: number): void {
  k.swap!.change(slot, 1);
}

/** One entry less; the slot is free with the last, unless its page is in the cache still. */
export function swap_free(k: Kernel, slot: number): void {
  k.swap!.change(slot, -1);
}

/** An entry goes without having been read; its page in the cache, too, where it was the last. */
export function free_swap_and_cache(k: Kernel, slot: number): void {
  swap_free(k, slot);
  const folio = k.swap!.cache.get(slot);
  if (folio === undefined || k.swap!.count(slot) > 0) return;
  // The cache may have the last reference, and a locked page is not to be freed.
  get_page(k, folio);
  free_swap_cache(k, folio);
  put_page(k, folio);
}

/** Write a folio of the cache to its slot. Return: false without memory for the RAM disk. */
export function swap_writepage(k: Kernel, folio: Page): boolean {
  const slot = k.mem.priv[folio]!;
  const { disk } = k.swap!;
  const page = disk.get(slot) ?? k.pages.alloc_page(UNMOVABLE);
  if (page === NO_PAGE) return false;
  disk.set(slot, page);
  k.contents.copy_page(page, folio);
  k.mem.flags[folio]! &= ~PG_dirty;
  return true;
}

export function swap_read_folio(k: Kernel, folio: Page, slot: number): void {
  k.contents.copy_page(folio, k.swap!.disk.get(slot)!);
}

/** Read a slot into the cache. Return: the folio with a reference for the caller; NO_PAGE without memory. */
export function read_swap_cache(k: Kernel, slot: number): Page {
  const folio = k.pages.alloc_page();
  if (folio === NO_PAGE) return NO_PAGE;
  swap_read_folio(k, folio, slot);
  add_to_swap_cache(k, folio, slot);
  return folio;
}
