// SPDX-License-Identifier: GPL-2.0-only
/** Where memory runs out, explain tells whose pages go, which stay and why, and who is killed. */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { load } from '../../src/scenario/load.js';
import { explained } from './lines.js';

function documentOf(name: string): Parameters<typeof explained>[0] {
  const file = `test/derived/${name}.yaml`;
  const [loaded] = load(readFileSync(file, 'utf8'), file, 'yaml').documents;
  return loaded!.document;
}

function made(steps: readonly string[]): Parameters<typeof explained>[0] {
  const text = `name: x\nkernel: "6.12"\nsteps:\n${steps.map((step) => `  - ${step}\n`).join('')}`;
  return load(text, 'x', 'yaml').documents[0]!.document;
}

const told = (name: string, step: number): string[] =>
  explained(documentOf(name), step).filter((line) =>
    /^ {2}(wakes|writes|throttles|reclaims|refaults|keeps|kills|\.\.\.) /.test(line),
  );

t.test('what goes, and what stays', (t) => {
  t.strictSame(told('reclaim-leaves-alone-6.12', 8), [
    '  wakes kswapd0  wakeup_kswapd  1280 pages are free, no more than the low watermark of 1280; it reclaims until more than 1536 are',
    '  keeps r0[2..3] of p0  shrink_folio_list  exclusive to a device, whose entry holds the page',
    '  keeps r0[4..5] of p0  shrink_folio_list  may be pinned',
    '  reclaims r0[8..9] of p0  try_to_unmap_one  swapped out by kswapd: the oldest of inactive anon, not used lately',
    '  reclaims 0x7ffff77ff000 of p0  try_to_unmap_one  unmapped by kswapd, its file has it: the oldest of inactive anon, not used lately',
    '  reclaims r1[0..5764] of p0  try_to_unmap_one  swapped out by kswapd: the oldest of inactive anon, not used lately',
  ]);
  t.strictSame(
    told('reclaim-leaves-alone-6.12', 12),
    [
      '  refaults r0[8..9] of p0  workingset_refault  inactive, as if new: 5768 to 5769 pages were evicted or became active since, more than the 2 in use',
    ],
    'a step with memory enough takes none',
  );
  t.end();
});

t.test('who reclaims where kswapd has given up', (t) => {
  const lines = told('kswapd-hopeless-7.3', 3);
  t.match(
    lines[0],
    /^ {2}reclaims r1\[\d+\.\.\d+\] of p0 {2}try_to_unmap_one {2}unmapped by direct reclaim, its file has it/,
  );
  t.strictSame(
    lines.filter((line) => line.includes('wakes')),
    [],
  );
  t.end();
});

t.test('pages of two processes, and who is killed', (t) => {
  t.strictSame(told('oom-when-swap-is-full', 4), [
    '  wakes kswapd0  wakeup_kswapd  1280 pages are free, no more than the low watermark of 1280; it reclaims until more than 1536 are',
    '  reclaims r0[0..3999] of p0  try_to_unmap_one  swapped out by kswapd: the oldest of inactive anon, not used lately',
    '  reclaims r0[0..3999] of p1  try_to_unmap_one  swapped out by kswapd: the oldest of inactive anon, not used lately',
    '  reclaims r1[0..95] of p0  try_to_unmap_one  swapped out by kswapd: the oldest of inactive anon, not used lately',
    '  keeps r1[96..99] of p0  shrink_folio_list  no swap space',
    '  kills p0  oom_kill_process  no memory is left to reclaim, and it has most',
  ]);
  t.end();
});

t.test('what comes back soon, and what does not', (t) => {
  t.strictSame(told('refault-becomes-active', 8), [
    '  refaults r0[0..1] of p0  workingset_refault  inactive, as if new: 11685 to 11686 pages were evicted or became active since, more than the 6002 in use',
  ]);
  t.strictSame(told('refault-becomes-active', 9), [
    '  refaults r1[6000..6001] of p0  workingset_refault  active at once: 1690 pages were evicted or became active since, no more than the 6002 to 6003 in use',
  ]);
  t.end();
});

t.test('what a fault reads beside its page is told at its own address', (t) => {
  const steps = [
    'mmap r0 4 rw shared disk',
    'store r0 1',
    'fsync r0',
    'store r0[1] 7',
    'madvise r0 pageout',
    'load r0',
  ];
  const lines = explained(made(steps), 5).filter((line) => line.startsWith('  refaults'));
  t.strictSame(
    lines.map((line) => line.split(' of ')[0]),
    ['  refaults r0[0]', '  refaults r0[2]', '  refaults r0[3]'],
    'page 1 was dirty, and had stayed',
  );
  t.end();
});

t.test('who wakes the flusher, who waits, and for whom a dirty page does', (t) => {
  const lines = told('flusher-woken', 3);
  t.strictSame(lines.slice(0, 4), [
    '  wakes kswapd0  wakeup_kswapd  1280 pages are free, no more than the low watermark of 1280; it reclaims until more than 1536 are',
    '  wakes flush-8:0  wakeup_flusher_threads  kswapd0 met 2 dirty pages of inactive file that nobody writes, and no others',
    '  writes back  wb_workfn  flush-8:0 gives 9000 dirty pages to the disk',
    '  throttles kswapd0  reclaim_throttle  VMSCAN_THROTTLE_WRITEBACK on node 0, once: 2302 us',
  ]);
  const text = 'page of a file that is being written to its disk, and goes first then';
  t.ok(lines.includes(`  keeps r0[0..8995] of p0  shrink_folio_list  ${text}`));
  t.match(
    lines.at(-1),
    /^ {2}reclaims r0\[\d+\.\.8422\] of p0 {2}try_to_unmap_one {2}unmapped by kswapd, its file has it/,
  );
  t.strictSame(told('flusher-stuck-6.12', 6), [
    '  wakes kswapd0  wakeup_kswapd  1280 pages are free, no more than the low watermark of 1280; it reclaims until more than 1536 are',
    '  wakes flush-8:0  wakeup_flusher_threads  kswapd0 met 2 dirty pages of inactive file that nobody writes, and no others',
    '  throttles p0  reclaim_throttle  VMSCAN_THROTTLE_NOPROGRESS on node 0, 2 times: 8000 us',
    '  keeps r0[0] of p0  shrink_folio_list  page locked by somebody else',
    '  keeps r0[1..5999] of p0  shrink_folio_list  dirty page of a file, which goes first once it is written: it waits for the flusher, which kswapd0 woke in step 6',
    '  kills p0  oom_kill_process  no memory is left to reclaim, and it has most',
  ]);
  const steps = ['mmap r0 4 rw shared disk', 'store r0[0..1] 1', 'madvise r0 pageout'];
  t.strictSame(
    explained(made(steps), 2).filter((line) => line.startsWith('  keeps')),
    [
      '  keeps r0[0..1] of p0  shrink_folio_list  dirty page of a file, which goes first once it is written: it waits until somebody wakes the flusher, or writes it himself',
    ],
    'whoever advises wakes nobody',
  );
  t.end();
});

t.test('a page that the hardware has lost is not reclaimed', (t) => {
  const steps = ['mmap r0 1', 'store r0 1', 'fork p1', 'madvise r0 hwpoison'];
  t.notMatch(explained(made(steps), 3).join('\n'), 'reclaims');
  t.end();
});
