// SPDX-License-Identifier: GPL-2.0-only
import t from 'tap';
import { Memmap, PAGEBLOCK } from '../../src/sim/memmap.js';

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
