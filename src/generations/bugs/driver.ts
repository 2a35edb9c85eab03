// SPDX-License-Identifier: GPL-2.0-only
/** Bugs of test_hmm in what its ioctls and faults do, and of the programs that test it. */
import { NEVER } from '../version.js';
import type { Bug } from './index.js';

export const driverBugs: readonly Bug[] = [
  {
    id: 'generic-to-system-noop',
    title: 'generic pages do not come back to system memory',
    mechanism:
      'dmirror_devmem_fault_alloc_and_copy() passes over every page that is not private, and the ioctl counts nothing.',
    symptom:
      'The migration to system memory answers 0, and its test passes, with all pages still on the device.',
    functions: ['dmirror_devmem_fault_alloc_and_copy'],
    fix: { note: 'COHERENT replaced it' },
    existed: 'DEVICE_GENERIC v5',
    kernels: { since: NEVER, postings: { 'v5-generic': true } },
    overrides: { genericToSystemIsNoop: true },
    shows: 'step 5: perm[0]: expected "DEV_GENERIC|WRITE", got "WRITE"',
  },
  {
    id: 'ioctl-4-collision',
    title: 'one ioctl number has two meanings',
    mechanism:
      'DEVICE_GENERIC gives number 4 to GET_MEM_DEV_TYPE; Linux 5.14 had given it to EXCLUSIVE. The driver here is of the other kind than the program.',
    symptom: 'Asking for the type of the device takes the pages of the range away from the CPU.',
    functions: ['dmirror_fops_unlocked_ioctl'],
    fix: { note: 'numbers were given anew in COHERENT and in 6.1' },
    existed: 'programs of DEVICE_GENERIC on a driver of 5.14',
    kernels: { since: NEVER },
    overrides: { ioctl4IsGetMemDevType: false },
    shows: 'step 4: perm[0]: expected "WRITE", got "NONE"',
  },
  {
    id: 'stale-mirror-after-close',
    title: 'pages of a closed device file keep a pointer to it',
    mechanism:
      'Closing the file frees its struct dmirror and leaves the pages that were migrated through it on the device; the fault that brings one back follows the pointer.',
    symptom: 'The next touch by a CPU is a use after free in dmirror_devmem_fault().',
    functions: ['dmirror_devmem_fault', 'dmirror_fops_release'],
    fix: {
      subject: 'lib: test_hmm: evict device pages on file close to avoid use-after-free',
      cve: 'CVE-2026-46280',
    },
    existed: 'up to 6.1 and 6.12 before the backports of 2026',
    kernels: { until: ['7.1', '6.12.117', '6.1.192'] },
    overrides: { closeEvicts: false },
    shows: 'step 5: oops: expected nothing, got "dmirror_devmem_fault"',
  },
  {
    id: 'dead-mirror-loop',
    title: 'a device fault on an address space that is gone succeeds',
    mechanism:
      'dmirror_fault() answers 0 when the mirrored mm has no users; dmirror_read() and dmirror_write() take that for progress and try again.',
    symptom: 'READ and WRITE through an inherited file never return once the process that opened it is dead.',
    functions: ['dmirror_do_read', 'dmirror_do_write', 'dmirror_fault', 'dmirror_read', 'dmirror_write'],
    fix: {
      subject: 'lib/test_hmm: fail dmirror_fault() when the mirrored mm is gone',
      commit: '424ff628eed7',
      cve: 'CVE-2026-90391',
    },
    existed: 'up to 6.1 and 6.12 before the backports of 2026',
    kernels: { until: ['7.3', '6.12.117', '6.1.192'] },
    overrides: { mirrorGoneFails: false },
    shows: 'step 5: hang: expected nothing, got "dmirror_do_read"',
  },
  {
    id: 'exclusive-uninitialized-pages',
    title: 'EXCLUSIVE uses page pointers that nobody has set',
    mechanism:
      'When fewer pages are found than asked for, the rest of the array on the stack stays as it was, and dmirror_atomic_map() enters all of it into the device table.',
    symptom:
      'EXCLUSIVE past the end of a mapping succeeds, and reading its pages back dereferences stack garbage.',
    functions: ['dmirror_do_read', 'dmirror_do_write', 'dmirror_exclusive', 'dmirror_atomic_map'],
    fix: { subject: 'lib/test_hmm: avoid accessing uninitialized pages', commit: 'ed913b055a74' },
    existed: 'from 5.14 up to 6.0',
    kernels: { since: ['5.14'], until: ['6.1'] },
    overrides: { exclusiveNeedsAllPages: false },
    shows: 'step 3: oops: expected nothing, got "dmirror_do_read"',
  },
  {
    id: 'npages-overflow',
    title: 'a page count overflows on its way to bytes',
    mechanism: 'npages << PAGE_SHIFT drops the upper twelve bits before the range is checked.',
    symptom: 'An ioctl over 2^52 + 1 pages is taken for one over a single page.',
    functions: ['dmirror_fops_unlocked_ioctl'],
    fix: { subject: 'mm/hmm/test: reject overflowing page counts' },
    existed: 'all kernels here',
    kernels: {},
    overrides: { npagesOverflowChecked: false },
    shows: 'step 3: ret: expected 0, got "EINVAL"',
  },
  {
    id: 'to-system-array-leak',
    title: 'MIGRATE_TO_SYS forgets its arrays when the address space is gone',
    mechanism:
      'dmirror_migrate_to_system() allocates src_pfns and dst_pfns, then returns -EINVAL when the mirrored mm has no users.',
    symptom: 'Each such call leaks two pages of kernel memory.',
    functions: ['dmirror_migrate_to_system'],
    fix: { subject: 'lib/test_hmm: fix memory leak in dmirror_migrate_to_system()' },
    existed: 'from 6.19 on, when the arrays had left the stack, before 7.2',
    kernels: { since: ['6.19'], until: ['7.2'] },
    overrides: { toSystemArraysFreed: false },
    shows:
      'step 5: violation: expected nothing, got "refcount: page with pfn 0x300: refcount 1, but 0 references are held"',
    check: true,
  },
  {
    id: 'evict-array-unchecked',
    title: 'eviction does not look whether its arrays were allocated',
    mechanism:
      'dmirror_device_evict_chunk() allocates one entry a page of the chunk with kcalloc(), 512 KiB in one piece, and passes the result on.',
    symptom:
      'RELEASE on a machine whose memory is full or in pieces dereferences NULL in migrate_device_range().',
    functions: ['migrate_device_range', 'dmirror_device_evict_chunk'],
    fix: {
      subject: 'lib/test_hmm.c: handle src_pfns and dst_pfns allocation failure',
      commit: 'c2af060d1c18',
    },
    existed: 'from 6.1 on, before 6.10 and backports',
    kernels: { since: ['6.1'], until: ['6.10', '6.1.192'] },
    overrides: { evictNeverFailsToAllocate: false },
    shows: 'step 37: oops: expected nothing, got "migrate_device_range"',
  },
  {
    id: 'own-private-page-mirrored',
    title: 'the device table holds private memory itself instead of the page behind it',
    mechanism:
      'dmirror_do_fault() stores what hmm_range_fault() found; for a page that is private to the same device that is memory which no CPU can reach.',
    symptom:
      'When the device has lost the entry of a page that is still its own (mprotect, an invalidation next to it), the next READ or WRITE oopses.',
    functions: ['dmirror_do_read', 'dmirror_do_write', 'dmirror_do_fault'],
    fix: { note: 'in every kernel that was recorded' },
    existed: 'all kernels here',
    kernels: {},
    overrides: { faultMirrorsOwnPrivatePage: true },
    shows: 'step 5: oops: expected "dmirror_do_read", got nothing',
  },
  {
    id: 'device-fault-oom-ignored',
    title: 'a CPU fault without memory to bring the page to succeeds',
    mechanism:
      'dmirror_devmem_fault_alloc_and_copy() passes over a page for which it finds no system page, and the fault handler answers 0.',
    symptom: 'The CPU takes the same fault for ever.',
    functions: ['exc_page_fault', 'dmirror_devmem_fault_alloc_and_copy', 'dmirror_devmem_fault'],
    fix: { note: 'later kernels answer VM_FAULT_OOM' },
    existed: 'before 6.19',
    kernels: { until: ['6.19'] },
    overrides: { devmemFaultReportsOom: false },
    shows: 'step 4: hang: expected "asm_exc_page_fault", got nothing',
  },
  {
    id: 'stale-foll-longterm',
    title: "a test's FOLL_LONGTERM is not the kernel's",
    mechanism:
      'A test passes FOLL_LONGTERM as a number that it has copied, as hmm-tests does; since 6.3 the kernel numbers the flag differently.',
    symptom:
      'The kernel does not know the flag and pins nothing, of which the test sees only that page 2 is still on the device: m[2] is 34 (66 if coherent) instead of 2.',
    functions: ['is_valid_gup_args', 'gup_fast_fallback'],
    fix: { note: 'the test has to be built for the kernel' },
    existed: 'a test of 6.3 or later on an older kernel, and the other way round',
    kernels: { since: NEVER },
    overrides: { hmmTestsKnowFollLongterm: false, programsKnowFollLongterm: false },
    shows: 'step 4: pinned: expected 1, got 0',
  },
];
