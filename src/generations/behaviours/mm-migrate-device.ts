// SPDX-License-Identifier: GPL-2.0-only
/** mm/migrate_device.c. */
import type { Entries } from './entry.js';

export const migrateDevice = {
  collectKeepsDirtyBit: {
    what: 'collecting a page copies the dirty bit of its PTE to the page',
    source: 'mm/migrate_device.c migrate_vma_collect_pmd',
    since: ['6.1'],
    witness: { kernel: '6.1', scenario: 'bugs/dirty-bit-lost' },
  },
  finalizeFreesOffLru: {
    what: 'a folio whose contents have moved away is freed; before, it was put on the LRU first',
    source: 'mm/migrate_device.c migrate_device_finalize',
    since: ['6.14', '6.12.117', '6.1.192'],
    witness: { kernel: '6.12', scenario: 'bugs/freed-page-on-lru' },
  },
} as const satisfies Entries;
