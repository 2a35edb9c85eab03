// SPDX-License-Identifier: GPL-2.0-only
import t from 'tap';
import { NO_PAGE } from '../../src/sim/memmap.js';
import { Tlb } from '../../src/sim/tlb.js';

t.test('a translation is believed until it is forgotten', async (t) => {
  const tlb = new Tlb();
  tlb.fill(5, 100, false);
  t.equal(tlb.lookup(5, false), 100);
  t.equal(tlb.lookup(5, true), NO_PAGE, 'not for writing');
  t.equal(tlb.lookup(5 + 64, false), NO_PAGE, 'another page of the same slot');
  tlb.forgetPage(6 * 4096);
  t.equal(tlb.lookup(5, false), 100);
  tlb.forgetPage(5 * 4096 + 17);
  t.equal(tlb.lookup(5, false), NO_PAGE);
});

t.test('ranges, and all of it', async (t) => {
  const tlb = new Tlb();
  for (const vpn of [1, 2, 3]) tlb.fill(vpn, vpn * 10, true);
  tlb.forgetRange(2 * 4096, 3 * 4096);
  t.same(
    [...tlb.entries()],
    [
      { vpn: 1, page: 10, writable: true },
      { vpn: 3, page: 30, writable: true },
    ],
  );
  tlb.forgetRange(0, 4096 * 1000);
  t.same([...tlb.entries()], []);
  tlb.fill(1, 10, true);
  tlb.forgetAll();
  t.same([...tlb.entries()], []);
});
