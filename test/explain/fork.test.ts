// SPDX-License-Identifier: GPL-2.0-only
/** What a child got of each page, word for word. */
import t from 'tap';
import type { ScenarioDocument, Step } from '../../src/scenario/schema.js';
import { explained } from './lines.js';

const anon = { op: 'mmap', prot: 'rw', share: 'private', backing: 'anon' } as const;

/** The lines of the last step. */
function forked(kernel: ScenarioDocument['kernel'], steps: readonly Step[]): string[] {
  const document: ScenarioDocument = { name: 'fork', kernel, steps: [...steps, { op: 'fork', child: 'p1' }] };
  return explained(document, steps.length);
}

const everyKind: Step[] = [
  { op: 'open', fd: 'd0', device: 0 },
  { ...anon, region: 'r0', pages: 5 },
  { ...anon, region: 'r1', pages: 2, share: 'shared' },
  { ...anon, region: 'r2', pages: 2 },
  { ...anon, region: 'r3', pages: 2 },
  { op: 'madvise', region: 'r2', page: 0, pages: 2, advice: 'dontfork' },
  { op: 'madvise', region: 'r3', page: 0, pages: 2, advice: 'wipeonfork' },
  { op: 'store', region: 'r0', page: 0, pages: 4, word: 1 },
  { op: 'store', region: 'r1', page: 0, pages: 1, word: 21 },
  { op: 'store', region: 'r2', page: 0, pages: 2, word: 21 },
  { op: 'store', region: 'r3', page: 0, pages: 2, word: 21 },
  { op: 'ioctl', cmd: 'READ', fd: 'd0', region: 'r0', page: 3, pages: 1 },
  { op: 'ioctl', cmd: 'MIGRATE_TO_DEV', fd: 'd0', region: 'r0', page: 1, pages: 1 },
  { op: 'ioctl', cmd: 'EXCLUSIVE', fd: 'd0', region: 'r0', page: 0, pages: 1 },
  { op: 'pin', region: 'r0', page: 2, pages: 1, write: true },
];

t.test('every kind of page', async (t) => {
  t.same(forked('6.12', everyKind), [
    'step 15  p0 fork child=p1: ret 0',
    '  tells the mirrors MMU_NOTIFY_PROTECTION_PAGE r0[0..4]',
    '  r0[0]  shared    copy_present_ptes    exclusive entry restored; then system pfn 0x103, hmm_dmirror0 a -> nothing',
    '  r0[1]  shared    copy_nonpresent_pte  private on hmm_dmirror0 pfn 0x3ffffffff, device private write -> device private read in both',
    "  r0[2]  copied    copy_present_page    pinned, held by gup_test: system pfn 0x105 stays the parent's, the child gets system pfn 0x104",
    '  r0[3]  shared    copy_present_ptes    system pfn 0x106, CPU rw -> r in both, hmm_dmirror0 rw -> nothing',
    '  r0[4]  same                           nothing mapped',
    '  r1[0]  left out  vma_needs_copy       system pfn 0x107: faults of the child will find it',
    '  r1[1]  same                           nothing mapped',
    '  r2[0]  absent    dup_mmap             no VMA in the child: MADV_DONTFORK',
    '  r2[1]  absent    dup_mmap             no VMA in the child: MADV_DONTFORK',
    '  r3[0]  wiped     dup_mmap             nothing mapped in the child: MADV_WIPEONFORK',
    '  r3[1]  wiped     dup_mmap             nothing mapped in the child: MADV_WIPEONFORK',
  ]);
});

t.test('pages that somebody keeps without a pin', async (t) => {
  const steps: Step[] = [
    { ...anon, region: 'r0', pages: 2 },
    { op: 'store', region: 'r0', page: 0, pages: 2, word: 1 },
    { op: 'get', region: 'r0', page: 1, pages: 1 },
    { op: 'fork', child: 'p1' },
    { op: 'store', region: 'r0', page: 0, pages: 2, word: 5 },
    { op: 'put' },
  ];
  const document: ScenarioDocument = { name: 'kept', kernel: '6.12', steps };
  t.same(explained(document, 3), [
    'step 3  p0 fork child=p1: ret 0',
    '  r0[0]  shared  copy_present_ptes  system pfn 0x103, CPU rw -> r in both',
    '  r0[1]  shared  copy_present_ptes  system pfn 0x104, held by page_holder without a pin, CPU rw -> r in both',
  ]);
  t.same(explained(document, 4), [
    'step 4  p0 store r0[0..1] word=5: ok x2',
    '  r0[0]  stored  do_wp_page  copied on write: system pfn 0x103 -> system pfn 0x105',
    '  r0[1]  stored  do_wp_page  copied on write: system pfn 0x104 -> system pfn 0x106, page_holder p0 keeps the page before',
  ]);
});

t.test('functions by the names of an older kernel', async (t) => {
  t.equal(forked('6.1', everyKind)[5]?.slice(0, 38), '  r0[3]  shared    copy_present_pte   ');
});

t.test('huge pages', async (t) => {
  const huge: Step[] = [
    { op: 'open', fd: 'd0', device: 0 },
    { ...anon, region: 'r0', pages: 512, backing: 'hugetlb' },
    { ...anon, region: 'r1', pages: 512 },
    { op: 'madvise', region: 'r1', page: 0, pages: 512, advice: 'hugepage' },
    { op: 'store', region: 'r0', page: 0, pages: 1, word: 1 },
    { op: 'store', region: 'r1', page: 0, pages: 1, word: 1 },
  ];
  t.same(forked('6.12', huge).slice(1), [
    '  tells the mirrors MMU_NOTIFY_CLEAR r0[0..511]',
    '  tells the mirrors MMU_NOTIFY_PROTECTION_PAGE r1[0..511]',
    '  r0[0..511]  shared  copy_hugetlb_page_range  system, CPU rw -> r in both',
    '  r1[0..511]  shared  copy_huge_pmd            system, CPU rw -> r in both',
  ]);
  const pin = (region: string): Step => ({ op: 'pin', region, page: 0, pages: 1, write: true });
  t.same(forked('6.12', [...huge, pin('r0')]).slice(3), [
    "  r0[0..511]  copied  copy_hugetlb_page_range  pinned, held by gup_test: system stays the parent's, the child gets system",
    '  r1[0..511]  shared  copy_huge_pmd            system, CPU rw -> r in both',
  ]);
  const split = forked('6.12', [...huge, pin('r1')]);
  t.same(split.slice(3), [
    '  tells the mirrors MMU_NOTIFY_CLEAR r1[0..511]',
    '  r0[0..511]  shared  copy_hugetlb_page_range  system, CPU rw -> r in both',
    "  r1[0..511]  copied  copy_present_page        pinned, held by gup_test: system stays the parent's, the child gets system",
  ]);
});
