// SPDX-License-Identifier: GPL-2.0-only
import t from 'tap';
import { migrate_pfn, migrate_pfn_to_page } from '../../src/mm/migrate_vma.js';
import { MAX_PAGES, Memmap, PAGEBLOCK } from '../../src/sim/memmap.js';

t.test('growing keeps what pages in use hold, and page 0', async (t) => {
  const mem = new Memmap(PAGEBLOCK);
  const ram = mem.addRun(0x100, PAGEBLOCK);
  const far = ram + PAGEBLOCK - 1;
  mem.touch(far, 1);
  mem.refcount[0] = 7;
  mem.refcount[far] = 3;
  mem.index[far] = 2 ** 40;
  const before = mem.refcount;

  const device = mem.addRun(0x100000, 2 ** 20);
  t.not(mem.refcount, before, 'the arrays have grown');
  t.equal(device, ram + PAGEBLOCK);
  t.equal(mem.refcount[0], 7);
  t.equal(mem.refcount[far], 3);
  t.equal(mem.index[far], 2 ** 40);
  t.equal(mem.refcount[device], 0);
  t.equal(mem.page_to_pfn(device), 0x100000);
});

t.test('growing does not copy what nobody has touched', async (t) => {
  const mem = new Memmap(PAGEBLOCK);
  const ram = mem.addRun(0x100, PAGEBLOCK);
  mem.refcount[ram + 1] = 9;
  mem.touch(ram + 2, 1);
  mem.refcount[ram + 2] = 4;
  mem.addRun(0x100000, 2 ** 20);
  t.equal(mem.refcount[ram + 2], 4);
  t.equal(mem.refcount[ram + 1], 0);
});

t.test('page numbers end where those of migration do', async (t) => {
  const last = MAX_PAGES - 1;
  t.equal(migrate_pfn_to_page(migrate_pfn(last)), last);
  t.not(migrate_pfn_to_page(migrate_pfn(MAX_PAGES)), MAX_PAGES);
  const mem = new Memmap(PAGEBLOCK);
  t.equal(mem.hasRoomFor(MAX_PAGES - PAGEBLOCK), true);
  t.equal(mem.hasRoomFor(MAX_PAGES - PAGEBLOCK + 1), false);
  const run = mem.addRun(0x100, 2 * PAGEBLOCK);
  t.equal(mem.hasRoomFor(MAX_PAGES - 2 * PAGEBLOCK), false);
  mem.releaseRun(run);
  t.equal(mem.hasRoomFor(2 * PAGEBLOCK), true);
});
