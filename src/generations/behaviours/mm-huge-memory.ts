// SPDX-License-Identifier: GPL-2.0-only
/** mm/huge_memory.c. */
import type { Entries } from './entry.js';

export const hugeMemory = {
  splitKeepsDirtyBit: {
    what: 'splitting a huge PMD leaves its PTEs as dirty as it was; before, all of them were clean',
    source: 'mm/huge_memory.c __split_huge_pmd_locked',
    since: ['6.4'],
    witness: { kernel: '6.1', scenario: 'derived/pmd-split-clean-6.1' },
  },
  mprotectUpgradesPmd: {
    what: 'mprotect makes a huge PMD of an exclusive anonymous page writable at once',
    source: 'mm/huge_memory.c change_huge_pmd',
    since: ['6.2'],
    witness: { kernel: '6.12', scenario: 'derived/thp-mprotect-whole-6.12' },
  },
  thpAlignedMmap: {
    what: 'anonymous mappings of 2 MiB and more get an aligned address',
    source: 'mm/huge_memory.c thp_get_unmapped_area_vmflags',
    since: ['6.7'],
    witness: { kernel: '6.12', program: 'offset in a huge page' },
  },
  wpReplacesHugeZero: {
    what: 'a write to the huge zero page puts a THP in its place; before, its PMD was split',
    source: 'mm/huge_memory.c do_huge_zero_wp_pmd',
    since: ['6.13'],
    witness: { kernel: '7.3', recording: 'thpdev-105-0017' },
  },
} as const satisfies Entries;
