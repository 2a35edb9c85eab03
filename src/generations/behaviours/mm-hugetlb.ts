// SPDX-License-Identifier: GPL-2.0-only
/** mm/hugetlb.c. */
import type { Entries } from './entry.js';

export const hugetlb = {
  hugetlbZapRestoresReserve: {
    what: 'unmapping a private huge page for the last time gives its reservation back to the mapping',
    source: 'mm/hugetlb.c __unmap_hugepage_range',
    since: ['6.9'],
    witness: { kernel: '6.12', scenario: 'derived/hugetlb-dontneed-reserves-6.12' },
  },
  hugetlbVmaLock: {
    what: 'huge pages fault, and are unmapped, under the lock of their VMA or that of its reservations',
    source: 'mm/hugetlb.c hugetlb_vma_lock_read',
    since: ['6.1'],
    witness: { kernel: '6.1', program: 'waits of a fault for the lock of huge pages' },
  },
  hugetlbUnsharingKeepsWp: {
    what: 'a huge page that is copied to be pinned stays write-protected for a userfaultfd',
    source: 'mm/hugetlb.c hugetlb_wp',
    since: ['6.4'],
    witness: { kernel: '6.12', scenario: 'derived/hugetlb-uffd-wp-unshared-6.12' },
  },
  hugetlbWalkLocksVma: {
    what: 'a walk of huge pages has the lock of their VMA',
    source: 'mm/pagewalk.c walk_hugetlb_range',
    // Between 6.1 and 6.12.
    since: ['6.3'],
    witness: { kernel: '6.12', program: 'faults with the lock of huge pages' },
  },
} as const satisfies Entries;
