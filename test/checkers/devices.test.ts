// SPDX-License-Identifier: GPL-2.0-only
import t from 'tap';
import { PTE_PRESENT } from '../../src/mm/pgtable.js';
import { NO_PAGE } from '../../src/sim/memmap.js';
import { Bench } from './bench.js';

const ON_DEVICE = ['open d0 0', 'mmap r0 4 rw', 'store r0 64', 'migrate_to_dev d0 r0'];

t.test('every page of a chunk is free or in use', (t) => {
  const bench = new Bench([...ON_DEVICE, 'load r0[1]']);
  const [mdevice] = bench.module.devices;
  const [chunk] = mdevice!.chunks;
  const where = `device pages: hmm_dmirror0, chunk at page ${chunk!.pagemap.firstPage}`;
  t.equal(bench.finding('device pages'), '');
  t.equal(bench.finding('chunks'), '');

  const free = mdevice!.free_pages;
  mdevice!.free_pages = NO_PAGE;
  t.equal(bench.finding('chunks'), `${where}: 3 pages in use and 65532 free, of 65536`);
  mdevice!.free_pages = bench.entry(0, 0).page;
  t.equal(
    bench.finding('chunks'),
    'device pages: MEMORY_DEVICE_PRIVATE page with pfn N: on the free list with refcount 1',
  );
  bench.k.mem.priv[free] = free;
  mdevice!.free_pages = free;
  t.equal(bench.finding('chunks'), 'device pages: hmm_dmirror0: the free list runs in a circle');
  bench.k.mem.priv[free] = NO_PAGE;
  chunk!.pagemap.ref++;
  t.equal(bench.finding('device pages'), `${where}: 5 references of the pagemap, but 3 pages in use`);
  t.end();
});

t.test('private pages have backing, and are out of the CPU’s reach', (t) => {
  const bench = new Bench(ON_DEVICE);
  const entry = bench.entry(0, 2);
  const { priv } = bench.k.mem;
  const backing = priv[entry.page]!;
  priv[entry.page] = NO_PAGE;
  t.equal(
    bench.finding('chunks'),
    'device pages: hmm_dmirror0: MEMORY_DEVICE_PRIVATE page with pfn N is in use without a backing page',
  );
  priv[entry.page] = backing;
  entry.flags = PTE_PRESENT;
  t.equal(
    bench.finding('device pages'),
    'device pages: mm 1, 0x200000002000: a present entry of MEMORY_DEVICE_PRIVATE page with pfn N',
  );
  t.end();
});

t.test('the pool of huge pages', (t) => {
  const bench = new Bench(['mmap r0 1024 rw private hugetlb', 'store r0[0] 1']);
  t.equal(bench.finding('hugetlb'), '');
  bench.k.hugetlb.free_huge_pages++;
  t.equal(bench.finding('hugetlb'), 'hugetlb: 1 huge pages in use and 64 free, of 64');
  bench.k.hugetlb.free_huge_pages--;
  bench.k.hugetlb.resv_huge_pages++;
  t.equal(
    bench.finding('hugetlb'),
    'hugetlb: 2 huge pages reserved and 0 to come back, but mappings and files may claim 1',
  );
  t.end();
});

t.test('a huge page that is unmapped and pinned owes the pool its reservation', (t) => {
  const bench = new Bench(['mmap r0 512 rw private hugetlb', 'pin r0[1] write', 'munmap r0']);
  t.equal(bench.k.hugetlb.resv_huge_pages, -1);
  t.equal(bench.finding('hugetlb'), '');
  bench.run('unpin');
  t.equal(bench.k.hugetlb.resv_huge_pages, 0);
  t.equal(bench.finding('hugetlb'), '');
  t.end();
});
