// SPDX-License-Identifier: GPL-2.0-only
/**
 * Every reference of every page is somebody's: a page table entry, the page cache, a pin, a device page (of its
 * backing page), or the kernel itself (the zero pages). Between system calls nobody else has one, so that a
 * difference is a leak or a use after free to come.
 */
import {
  folio_pincount,
  folio_test_large,
  PG_buddy,
  PG_hugetlb,
  PG_locked,
  PG_tail,
} from '../mm/page_flags.js';
import type { Page } from '../sim/memmap.js';
import type { Census } from './census.js';
import { violation } from './violation.js';

const NAME = 'refcount';

export function check_refcounts(census: Census): void {
  const { mem } = census;
  const { refs } = census.columns;
  for (const { low, high } of census.touched) {
    for (let page = low; page < high; page++) {
      const refcount = mem.refcount[page]!;
      if (refcount !== refs[page]) throw wrong_count(census, page);
      if (refcount !== 0) check_in_use(census, page);
    }
  }
  check_allocator(census);
}

function check_in_use(census: Census, page: Page): void {
  const { mem } = census;
  const flags = mem.flags[page]!;
  if ((flags & PG_tail) !== 0) throw violation(NAME, `${census.show(page)}: a tail page has references`);
  if ((flags & PG_buddy) !== 0) throw violation(NAME, `${census.show(page)}: in use, and on a free list`);
  if ((flags & PG_locked) !== 0 && !census.locked.has(page))
    throw violation(NAME, `${census.show(page)}: locked, and nobody is at work`);
  if (!folio_test_large(mem, page)) return;
  const pins = census.columns.pins[page];
  if (folio_pincount(mem, page) === pins) return;
  throw violation(NAME, `${census.show(page)}: pincount ${folio_pincount(mem, page)}, but ${pins} pins`);
}

function wrong_count(census: Census, page: Page): Error {
  const { refs, ptes, pmds, exclusives, pins } = census.columns;
  const found = [
    ['PTE', ptes[page]!],
    ['PMD', pmds[page]!],
    ['device exclusive entry', exclusives[page]!],
    ['pin', pins[page]!],
  ] as const;
  const known = found.filter(([, count]) => count > 0).map(([what, count]) => `${what} ${count}`);
  const detail = known.length === 0 ? '' : ` (${known.join(', ')})`;
  const text = `refcount ${census.mem.refcount[page]}, but ${refs[page]} references are held${detail}`;
  return violation(NAME, `${census.show(page)}: ${text}`);
}

/** Free, used and hugetlb's: together all of the RAM. */
function check_allocator({ k, mem, touched }: Census): void {
  let used = k.hugetlb.nr_huge_pages * 512;
  for (const { low, high } of touched) {
    if (k.is_zone_device_page(low)) break;
    for (let page = low; page < high; page++) {
      if (mem.refcount[page] === 0 || (mem.flags[page]! & PG_hugetlb) !== 0) continue;
      used += folio_test_large(mem, page) ? 512 : 1;
    }
  }
  const { totalPages, nr_free_pages } = k.pages;
  const free = nr_free_pages + k.zones.reduce((sum, zone) => sum + zone.isolatedFree, 0);
  const all = totalPages + k.offline.reduce((sum, { pages }) => sum + pages, 0);
  if (used + free === all) return;
  throw violation(NAME, `${used} pages are in use and ${free} free, of ${all}`);
}
