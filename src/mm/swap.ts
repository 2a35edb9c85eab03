// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: mm/swapfile.c, mm/swap_state.c, mm/page_io.c: a swap device and its cache. Fidelity: simplified: one
 * device, a RAM disk whose memory is none of the machine's (as one on memory that was set aside at boot); no readahead.
 */
import { StoredContents } from '../sim/contents.js';
import { COST_COPY } from '../sim/costs.js';
import type { Page } from '../sim/memmap.js';
import type { Kernel } from './kernel.js';
import { mem_cgroup_charge_swap, mem_cgroup_uncharge_swap } from './memcontrol.js';
import { get_page, put_page } from './page_alloc.js';
import { folio_mapped, folio_nr_pages, PG_dirty, PG_swapcache } from './page_flags.js';

export class SwapDevice {
  /** Who refers to each slot: page table entries, and files. */
  readonly #map: Uint16Array;
  readonly disk: StoredContents;
  /** The swap cache: by slot. A page keeps its slot in page->private. */
  readonly cache = new Map<number, Page>();
  /** What the cache has instead of a page that was evicted: when that was (workingset.ts). */
  readonly shadows = new Map<number, number>();
  #next = 0;
  #used = 0;

  constructor(readonly slots: number) {
    this.#map = new Uint16Array(slots);
    this.disk = new StoredContents(slots);
  }

  count(slot: number): number {
    return this.#map[slot]!;
  }

  change(slot: number, delta: number): void {
    const before = this.#map[slot]!;
    this.#map[slot] = before + delta;
    if (this.cache.has(slot)) return;
    if (before === 0) this.#used++;
    else if (before + delta === 0) this.#range_free(slot);
  }

  cache_add(slot: number, folio: Page): void {
    this.cache.set(slot, folio);
    this.shadows.delete(slot);
    if (this.#map[slot] === 0) this.#used++;
  }

  cache_delete(slot: number, shadow?: number): void {
    this.cache.delete(slot);
    if (shadow !== undefined) this.shadows.set(slot, shadow);
    if (this.#map[slot] === 0) this.#range_free(slot);
  }

  /** Nobody has the slot any more (swap_range_free, clear_shadow_from_swap_cache). */
  #range_free(slot: number): void {
    this.#used--;
    this.shadows.delete(slot);
  }

  /** Slots that somebody refers to, or whose page is in the cache. */
  inUse(): number {
    return this.#used;
  }

  /** More than half of it is in use (vm_swap_full). */
  get full(): boolean {
    return (this.slots - this.#used) * 2 < this.slots;
  }

  /** A slot that nobody refers to; -1 where there is none. */
  find_free(): number {
    if (this.#used === this.slots) return -1;
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

/** References of the page cache, or of the swap cache, that has the folio: one for each page. */
export const folio_cache_refs = (k: Kernel, folio: Page): number =>
  k.mem.mapping[folio]! < 0 || folio_test_swapcache(k, folio) ? folio_nr_pages(k.mem, folio) : 0;

/** What becomes of a slot that nobody has: its cgroup does not have it either. */
function uncharge_unused(k: Kernel, slot: number): void {
  if (k.memcgs === null || k.swap!.count(slot) > 0 || k.swap!.cache.has(slot)) return;
  mem_cgroup_uncharge_swap(k, slot);
}

/** Put a folio into the cache, which takes a reference. */
function add_to_swap_cache(k: Kernel, folio: Page, slot: number): void {
  k.swap!.cache_add(slot, folio);
  k.mem.priv[folio] = slot;
  k.mem.flags[folio]! |= PG_swapcache;
  get_page(k, folio);
}

/** Give a locked folio a slot. Return: whether there was one. */
export function add_to_swap(k: Kernel, folio: Page): boolean {
  const slot = k.swap === null ? -1 : k.swap.find_free();
  if (slot < 0) return false;
  add_to_swap_cache(k, folio, slot);
  if (k.memcgs !== null) mem_cgroup_charge_swap(k, folio, slot);
  k.mem.flags[folio]! |= PG_dirty;
  return true;
}

/** Slots that are free. */
export const get_nr_swap_pages = ({ swap }: Kernel): number =>
  swap === null ? 0 : swap.slots - swap.inUse();

function leave_swap_cache(k: Kernel, folio: Page, shadow?: number): void {
  k.swap!.cache_delete(k.mem.priv[folio]!, shadow);
  k.mem.priv[folio] = 0;
  k.mem.flags[folio]! &= ~PG_swapcache;
  put_page(k, folio);
}

/** `shadow`: of one that is evicted. */
export function delete_from_swap_cache(k: Kernel, folio: Page, shadow?: number): void {
  const slot = k.mem.priv[folio]!;
  leave_swap_cache(k, folio, shadow);
  uncharge_unused(k, slot);
}

/** The new folio of a migration takes the place of the old one. */
export function replace_in_swap_cache(k: Kernel, newfolio: Page, folio: Page): void {
  const slot = k.mem.priv[folio]!;
  leave_swap_cache(k, folio);
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
  uncharge_unused(k, slot);
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

/** Write a folio of the cache to its slot. */
export function swap_writepage(k: Kernel, folio: Page): void {
  k.contents.store_page(k.swap!.disk, k.mem.priv[folio]!, folio);
  k.executor.charge(COST_COPY);
  k.mem.flags[folio]! &= ~PG_dirty;
}

export function swap_read_folio(k: Kernel, folio: Page, slot: number): void {
  k.contents.load_page(folio, k.swap!.disk, slot);
  k.executor.charge(COST_COPY);
}

/** Read a slot into the new `folio`, and put that into the cache. */
export function read_swap_cache(k: Kernel, folio: Page, slot: number): void {
  swap_read_folio(k, folio, slot);
  add_to_swap_cache(k, folio, slot);
}

/** OVERCOMMIT_GUESS refuses only what can never fit. `pages`: of one mapping. Source: mm/util.c. */
export function __vm_enough_memory(k: Kernel, pages: number): boolean {
  return pages <= k.pages.totalPages + (k.swap?.slots ?? 0);
}
