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
  collectRefusesPinned: {
    what: 'collecting leaves a page alone that may be pinned; before, only its references told, later',
    source: 'mm/migrate_device.c migrate_vma_collect_pmd',
    since: ['5.19'],
    witness: { kernel: '6.12', program: 'pinned pages that are collected' },
  },
  checkCountsDevicePages: {
    what: 'migration looks for unknown references of device pages too; before, it took every page that it can move',
    source: 'mm/migrate_device.c migrate_vma_check_page',
    since: ['5.18'],
    witness: { kernel: 'v4-coherent', program: 'pinned device pages that pass the check' },
  },
  finalizeFreesOffLru: {
    what: 'a folio whose contents have moved away is freed; before, it was put on the LRU first',
    source: 'mm/migrate_device.c migrate_device_finalize',
    // Before 6.7 the memcg stayed with the folio, so that it did not matter.
    except: { since: ['6.7'], until: ['6.14', '6.12.117'] },
    witness: { kernel: '6.12', scenario: 'bugs/freed-page-on-lru' },
  },
  migrateFreesSwapCache: {
    what: 'a page in the swap cache is taken out of it to migrate to a device; before, it stayed where it was',
    source: 'mm/migrate_device.c __migrate_device_pages',
    since: ['6.6'],
    witness: { kernel: '6.12', scenario: 'derived/swap-cache-migrates-6.12' },
  },
  migratesCompound: {
    what: 'migrate_vma_* takes whole huge pages, splits those mapped by PTEs, and leaves alone what was not selected',
    source: 'mm/migrate_device.c migrate_vma_collect_huge_pmd',
    since: ['6.19'],
    witness: { kernel: '7.3', recording: 'thpdev-105-0113' },
  },
} as const satisfies Entries;
