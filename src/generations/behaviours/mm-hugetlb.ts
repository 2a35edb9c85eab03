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
} as const satisfies Entries;
