// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: mm/memremap.c: device memory with struct pages. Fidelity: ported.
 * DIVERGES: pages are initialised when they are first handed out, not when the range is mapped.
 */
import { WaitQueue } from '../sim/executor.js';
import type { Page } from '../sim/memmap.js';
import type { Task } from '../sim/task.js';
import { ENOMEM, ENXIO } from '../uapi/errno.js';
import { PAGE_SIZE } from '../uapi/mman.js';
import type { Kernel } from './kernel.js';
import { folio_mapcount, folio_test_anon, PG_anon_exclusive, PG_locked } from './page_flags.js';
import type { Reason } from './reasons.js';
import { IORES_DESC_NONE, IORESOURCE_SYSTEM_RAM, REGION_DISJOINT, region_intersects } from './resource.js';
import type { VmFault } from './types.js';

export type MemoryType = 'MEMORY_DEVICE_PRIVATE' | 'MEMORY_DEVICE_COHERENT' | 'MEMORY_DEVICE_GENERIC';

export interface DevPagemapOps {
  /** The last reference of a device page is gone. */
  page_free(page: Page): void;
  /** The CPU touched a device private page. Return: 0 or VM_FAULT_*. */
  migrate_to_ram?(vmf: VmFault): Task<number>;
}

export class DevPagemap {
  /** Pages in use and the mapping itself; at 0 memunmap_pages() may go on. */
  ref = 1;
  live = true;
  readonly done = new WaitQueue();
  firstPage: Page = 0;
  nr_pages = 0;

  constructor(
    readonly type: MemoryType,
    /** Physical byte addresses, inclusive. */
    readonly range: { readonly start: number; readonly end: number },
    readonly ops: DevPagemapOps,
    readonly owner: object,
    /** What container_of() gives: the driver's struct that it has for this memory, and that only it knows. */
    readonly container: object | null,
  ) {}
}

const overlaps = (a: DevPagemap, b: DevPagemap): boolean =>
  a.range.start <= b.range.end && b.range.start <= a.range.end;

/** Give a physical range struct pages. Return: 0, -ENOMEM when another mapping holds it, -ENXIO over RAM. */
export function memremap_pages(k: Kernel, pgmap: DevPagemap): number {
  for (const other of k.pgmaps) {
    if (other === null || !overlaps(other, pgmap)) continue;
    k.warn('pagemap_range', 'Conflicting mapping in same section');
    return -ENOMEM;
  }
  const bytes = pgmap.range.end - pgmap.range.start + 1;
  const isRam = region_intersects(k.iomem, pgmap.range.start, bytes, IORESOURCE_SYSTEM_RAM, IORES_DESC_NONE);
  if (isRam !== REGION_DISJOINT) {
    k.warn('pagemap_range', 'attempted on a region of system RAM');
    return -ENXIO;
  }
  pgmap.nr_pages = bytes / PAGE_SIZE;
  pgmap.firstPage = k.mem.addRun(pgmap.range.start / PAGE_SIZE, pgmap.nr_pages);
  k.addPgmap(pgmap, pgmap.firstPage, pgmap.nr_pages);
  return 0;
}

/** Tell which pages of the range are still in use. */
function note_users(k: Kernel, pgmap: DevPagemap): void {
  const { refcount } = k.mem;
  const users: Page[] = [];
  for (let i = 0; i < pgmap.nr_pages; i++) {
    if (refcount[pgmap.firstPage + i]! > 0) users.push(pgmap.firstPage + i);
  }
  const [page] = users;
  if (page === undefined) return;
  const pfn = k.mem.page_to_pfn(page);
  const counts = { refcount: refcount[page]!, mapcount: folio_mapcount(k.mem, page) };
  const reason: Reason = { id: 'pages-in-use', pages: users.length, pfn, ...counts };
  k.note({ event: 'memunmap_pages_wait', fn: 'memunmap_pages', page, reason });
}

/** Context: may sleep for ever, when somebody keeps a page of the range. */
export function* memunmap_pages(k: Kernel, pgmap: DevPagemap): Task {
  pgmap.live = false;
  put_dev_pagemap(k, pgmap);
  if (pgmap.ref > 0 && k.trace !== null) note_users(k, pgmap);
  while (pgmap.ref > 0) yield* pgmap.done.sleep(k.executor, 'memunmap_pages');
  k.removePgmap(pgmap);
  k.mem.releaseRun(pgmap.firstPage);
}

function put_dev_pagemap(k: Kernel, pgmap: DevPagemap): void {
  pgmap.ref--;
  if (pgmap.ref === 0) pgmap.done.wakeAll(k.executor);
}

/** Hand out a free device page: one reference, locked. */
export function zone_device_page_init(k: Kernel, page: Page): void {
  const pgmap = k.pgmapOf(page);
  if (!pgmap.live) k.warn('zone_device_page_init', 'page of a pagemap that is being removed');
  else pgmap.ref++;
  k.mem.touch(page, 1);
  k.mem.refcount[page] = 1;
  k.mem.flags[page] = PG_locked;
}

/** The last reference of a device page is gone: clean it and give it back to its driver. */
export function free_zone_device_folio(k: Kernel, folio: Page): void {
  const { mem } = k;
  const pgmap = k.pgmapOf(folio);
  if (folio_test_anon(mem, folio)) mem.flags[folio]! &= ~PG_anon_exclusive;
  mem.mapping[folio] = 0;
  pgmap.ops.page_free(folio);
  if (!k.behaviour.freeDevicePagesUnreferenced) mem.refcount[folio] = 1;
  put_dev_pagemap(k, pgmap);
}

export function is_device_private_page(k: Kernel, page: Page): boolean {
  return page >= k.firstDevicePage && k.pgmapOf(page).type === 'MEMORY_DEVICE_PRIVATE';
}

/** Device memory that the CPU reads and writes, and that migrate_vma_* may move: coherent, or generic in v5-generic. */
export function is_device_coherent_page(k: Kernel, page: Page): boolean {
  if (page < k.firstDevicePage) return false;
  const { type } = k.pgmapOf(page);
  return (
    type === 'MEMORY_DEVICE_COHERENT' ||
    (type === 'MEMORY_DEVICE_GENERIC' && k.behaviour.genericPagesAreMigratable)
  );
}
