// SPDX-License-Identifier: GPL-2.0-only
/**
 * A page number is what entries, migration and drivers have of a page, of memory or of a device: nothing of the memory core
 * computes with the physical address of a private page. Pages of a device that has none (private pages outside of the physical
 * address space) would be offsets on it, and go the same ways.
 */
import t from 'tap';
import { linux73 } from '../../src/generations/kernels/linux-7.3.js';
import type { Kernel } from '../../src/mm/kernel.js';
import { DevPagemap, type DevPagemapOps, zone_device_page_init } from '../../src/mm/memremap.js';
import { migrate_vma_finalize, migrate_vma_pages, migrate_vma_setup } from '../../src/mm/migrate_device.js';
import {
  MIGRATE_VMA_SELECT_DEVICE_PRIVATE,
  MIGRATE_VMA_SELECT_SYSTEM,
  type MigrateVma,
  migrate_pfn,
  migrate_pfn_to_page,
  new_migrate_vma,
} from '../../src/mm/migrate_vma.js';
import type { VmArea } from '../../src/mm/types.js';
import { NO_PAGE, type Page } from '../../src/sim/memmap.js';
import type { Task } from '../../src/sim/task.js';
import { BASE, boot, mapAnon, pageAt, run, touch } from './gup_kernel.js';

const OWNER = {};
const PAGES = 512;

/** Private memory that has struct pages, and no place among physical addresses. */
function privateMemory(k: Kernel, ops: DevPagemapOps): Page {
  const nowhere = { start: Number.NaN, end: Number.NaN };
  const pgmap = new DevPagemap('MEMORY_DEVICE_PRIVATE', nowhere, ops, OWNER, null);
  pgmap.nr_pages = PAGES;
  pgmap.firstPage = k.mem.addRun(Number.NaN, PAGES);
  k.addPgmap(pgmap, pgmap.firstPage, PAGES);
  return pgmap.firstPage;
}

function* migrate(args: MigrateVma, alloc: (source: Page) => Page): Task<number> {
  if ((yield* migrate_vma_setup(args)) !== 0) throw new Error('migrate_vma_setup failed');
  const { npages, src, dst } = args;
  for (let n = 0; n < npages; n++) {
    const page = migrate_pfn_to_page(src[n]!);
    if (page !== NO_PAGE) dst[n] = migrate_pfn(alloc(page));
  }
  yield* migrate_vma_pages(args);
  migrate_vma_finalize(args);
  return args.cpages;
}

t.test('private pages without a physical address migrate, fault and are freed', async (t) => {
  const k = boot(linux73.behaviours);
  const mm = k.mm_alloc();
  const vma = mapAnon(mm, 0, 4);
  for (let at = 0; at < 4; at++) touch(vma, at);
  for (let at = 0; at < 4; at++) k.contents.fill_page(pageAt(mm, at), 100 + at);

  const freed: number[] = [];
  const home = (page: Page): Page => {
    const to = k.pages.alloc_page();
    k.trylock_page(to);
    k.copy_highpage(to, page);
    return to;
  };
  const range = (of: VmArea, at: number, pages: number, flags: number, fault_page = NO_PAGE) => {
    const start = BASE + at * 4096;
    return new_migrate_vma({
      vma: of,
      start,
      end: start + pages * 4096,
      pgmap_owner: OWNER,
      flags,
      fault_page,
    });
  };
  const first = privateMemory(k, {
    page_free: (page) => void freed.push(page - first),
    *migrate_to_ram({ vma: of, address, page }) {
      const at = (address - BASE) / 4096;
      yield* migrate(range(of, at, 1, MIGRATE_VMA_SELECT_DEVICE_PRIVATE, page), home);
      return 0;
    },
  });
  let next = first;
  const toDevice = (page: Page): Page => {
    const to = next++;
    zone_device_page_init(k, to);
    k.copy_highpage(to, page);
    return to;
  };

  t.equal(run(k, migrate(range(vma, 0, 4, MIGRATE_VMA_SELECT_SYSTEM), toDevice)), 4);
  const offsets = [0, 1, 2, 3].map((at) => pageAt(mm, at) - first);
  t.strictSame(offsets, [0, 1, 2, 3]);
  t.ok(Number.isNaN(k.mem.page_to_pfn(first)), 'it has no pfn');
  t.equal(touch(vma, 1), 0);
  t.equal(run(k, migrate(range(vma, 2, 2, MIGRATE_VMA_SELECT_DEVICE_PRIVATE), home)), 2);
  t.strictSame(
    [0, 1, 2, 3].map((at) => k.contents.pageWord(pageAt(mm, at))),
    [100, 101, 102, 103],
  );
  t.strictSame(
    [0, 1, 2, 3].map((at) => pageAt(mm, at) >= first),
    [true, false, false, false],
  );
  t.strictSame(freed, [1, 2, 3]);
});
