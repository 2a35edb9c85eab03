// SPDX-License-Identifier: GPL-2.0-only
/** What is told of steps that copy, truncate and collapse, word for word. */
import t from 'tap';
import { load } from '../../src/scenario/load.js';
import type { ScenarioDocument } from '../../src/scenario/schema.js';
import { explained } from './lines.js';

/** What is told of the last of these lines, each a step of a document. */
function toldOf(kernel: string, ...lines: readonly string[]): string[] {
  const text = `name: x\nkernel: "${kernel}"\nsteps:\n${lines.map((line) => `  - ${line}\n`).join('')}`;
  const { documents, mistakes } = load(text, 'x', 'yaml');
  t.strictSame(mistakes, []);
  return explained(documents[0]!.document as ScenarioDocument, lines.length - 1);
}

const collapse = '{ op: madvise, region: r0, page: 0, pages: 512, advice: collapse }';

t.test('who was in the way of MADV_COLLAPSE', (t) => {
  const refused = (device: number, ...lines: string[]) =>
    toldOf('6.12', `open d0 ${device}`, 'mmap r0 512', 'store r0[0..2] 64', ...lines, collapse).slice(0, 2);
  const invalid = 'step 4  p0 madvise r0[0..511] advice=collapse: ret EINVAL';
  t.strictSame(refused(0, 'pin r0[1] write'), [
    'step 4  p0 madvise r0[0..511] advice=collapse: ret EAGAIN',
    '  because hpage_collapse_scan_pmd: pinned: refcount 1025, mapcount 1, expected 1 at r0[1]',
  ]);
  t.strictSame(refused(2, 'migrate_to_dev d0 r0[2]'), [
    invalid,
    '  because hpage_collapse_scan_pmd: page of a device, or without a struct page at r0[2]',
  ]);
  t.strictSame(refused(0, 'mprotect r0 r'), [
    invalid,
    '  because hpage_collapse_scan_pmd: no entry is writable at r0[0]',
  ]);
  t.end();
});

t.test('private pages come back, and are part of the huge page', (t) => {
  const lines = toldOf(
    '6.12',
    'open d0 0',
    'mmap r0 512',
    'store r0[0..1] 64',
    'migrate_to_dev d0 r0[1]',
    collapse,
  );
  t.equal(lines[0], 'step 4  p0 madvise r0[0..511] advice=collapse: ret 0');
  t.match(
    lines.find((line) => line.startsWith('  r0[1] ')),
    /^ {2}r0\[1\] +replaced +\S* +private on hmm_dmirror0 pfn 0x3ffffffff -> system pfn 0x[0-9a-f]+01/,
  );
  t.end();
});

const device = ['open d0 0', 'mmap r0 4', 'store r0 64', 'migrate_to_dev d0 r0[0..1]', 'exclusive d0 r0[2]'];

t.test('pages that the kernel faulted in for a copy', (t) => {
  const home = 'dmirror_devmem_fault           brought back from hmm_dmirror0: system pfn';
  const given = 'remove_device_exclusive_entry  exclusive access given back: system pfn';
  const [step, ...pages] = toldOf('6.12', ...device, '{ op: write, region: r0, page: 1, pages: 3 }');
  t.equal(step, 'step 5  p0 write r0[1..3]: ret 0, bytes 12288, 65, 66, 67');
  t.match(pages, [`  r0[1]  faulted  ${home}`, `  r0[2]  faulted  ${given}`, '  r0[3]  same ']);
  const [read] = toldOf('6.12', ...device, '{ op: read, region: r0, page: 0, pages: 4, word: 7 }');
  t.equal(read, 'step 5  p0 read r0[0..3] word=7: ret 0, bytes 16384');
  t.end();
});

t.test('of another process, the pages of that one', (t) => {
  const [step, ...pages] = toldOf('6.12', ...device, 'fork p1', 'store r0[0] 1', 'peek p1 r0[0..1]');
  t.equal(step, 'step 7  p0 peek r0[0..1] of=p1: ret 0, bytes 8192, 64, 65');
  t.equal(pages.length, 2);
  t.match(pages[1], /^ {2}r0\[1\] +faulted +dmirror_devmem_fault +brought back from hmm_dmirror0/);
  t.end();
});

t.test('a file that is shorter, or has a hole', (t) => {
  const file = ['open d0 0', 'mmap r0 3 file', 'store r0[1] 7', 'migrate_to_dev d0 r0[1]', 'load r0[2]'];
  t.strictSame(toldOf('6.12', ...file, '{ op: truncate, region: r0, pages: 1 }').slice(0, 4), [
    'step 5  p0 truncate r0[0]: ret 0',
    '  tells the mirrors MMU_NOTIFY_CLEAR r0[1..2]',
    '  tells the mirrors MMU_NOTIFY_CLEAR r0[1..2]',
    '  r0[1]  dropped                   private on hmm_dmirror0 pfn 0x3ffffffff -> nothing mapped, hmm_dmirror0 rw -> nothing',
  ]);
  const punched = toldOf('6.12', ...file, 'punch r0[1..2]');
  t.strictSame(punched.slice(0, 2), [
    'step 5  p0 punch r0[1..2]: ret 0',
    '  tells the mirrors MMU_NOTIFY_CLEAR r0[1..2]',
  ]);
  t.match(
    punched[2],
    /^ {2}r0\[1\] +changed +private on hmm_dmirror0 pfn 0x3ffffffff, hmm_dmirror0 rw -> nothing$/,
  );
  t.match(punched[3], /^ {2}r0\[2\] +dropped +free_unref_page +system pfn 0x[0-9a-f]+ -> nothing mapped/);
  t.end();
});

t.test('pages that moved, with MREMAP_DONTUNMAP', (t) => {
  t.match(toldOf('6.12', ...device, 'mremap r0[0] r1 dontunmap'), [
    'step 5  p0 mremap r0[0] to=r1[0] dontunmap=true: ret 0',
    '  tells the mirrors MMU_NOTIFY_UNMAP r0[0]',
    '  r0[0]  dropped    private on hmm_dmirror0 pfn 0x3ffffffff -> nothing mapped, hmm_dmirror0 rw -> nothing',
    '  r1[0]  mapped     no VMA -> private on hmm_dmirror0 pfn 0x3ffffffff',
  ]);
  t.strictSame(toldOf('6.12', ...device, 'mincore r0'), ['step 5  p0 mincore r0[0..3]: ret 0, 1 x4']);
  t.end();
});
