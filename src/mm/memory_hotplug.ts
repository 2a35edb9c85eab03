// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: mm/memory_hotplug.c, offline_pages() and online_pages(), with what mm/page_isolation.c has for them.
 * Fidelity: simplified. DIVERGES: huge pages of the hugetlb pool that are in use are not moved; the zero
 * page is in the way of nothing.
 */
import { COST_TICK } from '../sim/costs.js';
import { WaitQueue } from '../sim/executor.js';
import { NO_PAGE, PAGEBLOCK, type Page } from '../sim/memmap.js';
import type { Task } from '../sim/task.js';
import { EBUSY, EHWPOISON, EINTR, EINVAL } from '../uapi/errno.js';
import { split_folio } from './huge_split.js';
import type { Kernel } from './kernel.js';
import { folio_isolate_lru } from './lru.js';
import { migrate_pages } from './migrate_pages.js';
import { put_page } from './page_alloc.js';
import {
  compound_head,
  folio_mapped,
  folio_nr_pages,
  folio_test_large,
  PG_hwpoison,
  PG_lru,
  PG_reserved,
  PG_tail,
} from './page_flags.js';
import { unmap_poisoned } from './rmap_unmap.js';

/** Base pages of a memory block: 128 MiB. */
const MEMORY_BLOCK_PAGES = 32768;

const is_lost = (k: Kernel, page: Page): boolean => (k.mem.flags[page]! & PG_hwpoison) !== 0;

/** A page that cannot be moved out of the range (has_unmovable_pages): nobody's user memory; NO_PAGE: there is none. */
function has_unmovable_pages(k: Kernel, first: Page, end: Page): Page {
  const { mem } = k;
  for (let page = first; page < end; page++) {
    // The zero page is of the kernel's image, which no block here has room for.
    if (page === k.zeroPage) continue;
    const flags = mem.flags[page]!;
    if ((flags & PG_reserved) !== 0) return page;
    if ((flags & (PG_tail | PG_hwpoison)) !== 0 || mem.refcount[page] === 0) continue;
    if ((flags & PG_lru) === 0) return page;
    page += folio_nr_pages(mem, page) - 1;
  }
  return NO_PAGE;
}

/** What the hardware has lost and is mapped still is so no longer. Context: may sleep. */
function* unmap_lost(k: Kernel, first: Page, end: Page): Task {
  for (let page = first; page < end; page++) {
    if (!is_lost(k, page) || folio_test_large(k.mem, page) || !folio_mapped(k.mem, page)) continue;
    k.mem.refcount[page]!++;
    yield* k.lock_page(page, 'do_migrate_range');
    yield* unmap_poisoned(k, page, true);
    k.unlock_page(page);
    put_page(k, page);
  }
}

/** The folios of the range that are on the LRU, taken off it, with a reference each. */
function isolate_movable(k: Kernel, first: Page, end: Page): Page[] {
  const folios: Page[] = [];
  for (let page = first; page < end; page++) {
    const folio = compound_head(k.mem, page);
    const moves = k.mem.refcount[folio]! > 0 && !is_lost(k, folio);
    if (moves && folio_isolate_lru(k, folio)) folios.push(folio);
    page = folio + folio_nr_pages(k.mem, folio) - 1;
  }
  return folios;
}

/** Huge pages for which there is none elsewhere go in small pieces. Context: may sleep. */
function* split_stuck(k: Kernel, first: Page, end: Page): Task {
  for (let page = first; page < end; page += PAGEBLOCK) {
    if (!folio_test_large(k.mem, page) || (k.mem.flags[page]! & PG_lru) === 0) continue;
    k.mem.refcount[page]!++;
    if (k.trylock_page(page)) {
      yield* split_folio(k, page);
      k.unlock_page(page);
    }
    k.mem.refcount[page]!--;
  }
}

const in_use = (k: Kernel, first: Page, end: Page): boolean => {
  for (let page = first; page < end; page++)
    if (k.mem.refcount[page]! > 0 && page !== k.zeroPage && !is_lost(k, page)) return true;
  return false;
};

/**
 * The pages of a block; null where it has a hole, or is of two nodes. Page blocks of RAM below 3 GiB begin 1 MiB behind
 * those of a real machine, as RAM itself does: so do memory blocks.
 */
function pages_of_block(k: Kernel, block: number): Page | null {
  const start = k.mem.pfn_to_page(block * MEMORY_BLOCK_PAGES);
  if (start === NO_PAGE || k.is_zone_device_page(start)) return null;
  const first = start + k.mem.pagesToBlock(start);
  const last = first + MEMORY_BLOCK_PAGES - 1;
  if (k.mem.page_to_pfn(last) !== k.mem.page_to_pfn(first) + MEMORY_BLOCK_PAGES - 1) return null;
  return k.nodes.page_to_nid(first) === k.nodes.page_to_nid(last) ? first : null;
}

/**
 * Take a memory block out of use: move what can be moved, and try again for what somebody holds, until it is let go of
 * or a signal comes. Context: may sleep for ever. Return: 0; -EINVAL where the block has a hole, is of two zones or out of use; -EBUSY
 * where memory of the kernel or of a driver lies in it; -EINTR.
 */
export function* offline_pages(k: Kernel, block: number): Task<number> {
  const first = pages_of_block(k, block);
  if (first === null) return -EINVAL;
  if (k.offline.some((range) => range.first === first)) return -EINVAL;
  const end = first + MEMORY_BLOCK_PAGES;
  const zone = k.zones[k.nodes.page_to_nid(first)]!;
  const unmovable = has_unmovable_pages(k, first, end);
  if (unmovable !== NO_PAGE) {
    if (k.trace !== null)
      k.note({ event: 'skip', fn: 'has_unmovable_pages', page: unmovable, reason: { id: 'not-movable' } });
    return -EBUSY;
  }
  zone.isolate(first, MEMORY_BLOCK_PAGES);
  while (in_use(k, first, end)) {
    if (k.signals.pending()) {
      zone.undo_isolate(first, MEMORY_BLOCK_PAGES);
      return -EINTR;
    }
    yield* unmap_lost(k, first, end);
    const stay = yield* migrate_pages(k, isolate_movable(k, first, end), 'MR_MEMORY_HOTPLUG');
    if (stay > 0) yield* split_stuck(k, first, end);
    if (in_use(k, first, end)) yield* next_round(k, 'offline_pages');
  }
  zone.set_online(first, MEMORY_BLOCK_PAGES, false);
  k.offline.push({ block, first, pages: MEMORY_BLOCK_PAGES });
  return 0;
}

/** A tick later, where a kernel would begin at once; or when a signal comes. Context: may sleep. */
export function* next_round(k: Kernel, where: string): Task {
  const queue = new WaitQueue();
  k.executor.addTimer(k.executor.now + COST_TICK, () => queue.wakeAll(k.executor));
  k.signals.wakes(queue, true);
  yield* queue.sleep(k.executor, where);
  k.signals.wakes(queue, false);
}

/**
 * A block that was taken out of use is memory again. Return: 0; -EINVAL for one that there is not, or that is in use; -EHWPOISON
 * where it has pages that the hardware has lost. Before that was known, those were as good as new.
 */
export function online_pages(k: Kernel, block: number): number {
  if (pages_of_block(k, block) === null) return -EINVAL;
  const at = k.offline.findIndex((range) => range.block === block);
  const found = k.offline[at];
  if (found === undefined) return -EINVAL;
  const { first, pages } = found;
  for (let page = first; page < first + pages; page++) {
    if (!is_lost(k, page)) continue;
    if (k.behaviour.onlineRefusesPoisoned) return -EHWPOISON;
    // DIVERGES: what a file's cache has still stays lost.
    if (k.mem.refcount[page] !== 1 || k.mem.mapping[page]! < 0) continue;
    k.leakedReferences.splice(0, Infinity, ...k.leakedReferences.filter((kept) => kept !== page));
    k.mem.flags[page] = 0;
    k.mem.refcount[page] = 0;
    k.mem.mapping[page] = 0;
  }
  k.offline.splice(at, 1);
  k.zones[k.nodes.page_to_nid(first)]!.set_online(first, pages, true);
  return 0;
}

/** A memory block that is out of use. */
export interface OfflineBlock {
  readonly block: number;
  readonly first: Page;
  readonly pages: number;
}
