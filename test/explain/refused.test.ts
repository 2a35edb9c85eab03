// SPDX-License-Identifier: GPL-2.0-only
/** Explain says why a system call answers an errno: the function that decides, and where. */
import t from 'tap';
import { load } from '../../src/scenario/load.js';
import { explained } from './lines.js';

/** What explain says of the last step before its pages. */
function because(kernel: string, steps: readonly string[], machine = ''): string[] {
  const text = `name: x\nkernel: "${kernel}"\n${machine}steps:\n${steps.map((step) => `  - ${step}\n`).join('')}`;
  const { document } = load(text, 'x', 'yaml').documents[0]!;
  const lines = explained(document, steps.length - 1);
  return lines.filter((line) => line.startsWith('  because ')).map((line) => line.slice(10));
}

const HOLE = ['mmap r0 3', 'store r0 64', 'munmap r0[1]'];

t.test('a hole in the range', async (t) => {
  const of = (step: string): string[] => because('6.12', [...HOLE, step]);
  t.strictSame(of('{ op: msync, region: r0, page: 0, pages: 3 }'), ['__x64_sys_msync: no VMA at r0[1]']);
  t.strictSame(of('mprotect r0 r'), ['do_mprotect_pkey: no VMA at r0[1]']);
  t.strictSame(of('madvise r0 dontneed'), ['madvise_walk_vmas: no VMA at r0[1]']);
  t.strictSame(of('mlock r0'), ['apply_vma_lock_flags: no VMA at r0[1]']);
  t.strictSame(of('mincore r0'), ['do_mincore: no VMA at r0[1]']);
  t.strictSame(of('mremap r0[1] 2'), ['__x64_sys_mremap: no VMA at r0[1]']);
  t.strictSame(because('7.3', [...HOLE, 'mremap r0[1] 2']), ['check_prep_vma: no VMA at r0[1]']);
  t.strictSame(of('{ op: peek, region: r0, page: 1, pages: 1, of: p0 }'), [
    '__get_user_pages: no VMA at r0[1]',
  ]);
  t.strictSame(of('madvise r0[0] dontneed'), [], 'nothing is in the way');
});

t.test('a mapping that nobody may access', async (t) => {
  t.strictSame(because('6.12', ['mmap r0 2 none', 'mlock r0']), [
    'populate_vma_page_range: VMA is not readable at r0[0]',
  ]);
});

t.test('a mapping that is none for it', async (t) => {
  const of = (map: string, step: string): string[] => because('6.12', [map, step]);
  t.strictSame(of('mmap r0 1 shared file', 'madvise r0 free'), [
    'madvise_free_single_vma: mapping is not anonymous at r0[0]',
  ]);
  t.strictSame(of('mmap r0 1', 'madvise r0 remove'), ['madvise_remove: mapping without a file at r0[0]']);
  t.strictSame(of('mmap r0 1 file', 'madvise r0 remove'), [
    'madvise_remove: mapping that is not shared, or may not be written at r0[0]',
  ]);
  t.strictSame(of('mmap r0 512 hugetlb', 'madvise r0 pageout'), [
    'madvise_pageout: hugetlb mapping at r0[0]',
  ]);
  t.strictSame(of('mmap r0 512 hugetlb', 'munmap r0[0..3]'), [
    '__split_vma: within a huge page of a hugetlb mapping at r0[4]',
  ]);
  t.strictSame(because('6.12', ['mmap r0 1', 'mlock r0', 'madvise r0 dontneed']), [
    'madvise_dontneed_free_valid_vma: locked in memory (mlock) at r0[0]',
  ]);
});

t.test('a file that is not open, and a process that is gone', async (t) => {
  t.strictSame(because('6.12', ['{ op: fsync, region: r0 }']), ['do_fsync: the fd is not open']);
  t.strictSame(because('6.12', ['close d0']), ['__x64_sys_close: the fd is not open']);
  t.strictSame(because('6.12', ['mmap r0 1', 'fork p1', '{ as: p1, op: exit }', '{ as: p1, op: exit }']), [
    'p1 is no more',
  ]);
});

t.test('a userfaultfd', async (t) => {
  const before = [
    'mmap r0 2',
    '{ op: uffd }',
    '{ op: uffd_register, region: r0, page: 0, pages: 1, mode: [missing] }',
  ];
  const copy = (page: number): string => `{ op: uffd_copy, region: r0, page: ${page}, pages: 1, word: 7 }`;
  t.strictSame(because('6.12', [...before, copy(1)]), [
    'uffd_mfill_lock: no VMA that has all of the range, and is registered with a userfaultfd at r0[1]',
  ]);
  t.strictSame(because('6.1', [...before, copy(0), copy(0)]), [
    'mfill_atomic_install_pte: a page is there already at r0[0]',
  ]);
});

t.test('a GPU that is not there', async (t) => {
  const machine = 'machine: { module: false, modprobe: ["amdgpu,noretry=0"] }\n';
  t.strictSame(because('6.12', ['open d0 kfd', 'mmap r0 1', 'driver d0 PREFETCH r0 7'], machine), [
    'svm_range_check_attr: the attribute names a GPU that is not there, or has no shared virtual memory at r0[0]',
  ]);
});

t.test('pages that gup_test has pinned already', async (t) => {
  const pin = (page: number): string => `{ op: pin, region: r0, page: ${page}, pages: 1 }`;
  t.strictSame(because('6.12', ['mmap r0 2', pin(0), pin(1)]), [
    'pin_longterm_test_start: gup_test has pages pinned already, and pins one range at a time',
  ]);
  t.strictSame(because('6.12', ['mmap r0 2', pin(0), '{ op: unpin }', pin(1)]), []);
});
