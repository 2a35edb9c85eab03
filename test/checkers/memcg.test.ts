// SPDX-License-Identifier: GPL-2.0-only
import t from 'tap';
import { MemCgroup } from '../../src/mm/memcontrol.js';
import { Bench } from './bench.js';

const CHARGED = ['mkcgroup c0', 'cgroup_join c0', 'mmap r0 4', 'store r0 64', 'madvise r0[3] pageout'];

t.test('what a cgroup counts is what is charged to it', (t) => {
  const bench = new Bench(CHARGED, { swap: 1 << 26 });
  t.equal(bench.finding('memcg'), '');
  const memcgs = bench.k.memcgs!;
  const memcg = memcgs.all[0]!;
  t.strictSame([memcg.memory, memcgs.ofFolio.size, memcg.swap], [64 - 1, 3, 1]);
  memcg.memory++;
  t.equal(bench.finding('memcg'), 'memcg: /c0 counts 64 pages, 63 are charged');
  memcg.memory--;
  memcg.swap = 0;
  t.equal(bench.finding('memcg'), 'memcg: /c0 counts 0 slots, 1 are charged');
  memcg.swap = 1;
  const [folio] = memcgs.ofFolio.keys();
  memcgs.ofFolio.delete(folio!);
  t.equal(bench.finding('memcg'), 'memcg: /c0 counts 63 pages, 62 are charged');
  memcgs.ofFolio.set(folio!, memcg);
  memcgs.ofSlot.set(77, memcg);
  t.equal(bench.finding('memcg'), 'memcg: slot 77 is charged, and nobody has it');
  t.end();
});

t.test('only folios that are in use are charged', (t) => {
  const bench = new Bench(CHARGED, { swap: 1 << 26 });
  const { k } = bench;
  const free = k.pages.alloc_page();
  k.mem.refcount[free] = 0;
  k.memcgs!.ofFolio.set(free, new MemCgroup(2, '/c1'));
  t.equal(bench.finding('memcg'), 'memcg: page with pfn N is charged, and no folio that is in use');
  t.end();
});
