// SPDX-License-Identifier: GPL-2.0-only
/** Bugs that are known and on no switch here, so that whoever looks for one is told so. */
import type { BugFacts } from './index.js';

export interface LeftOutBug extends BugFacts {
  /** Why there is no switch. */
  readonly why: string;
}

const RACE = 'a race; steps of a scenario follow one another';

export const leftOutBugs: readonly LeftOutBug[] = [
  {
    title: 'a device private page is freed and used again while a CPU fault brings it back',
    symptom: 'Two threads that fault one page: wrong data, or a use after free.',
    functions: ['do_swap_page'],
    fix: { subject: 'mm/memory.c: fix race when faulting a device private page', commit: '16ce101db85d' },
    why: RACE,
  },
  {
    title: 'cpages counts pages that stay',
    symptom: 'Pinned pages are counted as migrating.',
    functions: ['migrate_vma_setup', 'migrate_device_unmap'],
    fix: {
      subject: 'mm/migrate_device: return number of migrating pages in args->cpages',
      commit: '44af0b45d58d',
    },
    why: 'nothing here reads args->cpages of a migration',
  },
  {
    title: 'anonymous pages in the swap cache are refused',
    symptom: 'Migration after a swap-in answers ENOENT.',
    functions: ['migrate_vma_check_page'],
    fix: { subject: 'mm/migrate_device: try to handle swapcache pages' },
    why: 'what kernels before the fix do: the behaviour migrateFreesSwapCache, which no switch takes back',
  },
  {
    title: 'the mapping of a page is stale after its swap cache was freed',
    symptom: 'The swap cache is corrupt.',
    functions: ['__migrate_device_pages'],
    fix: {
      subject: 'mm/migrate_device: clear stale mapping after freeing swapcache',
      cve: 'CVE-2026-89755',
    },
    why: 'pages leave the swap cache here before anything looks at their mapping',
  },
  {
    title: 'the TLB is flushed after the page table lock was dropped',
    symptom: "A CPU's write during a migration is lost.",
    functions: ['migrate_vma_collect_pmd'],
    fix: { subject: 'mm/migrate_device.c: flush TLB while holding PTL', commit: '60bae7370896' },
    why: RACE,
  },
  {
    title: 'an invalidated range has the wrong errno',
    symptom: 'EAGAIN instead of EBUSY beside a concurrent munmap().',
    functions: ['hmm_range_fault'],
    fix: { subject: 'mm/hmm: always return EBUSY for invalid ranges in hmm_range_{fault,snapshot}' },
    why: RACE,
  },
  {
    title: 'an interval notifier is called after it was removed',
    symptom: 'A callback runs while the device file is closed and memory unmapped.',
    functions: ['mmu_interval_notifier_remove'],
    fix: { subject: 'mm/mmu_notifier.c: fix race in mmu_interval_notifier_remove()' },
    why: RACE,
  },
  {
    title: 'an exclusive page is freed while its fault waits for the lock',
    symptom: 'Use after free in a fault beside munmap().',
    functions: ['remove_device_exclusive_entry'],
    fix: { subject: 'mm: take a page reference when removing device exclusive entries' },
    why: RACE,
  },
  {
    title: 'faults of the device starve on a page lock',
    symptom: 'Livelock of migrations and CPU faults in do_swap_page().',
    functions: ['do_swap_page', 'hmm_range_fault'],
    fix: { subject: 'mm: Fix a hmm_range_fault() livelock / starvation problem', commit: 'b570f37a2ce4' },
    why: RACE,
  },
  {
    title: 'the PMD lock is kept where the mm is not stable',
    symptom: 'Deadlock after running out of memory over a hole of a huge page.',
    functions: ['migrate_vma_insert_huge_pmd_page'],
    fix: {
      subject: 'mm/migrate_device: fix spinlock leak in migrate_vma_insert_huge_pmd_page',
      commit: '63451de16e0a',
    },
    why: 'needs a second task: the OOM reaper makes an address space unstable two seconds after its process was killed; the locks of page tables are not simulated',
  },
  {
    title: 'a large folio is split without a pin',
    symptom: 'Use after free when part of a huge page is collected.',
    functions: ['migrate_vma_collect_pmd', 'migrate_vma_split_folio'],
    fix: { subject: 'mm/migrate_device: pin large folios before splitting' },
    why: RACE,
  },
  {
    title: 'pte_pfn() and pte_dirty() of entries that are not present',
    symptom: 'Bogus dirty bits and flushes on the way back to system memory.',
    functions: ['migrate_vma_collect_pmd'],
    fix: { subject: 'mm: migrate_device: fix pte_pfn/pte_dirty called on non-present PTE' },
    why: 'without effect on x86-64, whose swap entries never look dirty',
  },
  {
    title: 'memunmap_pages() races with get_dev_pagemap()',
    symptom: 'Use after free of the pagemap while devices are released.',
    functions: ['memunmap_pages', 'get_dev_pagemap'],
    fix: { subject: 'mm/memremap: fix memunmap_pages() race with get_dev_pagemap()' },
    why: RACE,
  },
  {
    title: "double_map's mirror buffer is too small",
    symptom: 'hmm2.double_map answers EFAULT with pages of 64 KiB: Expected ret (-14) == 0 (0).',
    functions: [],
    fix: { subject: 'selftests/mm: fix incorrect buffer->mirror size in hmm2 double_map test' },
    why: 'fails with pages of 64 KiB only',
  },
  {
    title: 'xe hangs when it copies from device to device',
    symptom: 'CI hangs with two pagemaps.',
    functions: [],
    fix: { subject: 'drm/pagemap: Disable device-to-device migration', note: 'later reverted' },
    why: 'another driver',
  },
  {
    title: 'gpusvm leaks a reference to the mm',
    symptom: 'Evicting a range of a dying mm leaks.',
    functions: ['drm_gpusvm_range_evict'],
    fix: { subject: 'drm/gpusvm: Fix MM reference leak in drm_gpusvm_range_evict' },
    why: 'another driver',
  },
];
