// SPDX-License-Identifier: GPL-2.0-only
/** The pages that those of a range are mapped to, whether they follow each other or not. */
import t from 'tap';
import { DmaAddr } from '../../../src/drivers/amdkfd/amdgpu_vm.js';
import { NO_PAGE } from '../../../src/sim/memmap.js';

const listed = (addr: DmaAddr, npages: number) => Array.from({ length: npages }, (_, i) => addr.at(i));

t.test('pages in a row, and then some that are not', async (t) => {
  const addr = new DmaAddr(4);
  t.strictSame(listed(addr, 4), [NO_PAGE, NO_PAGE, NO_PAGE, NO_PAGE], 'mapped nowhere');
  addr.set(Uint32Array.of(10, 11, 12, 13), 0);
  t.strictSame(listed(addr, 4), [10, 11, 12, 13]);
  addr.set(Uint32Array.of(30, 31), 1);
  t.strictSame(listed(addr, 4), [10, 30, 31, 13], 'a part of them');
  addr.set(Uint32Array.of(7, 6, 5, 4), 0);
  t.strictSame(listed(addr, 4), [7, 6, 5, 4]);
  addr.set(Uint32Array.of(20, 21, 22, 23), 0);
  t.strictSame(listed(addr, 4), [20, 21, 22, 23], 'in a row again');
});

t.test('a part that is mapped first leaves the rest mapped nowhere', async (t) => {
  const addr = new DmaAddr(3);
  addr.set(Uint32Array.of(8, 9), 1);
  t.strictSame(listed(addr, 3), [NO_PAGE, 8, 9]);
});

for (const pages of [
  [10, 11, 12, 13],
  [10, 5, 6, 13],
]) {
  t.test(`parts of ${pages}`, async (t) => {
    const addr = new DmaAddr(4);
    addr.set(Uint32Array.from(pages), 0);
    const part = addr.slice(1, 2);
    t.strictSame(listed(part, 2), pages.slice(1, 3));
    part.set(Uint32Array.of(1, 1), 0);
    t.strictSame(listed(addr, 4), pages, 'a part is one of its own');
    t.equal(
      addr.count((page) => page > 9),
      pages.filter((page) => page > 9).length,
    );
  });
}
