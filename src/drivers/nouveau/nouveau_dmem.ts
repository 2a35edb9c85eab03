// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: drivers/gpu/drm/nouveau/nouveau_dmem.c: memory of the GPU that pages of programs migrate to. Fidelity:
 * ported from 6.12; pages go one by one, in 7.3 too (DIVERGES: that has chunks of 256 MiB, and huge pages).
 */
import { DevPagemap, memremap_pages, memunmap_pages, zone_device_page_init } from '../../mm/memremap.js';
import {
  migrate_device_finalize,
  migrate_device_pages,
  migrate_device_range,
  migrate_vma_finalize,
  migrate_vma_pages,
  migrate_vma_setup,
} from '../../mm/migrate_device.js';
import {
  MIGRATE_PFN_MIGRATE,
  MIGRATE_PFN_WRITE,
  MIGRATE_VMA_SELECT_DEVICE_PRIVATE,
  MIGRATE_VMA_SELECT_SYSTEM,
  type MigrateVma,
  migrate_pfn,
  migrate_pfn_to_page,
  new_migrate_vma,
  skip,
} from '../../mm/migrate_vma.js';
import { MOVABLE, put_page } from '../../mm/page_alloc.js';
import { __release_region, request_free_mem_region } from '../../mm/resource.js';
import { VM_FAULT_SIGBUS, type VmArea, type VmFault } from '../../mm/types.js';
import { KernelBug } from '../../sim/errors.js';
import { NO_PAGE, type Page } from '../../sim/memmap.js';
import type { Task } from '../../sim/task.js';
import { ENOMEM } from '../../uapi/errno.js';
import { PAGE_SIZE } from '../../uapi/mman.js';
import { DMEM_CHUNK_SIZE, type NouveauDmemChunk, type NouveauDrm, type NouveauSvmm } from './nouveau_drm.js';

const DMEM_CHUNK_NPAGES = DMEM_CHUNK_SIZE / PAGE_SIZE;

/** Pages of one batch: SG_MAX_SINGLE_ALLOC. */
const MAX_BATCH = 128;

// --- chunks and their pages ---------------------------------------------------------------------------------

function chunk_of(drm: NouveauDrm, page: Page): NouveauDmemChunk {
  return drm.k.pgmapOf(page).container as NouveauDmemChunk;
}

function nouveau_dmem_page_free(drm: NouveauDrm, page: Page): void {
  drm.lock.spin_lock();
  drm.svmm_of.delete(page);
  drm.free_pages.push(page);
  const chunk = chunk_of(drm, page);
  if (chunk.callocated === 0) drm.k.warn('nouveau_dmem_page_free', 'no page of the chunk is in use');
  else chunk.callocated--;
  drm.lock.spin_unlock();
}

/** One more chunk of the GPU's memory. Context: may sleep. Return: 0 or -errno. */
function* nouveau_dmem_chunk_alloc(drm: NouveauDrm): Task<number> {
  const { k } = drm;
  const res = request_free_mem_region(k.iomem, DMEM_CHUNK_SIZE, 'nouveau_dmem');
  if (typeof res === 'number') return res;
  const { start, end } = res;
  const ops = {
    page_free: (page: Page) => nouveau_dmem_page_free(drm, page),
    migrate_to_ram: (vmf: VmFault) => nouveau_dmem_migrate_to_ram(drm, vmf),
  };
  const container = { callocated: 0 };
  const pagemap = new DevPagemap('MEMORY_DEVICE_PRIVATE', { start, end }, ops, drm, container);
  const chunk: NouveauDmemChunk = Object.assign(container, { pagemap });
  // nouveau_bo_new() and nouveau_bo_pin().
  let err = drm.vram < DMEM_CHUNK_SIZE ? -ENOMEM : 0;
  if (err === 0) err = memremap_pages(k, pagemap);
  if (err !== 0) {
    __release_region(k.iomem, start, end - start + 1);
    return err;
  }
  drm.vram -= DMEM_CHUNK_SIZE;
  yield* drm.mutex.mutex_lock('nouveau_dmem_chunk_alloc');
  drm.chunks.unshift(chunk);
  drm.mutex.mutex_unlock();
  drm.lock.spin_lock();
  for (let n = 0; n < DMEM_CHUNK_NPAGES; n++) drm.free_pages.push(pagemap.firstPage + n);
  drm.lock.spin_unlock();
  k.printk(`nouveau: DMEM: registered ${DMEM_CHUNK_SIZE / 2 ** 20}MB of device memory`);
  return 0;
}

/** A page of the GPU's memory, locked, with one reference; NO_PAGE when there is no more. Context: may sleep. */
function* nouveau_dmem_page_alloc_locked(drm: NouveauDrm): Task<Page> {
  if (drm.free_pages.length === 0 && (yield* nouveau_dmem_chunk_alloc(drm)) !== 0) return NO_PAGE;
  drm.lock.spin_lock();
  const page = drm.free_pages.pop()!;
  chunk_of(drm, page).callocated++;
  drm.lock.spin_unlock();
  zone_device_page_init(drm.k, page);
  return page;
}

// --- to the GPU -----------------------------------------------------------------------------------------------

/** A page of the GPU's for entry `n`, with its contents. Context: may sleep. Return: the entry for dst; 0 for none. */
function* nouveau_dmem_migrate_copy_one(svmm: NouveauSvmm, args: MigrateVma, n: number): Task<number> {
  const { drm } = svmm;
  const mpfn = args.src[n]!;
  const addr = args.start + n * PAGE_SIZE;
  if ((mpfn & MIGRATE_PFN_MIGRATE) === 0) return 0;
  const spage = migrate_pfn_to_page(mpfn);
  const dpage = yield* nouveau_dmem_page_alloc_locked(drm);
  if (dpage === NO_PAGE) return skip(args, addr, spage, 'nouveau_dmem_page_alloc_locked', 'device-full');
  if (spage === NO_PAGE) {
    drm.k.contents.clear_page(dpage);
  } else if (!drm.copy_func(dpage, spage)) {
    drm.k.unlock_page(dpage);
    put_page(drm.k, dpage);
    return skip(args, addr, spage, 'nouveau_dmem_migrate_copy_one', 'made-to-fail');
  }
  drm.svmm_of.set(dpage, svmm);
  return migrate_pfn(dpage);
}

/**
 * Migrate what was collected, and let the GPU have it. As in the kernel, it gets what has not migrated in the end, too:
 * the page that it was given, which is freed.
 */
function* nouveau_dmem_migrate_chunk(svmm: NouveauSvmm, args: MigrateVma): Task {
  const selected = args.src.slice(0, args.npages);
  for (let n = 0; n < args.npages; n++) {
    args.dst[n] = yield* nouveau_dmem_migrate_copy_one(svmm, args, n);
  }
  yield* migrate_vma_pages(args);
  // nouveau_pfns_map().
  yield* svmm.mutex.mutex_lock('nouveau_pfns_map');
  for (let n = 0; n < args.npages; n++) {
    const page = migrate_pfn_to_page(args.dst[n]!);
    if (page === NO_PAGE) continue;
    const write = (selected[n]! & MIGRATE_PFN_WRITE) !== 0;
    svmm.vmm?.pfnmap(args.start + n * PAGE_SIZE, { page, write, atomic: false });
  }
  svmm.mutex.mutex_unlock();
  migrate_vma_finalize(args);
}

/** Migrate [start, end) of a VMA to the GPU. Context: mmap_lock held; may sleep. Return: 0 or -errno. */
export function* nouveau_dmem_migrate_vma(
  svmm: NouveauSvmm,
  vma: VmArea,
  start: number,
  end: number,
): Task<number> {
  const max = Math.min(MAX_BATCH, (end - start) / PAGE_SIZE);
  const batch = { vma, start, end: start + max * PAGE_SIZE, pgmap_owner: svmm.drm };
  const args = new_migrate_vma({ ...batch, flags: MIGRATE_VMA_SELECT_SYSTEM });
  for (args.start = start; args.start < end; args.start = args.end) {
    args.end = Math.min(args.start + max * PAGE_SIZE, end);
    args.src.fill(0);
    args.dst.fill(0);
    const ret = yield* migrate_vma_setup(args);
    if (ret !== 0) return ret;
    if (args.cpages > 0) yield* nouveau_dmem_migrate_chunk(svmm, args);
  }
  return 0;
}

// --- and back -------------------------------------------------------------------------------------------------

/** The CPU touched a page of the GPU's memory: bring that one back. Return: 0 or VM_FAULT_SIGBUS. */
function* nouveau_dmem_migrate_to_ram(drm: NouveauDrm, vmf: VmFault): Task<number> {
  const { vma, address } = vmf;
  const { nouveauNamesFaultPage } = drm.k.behaviour;
  const fault_page = nouveauNamesFaultPage ? vmf.page : NO_PAGE;
  const start = address - (address % PAGE_SIZE);
  const flags = MIGRATE_VMA_SELECT_DEVICE_PRIVATE;
  const args = new_migrate_vma({ vma, start, end: start + PAGE_SIZE, pgmap_owner: drm, flags, fault_page });
  if ((yield* migrate_vma_setup(args)) < 0) return VM_FAULT_SIGBUS;
  if (args.cpages === 0) return 0;
  const ret = yield* bring_back(drm, args);
  migrate_vma_finalize(args);
  return ret;
}

/** A copy that fails leaves the new page, which is empty, in the old one's place. */
function* bring_back(drm: NouveauDrm, args: MigrateVma): Task<number> {
  const spage = migrate_pfn_to_page(args.src[0]!);
  if (spage === NO_PAGE || (args.src[0]! & MIGRATE_PFN_MIGRATE) === 0) return 0;
  const dpage = drm.k.pages.alloc_page(MOVABLE, drm.k.behaviour.nouveauZeroesReturnPage);
  if (dpage === NO_PAGE) {
    skip(args, args.start, spage, 'nouveau_dmem_migrate_to_ram', 'no-system-memory');
    return 0;
  }
  args.dst[0] = migrate_pfn(dpage);
  const svmm = drm.svmm_of.get(spage)!;
  if (svmm.vmm === null) {
    throw new KernelBug(
      'nouveau_dmem_migrate_to_ram',
      'use after free: the page was migrated through a file that is closed; its struct nouveau_svmm is gone',
    );
  }
  yield* svmm.mutex.mutex_lock('nouveau_dmem_migrate_to_ram');
  svmm.vmm?.pfnclr(args.start, args.end);
  drm.k.trylock_page(dpage);
  const copied = drm.copy_func(dpage, spage);
  svmm.mutex.mutex_unlock();
  if (!copied) return VM_FAULT_SIGBUS;
  yield* migrate_vma_pages(args);
  return 0;
}

/** All pages of a chunk come back, whoever has them. Context: may sleep. */
function* nouveau_dmem_evict_chunk(drm: NouveauDrm, { pagemap }: NouveauDmemChunk): Task {
  const { k } = drm;
  const { firstPage, nr_pages } = pagemap;
  const [src, dst] = [new Uint32Array(nr_pages), new Uint32Array(nr_pages)];
  yield* migrate_device_range(k, src, firstPage, nr_pages);
  for (const [n, mpfn] of src.entries()) {
    if ((mpfn & MIGRATE_PFN_MIGRATE) === 0) continue;
    const dpage = k.pages.alloc_page();
    if (dpage === NO_PAGE) throw new KernelBug('nouveau_dmem_evict_chunk', 'no memory for __GFP_NOFAIL');
    k.trylock_page(dpage);
    dst[n] = migrate_pfn(dpage);
    drm.copy_func(dpage, migrate_pfn_to_page(mpfn));
  }
  yield* migrate_device_pages(k, src, dst, nr_pages);
  migrate_device_finalize(k, src, dst, nr_pages);
}

/** The driver goes. Context: may sleep for ever, where a page is pinned. */
export function* nouveau_dmem_fini(drm: NouveauDrm): Task {
  yield* drm.mutex.mutex_lock('nouveau_dmem_fini');
  for (const chunk of drm.chunks.splice(0)) {
    yield* nouveau_dmem_evict_chunk(drm, chunk);
    if (chunk.callocated > 0)
      drm.k.warn('nouveau_dmem_fini', `${chunk.callocated} pages of a chunk are in use`);
    yield* memunmap_pages(drm.k, chunk.pagemap);
    const { start, end } = chunk.pagemap.range;
    __release_region(drm.k.iomem, start, end - start + 1);
  }
  drm.mutex.mutex_unlock();
}
