// SPDX-License-Identifier: GPL-2.0-only
/** mm/gup.c, and its test module. */
import type { Entries } from './entry.js';

export const gup = {
  follLongterm: {
    what: 'FOLL_LONGTERM',
    source: 'include/linux/mm_types.h',
    values: [0x10000, 0x100],
    since: ['6.3'],
    witness: { kernel: '6.12', program: 'pages pinned with an internal flag' },
  },
  hmmTestsKnowFollLongterm: {
    what: 'hmm-tests, which has copied FOLL_LONGTERM as a number, was built for this kernel',
    source: 'include/linux/mm_types.h',
    witness: { kernel: '6.12', program: 'hmm_gup_test' },
  },
  programsKnowFollLongterm: {
    what: 'so was the program that takes the steps of scenarios',
    source: 'include/linux/mm_types.h',
    // The program that recorded 6.1 has the number of 6.3.
    since: ['6.3'],
    postings: { 'v5-generic': true, 'v4-coherent': true },
    witness: { kernel: '6.1', recording: 'gup-103-0006' },
  },
  gupUnsharesFilePages: {
    what: 'a read-only longterm pin of a private mapping breaks COW of file and zero pages first',
    source: 'mm/internal.h gup_must_unshare',
    since: ['6.2'],
    witness: { kernel: '6.12', recording: 'all-101-0034' },
  },
  gupLongtermSparesFiles: {
    what: 'a longterm pin for writing refuses shared mappings of files whose file system tracks dirty pages',
    source: 'mm/gup.c writable_file_mapping_allowed',
    since: ['6.5'],
    witness: { kernel: '6.12', scenario: 'derived/disk-longterm-6.12' },
  },
  gupLongtermUnlocks: {
    what: 'a longterm pin of the fast functions may let go of the mmap_lock, and so wait for a userfaultfd',
    source: 'mm/gup.c internal_get_user_pages_fast',
    since: ['6.3'],
    witness: { kernel: '6.12', program: 'a page pinned for long that a userfaultfd brings' },
  },
  gupTestLongtermPins: {
    what: 'gup_test has PIN_LONGTERM_TEST_START, STOP and READ',
    source: 'mm/gup_test.c gup_test_ioctl',
    since: ['6.2'],
    witness: { kernel: '6.12', recording: 'curated-pin-blocks-migration' },
  },
  gupRefusesInternalFlags: {
    what: 'get_user_pages and pin_user_pages refuse flags that are internal to mm/gup.c',
    source: 'mm/gup.c is_valid_gup_args',
    since: ['6.3'],
    witness: { kernel: '6.12', program: 'pages pinned with an internal flag' },
  },
  splitPmdRefusesHugetlb: {
    what: 'GUP with FOLL_SPLIT_PMD, and so EXCLUSIVE, fails on hugetlb with EOPNOTSUPP instead of finding its pages',
    source: 'mm/gup.c check_vma_flags',
    since: ['6.15', '6.12.23'],
    witness: { kernel: '6.12', recording: 'hugetlb-101-0111' },
  },
  gupSplitsHugetlb: {
    what: 'GUP walks hugetlb with the page tables of all others, where FOLL_SPLIT_PMD takes a hugetlb page for a THP',
    source: 'mm/gup.c follow_pmd_mask',
    since: ['6.10'],
    until: ['6.15', '6.12.23'],
    witness: { kernel: '6.12', scenario: 'bugs/exclusive-hugetlb' },
  },
  longtermMigratesCoherent: {
    what: 'a longterm pin moves device coherent pages to system memory; before, it fails',
    source: 'mm/gup.c __gup_longterm_locked',
    since: ['6.0'],
    witness: { kernel: '6.1', recording: 'curated-longterm-pin-evicts-coherent' },
  },
} as const satisfies Entries;
