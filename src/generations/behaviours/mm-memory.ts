// SPDX-License-Identifier: GPL-2.0-only
/** mm/memory.c. */
import type { Entries } from './entry.js';

export const memory = {
  wpReusesLargeFolios: {
    what: 'a write fault may reuse a page of a THP of which nothing else is mapped or held',
    source: 'mm/memory.c do_wp_page',
    until: ['6.9'],
    witness: { kernel: '6.1', scenario: 'derived/thp-last-page-reused-6.1' },
  },
  wpReusesOwnedFolios: {
    what: 'a write fault reuses a page of a THP that one address space has by its PTEs, and nobody else',
    source: 'mm/memory.c __wp_can_reuse_large_anon_folio',
    since: ['6.15'],
    witness: { kernel: '7.3', program: 'a page of a THP that a child had, written' },
  },
  faultsUnderVmaLock: {
    what: "a CPU fault is tried under the VMA's lock first; one on a device private page is tried again under the mmap_lock",
    source: 'mm/memory.c do_swap_page',
    since: ['6.4'],
    witness: { kernel: '6.12', program: 'faults of a touch' },
  },
  migrateToRamResultCounts: {
    what: 'a CPU fault on a private page answers what migrate_to_ram() answered',
    source: 'mm/memory.c do_swap_page',
    // Dropped in release candidates of 6.1 only.
    witness: { kernel: '6.12', scenario: 'bugs/migrate-to-ram-result-dropped' },
  },
  zapWarnsByFolio: {
    what: 'unmapping a device entry warns when its folio is not anonymous; before, when its VMA was not',
    source: 'mm/memory.c zap_pte_range',
    // Before 5.19 nothing warned; the fix is of 2026.
    except: { since: ['5.19'], until: ['7.1', '7.0.11', '6.12.117', '6.1.192'] },
    witness: { kernel: '6.12', scenario: 'bugs/spurious-zap-warning' },
  },
  swapinMapsWritable: {
    what: "a page that comes back from swap for a read is mapped writable at once where it is the process's alone",
    source: 'mm/memory.c do_swap_page',
    since: ['6.11'],
    witness: { kernel: '6.12', recording: 'swap-307-0070' },
  },
  faultLocksDevicePage: {
    what: 'a CPU fault on a private page locks the page before it asks the driver for it',
    source: 'mm/memory.c do_swap_page',
    // Commit 1afaeb8293c9 of March 2025.
    since: ['6.15'],
    witness: { kernel: '7.3', recording: 'thpdev-105-0069' },
  },
  dontneedFreesTables: {
    what: 'MADV_DONTNEED of all that a page table maps frees the table, so that the next fault may map a huge page',
    source: 'mm/memory.c zap_pte_range',
    // CONFIG_PT_RECLAIM.
    since: ['6.14'],
    witness: { kernel: '7.3', recording: 'thpdev-105-0044' },
  },
  setPmdAsksForThp: {
    what: 'huge pages of a file are not mapped as a whole after MADV_NOHUGEPAGE',
    source: 'mm/memory.c do_set_pmd',
    since: ['6.12'],
    witness: { kernel: '6.12', scenario: 'derived/nohugepage-file-6.12' },
  },
  anonShmemFaultsMapFolio: {
    what: 'a fault on a huge page of shared anonymous memory that cannot be mapped as a whole maps all of its pages',
    source: 'mm/memory.c finish_fault',
    since: ['6.11'],
    witness: { kernel: '6.12', scenario: 'derived/nohugepage-anon-shmem-6.12' },
  },
  fileFaultsMapFolio: {
    what: 'a fault on a huge page of any memory file that cannot be mapped as a whole maps all of its pages',
    source: 'mm/memory.c finish_fault',
    since: ['6.17'],
    witness: { kernel: '7.3', scenario: 'derived/nohugepage-file-7.3' },
  },
} as const satisfies Entries;
