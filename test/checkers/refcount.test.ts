// SPDX-License-Identifier: GPL-2.0-only
import t from 'tap';
import { get_page } from '../../src/mm/page_alloc.js';
import { add_pincount, PG_buddy, PG_locked } from '../../src/mm/page_flags.js';
import { Bench } from './bench.js';

const ANON = ['mmap r0 4 rw', 'store r0 64'];

t.test('a reference that nobody holds', (t) => {
  const bench = new Bench(ANON);
  t.equal(bench.finding('refcount'), '');
  const { page } = bench.entry(0, 1);
  get_page(bench.k, page);
  t.equal(
    bench.finding('refcount'),
    'refcount: page with pfn N: refcount 2, but 1 references are held (PTE 1)',
  );
  bench.k.mem.refcount[page] = 0;
  t.equal(
    bench.finding('refcount'),
    'refcount: page with pfn N: refcount 0, but 1 references are held (PTE 1)',
  );
  t.end();
});

t.test('a page that was allocated and forgotten', (t) => {
  const bench = new Bench(ANON);
  const page = bench.k.pages.alloc_page();
  t.equal(bench.finding('refcount'), 'refcount: page with pfn N: refcount 1, but 0 references are held');
  bench.k.mem.refcount[page] = 0;
  const { totalPages, nr_free_pages } = bench.k.pages;
  const used = totalPages - nr_free_pages - 1;
  t.equal(
    bench.finding('refcount'),
    `refcount: ${used} pages are in use and ${nr_free_pages} free, of ${totalPages}`,
  );
  t.end();
});

t.test('longterm pins count, and a forgotten one is found', (t) => {
  const bench = new Bench([...ANON, 'pin r0[1..2] write']);
  t.equal(bench.finding('refcount'), '');
  bench.k.pinHolders.length = 0;
  t.equal(
    bench.finding('refcount'),
    'refcount: page with pfn N: refcount 1025, but 1 references are held (PTE 1)',
  );
  t.end();
});

t.test('pins of a huge page have a count of their own', (t) => {
  const bench = new Bench(['mmap r0 512 rw', 'madvise r0 hugepage', 'store r0 1', 'pin r0[5..6] write']);
  t.equal(bench.finding('refcount'), '');
  add_pincount(bench.k.mem, bench.entry(0, 0).page, 1);
  t.equal(bench.finding('refcount'), 'refcount: huge page with pfn N: pincount 3, but 2 pins');
  t.end();
});

t.test('a page in use is not locked, and on no free list', (t) => {
  const bench = new Bench(ANON);
  const { page } = bench.entry(0, 0);
  const { flags } = bench.k.mem;
  flags[page]! |= PG_locked;
  t.equal(bench.finding('refcount'), 'refcount: page with pfn N: locked, and nobody is at work');
  flags[page]! = (flags[page]! & ~PG_locked) | PG_buddy;
  t.equal(bench.finding('refcount'), 'refcount: page with pfn N: in use, and on a free list');
  t.end();
});

t.test('the backing page of a private page has its reference', (t) => {
  const bench = new Bench([...ANON, 'open d0 0', 'migrate_to_dev d0 r0']);
  t.equal(bench.finding('refcount'), '');
  const { mem } = bench.k;
  const device = bench.entry(0, 2).page;
  mem.refcount[mem.priv[device]!]!++;
  t.equal(bench.finding('refcount'), 'refcount: page with pfn N: refcount 2, but 1 references are held');
  t.end();
});
