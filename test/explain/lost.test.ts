// SPDX-License-Identifier: GPL-2.0-only
/** Explain tells what becomes of a page that the hardware loses, who mapped it, and whose doing it was, to whoever comes for it. */
import t from 'tap';
import { load } from '../../src/scenario/load.js';
import { explained } from './lines.js';

function made(kernel: string, steps: readonly string[], machine = ''): Parameters<typeof explained>[0] {
  const text = `name: x\nkernel: "${kernel}"\n${machine}steps:\n${steps.map((step) => `  - ${step}\n`).join('')}`;
  return load(text, 'x', 'yaml').documents[0]!.document;
}

/** Without page frames. */
const told = (document: Parameters<typeof explained>[0], step: number): string[] =>
  explained(document, step)
    .filter((line) => /^ {2}(loses|uses|meets|because| {2}p\d) ?/.test(line))
    .map((line) => line.replace(/0x[0-9a-f]+/, 'PFN'));

const MEMFD = [
  'mmap r0 2 shared file',
  'store r0 64',
  'fork p1',
  '{ as: p1, op: load, region: r0, page: 0, pages: 2 }',
  'madvise r0[1] hwpoison',
  'madvise r0[1] dontneed',
  'load r0',
  '{ as: p1, op: load, region: r0, page: 0, pages: 2 }',
  'fread r0',
  'fread r0[1]',
  'madvise r0[1] populate_read',
  'madvise r0[0] soft_offline',
];

t.test('a page of a memory file', async (t) => {
  const document = made('6.1', MEMFD);
  t.strictSame(told(document, 4), [
    '  loses pfn PFN  memory_failure  dirty LRU page: Recovered',
    '    p0 had it at r0[1], and gets SIGBUS when it touches it',
    '    p1 had it at r0[1], and gets SIGBUS when it touches it',
  ]);
  t.strictSame(told(document, 5), []);
  t.strictSame(told(document, 6), [
    '  meets a lost page at r0[1]  __do_fault  p0 lost it in step 4: dirty LRU page',
  ]);
  t.strictSame(told(document, 7), [
    '  meets a lost page at r0[1]  do_swap_page  p0 lost it in step 4: dirty LRU page',
  ]);
  t.strictSame(told(document, 8), [
    '  meets a lost page  shmem_file_read_iter  p0 lost it in step 4: dirty LRU page',
  ]);
  t.strictSame(told(document, 9), [
    '  because shmem_file_read_iter: page that the hardware has lost, and that a cache has still',
    '  meets a lost page  shmem_file_read_iter  p0 lost it in step 4: dirty LRU page',
  ]);
  t.match(told(document, 10), [
    /^ {2}because /,
    '  meets a lost page at r0[1]  __do_fault  p0 lost it in step 4: dirty LRU page',
  ]);
  t.strictSame(told(document, 11), ['  uses pfn PFN no more  soft_offline_page  migrated']);
  const [line] = explained(document, 6).filter((line) => line.includes('r0[1]  SIGBUS'));
  t.match(line, /__do_fault {2}page that the hardware has lost/);
});

t.test('a clean page of a file, which comes back', async (t) => {
  const document = made('6.12', [
    'mmap r0 1 rw shared disk',
    'store r0 64',
    'fsync r0',
    'madvise r0 hwpoison',
    'load r0',
  ]);
  t.strictSame(told(document, 3), [
    '  loses pfn PFN  memory_failure  clean LRU page: Recovered',
    '    p0 had it at r0[0], and has nothing mapped',
  ]);
  t.strictSame(told(document, 4), []);
});

t.test('a clean page of the swap cache', async (t) => {
  const steps = [
    'mmap r0 1',
    'store r0 64',
    'madvise r0 pageout',
    'fork p1',
    'load r0',
    'madvise r0 hwpoison',
  ];
  t.strictSame(told(made('6.12', steps, 'machine: { swap: 64M }\n'), 5), [
    '  loses pfn PFN  memory_failure  clean swapcache page: Recovered',
    '    p0 had it at r0[0], and has its swap entry',
  ]);
});
