// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: mm/memremap.c: device memory with struct pages. Fidelity: ported.
 * DIVERGES: pages are initialised when they are first handed out, not when the range is mapped.
 */

import { KernelBug } from '../sim/errors.js';
import { WaitQueue } from '../sim/executor.js';
import type { Page } from '../sim/memmap.js';
import type { Task } from '../sim/task.js';
import { EINVAL, ENOMEM, ENXIO } from '../uapi/errno.js';
import { PAGE_SIZE } from '../uapi/mman.js';
import type { Kernel } from './kernel.js';
import { mem_cgroup_uncharge } from './memcontrol.js';
import {
  folio_mapcount,
  folio_nr_pages,
  folio_test_anon,
  PG_anon_exclusive,
  PG_locked,
  PG_swapbacked,
  prep_compound_page,
} from './page_flags.js';
import type { Reason } from './reasons.js';
import { IORES_DESC_NONE, IORESOURCE_SYSTEM_RAM, REGION_DISJOINT, region_intersects } from './resource.js';
import type { VmFault } from './types.js';
import { wake_up_var } from './wait_bit.js';

export type MemoryType =
  | 'MEMORY_DEVICE_PRIVATE'
  | 'MEMORY_DEVICE_COHERENT'
  | 'MEMORY_DEVICE_PUBLIC'
  | 'MEMORY_DEVICE_GENERIC'
  | 'MEMORY_DEVICE_FS_DAX';

export interface DevPagemapOps {
  /** The last reference of a device page, or of a large folio of them, is gone. */
  page_free?(page: Page): void;
  /** The CPU touched a device private page. Return: 0 or VM_FAULT_*. */
  migrate_to_ram?(vmf: VmFault): Task<number>;
  /** `tail` is a folio of its own now, no longer part of `head`; NO_PAGE when all tails have been told. */
  folio_split?(head: Page, tail: Page): void;
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
    readonly owner: object | null,
    /** What container_of() gives: the driver's struct that it has for this memory, and that only it knows. */
    readonly container: object | null,
  ) {}
}

const overlaps = (a: DevPagemap, b: DevPagemap): boolean =>
  a.range.start <= b.range.end && b.range.start <= a.range.end;

/** What a pagemap of this type must have and this one has not; null when nothing is missing. */
function missing({ type, ops, owner }: DevPagemap): string | null {
  if (type === 'MEMORY_DEVICE_GENERIC' || type === 'MEMORY_DEVICE_FS_DAX') return null;
  if (type === 'MEMORY_DEVICE_PRIVATE' && ops.migrate_to_ram === undefined) return 'migrate_to_ram method';
  if (ops.page_free === undefined) return 'page_free method';
  return owner === null ? 'owner' : null;
}

/** Whether the kernel can map the range. Source: mm/memory_hotplug.c. */
function mhp_range_allowed(k: Kernel, start: number, size: number): boolean {
  const last = k.iomem.physmem_end;
  if (start + size - 1 <= last) return true;
  const hex = (n: number): string => `0x${n.toString(16)}`;
  k.printk(
    `Hotplug memory [${hex(start)}-${hex(start + size)}] exceeds maximum addressable range [0x0-${hex(last)}]`,
  );
  return false;
}

/**
 * Give a physical range struct pages.
 * Return: 0, -EINVAL for a pagemap without what its type needs or a range that the kernel cannot map, -ENOMEM when another mapping holds the range
 * or there are no more struct pages, -ENXIO
 * over RAM.
 */
export function memremap_pages(k: Kernel, pgmap: DevPagemap): number {
  const lack = missing(pgmap);
  if (lack !== null) {
    k.warn('memremap_pages', `Missing ${lack}`);
    return -EINVAL;
  }
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
  if (!mhp_range_allowed(k, pgmap.range.start, bytes)) return -EINVAL;
  pgmap.nr_pages = bytes / PAGE_SIZE;
  if (!k.mem.hasRoomFor(pgmap.nr_pages)) return -ENOMEM;
  pgmap.firstPage = k.mem.addRun(pgmap.range.start / PAGE_SIZE, pgmap.nr_pages);
  k.addPgmap(pgmap, pgmap.firstPage, pgmap.nr_pages);
  return 0;
}

/** Pages of the range that are in use, once their own references are gone. */
function users_of(k: Kernel, { firstPage, nr_pages }: DevPagemap): Page[] {
  const users: Page[] = [];
  const idle = is_dax_page(k, firstPage) ? idle_device_refs(k, firstPage) : 0;
  for (let page = firstPage; page < firstPage + nr_pages; page++) {
    if (k.mem.refcount[page]! > idle) users.push(page);
  }
  return users;
}

/** Tell which pages of the range are still in use. */
function note_users(k: Kernel, pgmap: DevPagemap): void {
  const { refcount } = k.mem;
  const users = users_of(k, pgmap);
  const [page] = users;
  if (page === undefined) return;
  const pfn = k.mem.page_to_pfn(page);
  const counts = { refcount: refcount[page]!, mapcount: folio_mapcount(k.mem, page) };
  const reason: Reason = { id: 'pages-in-use', pages: users.length, pfn, ...counts };
  k.note({ event: 'memunmap_pages_wait', fn: 'memunmap_pages', page, reason });
}

/** Whether each page has a reference of its own from memremap_pages() on, beside those of its users. */
function referenced_twice(k: Kernel): boolean {
  const { usedDevicePagesReferencedTwice, freeDevicePagesUnreferenced } = k.behaviour;
  return usedDevicePagesReferencedTwice && !freeDevicePagesUnreferenced;
}

/** Pages of a file of a DAX file system, or of device-dax: whoever maps them hands them out, and no driver gets them back. */
export function is_dax_page(k: Kernel, page: Page): boolean {
  const pgmap = k.pgmapOrNull(page);
  if (pgmap === null) return false;
  const { type, ops } = pgmap;
  return type === 'MEMORY_DEVICE_FS_DAX' || (type === 'MEMORY_DEVICE_GENERIC' && ops.page_free === undefined);
}

/**
 * References of a device page that nobody uses. Pages of device-dax keep one in 7.3, where those of files do not: they come back
 * from free_zone_device_folio() with it.
 */
export function idle_device_refs(k: Kernel, page: Page): number {
  if (!is_dax_page(k, page)) return referenced_twice(k) ? 1 : 0;
  if (!k.behaviour.daxPagesUnreferenced) return 1;
  return k.behaviour.daxPagesAreNormal && k.pgmapOf(page).type === 'MEMORY_DEVICE_GENERIC' ? 1 : 0;
}

/** memmap_init_zone_device(), of one page when it is first mapped: an idle page. Source: mm/mm_init.c. */
export function init_dax_page(k: Kernel, page: Page): void {
  k.mem.touch(page, 1);
  if (k.mem.refcount[page] === 0) k.mem.refcount[page] = idle_device_refs(k, page);
}

/** Drop the pages' own references. A page with one user left counts as free, and its driver gets it back. */
function put_all_pages(k: Kernel, pgmap: DevPagemap): void {
  const { refcount } = k.mem;
  for (let page = pgmap.firstPage; page < pgmap.firstPage + pgmap.nr_pages; page++) {
    if (refcount[page] === 0) continue;
    refcount[page]!--;
    if (refcount[page] === 1) free_unmapped_page(k, pgmap, page);
  }
}

/** Context: may sleep for ever, when somebody keeps a page of the range. */
export function* memunmap_pages(k: Kernel, pgmap: DevPagemap): Task {
  pgmap.live = false;
  if (referenced_twice(k)) put_all_pages(k, pgmap);
  put_dev_pagemap(k, pgmap);
  if (pgmap.ref > 0 && k.trace !== null) note_users(k, pgmap);
  while (pgmap.ref > 0) yield* pgmap.done.sleep(k.executor, 'memunmap_pages');
  k.removePgmap(pgmap);
  // Page numbers that entries still name serve nobody else.
  if (users_of(k, pgmap).length === 0) k.mem.releaseRun(pgmap.firstPage);
}

function put_dev_pagemap(k: Kernel, pgmap: DevPagemap, nr = 1): void {
  pgmap.ref -= nr;
  if (pgmap.ref === 0) pgmap.done.wakeAll(k.executor);
}

/** Hand out a free device page, or 2^order of them as one folio: one reference for its user, locked. */
export function zone_device_page_init(k: Kernel, page: Page, order = 0): void {
  k.enter('zone_device_page_init');
  const pgmap = k.pgmapOf(page);
  if (!pgmap.live) k.warn('zone_device_page_init', 'page of a pagemap that is being removed');
  else if (k.behaviour.devicePagesHoldPgmap) pgmap.ref += 1 << order;
  k.mem.touch(page, 1 << order);
  k.mem.refcount[page] = 1 + idle_device_refs(k, page);
  // Whoever had the page before has left his flags. DIVERGES: anonymous memory had every page once, as where the module
  // has been loaded for long: pages of a new one are not swapbacked yet, and what MADV_FREE was told of stays so there.
  k.mem.flags[page]! |= PG_locked | PG_swapbacked;
  if (k.executor.locks !== null) k.watchLocked(page);
  if (order > 0) prep_compound_page(k.mem, page);
}

/** A reference of a device page was dropped, others are left: it is free where one of them is its own. */
export function put_devmap_managed_page(k: Kernel, page: Page): void {
  if (k.mem.refcount[page] !== idle_device_refs(k, page)) return;
  if (is_dax_page(k, page)) wake_up_var(k, page);
  else free_zone_device_folio(k, page);
}

/** The last reference of a device page is gone: clean it and give it back to its driver. */
export function free_zone_device_folio(k: Kernel, folio: Page): void {
  k.enter('free_zone_device_folio');
  const { mem } = k;
  const pgmap = k.pgmapOf(folio);
  if (is_dax_page(k, folio)) {
    free_dax_page(k, pgmap, folio);
    return;
  }
  if (!pgmap.live && referenced_twice(k)) {
    free_unmapped_page(k, pgmap, folio);
    return;
  }
  const nr = folio_nr_pages(mem, folio);
  if (folio_test_anon(mem, folio)) {
    for (let n = 0; n < nr; n++) mem.flags[folio + n]! &= ~PG_anon_exclusive;
  }
  mem.mapping[folio] = 0;
  give_back(k, pgmap, folio);
  if (!k.behaviour.freeDevicePagesUnreferenced) mem.refcount[folio] = 1;
  if (k.behaviour.devicePagesHoldPgmap) put_dev_pagemap(k, pgmap, nr);
}

/** An idle page stays where it is; somebody may wait for it. */
function free_dax_page(k: Kernel, { type }: DevPagemap, page: Page): void {
  if (type === 'MEMORY_DEVICE_FS_DAX') wake_up_var(k, page);
  else if (k.behaviour.devdaxPagesAreFreed)
    throw new KernelBug(
      'free_device_page',
      'page_free of a pagemap without operations: NULL pointer dereference',
    );
  else k.mem.refcount[page] = idle_device_refs(k, page);
}

function give_back(k: Kernel, pgmap: DevPagemap, page: Page): void {
  if (k.memcgs !== null) mem_cgroup_uncharge(k, page);
  pgmap.ops.page_free!(page);
  if (k.trace !== null) k.note({ event: 'device_page_free', fn: 'free_zone_device_folio', page });
}

/** The page's own reference is gone: a user's last but one gives it back to the driver, the last one to the pagemap. */
function free_unmapped_page(k: Kernel, pgmap: DevPagemap, folio: Page): void {
  if (k.mem.refcount[folio] === 1) give_back(k, pgmap, folio);
  else put_dev_pagemap(k, pgmap);
}

/** Look at the struct page of what an entry maps; memunmap_pages() may have left the entry without one. */
export function assert_struct_page(k: Kernel, page: Page, fn: string): void {
  if (page < k.firstDevicePage || k.has_pgmap(page)) return;
  throw new KernelBug(
    fn,
    'unable to handle page fault: the entry maps device memory that has been released since',
  );
}

export function is_device_private_page(k: Kernel, page: Page): boolean {
  return page >= k.firstDevicePage && k.pgmapOf(page).type === 'MEMORY_DEVICE_PRIVATE';
}

/** Coherent device memory of v25 ("CDM"), which the CPU reaches and nobody may pin. */
export function is_device_public_page(k: Kernel, page: Page): boolean {
  return page >= k.firstDevicePage && k.pgmapOrNull(page)?.type === 'MEMORY_DEVICE_PUBLIC';
}

/** Device memory that the CPU reads and writes, and that migrate_vma_* may move: coherent, public, or generic in v5-generic. */
export function is_device_coherent_page(k: Kernel, page: Page): boolean {
  if (page < k.firstDevicePage) return false;
  const { type } = k.pgmapOf(page);
  return (
    type === 'MEMORY_DEVICE_COHERENT' ||
    type === 'MEMORY_DEVICE_PUBLIC' ||
    (type === 'MEMORY_DEVICE_GENERIC' && k.behaviour.genericPagesAreMigratable)
  );
}
