// SPDX-License-Identifier: GPL-2.0-only
/** Every page of a chunk is on its device's free list or in use, never both; what is in use has its backing page. */
import { chunk_of } from '../../drivers/test_hmm/devmem.js';
import type { DmirrorChunk, DmirrorDevice, DmirrorModule } from '../../drivers/test_hmm/dmirror.js';
import { idle_device_refs } from '../../mm/memremap.js';
import { folio_nr_pages } from '../../mm/page_flags.js';
import { NO_PAGE, type Page } from '../../sim/memmap.js';
import type { Census } from '../census.js';
import { DEVICE_PAGES } from '../devices.js';
import { violation } from '../violation.js';

export function check_chunks(census: Census, { devices }: DmirrorModule): void {
  for (const mdevice of devices) check_device(census, mdevice);
}

function check_device(census: Census, mdevice: DmirrorDevice): void {
  const free = count_free_list(census, mdevice);
  for (const chunk of mdevice.chunks) {
    const { firstPage, nr_pages } = chunk.pagemap;
    const used = count_used(census, mdevice, chunk);
    const idle = chunk.firstUsed - firstPage + (free.get(chunk) ?? 0) + chunk.lost;
    if (used + idle === nr_pages) continue;
    const where = `${mdevice.name}, chunk at page ${firstPage}`;
    throw violation(DEVICE_PAGES, `${where}: ${used} pages in use and ${idle} free, of ${nr_pages}`);
  }
}

/** How many pages of each chunk the device's free list has; all of them unused. */
function count_free_list(census: Census, mdevice: DmirrorDevice): Map<DmirrorChunk, number> {
  const { k, mem } = census;
  const free = new Map<DmirrorChunk, number>();
  const limit = mdevice.chunks.reduce((sum, { pagemap }) => sum + pagemap.nr_pages, 0);
  let length = 0;
  const count = (head: Page): void => {
    for (let page = head; page !== NO_PAGE; page = mem.priv[page]!) {
      if (++length > limit) throw violation(DEVICE_PAGES, `${mdevice.name}: the free list runs in a circle`);
      const chunk = k.is_zone_device_page(page) ? chunk_of(k, page) : null;
      if (chunk === null || chunk.mdevice !== mdevice || page < chunk.firstUsed) {
        throw violation(DEVICE_PAGES, `${mdevice.name}: ${census.show(page)} is on its free list`);
      }
      check_free_page(census, page);
      free.set(chunk, (free.get(chunk) ?? 0) + folio_nr_pages(mem, page));
    }
  };
  count(mdevice.free_pages);
  count(mdevice.free_folios);
  return free;
}

function check_free_page(census: Census, page: Page): void {
  const { mem } = census;
  if (mem.refcount[page] !== idle_device_refs(census.k, page)) {
    throw violation(
      DEVICE_PAGES,
      `${census.show(page)}: on the free list with refcount ${mem.refcount[page]}`,
    );
  }
  if (mem.mapping[page] !== 0 || mem.mapcount[page] !== 0) {
    throw violation(DEVICE_PAGES, `${census.show(page)}: on the free list, and mapped`);
  }
}

function count_used(census: Census, mdevice: DmirrorDevice, chunk: DmirrorChunk): number {
  const { k, mem } = census;
  const { firstPage, nr_pages, type } = chunk.pagemap;
  const backed = type === 'MEMORY_DEVICE_PRIVATE' || k.behaviour.genericHasBackingPage;
  let used = 0;
  for (let page = chunk.firstUsed; page < firstPage + nr_pages; page++) {
    if (mem.refcount[page]! <= idle_device_refs(k, page)) continue;
    used += folio_nr_pages(mem, page);
    if (!backed) continue;
    const backing = mem.priv[page]!;
    if (backing === NO_PAGE || k.is_zone_device_page(backing)) {
      throw violation(DEVICE_PAGES, `${mdevice.name}: ${census.show(page)} is in use without a backing page`);
    }
  }
  return used;
}
