// SPDX-License-Identifier: GPL-2.0-only
/** Device memory: the pagemap counts its pages in use; private pages are out of the CPU's reach. */
import type { DevPagemap } from '../mm/memremap.js';
import { pte_present } from '../mm/pgtable.js';
import type { Page } from '../sim/memmap.js';
import type { Census } from './census.js';
import { hex, violation } from './violation.js';

/** What is wrong with device memory is found under this name, here and in the checkers of the drivers. */
export const DEVICE_PAGES = 'device pages';

export function check_device_pages(census: Census): void {
  const { pgmaps } = census.k;
  for (const pgmap of pgmaps) if (pgmap !== null) check_pagemap(census, pgmap);
  if (pgmaps.some((pgmap) => pgmap?.type === 'MEMORY_DEVICE_PRIVATE')) check_reach(census);
}

function check_pagemap({ k, drivers, devicePages }: Census, pgmap: DevPagemap): void {
  const used = devicePages.get(pgmap) ?? 0;
  if (pgmap.ref === 1 + (k.behaviour.devicePagesHoldPgmap ? used : 0)) return;
  const where = `${drivers.deviceOf(pgmap.firstPage)?.name ?? pgmap.type}, chunk at page ${pgmap.firstPage}`;
  const text = `${pgmap.ref} references of the pagemap, but ${used} pages in use`;
  throw violation(DEVICE_PAGES, `${where}: ${text}`);
}

/** A private page is in no present entry. */
function check_reach(census: Census): void {
  const { k } = census;
  for (const [mm, entries] of census.entries) {
    const visit = (address: number, page: Page, flags: number): void => {
      if (page < k.firstDevicePage || !k.has_pgmap(page) || !pte_present(flags)) return;
      if (k.pgmapOf(page).type !== 'MEMORY_DEVICE_PRIVATE') return;
      throw violation(DEVICE_PAGES, `mm ${mm.id}, ${hex(address)}: a present entry of ${census.show(page)}`);
    };
    entries.forEach({ pte: visit, leaf: visit });
  }
}
