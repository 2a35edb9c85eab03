// SPDX-License-Identifier: GPL-2.0-only
import t from 'tap';
import { DPT_XA_TAG_ATOMIC, DPT_XA_TAG_WRITE, xa_untag_page } from '../../src/drivers/test_hmm/xarray.js';
import { PTE_PROTNONE, PTE_WRITE } from '../../src/mm/pgtable.js';
import { Bench } from './bench.js';

const MIRRORED = ['open d0 0', 'mmap r0 4 rw', 'store r0 64', 'read d0 r0'];
const at = (page: number): string =>
  `mirror: hmm_dmirror0, file 1, mm 1, 0x20000000${page}000: the device has`;

t.test('a device knows no more than the CPU, and nothing else', (t) => {
  const bench = new Bench(MIRRORED);
  const { pt } = bench.module.mirrors[1]!;
  const index = bench.address(0, 0) / 4096;
  t.equal(bench.finding('mirror'), '');

  const entry = bench.entry(0, 1);
  entry.flags &= ~PTE_WRITE;
  t.equal(bench.finding('mirror'), `${at(1)} page with pfn N to write, but the mapping is read-only`);
  entry.flags |= PTE_WRITE | PTE_PROTNONE;
  t.equal(bench.finding('mirror'), `${at(1)} page with pfn N to write, but the mapping is PROT_NONE`);
  entry.page = bench.entry(0, 0).page;
  entry.flags &= ~PTE_PROTNONE;
  t.equal(bench.finding('mirror'), `${at(1)} page with pfn N to write, but page with pfn N is mapped`);

  pt.xa_erase(index + 1);
  pt.xa_store(index, bench.entry(0, 0).page, DPT_XA_TAG_ATOMIC);
  t.equal(bench.finding('mirror'), `${at(0)} page with pfn N for itself, but the CPU may access it`);
  pt.xa_store(index, bench.entry(0, 0).page, 0);
  t.equal(bench.finding('mirror'), '');
  pt.xa_store(index + 4, bench.entry(0, 0).page, DPT_XA_TAG_WRITE);
  t.equal(bench.finding('mirror'), `${at(4)} page with pfn N to write, but nothing is mapped`);
  t.end();
});

t.test('exclusive access: the device has the page, and only it', (t) => {
  const bench = new Bench([...MIRRORED, 'exclusive d0 r0[0..1]']);
  t.equal(bench.finding('mirror'), '');
  const { pt } = bench.module.mirrors[1]!;
  const index = bench.address(0, 0) / 4096;
  pt.xa_store(index, xa_untag_page(pt.xa_load(index)), 0);
  t.equal(bench.finding('mirror'), `${at(0)} page with pfn N, but page with pfn N is reserved for a device`);
  t.end();
});

t.test('migrated pages: the entry is the backing page of the device’s own page', (t) => {
  const bench = new Bench(['open d0 0', 'mmap r0 4 rw', 'store r0 64', 'migrate_to_dev d0 r0']);
  t.equal(bench.finding('mirror'), '');
  const { mem } = bench.k;
  const device = bench.entry(0, 3).page;
  const backing = mem.priv[device]!;
  mem.priv[device] = mem.priv[bench.entry(0, 2).page]!;
  t.equal(
    bench.finding('mirror'),
    `${at(3)} page with pfn N to write, but MEMORY_DEVICE_PRIVATE page with pfn N has the data`,
  );
  mem.priv[device] = backing;
  t.equal(bench.finding('mirror'), '');
  t.end();
});

t.test('two files of one device: what the driver ignores is excused, until it changes', (t) => {
  const commands = ['open d0 0', 'open d1 0', 'mmap r0 4 rw', 'store r0 64', 'read d0 r0', 'read d1 r0'];
  const bench = new Bench(commands, { check: true });
  const stale = bench.module.mirrors[2]!.pt;
  const index = bench.address(0, 0) / 4096;
  const before = stale.xa_load(index);
  bench.run('migrate_to_dev d0 r0');
  t.equal(stale.xa_load(index), before, 'the second file has not been told');
  t.equal(bench.finding('mirror'), '');

  stale.xa_store(index, xa_untag_page(before), 0);
  t.equal(
    bench.finding('mirror'),
    'mirror: hmm_dmirror0, file 2, mm 1, 0x200000000000: the device has page with pfn N, ' +
      'but MEMORY_DEVICE_PRIVATE page with pfn N has the data',
  );
  t.end();
});

t.test('the driver’s own mistake is excused by its behaviour only', (t) => {
  const bench = new Bench(['open d0 0', 'mmap r0 4 rw', 'store r0 64', 'migrate_to_dev d0 r0']);
  const { pt } = bench.module.mirrors[1]!;
  const index = bench.address(0, 0) / 4096;
  pt.xa_store(index, bench.entry(0, 0).page, 0);
  t.equal(bench.finding('mirror'), '', 'dmirror_do_fault stores the private page itself');
  Object.assign(bench.k, { behaviour: { ...bench.k.behaviour, faultMirrorsOwnPrivatePage: false } });
  t.equal(
    bench.finding('mirror'),
    `${at(0)} MEMORY_DEVICE_PRIVATE page with pfn N, but MEMORY_DEVICE_PRIVATE page with pfn N has the data`,
  );
  t.end();
});

t.test(
  'a range that begins inside a huge device page is told its pages from the head on, and no other',
  (t) => {
    const commands = [
      'open d0 0',
      'mmap r0 512 rw',
      'madvise r0 hugepage',
      'store r0 64',
      'migrate_to_dev d0 r0',
    ];
    const bench = new Bench(commands, { kernel: '7.3' });
    const { pt } = bench.module.mirrors[1]!;
    const index = bench.address(0, 0) / 4096;
    const backing = [0, 1, 2].map((page) => xa_untag_page(pt.xa_load(index + page)));
    pt.xa_store(index + 1, backing[0]!, 0);
    t.equal(bench.finding('mirror'), '', 'the head’s backing page for the page behind it');
    pt.xa_store(index + 1, backing[2]!, 0);
    const wrong = `${at(1)} page with pfn N, but MEMORY_DEVICE_PRIVATE page with pfn N has the data`;
    t.equal(bench.finding('mirror'), wrong, 'no page behind it');
    pt.xa_store(index + 1, backing[1]!, 0);
    t.equal(bench.finding('mirror'), '');
    t.end();
  },
);

t.test('a translation that the CPU has cached, the page table still has', (t) => {
  const bench = new Bench(['mmap r0 4 rw', 'store r0 64']);
  t.equal(bench.finding('tlb'), '');
  const vpn = bench.address(0, 3) / 4096;
  const entry = bench.entry(0, 3);
  const { page } = entry;
  entry.flags &= ~PTE_WRITE;
  t.equal(bench.finding('tlb'), 'tlb: mm 1, 0x200000003000: cached as writable, but mapped read-only');
  const mm = bench.mm();
  mm.kernel.executor.cpu.tlbs[mm.id]!.fill(vpn, page + 1, false);
  t.equal(
    bench.finding('tlb'),
    `tlb: mm 1, 0x200000003000: page ${page + 1} is cached, but page ${page} is mapped`,
  );
  entry.flags = 0;
  t.equal(bench.finding('tlb'), 'tlb: mm 1, 0x200000003000: cached, but not accessible any more');
  t.end();
});
