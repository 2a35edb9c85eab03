// SPDX-License-Identifier: GPL-2.0-only
/** Bugs of the memory core. */
import { NEVER } from '../version.js';
import type { Bug } from './index.js';

export const memoryBugs: readonly Bug[] = [
  {
    id: 'free-page-referenced',
    title: 'a free device page keeps a reference',
    mechanism:
      'Device pages are free at one reference, not at none, so that whoever finds one by its pfn can take another.',
    symptom: 'A page on the free list looks as if somebody used it; eviction takes it for data to be saved.',
    functions: ['free_zone_device_page', 'dmirror_devmem_free'],
    fix: { subject: 'mm: free device private pages have zero refcount', commit: 'ef233450898f' },
    existed: 'up to 6.0, but for DEVICE_GENERIC, which removes it',
    kernels: { until: ['6.1'], postings: { 'v5-generic': false } },
    overrides: { freeDevicePagesUnreferenced: false },
    shows:
      'step 4: violation: expected nothing, got "refcount: MEMORY_DEVICE_PRIVATE page with pfn 0x3fffffffe: refcount 1, but 0 references are held"',
    check: true,
  },
  {
    id: 'exclusive-thp-tail',
    title: 'EXCLUSIVE refuses all but the first page of a huge page',
    mechanism:
      'make_device_exclusive_range() walks the mappings of a folio, and so refuses tail pages, although the PMD has been split.',
    symptom: 'EXCLUSIVE over transparent huge pages answers EBUSY.',
    functions: ['make_device_exclusive_range', 'page_make_device_exclusive_one'],
    fix: { subject: 'mm/rmap: implement make_device_exclusive() using folio_walk instead of rmap walk' },
    existed: 'from 5.14 up to 6.14',
    kernels: { since: ['5.14'], until: ['6.15'] },
    overrides: { exclusiveByPage: false },
    shows: 'step 4: ret: expected "EBUSY", got 0',
  },
  {
    id: 'exclusive-hugetlb',
    title: 'EXCLUSIVE splits a hugetlb page as if it were a THP',
    mechanism:
      'follow_pmd_mask() asks pmd_trans_huge(), which is true for hugetlb as well, and __split_huge_pmd() unmaps the page as one of a file; the table of small pages that takes its place is none that hugetlb_fault() can use.',
    symptom: 'EXCLUSIVE over hugetlb ends in a kernel BUG of huge_pte_alloc().',
    functions: ['huge_pte_alloc', 'follow_pmd_mask', 'check_vma_flags'],
    fix: {
      subject: 'mm/gup: reject FOLL_SPLIT_PMD with hugetlb VMAs',
      commit: '8977752c8056',
      cve: 'CVE-2025-22034',
    },
    existed: 'from 6.10 up to 6.14, and 6.12 up to 6.12.22',
    kernels: { since: ['6.10'], until: ['6.15', '6.12.23'] },
    overrides: { gupSplitsHugetlb: true },
    shows: 'step 3: oops: expected nothing, got "huge_pte_alloc"',
  },
  {
    id: 'private-subpage-from-entry',
    title: 'the page of a device private entry is computed from its pfn field',
    mechanism:
      'try_to_migrate_one() asks PageAnonExclusive() of the page that pte_pfn() gives, and a private entry is not present: the pfn is that of no page.',
    symptom:
      'A private page oopses in try_to_migrate_one() when the driver evicts it, or when one of two processes that map it migrates it; where one alone maps it, migrate_vma_collect_pmd() has unmapped it before.',
    functions: ['try_to_migrate_one'],
    fix: { note: 'before 5.19 was released: try_to_migrate_one() has a case for pages of ZONE_DEVICE' },
    existed: 'release candidates of 5.19',
    kernels: { since: NEVER },
    overrides: { subpageOfEntryApart: false },
    shows: 'step 5: oops: expected nothing, got "try_to_migrate_one"',
  },
  {
    id: 'private-pmd-misread',
    title: 'a huge private page is taken for a mapping of whatever folio is looked for there',
    mechanism:
      'page_vma_mapped_walk() answers true for every device private PMD, whichever pfn it holds, and also where migration entries are looked for. Parent and child share the anon_vma, so that a walk for a page of one comes by what the other has at that address.',
    symptom:
      'Where one process has a small page and the other a huge private one, migrating the small one ends in a kernel BUG of remove_migration_pte() or try_to_migrate_one(); a huge one replaces what the other process had.',
    functions: ['remove_migration_pte', 'try_to_migrate_one', 'page_vma_mapped_walk'],
    fix: { subject: 'mm/page_vma_mapped: fix device-private PMD handling' },
    existed: 'from 6.19 on, before 7.2',
    kernels: { since: ['6.19'], until: ['7.2'] },
    overrides: { walkChecksPrivatePmds: false },
    shows: 'step 7: oops: expected nothing, got "remove_migration_pte"',
  },
  {
    id: 'migrate-to-ram-result-dropped',
    title: 'the result of migrate_to_ram() is dropped',
    mechanism:
      'do_swap_page() calls the callback for a private page and answers 0, whatever the driver says.',
    symptom: 'A device that cannot give its page back makes the CPU fault for ever, without a signal.',
    functions: ['exc_page_fault', 'do_swap_page'],
    fix: {
      subject: 'mm/memory: return vm_fault_t result from migrate_to_ram() callback',
      commit: '4a955bed882e',
    },
    existed: 'release candidates of 6.1',
    kernels: { since: NEVER },
    overrides: { migrateToRamResultCounts: false },
    shows: 'step 4: hang: expected nothing, got "asm_exc_page_fault"',
  },
  {
    id: 'dirty-bit-lost',
    title: 'migration forgets that a page is dirty',
    mechanism:
      'migrate_vma_collect_pmd() replaces the PTE without copying its dirty bit to the page, and the new PTE is dirty only if the page is.',
    symptom:
      'The migrated page is clean: reclaim may drop its contents, and mprotect() does not give the right to write back.',
    functions: ['migrate_vma_collect_pmd'],
    fix: { subject: 'mm/migrate_device.c: copy pte dirty bit to page', commit: 'fd35ca3d12cc' },
    existed: 'up to 6.0',
    kernels: { until: ['6.1'] },
    overrides: { collectKeepsDirtyBit: false },
    shows: 'step 6: perm[0]: expected "DEV_COHERENT_LOCAL|WRITE", got "DEV_COHERENT_LOCAL|READ"',
  },
  {
    id: 'mixedmap-rejected',
    title: 'hmm_range_fault() refuses VM_MIXEDMAP mappings',
    mechanism:
      'hmm_vma_walk_test() treats VM_MIXEDMAP as VM_IO and VM_PFNMAP, although its pages have a struct page.',
    symptom: "A device cannot read a driver's mapping: EFAULT, and ERROR in snapshots.",
    functions: ['hmm_vma_walk_test'],
    fix: { subject: 'mm/hmm.c: allow VM_MIXEDMAP to work with hmm_range_fault', commit: '87c01d57fa23' },
    existed: 'up to 5.16',
    kernels: { until: ['5.17'] },
    overrides: { hmmWalksMixedmap: false },
    shows: 'step 2: ret: expected 0, got "EFAULT"',
  },
  {
    id: 'foreign-private-refused',
    title: "a device cannot fault in another device's private page",
    mechanism:
      'hmm_vma_handle_pte() has no case for private pages of another owner and takes them for broken entries.',
    symptom: 'READ and WRITE of a page that is on another device answer EFAULT instead of bringing it home.',
    functions: ['hmm_vma_handle_pte'],
    fix: { subject: 'mm/hmm: fault non-owner device private entries', commit: '8a295dbbaf72' },
    existed: 'up to 5.19',
    kernels: { until: ['6.0'] },
    overrides: { hmmFaultsForeignPrivate: false },
    shows: 'step 5: ret: expected 0, got "EFAULT"',
  },
  {
    id: 'spurious-zap-warning',
    title: 'unmapping a private copy of a file page from a device warns',
    mechanism:
      'zap_pte_range() expects device entries in anonymous VMAs only, where anonymous folios are meant.',
    symptom: 'munmap() of a MAP_PRIVATE file mapping with migrated pages leaves a WARNING in the kernel log.',
    functions: ['zap_pte_range'],
    fix: { subject: 'mm/memory: fix spurious warning when unmapping device-private/exclusive pages' },
    existed: 'from 5.19 on, before 7.1 and the backports of 2026',
    kernels: { since: ['5.19'], until: ['7.1', '7.0.11', '6.12.117', '6.1.192'] },
    overrides: { zapWarnsByFolio: false },
    shows: 'warnings: expected [], got ["zap_pte_range"]',
  },
  {
    id: 'freed-page-on-lru',
    title: 'a page whose contents have moved is put on the LRU before it is freed',
    mechanism:
      'migrate_device_finalize() puts the source back on the LRU in any case; after a successful migration it has no memcg any more.',
    symptom: 'A WARNING from the memcg code, and pages on the LRU that are about to be freed.',
    functions: ['folio_lruvec', 'migrate_device_finalize'],
    fix: {
      subject: "mm/migrate_device: don't add folio to be freed to LRU in migrate_device_finalize()",
      commit: '41cddf83d8b0',
      cve: 'CVE-2025-21861',
    },
    existed: 'from 6.7 up to 6.13',
    kernels: { since: ['6.7'], until: ['6.14', '6.12.117'] },
    overrides: { finalizeFreesOffLru: false },
    shows: 'warnings: expected [], got ["folio_lruvec"]',
  },
  {
    id: 'memcg-private-not-moved',
    title: 'the charge of a device private page stays behind when its process moves to another cgroup',
    mechanism:
      'mc_handle_swap_pte() asks non_swap_entry() before is_device_private_entry(), and a private entry is no swap entry: its page is never found.',
    symptom:
      'memory.usage_in_bytes of the cgroup that a process has left does not come down, until its device pages are freed.',
    functions: ['mc_handle_swap_pte', 'mem_cgroup_move_charge_pte_range'],
    fix: { subject: 'mm/memcg: fix device private memcg accounting' },
    existed: 'up to 5.9',
    kernels: { until: ['5.10'] },
    overrides: { moveChargeFindsPrivate: false },
    shows: 'step 11: answer: expected "usage 4, cache 4, shmem 4", got "usage 8, rss 4, cache 4, shmem 4"',
  },
  {
    id: 'devdax-page-free',
    title: 'page_free() is called for device-dax pages, which have no operations',
    mechanism:
      'free_zone_device_page() takes each MEMORY_DEVICE_GENERIC page for one of a driver that has a page_free(); the pagemap of device-dax has no operations at all.',
    symptom:
      'get_user_pages() on a mapping of /dev/dax0.0 goes well; put_page() of what it got calls NULL, as the idle page had no reference.',
    functions: ['free_device_page', 'free_zone_device_page'],
    fix: { note: 'COHERENT has a type of its own' },
    existed: 'DEVICE_GENERIC v5',
    kernels: { since: NEVER, postings: { 'v5-generic': true } },
    overrides: { devdaxPagesAreFreed: true },
    shows: 'step 3: oops: expected "free_device_page", got nothing',
  },
  {
    id: 'free-dax-page-warns',
    title: 'try_grab_page() warns of free ZONE_DEVICE pages',
    mechanism:
      'With the series an idle page of a DAX file has no reference, though it is mapped; try_grab_page() takes a page without one for a page that is free.',
    symptom: 'generic/413 of xfstests leaves a WARNING, and its direct I/O fails with ENOMEM.',
    functions: ['try_grab_page', 'try_get_page'],
    fix: { note: 'DEVICE_GENERIC v5 lets pages of devices pass; its pins (FOLL_PIN) warn still' },
    existed: 'DEVICE_GENERIC before v5',
    kernels: { since: NEVER },
    overrides: { daxPagesUnreferenced: true, daxPagesAreNormal: false, tryGetTakesFreeDevicePages: false },
    fixed: { daxPagesUnreferenced: true, daxPagesAreNormal: false, tryGetTakesFreeDevicePages: true },
    shows: 'step 4: bytes: expected 8192, got nothing',
  },
  {
    id: 'dax-truncate-early',
    title: 'pages of a DAX file are cut off while somebody has them',
    mechanism:
      'The file system frees the blocks of a file as soon as nobody maps them; get_user_pages() holds the page, and not the block that it is.',
    symptom: 'DMA into the page goes on when it is another file’s already; dax_disassociate_entry() warns.',
    functions: ['dax_disassociate_entry', 'ext4_break_layouts'],
    fix: { subject: 'ext4: handle layout changes to pinned DAX mappings' },
    existed: 'before 4.19',
    kernels: { since: NEVER },
    overrides: { daxTruncateWaits: false },
    shows: 'step 4: hang: expected "ext4_wait_dax_page", got nothing',
  },
];
