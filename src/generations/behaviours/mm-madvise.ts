// SPDX-License-Identifier: GPL-2.0-only
/** mm/madvise.c. */
import type { Entries } from './entry.js';

export const madvise = {
  madvisePopulates: {
    what: 'there are MADV_POPULATE_READ and MADV_POPULATE_WRITE',
    source: 'mm/madvise.c madvise_behavior_valid',
    since: ['5.14'],
    witness: { kernel: 'v5-generic', scenario: 'derived/madvise-later-advice' },
  },
  madviseTakesLocked: {
    what: 'there is MADV_DONTNEED_LOCKED',
    source: 'mm/madvise.c madvise_behavior_valid',
    since: ['5.18'],
    witness: { kernel: 'v4-coherent', program: 'MADV_DONTNEED_LOCKED' },
  },
  madviseCollapses: {
    what: 'there is MADV_COLLAPSE',
    source: 'mm/madvise.c madvise_behavior_valid',
    since: ['6.1'],
    witness: { kernel: '6.12', recording: 'collapse-301-0000' },
  },
  madviseFreeKeepsWholeFolios: {
    what: 'MADV_FREE of a whole THP that is mapped by PTEs leaves it whole; before, it was split',
    source: 'mm/madvise.c madvise_free_pte_range',
    since: ['6.10'],
    witness: { kernel: '6.12', scenario: 'derived/madvise-free-whole-6.12' },
  },
  populateWalksVmas: {
    what: 'MADV_POPULATE_* passes over holes and reports them at the end; later it stops at the first',
    source: 'mm/madvise.c madvise_populate',
    until: ['6.10'],
    witness: { kernel: '6.12', recording: 'vma-101-0079' },
  },
  madviseGuards: {
    what: 'there are MADV_GUARD_INSTALL and MADV_GUARD_REMOVE',
    source: 'mm/madvise.c madvise_behavior_valid',
    since: ['6.13'],
    witness: { kernel: '7.3', recording: 'guard-307-0013' },
  },
  coldKeepsWorkingset: {
    what: 'MADV_COLD and MADV_PAGEOUT of an active page leave a note that it was active, so that it costs more when it comes back',
    source: 'mm/madvise.c madvise_cold_or_pageout_pte_range',
    since: ['6.6'],
    witness: { kernel: '6.12', program: 'MADV_COLD of an active page' },
  },
  injectedErrorsKill: {
    what: 'MADV_HWPOISON of a page that was written to kills its process at once; before, whoever touches the page',
    source: 'mm/madvise.c madvise_inject_error',
    since: ['6.11'],
    witness: { kernel: '6.12', scenario: 'derived/hwpoison-6.12' },
  },
} as const satisfies Entries;
