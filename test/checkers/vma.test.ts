// SPDX-License-Identifier: GPL-2.0-only
import t from 'tap';
import { VM_LOCKED } from '../../src/mm/types.js';
import {
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_LOCKED,
  MAP_PRIVATE,
  MREMAP_DONTUNMAP,
  MREMAP_MAYMOVE,
  PROT_READ,
  PROT_WRITE,
} from '../../src/uapi/mman.js';
import { Bench } from './bench.js';

const ANON = ['mmap r0 4 rw', 'mmap r1 4 rw shared', 'store r0 64'];

t.test('VMAs stand in order, and their files know them', (t) => {
  const bench = new Bench(ANON);
  t.equal(bench.finding('vma'), '');
  const vma = bench.vma(0);
  vma.vm_end += 2048;
  t.equal(bench.finding('vma'), 'vma: mm 1: 0x200000000000-0x200000004800 is no range of pages');
  vma.vm_end = bench.vma(1).vm_start + 4096;
  t.equal(bench.finding('vma'), 'vma: mm 1: 0x200040000000-0x200040004000 begins before 0x200040001000');
  vma.vm_end = vma.vm_start + 4 * 4096;
  bench.vma(1).vm_file!.mapping!.i_mmap.clear();
  t.equal(bench.finding('vma'), 'vma: mm 1: 0x200040000000-0x200040004000 is not in the i_mmap of its file');
  t.end();
});

t.test('locked_vm and rss', (t) => {
  const bench = new Bench([...ANON, 'mlock r0[0..1]']);
  t.equal(bench.finding('vma'), '');
  bench.vma(0).vm_flags &= ~VM_LOCKED;
  t.equal(bench.finding('vma'), 'vma: mm 1: locked_vm 2, but 0 pages are in locked VMAs');
  bench.vma(0).vm_flags |= VM_LOCKED;
  const { rss } = bench.mm();
  bench.mm().rss++;
  t.equal(bench.finding('vma'), `vma: mm 1: rss ${rss + 1}, but ${rss} pages are mapped`);
  t.end();
});

t.test(
  'locked mappings that merge are counted; a partial MREMAP_DONTUNMAP leaves the kernel with too many',
  (t) => {
    const bench = new Bench([], { check: true });
    const map = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_LOCKED;
    const at = bench.address(0, 0);
    const process = bench.machine.process(1)!;
    const locked = bench.machine.call(process, function* (sys) {
      yield* sys.mmap(at, 4 * 4096, PROT_READ | PROT_WRITE, map, -1, 0);
      yield* sys.mmap(at + 4 * 4096, 4 * 4096, PROT_READ | PROT_WRITE, map, -1, 0);
      const both = bench.mm().locked_vm;
      yield* sys.mremap(at, 2 * 4096, 2 * 4096, MREMAP_MAYMOVE | MREMAP_DONTUNMAP);
      return both;
    });
    t.equal(locked, 8);
    t.equal(bench.mm().locked_vm, 8);
    t.equal(bench.mm().lockedForGood, 6);
    bench.machine.leakCheck();
    t.end();
  },
);

t.test('page tables know how many of their entries are used', (t) => {
  const bench = new Bench(ANON);
  const { pt } = bench.mm();
  const at = bench.address(0, 0);
  pt.nr_ptes++;
  t.equal(bench.finding('vma'), `vma: mm 1: nr_ptes ${pt.nr_ptes}, but ${pt.nr_ptes - 1} PTE tables`);
  pt.nr_ptes--;
  pt.pmdTable(at)!.used++;
  t.equal(bench.finding('vma'), 'vma: mm 1: PMD table at 0x200000000000: 2 entries used, but 1 found');
  t.end();
});

t.test('anon_vmas and VMAs know each other', (t) => {
  const bench = new Bench([...ANON, 'fork p1', 'as p1 store r0[1] 7']);
  t.equal(bench.finding('anon_vma'), '');
  const anon_vma = bench.vma(0).anon_vma!;
  for (const [name, count] of [
    ['num_active_vmas', 1],
    ['num_children', 2],
    ['refcount', 2],
  ] as const) {
    anon_vma[name]++;
    t.equal(
      bench.finding('anon_vma'),
      `anon_vma: anon_vma ${anon_vma.id}: ${name} ${count + 1}, but ${count} found`,
    );
    anon_vma[name]--;
  }
  const [avc] = anon_vma.chains;
  anon_vma.chains.delete(avc!);
  t.equal(
    bench.finding('anon_vma'),
    `anon_vma: mm 1, VMA at 0x200000000000: anon_vma ${anon_vma.id} does not know of its chain`,
  );
  t.end();
});
