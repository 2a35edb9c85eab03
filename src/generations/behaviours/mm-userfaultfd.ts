// SPDX-License-Identifier: GPL-2.0-only
/** mm/userfaultfd.c, and what else asks for a userfaultfd. */
import type { Entries } from './entry.js';

export const userfaultfd = {
  uffdWpOfFiles: {
    what: 'a userfaultfd may write-protect memory files and huge pages of hugetlb; before, only anonymous memory',
    source: 'include/linux/userfaultfd_k.h vma_can_userfault',
    since: ['5.19'],
    witness: { kernel: 'v4-coherent', scenario: 'derived/uffd-wp-files-5.17' },
  },
  uffdWpFollowsPageProt: {
    what: 'UFFDIO_WRITEPROTECT goes by the protection of the mapping, and makes writable at once what needs no copy',
    source: 'mm/userfaultfd.c uffd_wp_range',
    since: ['6.3'],
    witness: { kernel: '6.12', recording: 'uffd-317-0063' },
  },
  uffdWpSpansVmas: {
    what: 'UFFDIO_WRITEPROTECT of several mappings protects them one after the other; before, the range had to be of one',
    source: 'mm/userfaultfd.c mwriteprotect_range',
    since: ['6.4'],
    witness: { kernel: '6.12', recording: 'uffd-317-0007' },
  },
  collapseBusyWhenArmed: {
    what: 'MADV_COLLAPSE answers EBUSY where holes are for a userfaultfd to fill; before, EINVAL',
    source: 'mm/khugepaged.c madvise_collapse_errno',
    since: ['6.4'],
    witness: { kernel: '6.12', scenario: 'derived/collapse-armed-6.12' },
  },
  uffdModesAreKept: {
    what: 'a mapping that a userfaultfd write-protects is not registered anew without that, but EBUSY',
    source: 'mm/userfaultfd.c userfaultfd_register',
    since: ['7.3'],
    witness: { kernel: '7.3', recording: 'uffd-307-0047' },
  },
} as const satisfies Entries;
