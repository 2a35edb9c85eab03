// SPDX-License-Identifier: GPL-2.0-only
/**
 * The registry of behaviours in which kernels differ. Historical bugs and their fixes are overrides of the same
 * entries. Each names the kernel function that decides, and since or until which kernel it holds.
 */

export interface BehaviourEntry<T> {
  readonly value: T;
  readonly description: string;
  /** Kernel file and function. */
  readonly source: string;
  readonly since?: string;
  readonly until?: string;
}

const entry = <T>(
  value: T,
  description: string,
  source: string,
  when: { since?: string; until?: string } = {},
) => ({ value, description, source, ...when }) as BehaviourEntry<T>;

/** Values are those of Linux 6.12; other generations override. */
export const registry = {
  // mm/migrate.c, mm/huge_memory.c
  splitRemapsZeroPages: entry(
    true,
    'splitting a THP maps its zero-filled subpages to the shared zero page',
    'mm/migrate.c try_to_map_unused_to_zeropage',
    { since: '6.12' },
  ),
  splitKeepsDirtyBit: entry(
    true,
    'splitting a huge PMD leaves its PTEs as dirty as it was; before, all of them were clean',
    'mm/huge_memory.c __split_huge_pmd_locked',
    { since: '6.2' },
  ),
  mprotectUpgradesPmd: entry(
    true,
    'mprotect makes a huge PMD of an exclusive anonymous page writable at once',
    'mm/huge_memory.c change_huge_pmd',
    { since: '6.2' },
  ),
  mprotectUpgradesCleanPte: entry(
    true,
    'mprotect makes a clean PTE of an exclusive anonymous page writable at once',
    'mm/mprotect.c can_change_pte_writable',
    { since: '6.2' },
  ),
  mprotectNotifiesByPud: entry(
    true,
    'mprotect invalidates from the first populated PUD entry on, not from the first populated PMD',
    'mm/mprotect.c change_pud_range',
    { since: '6.12' },
  ),
  mprotectUnaccounts: entry(
    true,
    'mprotect takes anonymous memory that was never touched out of the commit charge when it becomes read-only',
    'mm/mprotect.c mprotect_fixup',
    { since: '6.5' },
  ),
  thpAlignedMmap: entry(
    true,
    'anonymous mappings of 2 MiB and more get an aligned address',
    'mm/huge_memory.c thp_get_unmapped_area_vmflags',
    { since: '6.7' },
  ),
  madviseFreeKeepsWholeFolios: entry(
    true,
    'MADV_FREE of a whole THP that is mapped by PTEs leaves it whole; before, it was split',
    'mm/madvise.c madvise_free_pte_range',
    { since: '6.10' },
  ),
  wpReusesLargeFolios: entry(
    false,
    'a write fault may reuse a page of a THP of which nothing else is mapped or held',
    'mm/memory.c do_wp_page',
    { until: 'between 6.1 and 6.12' },
  ),
  populateWalksVmas: entry(
    false,
    'MADV_POPULATE_* passes over holes and reports them at the end; later it stops at the first',
    'mm/madvise.c madvise_populate',
    { until: '6.9' },
  ),
  // fs/proc/task_mmu.c
  pagemapExclusiveOnlyPresent: entry(
    true,
    'pagemap sets the exclusive bit for present pages only',
    'fs/proc/task_mmu.c pte_to_pagemap_entry',
    { since: '6.11' },
  ),
  // mm/gup.c
  follLongterm: entry(0x100, 'FOLL_LONGTERM', 'include/linux/mm_types.h', { since: '6.3' }),
  gupUnsharesFilePages: entry(
    true,
    'a read-only longterm pin of a private mapping breaks COW of file and zero pages first',
    'mm/internal.h gup_must_unshare',
    { since: '6.2' },
  ),
  gupTestLongtermPins: entry(
    true,
    'gup_test has PIN_LONGTERM_TEST_START, STOP and READ',
    'mm/gup_test.c gup_test_ioctl',
    { since: '6.2' },
  ),
  gupRefusesInternalFlags: entry(
    true,
    'get_user_pages and pin_user_pages refuse flags that are internal to mm/gup.c',
    'mm/gup.c is_valid_gup_args',
    { since: '6.3' },
  ),
  splitPmdRefusesHugetlb: entry(
    true,
    'GUP with FOLL_SPLIT_PMD, and so EXCLUSIVE, fails on hugetlb with EOPNOTSUPP instead of finding its pages',
    'mm/gup.c check_vma_flags',
    { since: '6.12.117 (backport)' },
  ),
  longtermMigratesCoherent: entry(
    true,
    'a longterm pin moves device coherent pages to system memory; before, it fails',
    'mm/gup.c __gup_longterm_locked',
    { since: '6.0' },
  ),
  // mm/hugetlb.c
  hugetlbZapRestoresReserve: entry(
    true,
    'unmapping a private huge page for the last time gives its reservation back to the mapping',
    'mm/hugetlb.c __unmap_hugepage_range',
    { since: '6.9' },
  ),
  // mm/hmm.c
  hmmWalksMixedmap: entry(
    true,
    'VM_MIXEDMAP mappings are walked like any other; before, they were refused like VM_IO and VM_PFNMAP',
    'mm/hmm.c hmm_vma_walk_test',
    { since: '5.17' },
  ),
  hmmFaultsForeignPrivate: entry(
    true,
    "a fault brings another device's private page home; before, it failed with EFAULT",
    'mm/hmm.c hmm_vma_handle_pte',
    { since: '6.0' },
  ),
  // mm/memory.c
  migrateToRamResultCounts: entry(
    true,
    'a CPU fault on a private page answers what migrate_to_ram() answered',
    'mm/memory.c do_swap_page',
  ),
  zapWarnsByFolio: entry(
    true,
    'unmapping a device entry warns when its folio is not anonymous; before, when its VMA was not',
    'mm/memory.c zap_pte_range',
  ),
  // mm/migrate_device.c
  collectKeepsDirtyBit: entry(
    true,
    'collecting a page copies the dirty bit of its PTE to the page',
    'mm/migrate_device.c migrate_vma_collect_pmd',
    { since: '6.1' },
  ),
  finalizeFreesOffLru: entry(
    true,
    'a folio whose contents have moved away is freed; before, it was put on the LRU first',
    'mm/migrate_device.c migrate_device_finalize',
    { since: '6.14' },
  ),
  // mm/rmap.c
  exclusiveByPage: entry(
    false,
    'exclusive access is given page by page, to tail pages of large folios too',
    'mm/rmap.c make_device_exclusive',
    { since: '6.15' },
  ),
  // lib/test_hmm.c
  closeEvicts: entry(
    true,
    'closing the device evicts every page of the device, of other processes too',
    'lib/test_hmm.c dmirror_fops_release',
    { since: '6.1.192, 6.12.117 (backport)' },
  ),
  mirrorGoneFails: entry(
    true,
    'a device fault fails with EFAULT when the mirrored mm is gone; before, it returned 0 for ever',
    'lib/test_hmm.c dmirror_fault',
    { since: '6.1.192, 6.12.117 (backport)' },
  ),
  devmemFaultReportsOom: entry(
    false,
    'a CPU fault for which there is no system page fails with VM_FAULT_OOM; before, it succeeded and came again',
    'lib/test_hmm.c dmirror_devmem_fault_alloc_and_copy',
  ),
  evictNeverFailsToAllocate: entry(
    true,
    'the arrays for an eviction are allocated with __GFP_NOFAIL, in single pages if need be',
    'lib/test_hmm.c dmirror_device_evict_chunk',
  ),
  toSystemArraysOnStack: entry(
    true,
    'the arrays for a migration to system memory are on the stack',
    'lib/test_hmm.c dmirror_migrate_to_system',
  ),
  exclusiveNeedsAllPages: entry(
    true,
    'EXCLUSIVE maps pages only when every page of the batch was found',
    'lib/test_hmm.c dmirror_exclusive',
  ),
  faultMirrorsOwnPrivatePage: entry(
    true,
    'a device fault stores its own unaddressable private page in the device table',
    'lib/test_hmm.c dmirror_do_fault',
  ),
  spmSelectsType: entry(
    false,
    'both module parameters make every device generic, with the memory of the resources found at the addresses, instead of adding two coherent devices',
    'lib/test_hmm.c dmirror_allocate_chunk',
    { until: 'v5-generic' },
  ),
  pagemapTypeFollowsDevice: entry(
    true,
    'the pages of a generic device are MEMORY_DEVICE_GENERIC',
    'lib/test_hmm.c dmirror_allocate_chunk',
  ),
  coherentMinorKnown: entry(
    true,
    'which SPM range a coherent device takes is decided by its own minor number',
    'lib/test_hmm.c dmirror_allocate_chunk',
  ),
  nullResourceChecked: entry(
    true,
    'a resource that was not found fails the module load; before, it was dereferenced',
    'lib/test_hmm.c dmirror_allocate_chunk',
  ),
  spmMinorsSwapped: entry(
    true,
    'the first device with SPM takes spm_addr_dev1, the second spm_addr_dev0',
    'lib/test_hmm.c dmirror_allocate_chunk',
  ),
  genericHasBackingPage: entry(
    false,
    'generic device pages get a backing page too, which only remembers the mirror',
    'lib/test_hmm.c dmirror_devmem_alloc_page',
    { until: 'v5-generic' },
  ),
  genericToSystemIsNoop: entry(
    false,
    'migrating generic pages back to system memory does nothing',
    'lib/test_hmm.c dmirror_devmem_fault_alloc_and_copy',
    { until: 'v5-generic' },
  ),
  snapshotReportsOrder: entry(
    true,
    'snapshots report PMD and PUD mappings',
    'lib/test_hmm.c dmirror_mkentry',
    { since: '5.9' },
  ),
  coherentHasSides: entry(
    true,
    'snapshots tell local from remote coherent pages; v5-generic has one DEV_GENERIC',
    'lib/test_hmm.c dmirror_mkentry',
  ),
  toSystemCountsPages: entry(
    true,
    'cpages of a migration to system memory counts the pages that moved',
    'lib/test_hmm.c dmirror_migrate_to_system',
    { since: 'v4-coherent' },
  ),
  ioctl4IsGetMemDevType: entry(
    true,
    'where ioctl 4 is GET_MEM_DEV_TYPE, the driver takes it so, and not as EXCLUSIVE, which it was in 5.14',
    'lib/test_hmm_uapi.h',
  ),
  npagesOverflowChecked: entry(
    false,
    'a page count whose byte length overflows is refused',
    'lib/test_hmm.c dmirror_fops_unlocked_ioctl',
  ),
  hmmDmirrorAlias: entry(
    false,
    '/dev/hmm_mirrorN names the devices too',
    'cover letter of the COHERENT series, v4',
  ),
  // mm/memremap.c
  freeDevicePagesUnreferenced: entry(
    true,
    'a free device page has no references; before, it kept one',
    'mm/memremap.c free_zone_device_folio',
    { since: '6.1' },
  ),
  genericPagesAreMigratable: entry(
    false,
    'MEMORY_DEVICE_GENERIC pages take the place of coherent ones in migrate_vma_*',
    'mm/migrate.c migrate_vma_check_page',
    { until: 'v5-generic' },
  ),
} as const satisfies Record<string, BehaviourEntry<boolean | number>>;

export type BehaviourName = keyof typeof registry;

/** The resolved values, by name. */
export type Behaviours = {
  readonly [K in BehaviourName]: (typeof registry)[K]['value'] extends boolean ? boolean : number;
};

/** The registry's values with `overrides`. */
export function resolve(overrides: Partial<Behaviours>): Behaviours {
  const values: Record<string, boolean | number> = {};
  for (const [name, { value }] of Object.entries(registry)) values[name] = value;
  return { ...values, ...overrides } as Behaviours;
}
