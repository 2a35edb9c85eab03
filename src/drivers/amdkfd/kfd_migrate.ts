// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: drivers/gpu/drm/amd/amdkfd/kfd_migrate.c: ranges go to VRAM and come back. Fidelity: ported, without errors of
 * DMA mappings: what is copied by SDMA over the GART is copied at once.
 */
import type { MigrationCause } from '../../kernel/driver-events.js';
import {
  DevPagemap,
  type MemoryType,
  memremap_pages,
  memunmap_pages,
  zone_device_page_init,
} from '../../mm/memremap.js';
import { migrate_vma_finalize, migrate_vma_pages, migrate_vma_setup } from '../../mm/migrate_device.js';
import {
  MIGRATE_PFN_MIGRATE,
  MIGRATE_PFN_VALID,
  MIGRATE_VMA_SELECT_DEVICE_COHERENT,
  MIGRATE_VMA_SELECT_DEVICE_PRIVATE,
  MIGRATE_VMA_SELECT_SYSTEM,
  type MigrateVma,
  migrate_pfn,
  migrate_pfn_to_page,
  new_migrate_vma,
} from '../../mm/migrate_vma.js';
import { mmput } from '../../mm/mmap.js';
import { put_page } from '../../mm/page_alloc.js';
import { __release_region, lookup_resource, request_free_mem_region } from '../../mm/resource.js';
import { type MmStruct, VM_FAULT_SIGBUS, type VmArea, type VmFault } from '../../mm/types.js';
import { KernelBug } from '../../sim/errors.js';
import { NO_PAGE, type Page } from '../../sim/memmap.js';
import type { Task } from '../../sim/task.js';
import { EDEADLK, EFAULT, EINVAL, ENODEV, ENOMEM, ENOSPC } from '../../uapi/errno.js';
import {
  KFD_MIGRATE_TRIGGER_PAGEFAULT_CPU,
  KFD_MIGRATE_TRIGGER_PAGEFAULT_GPU,
  KFD_MIGRATE_TRIGGER_PREFETCH,
  KFD_MIGRATE_TRIGGER_TTM_EVICTION,
} from '../../uapi/kfd_ioctl.js';
import { PAGE_SIZE } from '../../uapi/mman.js';
import { ResCursor } from './amdgpu_vram_mgr.js';
import {
  type AmdkfdModule,
  type KfdNode,
  kfd_lookup_process_by_mm,
  kfd_process_gpuidx_from_gpuid,
  SVM_ADEV_PGMAP_OWNER,
  type SvmRange,
  svm_range_get_node_by_id,
  vram_page,
} from './kfd_priv.js';
import {
  kfd_smi_event_migration_end,
  kfd_smi_event_migration_start,
  type Migration,
} from './kfd_smi_events.js';
import { svm_range_bo_unref_async, svm_range_vram_node_free, svm_range_vram_node_new } from './kfd_svm_bo.js';
import { svm_range_from_addr } from './kfd_svm_tree.js';

const CAUSES: Readonly<Record<number, MigrationCause>> = {
  [KFD_MIGRATE_TRIGGER_PREFETCH]: 'prefetch',
  [KFD_MIGRATE_TRIGGER_PAGEFAULT_GPU]: 'gpu-fault',
  [KFD_MIGRATE_TRIGGER_PAGEFAULT_CPU]: 'cpu-fault',
  [KFD_MIGRATE_TRIGGER_TTM_EVICTION]: 'eviction',
};

/** Tell whoever listens which pages have moved, and why. */
function tell_moved(
  node: KfdNode,
  { vma, start, src, dst, npages }: MigrateVma,
  to_device: number,
  trigger: number,
): void {
  const { kernel } = node.module;
  if (kernel.trace === null) return;
  const fn = to_device === 1 ? 'svm_migrate_copy_to_vram' : 'svm_migrate_copy_to_ram';
  const args = { device: `gpu${node.gpuidx}`, to_device, by: CAUSES[trigger]! };
  for (let i = 0; i < npages; i++) {
    if ((src[i]! & MIGRATE_PFN_MIGRATE) === 0 || dst[i] === 0) continue;
    const addr = start + i * PAGE_SIZE;
    kernel.note({ event: 'device_migration', tracepoint: 'device_migration', fn, mm: vma.vm_mm, addr, args });
  }
}

/** Simulated ns that a page takes one way, unmapping and copying: some 2 GB/s. */
const COST_MIGRATED_PAGE = 2000;

/** How many pages have gone where they were to go. */
function svm_migrate_successful_pages({ src, dst, npages }: MigrateVma): number {
  let mpages = 0;
  for (let i = 0; i < npages; i++) {
    if ((dst[i]! & MIGRATE_PFN_VALID) !== 0 && (src[i]! & MIGRATE_PFN_MIGRATE) !== 0) mpages++;
  }
  return mpages;
}

/** Gives each page that migrates a new one. Return: how many, or -errno, and then none migrates. */
type Copy = (node: KfdNode, prange: SvmRange, migrate: MigrateVma) => number;

/**
 * Both directions of it: collect, copy, and map what was copied. `migrate` has been set up before.
 * Return: pages that were copied (that migrated, where the kernel asks), or -errno.
 */
function* copy_and_map(
  node: KfdNode,
  prange: SvmRange,
  migrate: MigrateVma,
  move: Migration,
  copy: Copy,
): Task<number> {
  const { kernel } = node.module;
  kernel.executor.charge(COST_MIGRATED_PAGE * migrate.npages);
  const copied = copy(node, prange, migrate);
  yield* migrate_vma_pages(migrate);
  migrate_vma_finalize(migrate);
  tell_moved(node, migrate, move.to === 0 ? 0 : 1, move.trigger);
  return copied < 0 || !kernel.behaviour.amdkfdCountsMigrated
    ? copied
    : svm_migrate_successful_pages(migrate);
}

/** One VMA of the range, either way. Return: as copy_and_map(), 0 where nothing is to be moved. */
function* svm_migrate_vma(
  node: KfdNode,
  prange: SvmRange,
  migrate: MigrateVma,
  move: Migration,
  copy: Copy,
): Task<number> {
  const { process, prefetch_loc, preferred_loc } = prange;
  const { kfdTellsFailedMigrations } = node.module.kernel.behaviour;
  kfd_smi_event_migration_start(node, process.lead_pid, move, prefetch_loc, preferred_loc);
  let r = yield* migrate_vma_setup(migrate);
  const moves = r === 0 && migrate.cpages > 0;
  if (moves) r = yield* copy_and_map(node, prange, migrate, move, copy);
  if (moves || kfdTellsFailedMigrations) {
    kfd_smi_event_migration_end(node, process.lead_pid, move, Math.min(r, 0));
  }
  return r;
}

// --- to VRAM ------------------------------------------------------------------------------------------------

/** Take a page of the range's buffer into use. */
function svm_migrate_get_vram_page(prange: SvmRange, page: Page): void {
  const svm_bo = prange.svm_bo!;
  const { kernel } = svm_bo.node.module;
  svm_bo.kref++;
  kernel.mem.priv[page] = svm_bo.id;
  zone_device_page_init(kernel, page);
}

/** Give each page that migrates its place in the range's buffer in VRAM. Return: how many. */
function svm_migrate_copy_to_vram(node: KfdNode, prange: SvmRange, migrate: MigrateVma): number {
  const { kernel } = node.module;
  const offset = migrate.start / PAGE_SIZE - prange.start + prange.offset;
  const cursor = new ResCursor(prange.svm_bo!.blocks, offset);
  let mpages = 0;
  for (let i = 0; i < migrate.npages && mpages < migrate.cpages; i++, cursor.next()) {
    const mpfn = migrate.src[i]!;
    if ((mpfn & MIGRATE_PFN_MIGRATE) === 0) continue;
    const spage = migrate_pfn_to_page(mpfn);
    if (spage !== NO_PAGE && kernel.is_zone_device_page(spage)) {
      // Where generic pages count as system memory, what is in VRAM already was collected with the rest.
      migrate.src[i] = mpfn & ~MIGRATE_PFN_MIGRATE;
      continue;
    }
    const dpage = vram_page(node, cursor.page);
    svm_migrate_get_vram_page(prange, dpage);
    migrate.dst[i] = migrate_pfn(dpage);
    mpages++;
    if (spage !== NO_PAGE) kernel.contents.copy_page(dpage, spage);
    // The buffer was cleared when it was made, but may have been used since.
    else if (kernel.behaviour.amdkfdClearsHoles) kernel.contents.clear_page(dpage);
  }
  return mpages;
}

/** Bytes [start, end) of one VMA. Return: pages, as svm_migrate_vma() has it. */
function svm_migrate_vma_to_vram(
  node: KfdNode,
  prange: SvmRange,
  vma: VmArea,
  start: number,
  end: number,
  trigger: number,
): Task<number> {
  const pgmap_owner = SVM_ADEV_PGMAP_OWNER(node);
  const migrate = new_migrate_vma({ vma, start, end, pgmap_owner, flags: MIGRATE_VMA_SELECT_SYSTEM });
  const move = { start: start / PAGE_SIZE, end: end / PAGE_SIZE, from: 0, to: node.id, trigger };
  return svm_migrate_vma(node, prange, migrate, move, svm_migrate_copy_to_vram);
}

/**
 * Pages [start, last] of a range that has none on another GPU. Context: mmap_lock held for read, the range's migrate_mutex;
 * may sleep. Return: 0 (however many went), or -errno.
 */
function* svm_migrate_ram_to_vram(
  prange: SvmRange,
  best_loc: number,
  start: number,
  last: number,
  mm: MmStruct,
  trigger: number,
): Task<number> {
  if (start < prange.start || last > prange.last) return -EFAULT;
  const node = svm_range_get_node_by_id(prange, best_loc);
  if (node === null) return -ENODEV;
  if (prange.npages * PAGE_SIZE > node.vram_size) return -ENOSPC;
  const err = yield* svm_range_vram_node_new(node, prange);
  if (err !== 0) return err;
  const end = (last + 1) * PAGE_SIZE;
  let mpages = 0;
  let r = 0;
  for (let addr = start * PAGE_SIZE, next: number; addr < end; addr = next) {
    const vma = mm.vmas.vma_lookup(addr);
    if (vma === null) break;
    next = Math.min(vma.vm_end, end);
    r = yield* svm_migrate_vma_to_vram(node, prange, vma, addr, next, trigger);
    if (r < 0) break;
    mpages += r;
  }
  if (mpages > 0) {
    prange.actual_loc = best_loc;
    prange.vram_pages += mpages;
  } else if (prange.actual_loc === 0) {
    yield* svm_range_vram_node_free(prange);
  }
  return Math.min(r, 0);
}

// --- to system memory -------------------------------------------------------------------------------------------

/** Give each page that migrates a page of system memory. Return: how many, or -ENOMEM, and then none migrates. */
function svm_migrate_copy_to_ram(node: KfdNode, _: SvmRange, migrate: MigrateVma): number {
  const { kernel } = node.module;
  let mpages = 0;
  for (let i = 0; i < migrate.npages; i++) {
    const spage = migrate_pfn_to_page(migrate.src[i]!);
    if (spage === NO_PAGE || !kernel.is_zone_device_page(spage)) continue;
    const dpage = kernel.pages.alloc_page();
    if (dpage === NO_PAGE) {
      svm_migrate_put_sys_pages(node, migrate, i);
      return -ENOMEM;
    }
    kernel.trylock_page(dpage);
    kernel.contents.copy_page(dpage, spage);
    migrate.dst[i] = migrate_pfn(dpage);
    mpages++;
  }
  return mpages;
}

function svm_migrate_put_sys_pages(
  { module: { kernel } }: KfdNode,
  { dst }: MigrateVma,
  count: number,
): void {
  for (let i = 0; i < count; i++) {
    const dpage = migrate_pfn_to_page(dst[i]!);
    if (dpage === NO_PAGE) continue;
    kernel.unlock_page(dpage);
    put_page(kernel, dpage);
    dst[i] = 0;
  }
}

/** Which pages come back from this GPU. */
function svm_migrate_selects({ connected_to_cpu, module }: KfdNode): number {
  const { behaviour } = module.kernel;
  if (!connected_to_cpu || !behaviour.amdkfdSelectsByMemory) return MIGRATE_VMA_SELECT_DEVICE_PRIVATE;
  // DEVICE_GENERIC v5 has no flag of its own: generic pages count as system memory.
  return behaviour.genericPagesAreMigratable ? MIGRATE_VMA_SELECT_SYSTEM : MIGRATE_VMA_SELECT_DEVICE_COHERENT;
}

/** Bytes [start, end) of one VMA. Return: pages, as svm_migrate_vma() has it. */
function svm_migrate_vma_to_ram(
  node: KfdNode,
  prange: SvmRange,
  vma: VmArea,
  start: number,
  end: number,
  trigger: number,
  fault_page: Page,
): Task<number> {
  const pgmap_owner = SVM_ADEV_PGMAP_OWNER(node);
  const flags = svm_migrate_selects(node);
  const migrate = new_migrate_vma({ vma, start, end, pgmap_owner, flags, fault_page });
  const move = { start: start / PAGE_SIZE, end: end / PAGE_SIZE, from: node.id, to: 0, trigger };
  return svm_migrate_vma(node, prange, migrate, move, svm_migrate_copy_to_ram);
}

/**
 * Pages [start, last] come home from wherever the range has some. Context: mmap_lock held for read, the range's migrate_mutex;
 * may sleep. Return: 0 (however many came), or -errno.
 */
export function* svm_migrate_vram_to_ram(
  prange: SvmRange,
  mm: MmStruct,
  start: number,
  last: number,
  trigger: number,
  fault_page: Page = NO_PAGE,
): Task<number> {
  if (prange.actual_loc === 0) return 0;
  if (start < prange.start || last > prange.last) return -EFAULT;
  const node = svm_range_get_node_by_id(prange, prange.actual_loc);
  if (node === null) return -ENODEV;
  const end = (last + 1) * PAGE_SIZE;
  let mpages = 0;
  for (let addr = start * PAGE_SIZE, next: number; addr < end; addr = next) {
    const vma = mm.vmas.vma_lookup(addr);
    if (vma === null) return -EFAULT;
    next = Math.min(vma.vm_end, end);
    const r = yield* svm_migrate_vma_to_ram(node, prange, vma, addr, next, trigger, fault_page);
    if (r < 0) return r;
    mpages += r;
  }
  if (prange.vram_pages < mpages) {
    node.module.kernel.warn_on_once(
      'svm_migrate_vram_to_ram',
      'more pages came back than the range had in VRAM',
    );
  }
  prange.vram_pages -= mpages;
  if (prange.vram_pages === 0 && prange.ttm_res) {
    prange.actual_loc = 0;
    yield* svm_range_vram_node_free(prange);
  }
  return 0;
}

/** How often what did not come home on the way to another GPU is tried again. */
const RETRIES = 3;

/** From one GPU to another: all of the range by way of system memory. */
function* svm_migrate_vram_to_vram(
  prange: SvmRange,
  best_loc: number,
  start: number,
  last: number,
  mm: MmStruct,
  trigger: number,
): Task<number> {
  let retries = RETRIES;
  do {
    const r = yield* svm_migrate_vram_to_ram(prange, mm, prange.start, prange.last, trigger);
    if (r !== 0) return r;
  } while (prange.actual_loc !== 0 && --retries > 0);
  if (prange.actual_loc !== 0) return -EDEADLK;
  return yield* svm_migrate_ram_to_vram(prange, best_loc, start, last, mm, trigger);
}

/** Pages [start, last] of the range go to a GPU, from wherever they are. Context: as svm_migrate_vram_to_ram(). */
export function svm_migrate_to_vram(
  prange: SvmRange,
  best_loc: number,
  start: number,
  last: number,
  mm: MmStruct,
  trigger: number,
): Task<number> {
  const here = prange.actual_loc === 0 || prange.actual_loc === best_loc;
  const migrate = here ? svm_migrate_ram_to_vram : svm_migrate_vram_to_vram;
  return migrate(prange, best_loc, start, last, mm, trigger);
}

// --- device memory ----------------------------------------------------------------------------------------------

function svm_migrate_page_free(module: AmdkfdModule, page: Page): void {
  const svm_bo = module.svm_bos[module.kernel.mem.priv[page]!];
  if (svm_bo !== null && svm_bo !== undefined) svm_range_bo_unref_async(svm_bo);
}

/** Bring the granule home that the CPU touched a page of. */
function* migrate_granule(prange: SvmRange, addr: number, vmf: VmFault): Task<number> {
  yield* prange.migrate_mutex.mutex_lock('svm_migrate_to_ram');
  let r = 0;
  if (prange.actual_loc !== 0) {
    const { process, actual_loc } = prange;
    const size = 2 ** prange.granularity;
    const granule = addr - (addr % size);
    const start = Math.max(granule, prange.start);
    const last = Math.min(granule + size - 1, prange.last);
    const trigger = KFD_MIGRATE_TRIGGER_PAGEFAULT_CPU;
    process.pdds[kfd_process_gpuidx_from_gpuid(process, actual_loc)]!.cpu_faults++;
    r = yield* svm_migrate_vram_to_ram(prange, vmf.vma.vm_mm, start, last, trigger, vmf.page);
  }
  prange.migrate_mutex.mutex_unlock();
  return r;
}

/** The CPU touched a private page. Context: mmap_lock held for read, may sleep. Return: 0 or VM_FAULT_SIGBUS. */
function* svm_migrate_to_ram(module: AmdkfdModule, vmf: VmFault): Task<number> {
  const { kernel } = module;
  const addr = vmf.address / PAGE_SIZE;
  const svm_bo = module.svm_bos[kernel.mem.priv[vmf.page]!];
  if (svm_bo === null || svm_bo === undefined) return VM_FAULT_SIGBUS;
  const { mm } = svm_bo;
  if (!kernel.mmget_not_zero(mm)) return VM_FAULT_SIGBUS;
  const p = kfd_lookup_process_by_mm(module, mm);
  let r = 0;
  if (p === null) r = VM_FAULT_SIGBUS;
  else if (p.svms.faulting_task === null || p.svms.faulting_task !== kernel.executor.current) {
    yield* p.svms.lock.mutex_lock('svm_migrate_to_ram');
    const prange = svm_range_from_addr(p.svms, addr);
    r = prange === null ? -EFAULT : yield* migrate_granule(prange, addr, vmf);
    p.svms.lock.mutex_unlock();
  }
  yield* mmput(mm);
  return r === 0 ? 0 : VM_FAULT_SIGBUS;
}

const ALIGNMENT = 2 ** 21;

interface Addresses {
  readonly start: number;
  readonly end: number;
}

/** Where the CPU reaches the VRAM. Throws where the real kernel dereferences NULL. */
function aperture({ module: { kernel }, aper_base }: KfdNode, size: number): Addresses {
  if (!kernel.behaviour.amdkfdLooksUpAperture) return { start: aper_base, end: aper_base + size - 1 };
  const res = lookup_resource(kernel.iomem, aper_base);
  if (res !== null) return { start: res.start, end: res.end };
  // The check that follows is IS_ERR(), which NULL passes.
  const why = `lookup_resource() found no resource that starts at 0x${aper_base.toString(16)}`;
  throw new KernelBug('svm_migrate_init', `NULL pointer dereference of the resource: ${why}`);
}

/** Make struct pages for the VRAM of a GPU. Return: 0, or -errno, and then it has no SVM. Throws where the kernel oopses. */
export function kgd2kfd_init_zone_device(node: KfdNode): number {
  if (!node.isGfx9) return -EINVAL;
  if (node.isApu) return 0;
  const { module, connected_to_cpu } = node;
  const { kernel } = module;
  const size = Math.ceil(node.vram_size / ALIGNMENT) * ALIGNMENT;
  let type: MemoryType = 'MEMORY_DEVICE_PRIVATE';
  let range: Addresses;
  if (connected_to_cpu) {
    type = kernel.behaviour.genericPagesAreMigratable ? 'MEMORY_DEVICE_GENERIC' : 'MEMORY_DEVICE_COHERENT';
    range = aperture(node, size);
  } else {
    const res = request_free_mem_region(kernel.iomem, size, 'amdgpu');
    if (typeof res === 'number') return res;
    range = { start: res.start, end: res.end };
  }
  const ops = {
    page_free: (page: Page) => svm_migrate_page_free(module, page),
    migrate_to_ram: (vmf: VmFault) => svm_migrate_to_ram(module, vmf),
  };
  const pgmap = new DevPagemap(type, range, ops, SVM_ADEV_PGMAP_OWNER(node), node);
  const r = memremap_pages(kernel, pgmap);
  if (r !== 0) {
    if (!connected_to_cpu) __release_region(kernel.iomem, range.start, range.end - range.start + 1);
    return r;
  }
  node.pgmap = pgmap;
  kernel.printk(`amdgpu: HMM registered ${size / 2 ** 20}MB device memory`);
  return 0;
}

/** The VRAM has no struct pages any more; its addresses are free again where they were only lent. Context: may sleep. */
export function* svm_migrate_fini({ module: { kernel }, pgmap }: KfdNode): Task {
  if (pgmap === null) return;
  yield* memunmap_pages(kernel, pgmap);
  const { type, range } = pgmap;
  if (type === 'MEMORY_DEVICE_PRIVATE')
    __release_region(kernel.iomem, range.start, range.end - range.start + 1);
}
