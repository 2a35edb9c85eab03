// SPDX-License-Identifier: GPL-2.0-only
/** mm/khugepaged.c. */
import type { Entries } from './entry.js';

export const khugepaged = {
  collapseSkipsFragments: {
    what: 'MADV_COLLAPSE of a range without one whole huge page does nothing, with success; before, EINVAL',
    source: 'mm/khugepaged.c madvise_collapse',
    since: ['7.3'],
    by: '7.3',
    witness: { kernel: '7.3', recording: 'thpdev-105-0045' },
  },
  collapseAllowsReadOnly: {
    what: 'MADV_COLLAPSE takes memory of which no page is mapped writable, too',
    source: 'mm/khugepaged.c __collapse_huge_page_isolate',
    since: ['7.3'],
    by: '7.3',
    witness: { kernel: '7.3', recording: 'collapse-105-0034' },
  },
  collapsePassesNoTable: {
    what: 'MADV_COLLAPSE goes on behind 2 MiB of which nothing is mapped',
    source: 'mm/khugepaged.c madvise_collapse',
    since: ['7.3'],
    by: '7.3',
    witness: { kernel: '7.3', scenario: 'derived/collapse-past-hole-7.3' },
  },
} as const satisfies Entries;
