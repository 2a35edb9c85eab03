// SPDX-License-Identifier: GPL-2.0-only
/** When the last process is gone, nothing is left of it: every page is free but those of the kernel itself. */

import type { Kernel } from '../mm/kernel.js';
import { folio_nr_pages, PG_hugetlb } from '../mm/page_flags.js';
import type { AddressSpace } from '../mm/types.js';
import type { Page } from '../sim/memmap.js';
import type { Census } from './census.js';
import { violation } from './violation.js';

const NAME = 'leak';

/** Context: no process lives, and everything is quiet. */
export function check_leaks(census: Census): void {
  const { k, drivers } = census;
  const left = [
    ['address spaces', census.mms.length],
    ['anon_vmas', k.anonVmas.filter((anon_vma) => anon_vma !== null).length],
    ['files with pages', k.mappings.filter(is_left).length],
    ['open device files', drivers.openFiles()],
    ['longterm pins', k.pinHolders.reduce((sum, holder) => sum + [...holder()].length, 0)],
    ['references held', k.referenceHolders.reduce((sum, holder) => sum + [...holder()].length, 0)],
    ['reserved huge pages', k.hugetlb.resv_huge_pages - k.hugetlb.lostReservations],
    ['huge pages in use', k.hugetlb.nr_huge_pages - k.hugetlb.free_huge_pages - leaked_huge_pages(census)],
    ['swap slots in use', (k.swap?.inUse() ?? 0) - cached_alone(census)],
    ['device pages in use', device_pages(census)],
    ['pages in use', pages(census)],
  ] as const;
  const found = left.filter(([, count]) => count !== 0).map(([what, count]) => `${count} ${what}`);
  if (found.length > 0) throw violation(NAME, `no process is left, but ${found.join(', ')}`);
}

/** Pages that the swap cache alone has: reclaim began with them, and whoever had them let go. The next one frees them. */
function cached_alone({ k, mem }: Census): number {
  return [...(k.swap?.cache ?? [])].filter(
    ([slot, page]) => k.swap!.count(slot) === 0 && mem.refcount[page] === 1,
  ).length;
}

/** Inodes of a DAX file system stay in memory, as the file system does. */
function is_left(mapping: AddressSpace | null): boolean {
  if (mapping === null) return false;
  return mapping.i_mmap.size > 0 || (mapping.kind !== 'dax' && mapping.kind !== 'devdax');
}

/** Whether the page lies in a memory block that is out of use. */
const is_offline = (k: Kernel, page: Page): boolean =>
  k.offline.some(({ first, pages }) => page >= first && page < first + pages);

/** Pages that stay because the kernel itself forgot a reference. */
function leaked_pages({ k, mem }: Census, device: boolean): number {
  const folios = [...new Set(k.leakedReferences)].filter(
    (folio) =>
      k.is_zone_device_page(folio) === device &&
      (mem.flags[folio]! & PG_hugetlb) === 0 &&
      !is_offline(k, folio),
  );
  return folios.reduce((sum, folio) => sum + folio_nr_pages(mem, folio), 0);
}

/** Those of hugetlb's pool that the hardware has lost. */
function leaked_huge_pages({ k, mem }: Census): number {
  return [...new Set(k.leakedReferences)].filter((folio) => (mem.flags[folio]! & PG_hugetlb) !== 0).length;
}

function device_pages(census: Census): number {
  const used = [...census.devicePages.values()].reduce((sum, used) => sum + used, 0);
  return used - leaked_pages(census, true);
}

/** Of system memory, without the kernel's own pages and hugetlb's pool. */
function pages(census: Census): number {
  const { k } = census;
  const { totalPages, nr_free_pages } = k.pages;
  // A memory block may go in which the zero page lies.
  const gone = is_offline(k, k.zeroPage);
  const own =
    (gone ? 0 : 1) + k.imagePages.length + (k.hugeZeroFolio === 0 ? 0 : 512) + k.hugetlb.nr_huge_pages * 512;
  return totalPages - nr_free_pages - own - leaked_pages(census, false) - cached_alone(census);
}
