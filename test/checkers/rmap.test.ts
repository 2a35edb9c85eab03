// SPDX-License-Identifier: GPL-2.0-only
import t from 'tap';
import { PG_anon_exclusive } from '../../src/mm/page_flags.js';
import { PTE_WRITE, SWP_DEVICE_READ, SWP_MIGRATION_READ } from '../../src/mm/pgtable.js';
import { Bench } from './bench.js';

const ANON = ['mmap r0 4 rw', 'store r0 64'];
const FORKED = [...ANON, 'fork p1'];
const HUGE = ['mmap r0 512 rw', 'madvise r0 hugepage', 'store r0 1'];

t.test('mapcounts count the entries', (t) => {
  const bench = new Bench(FORKED);
  t.equal(bench.finding('rmap'), '');
  bench.k.mem.mapcount[bench.entry(0, 1).page]!++;
  t.equal(bench.finding('rmap'), 'rmap: page with pfn N: mapcount 3, but 2 PTEs map it');
  t.end();
});

t.test('of a huge page, too', (t) => {
  const bench = new Bench(HUGE);
  t.equal(bench.finding('rmap'), '');
  const { page } = bench.entry(0, 0);
  bench.k.mem.index[page + 1]!++;
  t.equal(bench.finding('rmap'), 'rmap: huge page with pfn N: entire mapcount 2, but 1 PMDs map it');
  bench.k.mem.index[page + 1]!--;
  bench.k.mem.index[page + 2]!++;
  t.equal(bench.finding('rmap'), 'rmap: huge page with pfn N: large mapcount 2, but 1 entries map it');
  t.end();
});

t.test('an exclusive page is nobody else’s', (t) => {
  const bench = new Bench(FORKED);
  bench.k.mem.flags[bench.entry(0, 0).page]! |= PG_anon_exclusive;
  t.equal(bench.finding('rmap'), 'rmap: page with pfn N: AnonExclusive, but mapped 2 times');
  t.end();
});

t.test('a writable page is exclusive', (t) => {
  const bench = new Bench(FORKED);
  bench.entry(0, 0).flags |= PTE_WRITE;
  t.equal(
    bench.finding('rmap'),
    'rmap: mm 1, 0x200000000000: page with pfn N is writable, but not AnonExclusive',
  );
  t.end();
});

t.test('a file’s page is not writable in a private mapping, and the zero page nowhere', (t) => {
  const bench = new Bench(['mmap r0 2 rw private file', 'mmap r1 2 rw', 'load r0', 'load r1']);
  t.equal(bench.finding('rmap'), '');
  bench.entry(1, 1).flags |= PTE_WRITE;
  t.equal(bench.finding('rmap'), 'rmap: mm 1, 0x200040001000: the zero page is writable');
  bench.entry(0, 1).flags |= PTE_WRITE;
  t.equal(
    bench.finding('rmap'),
    'rmap: mm 1, 0x200000001000: page with pfn N of a file is writable in a private mapping',
  );
  t.end();
});

t.test('the rmap leads to every mapping', (t) => {
  const bench = new Bench(FORKED);
  const { mem, anonVmas } = bench.k;
  const { page } = bench.entry(0, 1);
  mem.index[page]!++;
  const index = bench.address(0, 1) / 4096;
  t.equal(
    bench.finding('rmap'),
    `rmap: mm 1, 0x200000001000: rmap of page with pfn N leads to page ${index + 1} of the object, ` +
      `but page ${index} is mapped here`,
  );
  mem.index[page]!--;
  const { chains } = anonVmas[mem.mapping[page]!]!;
  for (const avc of chains) if (avc.vma === bench.vma(0, 2)) chains.delete(avc);
  t.equal(
    bench.finding('rmap'),
    'rmap: mm 2, 0x200000000000: rmap of page with pfn N does not lead to its VMA',
  );
  mem.mapping[page] = 0;
  t.equal(bench.finding('rmap'), 'rmap: mm 1, 0x200000001000: page with pfn N has no mapping');
  t.end();
});

t.test('entries stand for what is there', (t) => {
  const bench = new Bench([...ANON, 'mmap r1 2 rw', 'store r1 1']);
  const entry = bench.entry(0, 0);
  const { flags } = entry;
  entry.flags = SWP_MIGRATION_READ;
  bench.k.mem.mapcount[entry.page]!--;
  t.equal(bench.finding('rmap'), 'rmap: mm 1, 0x200000000000: a migration entry, and nobody migrates');
  bench.k.mem.mapcount[entry.page]!++;
  entry.flags = SWP_DEVICE_READ;
  t.equal(bench.finding('rmap'), 'rmap: mm 1, 0x200000000000: a device private entry of page with pfn N');
  entry.flags = flags;
  bench.mm().vmas.erase(bench.vma(1));
  t.equal(bench.finding('rmap'), 'rmap: mm 1, 0x200040000000: an entry outside of every VMA');
  t.end();
});
