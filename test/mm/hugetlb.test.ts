// SPDX-License-Identifier: GPL-2.0-only
import t from 'tap';
import { pin_user_pages, unpin_user_pages } from '../../src/mm/gup.js';
import { FOLL_WRITE } from '../../src/mm/gup_flags.js';
import { huge_pte } from '../../src/mm/hugetlb.js';
import { PTE_DIRTY, PTE_HUGE, PTE_PRESENT, PTE_WRITE, PTE_YOUNG } from '../../src/mm/pgtable.js';
import { Hang } from '../../src/sim/errors.js';
import { EINVAL, ENOMEM } from '../../src/uapi/errno.js';
import {
  MADV_DONTNEED,
  MAP_NORESERVE,
  MREMAP_FIXED,
  MREMAP_MAYMOVE,
  PROT_READ,
  PROT_WRITE,
} from '../../src/uapi/mman.js';
import { BASE, HUGE, HugeMachine } from './hugetlb_machine.js';

t.test('a private mapping reserves its pages and gives them back', async (t) => {
  const m = new HugeMachine(4);
  const p = m.spawn();
  t.equal(m.pool, '4/0');
  t.equal(m.map(p, 0, 3), 0);
  t.equal(m.pool, '4/3');
  t.equal(m.map(p, 8, 2), -ENOMEM, 'one is left');
  t.equal(m.load(p, 0), 0);
  t.equal(m.store(p, 1, 7), 'ok');
  t.equal(m.load(p, 1), 7);
  t.equal(m.pool, '2/1');
  t.equal(m.unmap(p, 1, 1), 0);
  t.equal(m.pool, '3/1');
  t.equal(m.load(p, 1), 'SIGSEGV');
  m.machine.kill(p);
  t.equal(m.pool, '4/0');
});

t.test('a shared mapping keeps its pages until the file is gone', async (t) => {
  const m = new HugeMachine(4);
  const p = m.spawn();
  t.equal(m.map(p, 0, 2, { shared: true }), 0);
  t.equal(m.pool, '4/2');
  t.equal(m.store(p, 0, 5), 'ok');
  t.equal(m.pool, '3/1');
  const child = m.fork(p);
  t.equal(m.load(child, 0), 5);
  t.equal(m.store(child, 1, 6), 'ok');
  t.equal(m.pool, '2/0');
  t.equal(m.unmap(p, 0, 2), 0);
  t.equal(m.pool, '2/0', 'the child has the file');
  t.equal(m.load(child, 1), 6);
  m.machine.kill(child);
  t.equal(m.pool, '4/0');
});

t.test('without a reservation, what is reserved by others is out of reach', async (t) => {
  const m = new HugeMachine(2);
  const p = m.spawn();
  t.equal(m.map(p, 0, 1), 0);
  t.equal(m.map(p, 8, 4, { flags: MAP_NORESERVE }), 0);
  t.equal(m.pool, '2/1');
  t.equal(m.store(p, 8, 1), 'ok');
  t.equal(m.pool, '1/1');
  t.equal(m.store(p, 9, 1), 'SIGBUS');
  t.equal(m.store(p, 0, 2), 'ok');
  t.equal(m.pool, '0/0');
  m.machine.kill(p);
  t.equal(m.pool, '2/0');
});

t.test(
  'a mapping over itself: private pages come back at once, those of a file after the call',
  async (t) => {
    for (const shared of [false, true]) {
      const m = new HugeMachine(2);
      const p = m.spawn();
      m.map(p, 0, 2, { shared });
      m.store(p, 0, 1);
      t.equal(m.map(p, 0, 2, { shared }), shared ? -ENOMEM : 0);
      t.equal(m.load(p, 0), shared ? 'SIGSEGV' : 0);
      m.machine.kill(p);
      t.equal(m.pool, '2/0');
    }
  },
);

t.test('page table entries of huge pages', async (t) => {
  const m = new HugeMachine(4);
  const p = m.spawn();
  m.map(p, 0, 2);
  m.store(p, 0, 1);
  m.load(p, 1);
  const flags = (at: number) => huge_pte(p.mm!, BASE + at * HUGE)?.flags;
  const read = PTE_PRESENT | PTE_HUGE | PTE_YOUNG;
  t.equal(flags(0), read | PTE_WRITE | PTE_DIRTY);
  t.equal(flags(1), read, 'private and read: not writable');
  t.equal(p.mm!.rss, 0, 'huge pages are not in the rss');
  const protect = (prot: number) => m.machine.call(p, (sys) => sys.mprotect(BASE, 2 * HUGE, prot));
  t.equal(protect(PROT_READ), 0);
  t.equal(flags(0), read | PTE_DIRTY);
  t.equal(m.store(p, 0, 2), 'SIGSEGV');
  t.equal(protect(PROT_READ | PROT_WRITE), 0);
  t.equal(flags(0), read | PTE_DIRTY, 'writable again by a fault only');
  t.equal(m.store(p, 0, 3), 'ok');
  t.equal(m.pool, '2/0', 'which did not copy');
  t.equal(huge_pte(p.mm!, BASE + 2 * HUGE), null);
});

t.test('ranges that are not made of huge pages', async (t) => {
  const m = new HugeMachine(4);
  const p = m.spawn();
  m.map(p, 0, 2);
  t.equal(
    m.machine.call(p, (sys) => sys.munmap(BASE, 4096)),
    -EINVAL,
  );
  t.equal(
    m.machine.call(p, (sys) => sys.mprotect(BASE + 4096, 4096, PROT_READ)),
    -EINVAL,
  );
  t.equal(m.unmap(p, 0, 1), 0);
  t.equal(m.pool, '4/1');
});

t.test('fork copies on write; the child has no reservation', async (t) => {
  const m = new HugeMachine(3);
  const p = m.spawn();
  m.map(p, 0, 2);
  m.store(p, 0, 1);
  const child = m.fork(p);
  t.equal(m.load(child, 0), 1);
  t.equal(m.pool, '2/1');
  t.equal(m.store(child, 0, 2), 'ok', "one page is nobody's");
  t.equal(m.pool, '1/1');
  t.equal(m.load(child, 1), 'SIGBUS', 'the last one is reserved for the parent');
  t.equal(m.store(p, 0, 3), 'ok', 'reused: the child has its own');
  t.equal(m.store(p, 1, 4), 'ok');
  t.same([m.load(p, 0), m.load(child, 0), m.load(p, 1)], [3, 2, 4]);
  m.machine.kill(p);
  t.equal(m.pool, '2/0');
  m.machine.kill(child);
  t.equal(m.pool, '3/0');
});

t.test('the owner of the reservations takes its page back from a child', async (t) => {
  const m = new HugeMachine(1);
  const p = m.spawn();
  m.map(p, 0, 1);
  m.store(p, 0, 1);
  const child = m.fork(p);
  const grandchild = m.fork(child);
  t.equal(m.load(child, 0), 1);
  t.equal(m.store(child, 0, 9), 'SIGBUS', 'no page for a copy, and the child owns nothing');
  t.equal(m.store(p, 0, 2), 'ok');
  t.equal(m.load(p, 0), 2);
  t.equal(m.load(child, 0), 'SIGBUS');
  t.equal(m.load(grandchild, 0), 'SIGBUS');
  m.machine.kill(p);
  t.equal(m.load(child, 0), 'SIGBUS', 'even now that there is a free page');
  t.equal(m.fork(child).alive, true);
  t.equal(m.pool, '1/0');
});

t.test('a child that has moved the page away is not found: the owner hangs', async (t) => {
  const m = new HugeMachine(1);
  const p = m.spawn();
  m.map(p, 0, 1);
  m.store(p, 0, 1);
  const child = m.fork(p);
  const flags = MREMAP_MAYMOVE | MREMAP_FIXED;
  t.equal(
    m.machine.call(child, (sys) => sys.mremap(BASE, HUGE, HUGE, flags, BASE + 4 * HUGE)),
    BASE + 4 * HUGE,
  );
  t.equal(m.load(child, 4), 1);
  const write = () => m.machine.call(p, (sys) => sys.tryStorePage(BASE, 2), 1e9);
  t.throws(write, new Hang('hugetlb_wp', 'exceeded its simulated time limit'));
});

t.test('mremap moves pages and reservations', async (t) => {
  const m = new HugeMachine(3);
  const p = m.spawn();
  m.map(p, 0, 3);
  m.store(p, 1, 5);
  const flags = MREMAP_MAYMOVE | MREMAP_FIXED;
  const move = (from: number, pages: number, to: number) =>
    m.machine.call(p, (sys) => sys.mremap(from, pages * HUGE, pages * HUGE, flags, to));
  t.equal(move(BASE, 3, BASE + 1024 * HUGE), BASE + 1024 * HUGE);
  t.equal(m.pool, '2/2');
  t.equal(m.load(p, 0), 'SIGSEGV');
  t.equal(m.load(p, 1025), 5);
  t.equal(m.store(p, 1026, 6), 'ok');
  t.equal(m.pool, '1/1');
  t.equal(move(BASE + 1024 * HUGE, 1, BASE + 4096), -EINVAL);
  m.machine.kill(p);
  t.equal(m.pool, '3/0');
});

for (const { kernel, pool, again } of [
  { kernel: '6.12', pool: '1/1', again: 'ok' },
  { kernel: '6.1', pool: '1/0', again: 'SIGBUS' },
]) {
  t.test(`${kernel}: whether MADV_DONTNEED gives the reservation back to the mapping`, async (t) => {
    const m = new HugeMachine(1, kernel);
    const p = m.spawn();
    const other = m.spawn('p1');
    m.map(p, 0, 1);
    m.store(p, 0, 1);
    t.equal(
      m.machine.call(p, (sys) => sys.madvise(BASE, HUGE, MADV_DONTNEED)),
      0,
    );
    t.equal(m.pool, pool);
    m.map(other, 0, 1, { flags: MAP_NORESERVE });
    t.equal(m.store(other, 0, 2), again === 'ok' ? 'SIGBUS' : 'ok');
    t.equal(m.store(p, 0, 3), again);
    m.machine.kill(p);
    m.machine.kill(other);
    t.equal(m.pool, '1/0');
  });
}

t.test('fork copies a pinned page at once, if it can', async (t) => {
  for (const hugepages of [1, 2]) {
    const m = new HugeMachine(hugepages);
    const p = m.spawn();
    m.map(p, 0, 1);
    m.store(p, 0, 1);
    const { mm } = p;
    const pages = new Uint32Array(1);
    m.machine.kernel.pinHolders.push(() => pages.filter((page) => page !== 0));
    const pinned = m.machine.call(p, () => pin_user_pages(mm!, BASE, 1, FOLL_WRITE, pages));
    t.equal(pinned, 1);
    const before = huge_pte(mm!, BASE)!;
    const pid = m.machine.call(p, (sys) => sys.fork());
    t.strictSame(huge_pte(mm!, BASE), before, 'the parent keeps its page, writable');
    if (hugepages === 1) {
      t.equal(pid < 0, true, 'no page for the child');
    } else {
      const child = m.machine.process(pid)!;
      t.equal(m.pool, '0/0');
      t.equal(m.store(p, 0, 2), 'ok');
      t.equal(m.load(child, 0), 1);
      m.machine.kill(child);
    }
    m.machine.kill(p);
    // The exit takes back the reservation that the page restores only when it is freed.
    t.equal(m.pool, `${hugepages - 1}/-1`, 'the pin keeps the page');
    unpin_user_pages(m.machine.kernel, pages, 1);
    pages.fill(0);
    t.equal(m.pool, `${hugepages}/0`);
  }
});

t.test('the pool takes its memory when it is used', async (t) => {
  const m = new HugeMachine(4);
  const { pages } = m.machine.kernel;
  const free = pages.nr_free_pages;
  const p = m.spawn();
  m.map(p, 0, 4);
  for (let at = 0; at < 4; at++) t.equal(m.store(p, at, at), 'ok');
  t.equal(pages.nr_free_pages, free, 'it was never free for others');
  const total = pages.totalPages / 512;
  t.equal(pages.set_aside_huge(total) < total, true, 'no more than there is');
  t.equal(pages.alloc_huge(), 0, 'nothing is left for others');
});
