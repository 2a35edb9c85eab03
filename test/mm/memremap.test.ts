// SPDX-License-Identifier: GPL-2.0-only
/** Device memory: what a pagemap must have, who counts references of its pages, and what unmapping it waits for. */
import t from 'tap';
import type { Behaviours } from '../../src/generations/behaviours/index.js';
import { generationById } from '../../src/generations/index.js';
import { pin_user_pages, unpin_user_pages } from '../../src/mm/gup.js';
import { FOLL_WRITE } from '../../src/mm/gup_flags.js';
import type { Kernel } from '../../src/mm/kernel.js';
import { release_pages } from '../../src/mm/lru.js';
import {
  DevPagemap,
  type DevPagemapOps,
  type MemoryType,
  memremap_pages,
  memunmap_pages,
  zone_device_page_init,
} from '../../src/mm/memremap.js';
import { migrate_vma_finalize, migrate_vma_pages, migrate_vma_setup } from '../../src/mm/migrate_device.js';
import {
  MIGRATE_PFN_MIGRATE,
  MIGRATE_VMA_SELECT_DEVICE_COHERENT,
  MIGRATE_VMA_SELECT_SYSTEM,
  migrate_pfn,
} from '../../src/mm/migrate_vma.js';
import { put_page } from '../../src/mm/page_alloc.js';
import { NO_PAGE } from '../../src/sim/memmap.js';
import { done } from '../../src/sim/task.js';
import { EINVAL } from '../../src/uapi/errno.js';
import { BASE, boot, mapAnon, mapDevicePage, run } from './gup_kernel.js';

const OWNER = {};
const RANGE = { start: 2 ** 32, end: 2 ** 32 + 2 ** 21 - 1 };
const page_free = (): void => {};
const migrate_to_ram = () => done(0);
const of = (kernel: string): Behaviours => generationById(kernel)!.behaviours;

t.test('private and coherent pagemaps need their methods and an owner, generic ones nothing', async (t) => {
  const tryIt = (type: MemoryType, ops: DevPagemapOps, owner: object | null) => {
    const k = boot(of('v4-coherent'));
    return [memremap_pages(k, new DevPagemap(type, RANGE, ops, owner, null)), k.dmesg];
  };
  const refused = (what: string) => [-EINVAL, [`WARNING: memremap_pages: Missing ${what}`]];
  const [priv, coherent] = ['MEMORY_DEVICE_PRIVATE', 'MEMORY_DEVICE_COHERENT'] as const;
  t.strictSame(tryIt(coherent, {}, OWNER), refused('page_free method'));
  t.strictSame(tryIt(coherent, { page_free }, null), refused('owner'));
  t.strictSame(tryIt(coherent, { page_free }, OWNER), [0, []]);
  t.strictSame(tryIt(priv, { page_free }, OWNER), refused('migrate_to_ram method'));
  t.strictSame(tryIt(priv, { migrate_to_ram }, OWNER), refused('page_free method'));
  t.strictSame(tryIt(priv, { migrate_to_ram, page_free }, null), refused('owner'));
  t.strictSame(tryIt('MEMORY_DEVICE_GENERIC', {}, null), [0, []]);
});

function device(behaviours: Behaviours) {
  const k = boot(behaviours);
  const freed: number[] = [];
  const ops = { page_free: (page: number) => void freed.push(page) };
  const pgmap = new DevPagemap('MEMORY_DEVICE_COHERENT', RANGE, ops, OWNER, null);
  memremap_pages(k, pgmap);
  const page = pgmap.firstPage;
  const count = (): number => k.mem.refcount[page]!;
  const take = (): void => {
    zone_device_page_init(k, page);
    k.unlock_page(page);
  };
  return { k, pgmap, page, freed, count, take };
}

/** References of a page in use by one, and after that one has dropped it. */
const counts = {
  'v5-generic': [1, 0],
  'v4-coherent': [2, 1],
  '6.1': [1, 0],
  '6.12': [1, 0],
};
for (const [kernel, [used, free]] of Object.entries(counts)) {
  t.test(`${kernel}: a device page in use has ${used} references, a free one ${free}`, async (t) => {
    const { k, page, freed, count, take } = device(of(kernel));
    for (let round = 1; round <= 2; round++) {
      take();
      t.equal(count(), used);
      put_page(k, page);
      t.equal(count(), free);
      t.equal(freed.length, round, 'the driver has it back');
    }
  });
}

t.test('release_pages() frees a device page as put_page() does, in either convention', (t) => {
  for (const [kernel, [used, free]] of Object.entries(counts)) {
    const { k, page, freed, count, take } = device(of(kernel));
    take();
    k.mem.refcount[page]!++;
    release_pages(k, [page]);
    t.strictSame([count(), freed.length], [used, 0], `${kernel}: one has it still`);
    release_pages(k, [page]);
    t.strictSame([count(), freed.length], [free, 1], `${kernel}: nobody has it`);
  }
  t.end();
});

t.test('where only free pages keep a reference, it is theirs until the page is free again', async (t) => {
  const { k, page, count, take } = device({ ...of('6.12'), freeDevicePagesUnreferenced: false });
  take();
  t.equal(count(), 1);
  put_page(k, page);
  t.equal(count(), 1);
});

/** A pagemap of which one page is in use is unmapped. Return: whether it waits, and what the driver got back. */
function unmapInUse(kernel: string) {
  const { k, pgmap, page, freed, count, take } = device(of(kernel));
  take();
  const task = k.executor.spawn('rmmod', memunmap_pages(k, pgmap), null);
  k.executor.drain(k.executor.now);
  const before = { waits: task.state !== 'done', freed: freed.length, count: count() };
  if (before.waits) {
    put_page(k, page);
    k.executor.drain(k.executor.now);
  }
  return { ...before, ends: task.state === 'done', freedInAll: freed.length };
}

t.test('memunmap_pages() with a page in use', async (t) => {
  const end = { ends: true, freedInAll: 1 };
  t.strictSame(unmapInUse('6.12'), { waits: true, freed: 0, count: 1, ...end });
  t.strictSame(unmapInUse('v4-coherent'), { waits: true, freed: 1, count: 1, ...end });
  t.strictSame(unmapInUse('v5-generic'), { waits: false, freed: 0, count: 1, ends: true, freedInAll: 0 });
});

/** A pinned page of the device is to be migrated. Return: entries that migrate after setup, and after the attempt. */
function migratePinned(
  kernel: string,
  type: MemoryType,
): { cpages: number; migrated: boolean; reasons: unknown[] } {
  const k: Kernel = boot(of(kernel));
  const mm = k.mm_alloc();
  const vma = mapAnon(mm, 0, 1);
  mapDevicePage(vma, 0, type, { page_free });
  const pages = new Uint32Array(1);
  t.equal(run(k, pin_user_pages(mm, BASE, 1, FOLL_WRITE, pages)), 1);
  const reasons: unknown[] = [];
  k.trace = { emit: ({ fn, reason }) => void (reason !== undefined && reasons.push({ fn, ...reason })) };
  const generic = type === 'MEMORY_DEVICE_GENERIC';
  const args = {
    vma,
    src: new Uint32Array(1),
    dst: new Uint32Array(1),
    cpages: 0,
    npages: 0,
    start: BASE,
    end: BASE + 4096,
    pgmap_owner: k.pgmapOf(pages[0]!).owner,
    flags: generic ? MIGRATE_VMA_SELECT_SYSTEM : MIGRATE_VMA_SELECT_DEVICE_COHERENT,
    fault_page: NO_PAGE,
  };
  t.equal(run(k, migrate_vma_setup(args)), 0);
  const { cpages } = args;
  if (cpages > 0) {
    const page = k.pages.alloc_page();
    k.trylock_page(page);
    args.dst[0] = migrate_pfn(page);
    run(k, migrate_vma_pages(args));
  }
  const migrated = cpages > 0 && (args.src[0]! & MIGRATE_PFN_MIGRATE) !== 0;
  migrate_vma_finalize(args);
  unpin_user_pages(k, pages, 1);
  return { cpages, migrated, reasons };
}

t.test('a pinned device page passes the check of 5.17 and before, and stays all the same', async (t) => {
  const late = (count: number, expected: number) => ({
    cpages: 1,
    migrated: false,
    reasons: [{ fn: 'folio_migrate_mapping', id: 'unexpected-reference', refcount: count, expected }],
  });
  t.strictSame(migratePinned('v5-generic', 'MEMORY_DEVICE_GENERIC'), late(1025, 1));
  t.strictSame(migratePinned('v4-coherent', 'MEMORY_DEVICE_COHERENT'), late(1026, 2));
  t.match(migratePinned('6.12', 'MEMORY_DEVICE_COHERENT'), { cpages: 0, migrated: false });
});
