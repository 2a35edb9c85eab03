// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: lib/test_hmm.c, device memory: chunks, pages, eviction. Fidelity: ported. */

import type { Kernel } from '../../mm/kernel.js';
import {
  DevPagemap,
  type DevPagemapOps,
  is_device_coherent_page,
  is_device_private_page,
  type MemoryType,
  memremap_pages,
  memunmap_pages,
  zone_device_page_init,
} from '../../mm/memremap.js';
import {
  migrate_device_finalize,
  migrate_device_pages,
  migrate_device_range,
} from '../../mm/migrate_device.js';
import {
  MIGRATE_PFN_COMPOUND,
  MIGRATE_PFN_MIGRATE,
  MIGRATE_PFN_WRITE,
  migrate_pfn,
  migrate_pfn_to_page,
} from '../../mm/migrate_vma.js';
import { put_page, UNMOVABLE } from '../../mm/page_alloc.js';
import { alloc_page, alloc_page_nofail } from '../../mm/page_alloc_slow.js';
import { folio_nr_pages, PG_head, PG_tail } from '../../mm/page_flags.js';
import {
  __release_region,
  lookup_resource,
  type Resource,
  request_free_mem_region,
} from '../../mm/resource.js';
import { KernelBug } from '../../sim/errors.js';
import { NO_PAGE, type Page } from '../../sim/memmap.js';
import type { Task } from '../../sim/task.js';
import { ENOMEM } from '../../uapi/errno.js';
import { HPAGE_PMD_NR, HPAGE_PMD_ORDER, PAGE_SIZE } from '../../uapi/mman.js';
import { BACKING_PAGE } from './backing.js';
import { DEVMEM_CHUNK_SIZE, DmirrorChunk, type DmirrorDevice } from './dmirror.js';
import { dmirror_devmem_fault } from './migrate.js';

/** The chunk that a device page is in; null when it is another driver's. */
export function chunk_of(k: Kernel, page: Page): DmirrorChunk | null {
  const { container } = k.pgmapOf(page);
  return container instanceof DmirrorChunk ? container : null;
}

/** The device of a device page; null for another driver's, where the real one reads what is no chunk. */
export function dmirror_page_to_device(k: Kernel, page: Page): DmirrorDevice | null {
  return chunk_of(k, page)?.mdevice ?? null;
}

interface ChunkPlan {
  readonly type: MemoryType;
  readonly start: number;
  readonly end: number;
}

/** Where the next chunk goes and what it is; or -ENOMEM. Throws where the real kernel dereferences NULL. */
function plan_chunk(mdevice: DmirrorDevice): ChunkPlan | number {
  const { kernel, generation, spm_addr_dev0, spm_addr_dev1 } = mdevice.module;
  const { behaviours } = generation;
  const swap = behaviours.spmMinorsSwapped;
  if (behaviours.spmSelectsType && (spm_addr_dev0 !== 0 || spm_addr_dev1 !== 0)) {
    return plan_spm_resource(mdevice);
  }
  if (mdevice.zone_device_type === 'private') {
    const res = request_free_mem_region(kernel.iomem, DEVMEM_CHUNK_SIZE, 'hmm_dmirror');
    if (typeof res === 'number') return -ENOMEM;
    return { type: 'MEMORY_DEVICE_PRIVATE', start: res.start, end: res.end };
  }
  // The number of a device that has not been added is 0.
  const minor = behaviours.coherentMinorKnown ? mdevice.minor : 0;
  const first = minor === 2;
  const start = first === swap ? spm_addr_dev1 : spm_addr_dev0;
  return { type: 'MEMORY_DEVICE_COHERENT', start, end: start + DEVMEM_CHUNK_SIZE - 1 };
}

/** DEVICE_GENERIC v5: the whole resource that begins at the SPM address. */
function plan_spm_resource(mdevice: DmirrorDevice): ChunkPlan | number {
  const { kernel, generation, spm_addr_dev0, spm_addr_dev1 } = mdevice.module;
  let res: Resource | null = null;
  let why = 'only one of spm_addr_dev0 and spm_addr_dev1 is set, so that no resource was looked up';
  if (spm_addr_dev0 !== 0 && spm_addr_dev1 !== 0) {
    const swapped = generation.behaviours.spmMinorsSwapped;
    const address = (mdevice.minor === 0) === swapped ? spm_addr_dev1 : spm_addr_dev0;
    res = lookup_resource(kernel.iomem, address);
    why = `lookup_resource() found no resource that starts at 0x${address.toString(16)}`;
    mdevice.zone_device_type = 'coherent';
  } else {
    kernel.printk('Both spm_addr_dev parameters should be set');
  }
  if (res === null) {
    if (generation.behaviours.nullResourceChecked) return -ENOMEM;
    throw new KernelBug('dmirror_allocate_chunk', `NULL pointer dereference of the resource: ${why}`);
  }
  const type = generation.behaviours.pagemapTypeFollowsDevice
    ? 'MEMORY_DEVICE_GENERIC'
    : 'MEMORY_DEVICE_PRIVATE';
  return { type, start: res.start, end: res.end };
}

/** Give a range back that was claimed; one that was not is only complained of. */
function release_mem_region(k: Kernel, { start, end }: { start: number; end: number }): void {
  if (__release_region(k.iomem, start, end - start + 1)) return;
  const hex = (n: number): string => n.toString(16).padStart(16, '0');
  k.printk(`Trying to free nonexistent resource <${hex(start)}-${hex(end)}>`);
}

/** The kernel's own words, which scripts look for. They take every chunk for one of DEVMEM_CHUNK_SIZE. */
function log_chunk({ module, chunks }: DmirrorDevice, { range }: DevPagemap): void {
  const mb = DEVMEM_CHUNK_SIZE / 2 ** 20;
  const from = (range.start / PAGE_SIZE).toString(16);
  const to = ((range.end + 1) / PAGE_SIZE).toString(16);
  const total = `(total ${chunks.length} chunks, ${chunks.length * mb} MB)`;
  module.kernel.printk(`added new ${mb} MB chunk ${total} PFNs [0x${from} 0x${to})`);
}

/** Take one more chunk of device memory. Context: may sleep. Return: 0 or -errno. */
export function* dmirror_allocate_chunk(mdevice: DmirrorDevice, large: boolean): Task<number> {
  const k = mdevice.module.kernel;
  const plan = plan_chunk(mdevice);
  if (typeof plan === 'number') return plan;
  const chunk = new DmirrorChunk(mdevice);
  const ops: DevPagemapOps = {
    page_free: (page) => dmirror_devmem_free(mdevice, page),
    migrate_to_ram: (vmf) => dmirror_devmem_fault(mdevice.module, vmf),
    folio_split: (head, tail) => dmirror_devmem_folio_split(k, head, tail),
  };
  chunk.pagemap = new DevPagemap(plan.type, { start: plan.start, end: plan.end }, ops, mdevice, chunk);
  yield* mdevice.devmem_lock.mutex_lock('dmirror_allocate_chunk');
  const err = memremap_pages(k, chunk.pagemap);
  if (err !== 0) {
    mdevice.devmem_lock.mutex_unlock();
    // DEVICE_GENERIC v5 releases what it has only looked up, too.
    if (plan.type !== 'MEMORY_DEVICE_COHERENT') release_mem_region(k, plan);
    return err;
  }
  mdevice.chunks.push(chunk);
  mdevice.devmem_lock.mutex_unlock();
  const { firstPage, nr_pages } = chunk.pagemap;
  chunk.large = large;
  chunk.virgin = firstPage + nr_pages - (large ? HPAGE_PMD_NR : 1);
  log_chunk(mdevice, chunk.pagemap);
  return 0;
}

/** A free page of the device, or NO_PAGE when the lists are empty. Context: lock held. */
function take_free_page(mdevice: DmirrorDevice, large: boolean): Page {
  const { mem } = mdevice.module.kernel;
  const page = large ? mdevice.free_folios : mdevice.free_pages;
  if (page !== NO_PAGE) {
    if (large) mdevice.free_folios = mem.priv[page]!;
    else mdevice.free_pages = mem.priv[page]!;
    return page;
  }
  for (let n = mdevice.chunks.length - 1; n >= 0; n--) {
    const chunk = mdevice.chunks[n]!;
    if (chunk.remove || chunk.large !== large || chunk.virgin < chunk.pagemap.firstPage) continue;
    const first = chunk.virgin;
    chunk.virgin -= large ? HPAGE_PMD_NR : 1;
    return first;
  }
  return NO_PAGE;
}

/** Whether the device has small pages to hand out. */
export function has_free_page(mdevice: DmirrorDevice): boolean {
  const virgin = mdevice.chunks.some(
    ({ remove, large, virgin, pagemap }) => !remove && !large && virgin >= pagemap.firstPage,
  );
  return virgin || mdevice.free_pages !== NO_PAGE;
}

/** Whether all that the device has was cut into huge pages. */
export function is_cut_large({ chunks }: DmirrorDevice): boolean {
  return chunks.length > 0 && chunks.every(({ large }) => large);
}

/** A page of one more chunk; NO_PAGE when there is none. May sleep. */
function* page_of_new_chunk(mdevice: DmirrorDevice, large: boolean): Task<Page> {
  const { kernel: k } = mdevice.module;
  const err = yield* dmirror_allocate_chunk(mdevice, large);
  const page = err === 0 ? take_free_page(mdevice, large) : NO_PAGE;
  if (!k.behaviour.chunkResultInverted) return page;
  if (err !== 0) {
    const reason = `NULL pointer dereference: dmirror_allocate_chunk() answered ${err}, which passes for success`;
    throw new KernelBug('dmirror_devmem_alloc_page', reason);
  }
  // The page is on no list any more: nobody will ever have it.
  mdevice.calloc++;
  (k.pgmapOf(page).container as DmirrorChunk).lost++;
  return NO_PAGE;
}

/**
 * A device page, or 512 as one folio, with one reference, locked, and what backs it; NO_PAGE when the device is full.
 * Context: may sleep.
 */
export function* dmirror_devmem_alloc_page(mdevice: DmirrorDevice, large: boolean): Task<Page> {
  const k = mdevice.module.kernel;
  const backed = mdevice.zone_device_type === 'private' || k.behaviour.genericHasBackingPage;
  let rpage: Page = NO_PAGE;
  if (backed) rpage = large ? k.pages.alloc_huge(UNMOVABLE) : yield* alloc_page(k, UNMOVABLE);
  if (backed && rpage === NO_PAGE) return NO_PAGE;
  let dpage = take_free_page(mdevice, large);
  if (dpage === NO_PAGE) dpage = yield* page_of_new_chunk(mdevice, large);
  if (dpage === NO_PAGE) {
    if (rpage !== NO_PAGE) put_page(k, rpage);
    return NO_PAGE;
  }
  mdevice.calloc += large ? HPAGE_PMD_NR : 1;
  zone_device_page_init(k, dpage, large ? HPAGE_PMD_ORDER : 0);
  k.mem.priv[dpage] = rpage;
  return dpage;
}

/** The last reference of a device page is gone: free its backing page and keep it for the next allocation. */
function dmirror_devmem_free(mdevice: DmirrorDevice, page: Page): void {
  const k = mdevice.module.kernel;
  const rpage = k.behaviour.genericHasBackingPage ? k.mem.priv[page]! : BACKING_PAGE(mdevice, page);
  const nr = folio_nr_pages(k.mem, rpage);
  if (rpage !== page) {
    k.mem.priv[rpage] = 0;
    put_page(k, rpage);
  }
  const chunk = k.pgmapOf(page).container as DmirrorChunk;
  mdevice.lock.spin_lock();
  if (!chunk.remove) {
    mdevice.cfree += nr;
    k.mem.priv[page] = nr > 1 ? mdevice.free_folios : mdevice.free_pages;
    if (nr > 1) mdevice.free_folios = page;
    else mdevice.free_pages = page;
  }
  mdevice.lock.spin_unlock();
}

/** A large folio of the device is split: so is what backs it. `tail`: NO_PAGE once all tails have been told. */
function dmirror_devmem_folio_split(k: Kernel, head: Page, tail: Page): void {
  const { mem } = k;
  const rpage = mem.priv[head]!;
  if (tail === NO_PAGE) {
    mem.flags[rpage]! &= ~PG_head;
    return;
  }
  const rtail = rpage + (tail - head);
  mem.priv[tail] = rtail;
  mem.priv[rtail] = mem.priv[rpage]!;
  mem.flags[rtail]! &= ~PG_tail;
  mem.index[rtail] = 0;
  mem.refcount[rtail] = 1;
}

/** kcalloc() of the two arrays, which needs contiguous memory, and whose result nobody looks at. */
function kcalloc_pfns(k: Kernel, nr_pages: number): void {
  const block = k.pages.alloc_huge();
  if (block === NO_PAGE) {
    throw new KernelBug(
      'migrate_device_range',
      `NULL pointer dereference: no contiguous ${(nr_pages * 8) / 1024} KiB for src_pfns in dmirror_device_evict_chunk`,
    );
  }
  put_page(k, block);
}

/** Bring every page of the chunk that is in use back to system memory. Context: may sleep. */
export function* dmirror_device_evict_chunk(chunk: DmirrorChunk): Task {
  const { mdevice } = chunk;
  const k = mdevice.module.kernel;
  const { firstPage, nr_pages } = chunk.pagemap;
  if (!k.behaviour.evictNeverFailsToAllocate) kcalloc_pfns(k, nr_pages);
  // Pages below `virgin` were never handed out: nothing to do for them.
  const first = Math.max(chunk.firstUsed, firstPage);
  const npages = firstPage + nr_pages - first;
  const src = new Uint32Array(npages);
  const dst = new Uint32Array(npages);
  yield* migrate_device_range(k, src, first, npages);
  for (let n = 0; n < npages; n++) {
    const spage = migrate_pfn_to_page(src[n]!);
    if (spage === NO_PAGE || (src[n]! & MIGRATE_PFN_MIGRATE) === 0) continue;
    if (!is_device_private_page(k, spage) && !is_device_coherent_page(k, spage)) continue;
    const compound = src[n]! & MIGRATE_PFN_COMPOUND;
    const dpage = compound !== 0 ? k.pages.alloc_huge() : yield* alloc_page_nofail(k);
    if (dpage === NO_PAGE) {
      const why = compound !== 0 ? 'no huge page, which nobody checks' : 'out of memory with __GFP_NOFAIL';
      throw new KernelBug('dmirror_device_evict_chunk', why);
    }
    k.trylock_page(dpage);
    const from = BACKING_PAGE(mdevice, spage);
    k.copy_highpages(dpage, from, compound !== 0 ? HPAGE_PMD_NR : 1);
    let entry = migrate_pfn(dpage) | compound;
    if ((src[n]! & MIGRATE_PFN_WRITE) !== 0) entry |= MIGRATE_PFN_WRITE;
    dst[n] = entry >>> 0;
  }
  yield* migrate_device_pages(k, src, dst, npages);
  migrate_device_finalize(k, src, dst, npages);
}

/** Pages in use go without being freed: nobody frees what is behind them. */
function leak_backing_pages(k: Kernel, { firstPage, nr_pages }: DevPagemap): void {
  for (let page = firstPage; page < firstPage + nr_pages; page++) {
    if (k.mem.refcount[page]! > 0) k.leakedReferences.push(k.mem.priv[page]!);
  }
}

/** Unmap the chunks, one after the other. Context: may sleep for ever, when somebody keeps a page. */
function* remove_chunks(mdevice: DmirrorDevice, evict: boolean): Task {
  const k = mdevice.module.kernel;
  for (const chunk of mdevice.chunks) {
    if (evict) {
      chunk.remove = true;
      mdevice.free_pages = NO_PAGE;
      mdevice.free_folios = NO_PAGE;
      yield* dmirror_device_evict_chunk(chunk);
    }
    const { pagemap } = chunk;
    if (!k.behaviour.devicePagesHoldPgmap) leak_backing_pages(k, pagemap);
    yield* memunmap_pages(k, pagemap);
    if (pagemap.type === 'MEMORY_DEVICE_PRIVATE') release_mem_region(k, pagemap.range);
  }
  mdevice.chunks = [];
  mdevice.free_pages = NO_PAGE;
  mdevice.free_folios = NO_PAGE;
}

/** Give up all device memory of the device. Context: may sleep for ever, when somebody keeps a page. */
export function* dmirror_device_remove_chunks(mdevice: DmirrorDevice): Task {
  yield* mdevice.devmem_lock.mutex_lock('dmirror_device_remove_chunks');
  yield* remove_chunks(mdevice, true);
  mdevice.devmem_lock.mutex_unlock();
}

/** The module goes, and its devices. Context: may sleep for ever, when somebody keeps a page. */
export function* dmirror_device_remove(mdevice: DmirrorDevice): Task {
  if (mdevice.module.kernel.behaviour.removalEvicts) yield* dmirror_device_remove_chunks(mdevice);
  else yield* remove_chunks(mdevice, false);
}
