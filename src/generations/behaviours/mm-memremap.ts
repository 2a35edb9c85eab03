// SPDX-License-Identifier: GPL-2.0-only
/** mm/memremap.c. */
import type { Entries } from './entry.js';

export const memremap = {
  freeDevicePagesUnreferenced: {
    what: 'a free device page has no references; before, it kept one',
    source: 'mm/memremap.c free_zone_device_folio',
    since: ['6.1'],
    witness: { kernel: '6.12', scenario: 'bugs/free-page-referenced' },
  },
} as const satisfies Entries;
