// SPDX-License-Identifier: GPL-2.0-only
import t from 'tap';
import { PG_dirty, PG_writeback } from '../../src/mm/page_flags.js';
import { Bench } from './bench.js';

const FILE = ['mmap r0 4 rw shared disk', 'store r0[0..1] 64'];

t.test('whoever may write to a page of a file on a disk, the page is dirty', async (t) => {
  const bench = new Bench(FILE);
  t.equal(bench.finding('writeback'), '');
  const { mem } = bench.k;
  const entry = bench.entry(0, 0);
  mem.flags[entry.page]! &= ~PG_dirty;
  t.match(bench.finding('writeback'), /^writeback: .*pfn N.*: clean, and mm 1 may write to it$/);
  bench.run('munmap r0[0]');
  t.equal(bench.finding('writeback'), '');
});

t.test('what is being written is a file’s', async (t) => {
  const bench = new Bench([...FILE, 'mmap r1 1 rw', 'store r1 1', 'sync_file_range r0']);
  t.equal(bench.finding('writeback'), '');
  bench.k.mem.flags[bench.entry(1, 0).page]! |= PG_writeback;
  t.equal(bench.finding('writeback'), "writeback: 1 pages are being written that are no file's");
});
