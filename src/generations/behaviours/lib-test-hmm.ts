// SPDX-License-Identifier: GPL-2.0-only
/** lib/test_hmm.c: what its ioctls and faults do. */
import { type Entries, NEVER } from './entry.js';

export const testHmm = {
  closeEvicts: {
    what: 'closing the device evicts every page of the device, of other processes too',
    source: 'lib/test_hmm.c dmirror_fops_release',
    // Fixes of 2026.
    since: ['7.1', '6.12.117', '6.1.192'],
    witness: { kernel: '6.12', recording: 'curated-close-evicts-everyone' },
  },
  mirrorGoneFails: {
    what: 'a device fault fails with EFAULT when the mirrored mm is gone; before, it returned 0 for ever',
    source: 'lib/test_hmm.c dmirror_fault',
    since: ['7.3', '6.12.117', '6.1.192'],
    witness: { kernel: '6.12', scenario: 'bugs/dead-mirror-loop' },
  },
  devmemFaultReportsOom: {
    what: 'a CPU fault for which there is no system page fails with VM_FAULT_OOM; before, it succeeded and came again',
    source: 'lib/test_hmm.c dmirror_devmem_fault_alloc_and_copy',
    since: ['6.19'],
    witness: { kernel: '6.12', scenario: 'bugs/device-fault-oom-ignored' },
  },
  evictNeverFailsToAllocate: {
    what: 'the arrays for an eviction are allocated with __GFP_NOFAIL, in single pages if need be',
    source: 'lib/test_hmm.c dmirror_device_evict_chunk',
    // Before 6.1 nothing is evicted. The backport is that of the recorded release.
    except: { since: ['6.1'], until: ['6.10', '6.1.192'] },
    witness: { kernel: '6.12', scenario: 'bugs/evict-array-unchecked' },
  },
  toSystemArraysFreed: {
    what: 'the arrays for a migration to system memory are on the stack, or freed on every path',
    source: 'lib/test_hmm.c dmirror_migrate_to_system',
    // They left the stack when 512 pages came to be migrated at a time; 7.2 frees them.
    except: { since: ['6.19'], until: ['7.2'] },
    witness: { kernel: '6.12', scenario: 'bugs/to-system-array-leak' },
  },
  exclusiveNeedsAllPages: {
    what: 'EXCLUSIVE maps pages only when every page of the batch was found',
    source: 'lib/test_hmm.c dmirror_exclusive',
    // 5.14 brought EXCLUSIVE.
    except: { since: ['5.14'], until: ['6.1'] },
    witness: { kernel: '6.12', scenario: 'bugs/exclusive-uninitialized-pages' },
  },
  faultMirrorsOwnPrivatePage: {
    what: 'a device fault stores its own unaddressable private page in the device table',
    source: 'lib/test_hmm.c dmirror_do_fault',
    // In every kernel that was recorded.
    witness: { kernel: '6.12', recording: 'curated-read-after-mprotect-oops' },
  },
  deviceFileMaps: {
    what: 'the device file has an mmap operation, which maps pages of its own',
    source: 'lib/test_hmm.c dmirror_fops_mmap',
    since: ['5.17'],
    witness: { kernel: 'v5-generic', scenario: 'derived/device-file-unmappable' },
  },
  faultSelectsByType: {
    what: 'a CPU fault selects pages of the type that the device has; before, private ones',
    source: 'lib/test_hmm.c dmirror_devmem_fault',
    since: ['6.0'],
    postings: { 'v4-coherent': true },
    witness: { kernel: 'v5-generic', scenario: 'derived/forced-private-comes-home' },
  },
  genericToSystemIsNoop: {
    what: 'migrating generic pages back to system memory does nothing',
    source: 'lib/test_hmm.c dmirror_devmem_fault_alloc_and_copy',
    since: NEVER,
    postings: { 'v5-generic': true },
    witness: { kernel: 'v5-generic', scenario: 'bugs/generic-to-system-noop' },
  },
  snapshotReportsOrder: {
    what: 'snapshots report PMD and PUD mappings',
    source: 'lib/test_hmm.c dmirror_mkentry',
    since: ['5.9'],
    witness: { kernel: '6.12', recording: 'curated-thp-split-on-migrate' },
  },
  coherentHasSides: {
    what: 'snapshots tell local from remote coherent pages; v5-generic has one DEV_GENERIC',
    source: 'lib/test_hmm.c dmirror_mkentry',
    postings: { 'v5-generic': false },
    witness: { kernel: '6.12', recording: 'curated-device-to-device' },
  },
  toSystemCountsPages: {
    what: 'cpages of a migration to system memory counts the pages that moved',
    source: 'lib/test_hmm.c dmirror_migrate_to_system',
    postings: { 'v5-generic': false },
    witness: { kernel: '6.12', recording: 'curated-device-to-device' },
  },
  ioctl4IsGetMemDevType: {
    what: 'where ioctl 4 is GET_MEM_DEV_TYPE, the driver takes it so, and not as EXCLUSIVE, which it was in 5.14',
    source: 'lib/test_hmm_uapi.h',
    witness: { kernel: 'v5-generic', scenario: 'bugs/ioctl-4-collision' },
  },
  npagesOverflowChecked: {
    what: 'a page count whose byte length overflows is refused',
    source: 'lib/test_hmm.c dmirror_fops_unlocked_ioctl',
    // A fix of 2026; 7.3 does not have it.
    since: NEVER,
    witness: { kernel: '6.12', recording: 'curated-bad-arguments' },
  },
  migrateBatchPages: {
    what: 'pages that are migrated at a time',
    source: 'lib/test_hmm.c dmirror_migrate_to_device',
    // 32 in 6.17 and 6.18.
    values: [64, 512],
    since: ['6.19'],
    witness: { kernel: '7.3', recording: 'thpdev-105-0113' },
  },
  faultBatchPages: {
    what: 'pages that are faulted in, or looked at, at a time',
    source: 'lib/test_hmm.c dmirror_fault',
    values: [64, 32],
    since: ['6.17'],
    witness: { kernel: '7.3', scenario: 'derived/fault-batch-7.3' },
  },
  driverSelectsCompound: {
    what: 'the driver migrates whole huge pages',
    source: 'lib/test_hmm.c dmirror_migrate_alloc_and_copy',
    since: ['6.19'],
    witness: { kernel: '7.3', recording: 'thpdev-105-0113' },
  },
  holesAreWritable: {
    what: 'the device may write to what was made up of a hole of a writable mapping',
    source: 'lib/test_hmm.c dmirror_migrate_alloc_and_copy',
    until: ['6.19'],
    witness: { kernel: '7.3', scenario: 'derived/hole-not-writable-7.3' },
  },
  exclusivePageErrors: {
    what: 'EXCLUSIVE goes page by page, and fails with what made the first of them fail; before, always with EBUSY',
    source: 'lib/test_hmm.c dmirror_exclusive',
    since: ['6.15'],
    witness: { kernel: '7.3', recording: 'exclusive-105-0037' },
  },
  toSystemStopsWithoutMemory: {
    what: 'a migration to system memory ends with ENOMEM where there is no page, and moves nothing of that batch',
    source: 'lib/test_hmm.c dmirror_migrate_to_system',
    since: ['7.2'],
    witness: { kernel: '7.3', recording: 'err-105-0011' },
  },
  driverTakesFlags: {
    what: 'there is the ioctl FLAGS, which makes the next allocation of a huge page fail',
    source: 'lib/test_hmm.c dmirror_fops_unlocked_ioctl',
    since: ['6.19'],
    witness: { kernel: '7.3', recording: 'err-105-0020' },
  },
  driverReadsUnlocked: {
    what: 'there is the ioctl READ_UNLOCKED, whose faults may let go of the mmap_lock',
    source: 'lib/test_hmm.c dmirror_fault_unlocked',
    // The series of July 2026 that gave mm/hmm.c hmm_range_fault_unlocked_timeout().
    since: ['7.3'],
    witness: { kernel: '7.3', recording: 'err-105-0006' },
  },
} as const satisfies Entries;
