// SPDX-License-Identifier: GPL-2.0-only
/** mm/memremap.c. */
import type { Entries } from './entry.js';

export const memremap = {
  freeDevicePagesUnreferenced: {
    what: 'a free device page has no references; before, it kept one',
    source: 'mm/memremap.c free_zone_device_folio',
    since: ['6.1'],
    postings: { 'v5-generic': true },
    witness: { kernel: '6.12', scenario: 'bugs/free-page-referenced' },
  },
  usedDevicePagesReferencedTwice: {
    what: 'where free device pages have a reference, those in use have one more than their users hold',
    source: 'mm/memremap.c free_devmap_managed_page',
    until: ['5.18'],
    witness: { kernel: 'v4-coherent', program: 'references of a page on a device' },
  },
  devicePagesHoldPgmap: {
    what: 'memunmap_pages() waits for the device pages that are in use; v5-generic drops their references at once',
    source: 'mm/memremap.c memunmap_pages',
    postings: { 'v5-generic': false },
    witness: { kernel: 'v5-generic', program: 'rmmod with a page on a device' },
  },
} as const satisfies Entries;
