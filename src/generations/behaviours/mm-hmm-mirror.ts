// SPDX-License-Identifier: GPL-2.0-only
/** The interface of v25, which became that of 4.14: include/linux/hmm.h, and what the memory core did for it. */
import type { Entries } from './entry.js';

export const hmmMirror = {
  driversUseMirrors: {
    what: 'drivers follow address spaces by hmm_mirror_register() and migrate by migrate_vma() with callbacks; there is no test_hmm yet',
    source: 'include/linux/hmm.h',
    // migrate_vma_setup() came in 5.4, interval notifiers in 5.5.
    until: ['5.5'],
    witness: { kernel: 'hmm-v25', scenario: 'derived/hmm-v25-access' },
  },
  mirrorsHearOfTheEnd: {
    what: "a device's page table is updated when an invalidation ends; later, when it begins",
    source: 'mm/hmm.c hmm_invalidate_range_end',
    until: ['4.20'],
    witness: { kernel: 'hmm-v25', program: 'a mirror while a page is copied' },
  },
  collectChecksOwner: {
    what: "migrate_vma_* leaves other owners' device pages alone; before, it took any",
    source: 'mm/migrate_device.c migrate_vma_collect_pmd',
    since: ['5.7'],
    witness: { kernel: 'hmm-v25', scenario: 'derived/hmm-v25-device-to-device' },
  },
  collectOffersFileHoles: {
    what: 'holes of files are collected, for which drivers get pages that nobody maps in the end',
    source: 'mm/migrate_device.c migrate_vma_collect_hole',
    until: ['5.9'],
    witness: { kernel: 'hmm-v25', program: 'pages of a device for a hole of a file' },
  },
  publicPagesTakeFiles: {
    what: 'pages of files migrate to device memory that the CPU reaches',
    source: 'mm/migrate_device.c migrate_vma_pages',
    until: ['5.3'],
    witness: { kernel: 'hmm-v25', scenario: 'derived/hmm-v25-file-to-cdm' },
  },
  gupRefusesPublic: {
    what: 'get_user_pages() has no page for device memory that the CPU reaches (MEMORY_DEVICE_PUBLIC)',
    source: 'mm/gup.c follow_page_pte',
    until: ['5.3'],
    witness: { kernel: 'hmm-v25', scenario: 'derived/hmm-v25-pins' },
  },
  faultReferencesDevicePage: {
    what: 'a CPU fault on a private page holds the page while its driver brings it home',
    source: 'mm/memory.c do_swap_page',
    since: ['6.1'],
    // They stand on the 6.1 core here, whose migrate_to_ram() they have.
    postings: { 'v5-generic': true, 'v4-coherent': true },
    witness: { kernel: 'hmm-v25', scenario: 'derived/hmm-v25-access' },
  },
} as const satisfies Entries;
