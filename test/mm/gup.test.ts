// SPDX-License-Identifier: GPL-2.0-only
import t from 'tap';
import { anon_vma_prepare } from '../../src/mm/anon_vma.js';
import {
  __mm_populate,
  faultin_page_range,
  get_user_pages,
  get_user_pages_remote,
  pin_user_pages,
  populate_vma_page_range,
  unpin_user_pages,
} from '../../src/mm/gup.js';
import { get_user_pages_fast, pin_user_pages_fast } from '../../src/mm/gup_fast.js';
import {
  FOLL_DUMP,
  FOLL_FORCE,
  FOLL_GET,
  FOLL_HWPOISON,
  FOLL_LONGTERM,
  FOLL_NOFAULT,
  FOLL_PIN,
  FOLL_TOUCH,
  FOLL_WRITE,
  foll_flags_from_user,
} from '../../src/mm/gup_flags.js';
import { put_page } from '../../src/mm/page_alloc.js';
import { folio_pincount, PageAnonExclusive, PG_hugetlb } from '../../src/mm/page_flags.js';
import { PTE_HUGE, PTE_WRITE, pmd_index } from '../../src/mm/pgtable.js';
import { folio_add_new_anon_rmap } from '../../src/mm/rmap.js';
import { make_device_exclusive_range } from '../../src/mm/rmap_exclusive.js';
import { VM_HUGEPAGE, VM_HUGETLB, VM_IO, VM_LOCKONFAULT, VM_READ, VM_WRITE } from '../../src/mm/types.js';
import { EFAULT, EINVAL, ENOMEM, EOPNOTSUPP } from '../../src/uapi/errno.js';
import { BASE, behaviours61, boot, mapAnon, mapCoherent, pageAt, RW, run, touch } from './gup_kernel.js';

t.test('references and pins of small folios', async (t) => {
  const k = boot();
  const mm = k.mm_alloc();
  mapAnon(mm, 0, 4);
  const pages = new Uint32Array(4);
  t.equal(run(k, get_user_pages(mm, BASE, 4, FOLL_WRITE, pages)), 4);
  t.same(
    [...pages],
    [0, 1, 2, 3].map((at) => pageAt(mm, at)),
  );
  t.same(
    [...pages].map((page) => k.mem.refcount[page]),
    [2, 2, 2, 2],
  );
  t.equal(mm.has_pinned, false);
  for (const page of pages) put_page(k, page);

  t.equal(run(k, pin_user_pages(mm, BASE, 2, FOLL_WRITE, pages)), 2);
  t.equal(mm.has_pinned, true);
  t.same(
    [...pages].map((page) => k.mem.refcount[page]),
    [1025, 1025, 1, 1],
  );
  unpin_user_pages(k, pages, 2);
  t.same(
    [...pages].map((page) => k.mem.refcount[page]),
    [1, 1, 1, 1],
  );
});

t.test('a huge page is grabbed at once and counts its pins', async (t) => {
  const k = boot();
  const mm = k.mm_alloc();
  const vma = mapAnon(mm, 0, 1024, RW | VM_HUGEPAGE);
  touch(vma, 0);
  const head = pageAt(mm, 0);
  const pages = new Uint32Array(1024);
  t.equal(run(k, pin_user_pages(mm, BASE + 510 * 4096, 4, FOLL_WRITE, pages)), 4);
  const second = pageAt(mm, 512);
  t.same([...pages.subarray(0, 4)], [head + 510, head + 511, second, second + 1]);
  t.equal(folio_pincount(k.mem, head), 2);
  t.equal(k.mem.refcount[head], 3);
  unpin_user_pages(k, pages, 4);
  t.equal(folio_pincount(k.mem, head), 0);
  t.equal(k.mem.refcount[head], 1);

  t.equal(run(k, pin_user_pages_fast(mm, BASE, 1024, FOLL_WRITE, pages)), 1024);
  t.equal(folio_pincount(k.mem, second), 512);
  t.equal(pages[1023], second + 511);
  unpin_user_pages(k, pages, 1024);
  t.equal(k.mem.refcount[second], 1);
});

t.test('what stops a pin, and how much is kept', async (t) => {
  const k = boot();
  const mm = k.mm_alloc();
  mapAnon(mm, 0, 2);
  mapAnon(mm, 2, 1, VM_READ);
  mapAnon(mm, 4, 1, 0);
  mapAnon(mm, 5, 1, RW | VM_IO);
  const pages = new Uint32Array(8);
  const get = (at: number, n: number, flags: number) =>
    run(k, get_user_pages(mm, BASE + at * 4096, n, flags, pages));
  t.equal(get(0, 4, FOLL_WRITE), 2, 'up to the read-only VMA');
  t.equal(get(0, 4, 0), 3, 'up to the hole');
  t.equal(get(3, 1, 0), -EFAULT, 'hole');
  t.equal(get(2, 1, FOLL_WRITE), -EFAULT, 'read-only');
  t.equal(get(4, 1, 0), -EFAULT, 'PROT_NONE');
  t.equal(get(5, 1, 0), -EFAULT, 'VM_IO');
  t.equal(get(0, 0, 0), 0, 'nothing asked');
  t.equal(get(0, 1, FOLL_PIN), -EINVAL, 'internal flag');
  t.equal(get(0, 1, FOLL_LONGTERM), -EINVAL, 'longterm needs a pin');
  t.equal(run(k, pin_user_pages(mm, BASE, 1, FOLL_GET, pages)), 0, 'pin and get');
  t.equal(run(k, pin_user_pages_fast(mm, BASE, 1, FOLL_HWPOISON, pages)), -EINVAL, 'not for the fast path');
});

t.test('FOLL_FORCE, FOLL_NOFAULT and FOLL_DUMP', async (t) => {
  const k = boot();
  const mm = k.mm_alloc();
  const vma = mapAnon(mm, 0, 2, VM_READ);
  mapAnon(mm, 2, 1, VM_WRITE);
  const pages = new Uint32Array(2);
  const get = (at: number, flags: number) => run(k, get_user_pages(mm, BASE + at * 4096, 1, flags, pages));
  t.equal(get(0, FOLL_NOFAULT), -EFAULT);
  t.equal(get(0, FOLL_DUMP), -EFAULT, 'a hole stays a hole in a dump');
  t.equal(touch(vma, 0, false), 0);
  t.equal(get(0, FOLL_DUMP), -EFAULT, 'and so does the zero page');
  t.equal(get(0, FOLL_WRITE | FOLL_FORCE), 1);
  t.not(pageAt(mm, 0), k.zeroPage, 'forced write breaks COW');
  t.equal(get(2, 0), -EFAULT, 'write-only mapping');
  t.equal(get(2, FOLL_FORCE), 1);
});

t.test('the zero page: read pins leave it alone, a write replaces it', async (t) => {
  const k = boot();
  const mm = k.mm_alloc();
  mapAnon(mm, 0, 2);
  const pages = new Uint32Array(2);
  const zeroRefs = k.mem.refcount[k.zeroPage];
  t.equal(run(k, pin_user_pages(mm, BASE, 2, 0, pages)), 2);
  t.same([...pages], [k.zeroPage, k.zeroPage]);
  unpin_user_pages(k, pages, 2);
  t.equal(k.mem.refcount[k.zeroPage], zeroRefs);
  t.equal(run(k, get_user_pages(mm, BASE, 1, FOLL_WRITE, pages)), 1);
  t.not(pages[0], k.zeroPage);
});

t.test('gupUnsharesFilePages: a read-only longterm pin breaks COW of the zero page', async (t) => {
  for (const unshares of [true, false]) {
    const k = boot({ gupUnsharesFilePages: unshares });
    const mm = k.mm_alloc();
    mapAnon(mm, 0, 1);
    const pages = new Uint32Array(1);
    t.equal(run(k, pin_user_pages(mm, BASE, 1, FOLL_LONGTERM, pages)), 1);
    t.equal(pages[0] === k.zeroPage, !unshares);
    unpin_user_pages(k, pages, 1);
    t.equal(run(k, pin_user_pages_fast(mm, BASE, 1, FOLL_LONGTERM, pages)), 1, 'fast path');
    t.equal(pages[0] === k.zeroPage, !unshares);
    unpin_user_pages(k, pages, 1);
  }
});

t.test('a page shared after fork is unshared before it is pinned for reading', async (t) => {
  const k = boot();
  const mm = k.mm_alloc();
  const vma = mapAnon(mm, 0, 1);
  touch(vma, 0);
  const shared = pageAt(mm, 0);
  k.contents.fill_page(shared, 7);
  // As fork leaves it: read-only, not exclusive, one more mapping.
  const table = mm.pt.pteTable(BASE)!;
  table[512]! &= ~2;
  k.mem.flags[shared]! &= ~(1 << 9);
  k.mem.refcount[shared]!++;
  const pages = new Uint32Array(1);
  t.equal(run(k, pin_user_pages(mm, BASE, 1, 0, pages)), 1);
  t.not(pages[0], shared);
  t.equal(k.contents.pageWord(pages[0]!), 7);
  t.equal(PageAnonExclusive(k.mem, pages[0]!), true);
  t.equal(k.mem.refcount[shared], 1);
});

t.test('fast: takes what is present, faults in the rest', async (t) => {
  const k = boot();
  const mm = k.mm_alloc();
  const vma = mapAnon(mm, 0, 4);
  touch(vma, 0);
  touch(vma, 1);
  const pages = new Uint32Array(6);
  t.equal(run(k, get_user_pages_fast(mm, BASE + 8, 6, FOLL_WRITE, pages)), 4, 'address is rounded down');
  t.same([...pages], [...[0, 1, 2, 3].map((at) => pageAt(mm, at)), 0, 0]);
  t.equal(mm.mmap_lock.isLocked, false);
  t.equal(run(k, get_user_pages_fast(mm, 0x7ffffffff000, 1, 0, pages)), -EFAULT, 'no user address');
  t.equal(run(k, get_user_pages_fast(mm, BASE + 4 * 4096, 1, 0, pages)), -EFAULT, 'hole');
});

t.test('longtermMigratesCoherent: coherent pages are moved to RAM, or the pin fails', async (t) => {
  for (const migrates of [true, false]) {
    for (const pin of [pin_user_pages, pin_user_pages_fast]) {
      const k = boot({ longtermMigratesCoherent: migrates });
      const mm = k.mm_alloc();
      const vma = mapAnon(mm, 0, 2);
      touch(vma, 0);
      const coherent = mapCoherent(vma, 1, 99);
      const pages = new Uint32Array(2);
      t.equal(run(k, pin(mm, BASE, 2, FOLL_WRITE, pages)), 2, 'a short pin may');
      t.equal(pages[1], coherent);
      unpin_user_pages(k, pages, 2);

      const ret = run(k, pin(mm, BASE, 2, FOLL_WRITE | FOLL_LONGTERM, pages));
      if (migrates) {
        t.equal(ret, 2);
        t.not(pageAt(mm, 1), coherent);
        t.equal(pages[1], pageAt(mm, 1));
        t.equal(k.contents.pageWord(pages[1]!), 99);
        t.equal(k.mem.refcount[coherent], 0);
        unpin_user_pages(k, pages, 2);
      } else {
        // The fast path keeps what it has got before the slow one failed.
        t.equal(ret, pin === pin_user_pages ? -EFAULT : 1);
        t.equal(pageAt(mm, 1), coherent);
        t.equal(k.mem.refcount[coherent], 1);
        if (ret > 0) unpin_user_pages(k, pages, ret);
      }
      t.equal(k.mem.refcount[pageAt(mm, 0)], 1);
    }
  }
});

t.test('a coherent page that somebody else holds cannot be moved: EBUSY, nothing stays pinned', async (t) => {
  const k = boot();
  const mm = k.mm_alloc();
  const vma = mapAnon(mm, 0, 3);
  touch(vma, 0);
  const coherent = mapCoherent(vma, 1, 99);
  touch(vma, 2);
  k.mem.refcount[coherent]!++;
  const pages = new Uint32Array(3);
  t.equal(run(k, pin_user_pages(mm, BASE, 3, FOLL_WRITE | FOLL_LONGTERM, pages)), -16);
  t.equal(pageAt(mm, 1), coherent);
  t.equal(k.mem.refcount[coherent], 2);
  t.same(
    [0, 2].map((at) => k.mem.refcount[pageAt(mm, at)]),
    [1, 1],
  );
});

t.test('make_device_exclusive_range', async (t) => {
  const k = boot();
  const mm = k.mm_alloc();
  mapAnon(mm, 0, 2);
  const thp = mapAnon(mm, 512, 512, RW | VM_HUGEPAGE);
  touch(thp, 512);
  const head = pageAt(mm, 512);
  const pages = new Uint32Array(3);
  const exclusive = (at: number, n: number) =>
    run(k, make_device_exclusive_range(mm, BASE + at * 4096, BASE + (at + n) * 4096, pages, null));
  t.equal(exclusive(0, 2), 2);
  t.same([...pages], [pageAt(mm, 0), pageAt(mm, 1), 0]);
  t.same(
    [...pages.subarray(0, 2)].map((page) => k.mem.refcount[page]),
    [2, 2],
    'the entry, and ours',
  );
  for (const page of pages.subarray(0, 2)) {
    k.unlock_page(page);
    put_page(k, page);
  }
  t.equal(exclusive(0, 3), 2, 'up to the hole');
  t.equal(exclusive(2, 1), -EFAULT);
  t.equal(exclusive(513, 2), 2, 'pages of a THP are found');
  t.same([...pages.subarray(0, 2)], [0, 0], 'but tails cannot be had');
  t.equal(k.mem.refcount[head], 512, 'the huge PMD has been split into PTEs');
});

t.test(
  'splitPmdRefusesHugetlb: exclusive access to hugetlb fails, or finds pages that cannot be had',
  async (t) => {
    for (const refuses of [true, false]) {
      const k = boot({ splitPmdRefusesHugetlb: refuses });
      const mm = k.mm_alloc();
      const vma = mapAnon(mm, 0, 512, RW | VM_HUGETLB);
      const head = k.pages.alloc_huge();
      const pmd = mm.pt.pmd_alloc(BASE);
      anon_vma_prepare(vma);
      folio_add_new_anon_rmap(k, head, vma, BASE);
      mm.pt.set_pmd(pmd, pmd_index(BASE), head, vma.vm_page_prot | PTE_HUGE | PTE_WRITE);
      k.mem.flags[head]! |= PG_hugetlb;
      const pages = new Uint32Array(2).fill(1);
      const ret = run(k, make_device_exclusive_range(mm, BASE, BASE + 8192, pages, null));
      t.equal(ret, refuses ? -EOPNOTSUPP : 2);
      if (!refuses) t.same([...pages], [0, 0]);
      t.equal(k.mem.refcount[head], 1);

      t.equal(run(k, pin_user_pages(mm, BASE + 4096, 2, FOLL_WRITE, pages)), 2, 'pins are welcome');
      t.same([...pages], [head + 1, head + 2]);
      t.equal(folio_pincount(k.mem, head), 2);
      unpin_user_pages(k, pages, 2);
    }
  },
);

t.test('populating', async (t) => {
  const k = boot();
  const mm = k.mm_alloc();
  const rw = mapAnon(mm, 0, 2);
  const ro = mapAnon(mm, 2, 2, VM_READ);
  const none = mapAnon(mm, 5, 1, 0);
  const lazy = mapAnon(mm, 6, 1, RW | VM_LOCKONFAULT);
  t.equal(run(k, populate_vma_page_range(rw, BASE, BASE + 8192)), 2);
  t.not(pageAt(mm, 1), k.zeroPage, 'writable memory is faulted for writing');
  t.equal(run(k, populate_vma_page_range(ro, ro.vm_start, ro.vm_end)), 2);
  t.equal(pageAt(mm, 3), k.zeroPage);
  t.equal(run(k, populate_vma_page_range(none, none.vm_start, none.vm_end)), -EFAULT);
  t.equal(run(k, populate_vma_page_range(lazy, lazy.vm_start, lazy.vm_end)), 1);
  t.equal(pageAt(mm, 6), 0, 'MLOCK_ONFAULT waits for the fault');

  const faultin = (at: number, n: number, write: boolean) =>
    run(k, faultin_page_range(mm, BASE + at * 4096, BASE + (at + n) * 4096, write));
  t.equal(faultin(0, 5, false), 4, 'up to the hole');
  t.equal(faultin(4, 1, false), -ENOMEM, 'hole');
  t.equal(faultin(5, 1, false), -EINVAL, 'PROT_NONE');
  t.equal(faultin(2, 1, true), -EINVAL, 'read-only');

  t.equal(run(k, __mm_populate(mm, BASE, 7 * 4096, false)), -EFAULT, 'PROT_NONE in the range');
  t.equal(run(k, __mm_populate(mm, BASE, 7 * 4096, true)), 0);
  t.equal(mm.mmap_lock.isLocked, false);
});

t.test('memory that is used up is ENOMEM, or fewer pages', async (t) => {
  const k = boot();
  const mm = k.mm_alloc();
  mapAnon(mm, 0, 16 * 512);
  const pages = new Uint32Array(16 * 512);
  const free = k.pages.nr_free_pages - k.pages.watermarks.min;
  t.equal(run(k, get_user_pages(mm, BASE, 16 * 512, FOLL_WRITE, pages)), free);
  t.equal(run(k, get_user_pages(mm, BASE + free * 4096, 1, FOLL_WRITE, pages)), -ENOMEM);
});

t.test('the flags of a program mean what its kernel says', async (t) => {
  const now = boot();
  t.equal(foll_flags_from_user(now, 0x101), FOLL_WRITE | FOLL_LONGTERM);
  const old = boot(behaviours61);
  t.equal(foll_flags_from_user(old, 0x101), FOLL_WRITE | FOLL_HWPOISON);
  t.equal(foll_flags_from_user(old, 0x10001), FOLL_WRITE | FOLL_LONGTERM);
  t.equal(foll_flags_from_user(old, 0x40 | 0x80000000), 1 << 30, 'bits without a meaning');
  const mm = old.mm_alloc();
  mapAnon(mm, 0, 1);
  const pages = new Uint32Array(1);
  t.equal(run(old, get_user_pages(mm, BASE, 1, FOLL_TOUCH, pages)), 1, '6.1 lets internal flags pass');
  t.equal(run(old, get_user_pages(mm, BASE, 1, FOLL_LONGTERM, pages)), -EINVAL);
});

t.test('another process is reached the same way', async (t) => {
  const k = boot();
  const mm = k.mm_alloc();
  mapAnon(mm, 0, 1);
  const pages = new Uint32Array(1);
  t.equal(run(k, get_user_pages_remote(mm, BASE, 1, FOLL_WRITE, pages)), 1);
  t.equal(k.mem.refcount[pages[0]!], 2);
});
