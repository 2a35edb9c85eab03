// SPDX-License-Identifier: GPL-2.0-only
/** mm/khugepaged.c. */
import type { Entries } from './entry.js';

export const khugepaged = {
  collapseSkipsFragments: {
    what: 'MADV_COLLAPSE of a range without one whole huge page does nothing, with success; before, EINVAL',
    source: 'mm/khugepaged.c madvise_collapse',
    // Behind 7.1.
    since: ['7.3'],
    by: '7.3',
    witness: { kernel: '7.3', recording: 'thpdev-105-0045' },
  },
  collapseAllowsReadOnly: {
    what: 'MADV_COLLAPSE takes memory of which no page is mapped writable, too',
    source: 'mm/khugepaged.c __collapse_huge_page_isolate',
    since: ['6.18'],
    witness: { kernel: '7.3', recording: 'collapse-105-0034' },
  },
  collapsePassesNoTable: {
    what: 'MADV_COLLAPSE goes on behind 2 MiB of which nothing is mapped',
    source: 'mm/khugepaged.c madvise_collapse',
    since: ['6.19'],
    witness: { kernel: '7.3', scenario: 'derived/collapse-past-hole-7.3' },
  },
  collapseRetractsEverywhere: {
    what: 'MADV_COLLAPSE of a file takes the page tables of all its mappings away, and maps the huge page for its caller even where nothing of it was mapped; before, only of its caller, and EINVAL without a table',
    source: 'mm/khugepaged.c retract_page_tables',
    since: ['6.6'],
    witness: { kernel: '6.12', scenario: 'derived/collapse-file-unmapped-6.12' },
  },
  collapseFileLeavesWatchedHoles: {
    what: 'MADV_COLLAPSE does not fill holes of a file that a userfaultfd waits for',
    source: 'mm/khugepaged.c collapse_file',
    since: ['6.4'],
    witness: { kernel: '6.12', scenario: 'derived/collapse-file-watched-6.12' },
  },
  collapseMapsAnew: {
    what: 'MADV_COLLAPSE maps the huge page of a file where not even a table of huge pages was',
    source: 'mm/khugepaged.c set_huge_pmd',
    since: ['6.18'],
    witness: { kernel: '7.3', scenario: 'derived/collapse-file-far-7.3' },
  },
} as const satisfies Entries;
