// SPDX-License-Identifier: GPL-2.0-only
/**
 * Device memory: every page of a chunk is free or in use, never both; the pagemap counts those in use; private pages
 * are out of the CPU's reach.
 */
import type { DmirrorChunk, DmirrorDevice } from '../drivers/test_hmm/dmirror.js';
import { pte_present } from '../mm/pgtable.js';
import { NO_PAGE, type Page } from '../sim/memmap.js';
import type { Census } from './census.js';
import { forEachEntry } from './entries.js';
import { hex, violation } from './violation.js';

const NAME = 'device pages';

export function check_device_pages(census: Census): void {
  for (const mdevice of census.module?.devices ?? []) check_device(census, mdevice);
  if (census.k.pgmaps.some((pgmap) => pgmap?.type === 'MEMORY_DEVICE_PRIVATE')) check_reach(census);
}

function check_device(census: Census, mdevice: DmirrorDevice): void {
  const free = count_free_list(census, mdevice);
  for (const chunk of mdevice.chunks) {
    const { firstPage, nr_pages, ref } = chunk.pagemap;
    const used = count_used(census, mdevice, chunk);
    const idle = chunk.virgin + 1 - firstPage + (free.get(chunk) ?? 0);
    const where = `${mdevice.name}, chunk at page ${firstPage}`;
    if (used + idle !== nr_pages) {
      throw violation(NAME, `${where}: ${used} pages in use and ${idle} free, of ${nr_pages}`);
    }
    if (ref !== 1 + used) {
      throw violation(NAME, `${where}: ${ref} references of the pagemap, but ${used} pages in use`);
    }
  }
}

/** How many pages of each chunk the device's free list has; all of them unused. */
function count_free_list(census: Census, mdevice: DmirrorDevice): Map<DmirrorChunk, number> {
  const { k, mem } = census;
  const free = new Map<DmirrorChunk, number>();
  const limit = mdevice.chunks.reduce((sum, { pagemap }) => sum + pagemap.nr_pages, 0);
  let length = 0;
  for (let page = mdevice.free_pages; page !== NO_PAGE; page = mem.priv[page]!) {
    if (++length > limit) throw violation(NAME, `${mdevice.name}: the free list runs in a circle`);
    const chunk = k.is_zone_device_page(page) ? (k.pgmapOf(page).chunk as DmirrorChunk) : undefined;
    if (chunk === undefined || chunk.mdevice !== mdevice || page <= chunk.virgin) {
      throw violation(NAME, `${mdevice.name}: ${census.show(page)} is on its free list`);
    }
    check_free_page(census, page);
    free.set(chunk, (free.get(chunk) ?? 0) + 1);
  }
  return free;
}

function check_free_page(census: Census, page: Page): void {
  const { mem } = census;
  if (mem.refcount[page] !== 0) {
    throw violation(NAME, `${census.show(page)}: on the free list with refcount ${mem.refcount[page]}`);
  }
  if (mem.mapping[page] !== 0 || mem.mapcount[page] !== 0) {
    throw violation(NAME, `${census.show(page)}: on the free list, and mapped`);
  }
}

function count_used(census: Census, mdevice: DmirrorDevice, chunk: DmirrorChunk): number {
  const { k, mem } = census;
  const { firstPage, nr_pages, type } = chunk.pagemap;
  const backed = type === 'MEMORY_DEVICE_PRIVATE' || k.behaviour.genericHasBackingPage;
  let used = 0;
  for (let page = chunk.virgin + 1; page < firstPage + nr_pages; page++) {
    if (mem.refcount[page] === 0) continue;
    used++;
    if (!backed) continue;
    const backing = mem.priv[page]!;
    if (backing === NO_PAGE || k.is_zone_device_page(backing)) {
      throw violation(NAME, `${mdevice.name}: ${census.show(page)} is in use without a backing page`);
    }
  }
  return used;
}

/** A private page is in no present entry. */
function check_reach(census: Census): void {
  const { k } = census;
  for (const mm of census.mms) {
    const visit = (address: number, page: Page, flags: number): void => {
      if (page < k.firstDevicePage || !pte_present(flags)) return;
      if (k.pgmapOf(page).type !== 'MEMORY_DEVICE_PRIVATE') return;
      throw violation(NAME, `mm ${mm.id}, ${hex(address)}: a present entry of ${census.show(page)}`);
    };
    forEachEntry(mm.pt, { pte: visit, leaf: visit });
  }
}
