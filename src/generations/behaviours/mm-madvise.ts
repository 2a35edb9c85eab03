// SPDX-License-Identifier: GPL-2.0-only
/** mm/madvise.c, and mm/memory-failure.c, which it injects errors into. */
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

export const memoryFailure = {
  shmemKeepsPoisoned: {
    what: 'a page of a memory file that the hardware has lost stays in its cache, and whoever comes for it is refused; before, it was a hole, which is zeros',
    source: 'mm/shmem.c shmem_error_remove_page',
    since: ['5.16'],
    witness: { kernel: '6.1', scenario: 'derived/hwpoison-memfd-6.1' },
  },
  hugetlbKeepsPoisoned: {
    what: "a huge page of the pool that the hardware has lost stays in its file's cache, and whoever comes for it is refused; before, it was a hole, which is zeros",
    source: 'fs/hugetlbfs/inode.c hugetlbfs_error_remove_page',
    // By 6.1.
    since: ['6.1'],
    witness: { kernel: '6.1', scenario: 'derived/hwpoison-hugetlb-file-6.1' },
  },
  unsplitThpKills: {
    what: 'a huge page that cannot be split where one of its pages is lost kills the process and answers EHWPOISON; before, that was ignored with EBUSY',
    source: 'mm/memory-failure.c kill_procs_now',
    since: ['6.11'],
    witness: { kernel: '6.12', scenario: 'derived/hwpoison-huge-6.12' },
  },
  onlineRefusesPoisoned: {
    what: 'a memory block with a page that the hardware has lost is not memory again (EHWPOISON); before, the lost page was as good as new',
    source: 'drivers/base/memory.c memory_block_online',
    // Between 6.1 and 6.12.
    since: ['6.2'],
    witness: { kernel: '6.12', scenario: 'derived/offline-hwpoison-6.12' },
  },
  poisonChecksKind: {
    what: "a page that somebody maps is asked first whether it is one that can be lost; of the kernel's own, soft offlining answers ENOTRECOVERABLE, before EIO",
    source: 'mm/memory-failure.c get_any_page',
    since: ['7.3'],
    witness: { kernel: '7.3', scenario: 'derived/hwpoison-kernel-7.3' },
  },
} as const satisfies Entries;
