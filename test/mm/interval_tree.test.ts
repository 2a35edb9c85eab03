// SPDX-License-Identifier: GPL-2.0-only
import fc from 'fast-check';
import t from 'tap';
import { IntervalTree } from '../../src/mm/interval_tree.js';
import { do_mprotect } from '../../src/mm/mprotect.js';
import { do_mremap } from '../../src/mm/mremap.js';
import { rmap_places } from '../../src/mm/rmap.js';
import { VM_ACCOUNT, type VmArea } from '../../src/mm/types.js';
import { BASE, boot, mapAnon, pageAt, RW, run, touch } from './gup_kernel.js';

/** All that the tree asks of a VMA. */
const fake = (pgoff: number, pages: number): VmArea =>
  ({ vm_pgoff: pgoff, vm_start: 0, vm_end: pages * 4096 }) as VmArea;

t.test('finds what looking at each VMA finds', async (t) => {
  const vma = fc.tuple(fc.nat(60), fc.integer({ min: 1, max: 20 }));
  const property = fc.property(
    fc.array(vma),
    fc.nat(80),
    fc.integer({ min: 1, max: 9 }),
    (list, first, nr) => {
      const vmas = list.map(([pgoff, pages]) => fake(pgoff, pages));
      const found: VmArea[] = [];
      new IntervalTree(vmas).forEach(first, first + nr, (one) => found.push(one));
      const expected = vmas.filter((_, i) => list[i]![0] < first + nr && list[i]![0] + list[i]![1] > first);
      t.same(new Set(found), new Set(expected));
      t.equal(found.length, expected.length);
    },
  );
  fc.assert(property, { seed: 1, numRuns: 300 });
});

t.test('a walk of a page finds its one place, however often VMAs are cut, merged and moved', async (t) => {
  const k = boot();
  const mm = k.mm_alloc();
  const vma = mapAnon(mm, 0, 256, RW | VM_ACCOUNT);
  for (let n = 0; n < 256; n++) touch(vma, n);
  const placesOf = (at: number): number[] => rmap_places(k, pageAt(mm, at)).map(({ address }) => address);
  const protect = (at: number, pages: number, prot: number): number =>
    run(k, do_mprotect(mm, BASE + at * 4096, pages * 4096, prot));

  for (let n = 1; n < 256; n += 2) t.equal(protect(n, 1, 1), 0);
  t.equal(mm.vmas.size, 256);
  t.same(placesOf(100), [BASE + 100 * 4096], 'cut');
  t.equal(protect(0, 128, 3), 0);
  t.equal(mm.vmas.size, 128);
  t.same(placesOf(100), [BASE + 100 * 4096], 'merged');
  t.same(placesOf(201), [BASE + 201 * 4096]);
  const page = pageAt(mm, 201);
  const to = BASE + 4096 * 4096;
  const request = { addr: BASE + 201 * 4096, oldLength: 4096, newLength: 4096, flags: 3, newAddr: to };
  t.equal(run(k, do_mremap(mm, request)), to);
  t.same(
    rmap_places(k, page).map(({ address }) => address),
    [to],
    'moved',
  );
});
