// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: lib/test_hmm.c, migration to and from the device. Fidelity: ported. */
import type { Kernel } from '../../mm/kernel.js';
import { is_device_coherent_page, is_device_private_page } from '../../mm/memremap.js';
import { migrate_vma_finalize, migrate_vma_pages, migrate_vma_setup } from '../../mm/migrate_device.js';
import {
  MIGRATE_PFN_COMPOUND,
  MIGRATE_PFN_MIGRATE,
  MIGRATE_PFN_VALID,
  MIGRATE_PFN_WRITE,
  MIGRATE_VMA_SELECT_COMPOUND,
  MIGRATE_VMA_SELECT_DEVICE_COHERENT,
  MIGRATE_VMA_SELECT_DEVICE_PRIVATE,
  MIGRATE_VMA_SELECT_SYSTEM,
  type MigrateVma,
  migrate_pfn,
  migrate_pfn_to_page,
} from '../../mm/migrate_vma.js';
import { mmput } from '../../mm/mmap.js';
import { put_page, UNMOVABLE } from '../../mm/page_alloc.js';
import { alloc_page } from '../../mm/page_alloc_slow.js';
import { compound_head } from '../../mm/page_flags.js';
import {
  type MmStruct,
  VM_FAULT_OOM,
  VM_FAULT_SIGBUS,
  VM_READ,
  VM_WRITE,
  type VmArea,
  type VmFault,
} from '../../mm/types.js';
import { COST_FRUITLESS } from '../../sim/costs.js';
import { KernelBug } from '../../sim/errors.js';
import { NO_PAGE, type Page } from '../../sim/memmap.js';
import type { Task } from '../../sim/task.js';
import { EINVAL, ENOMEM } from '../../uapi/errno.js';
import { HPAGE_PMD_NR, HPAGE_PMD_SIZE, PAGE_SIZE } from '../../uapi/mman.js';
import { BACKING_PAGE } from './backing.js';
import { dmirror_devmem_alloc_page } from './devmem.js';
import {
  type Batch,
  COST_TABLE,
  type Dmirror,
  type DmirrorCmd,
  type DmirrorDevice,
  type DmirrorModule,
  giveBatch,
  takeBatch,
} from './dmirror.js';
import { return_data } from './fault.js';
import { compound_alloc_and_copy, compound_fault_alloc_and_copy } from './migrate_compound.js';
import { skip, why_no_page } from './migrate_skip.js';
import { DPT_XA_TAG_WRITE } from './xarray.js';

/** Which pages come back from this device. */
function dmirror_select_device(mdevice: DmirrorDevice): number {
  if (mdevice.zone_device_type === 'private') return MIGRATE_VMA_SELECT_DEVICE_PRIVATE;
  // DEVICE_GENERIC v5 has no flag of its own: generic pages count as system memory.
  return mdevice.module.kernel.behaviour.genericPagesAreMigratable
    ? MIGRATE_VMA_SELECT_SYSTEM
    : MIGRATE_VMA_SELECT_DEVICE_COHERENT;
}

/** Give every migrating entry a device page and copy the contents there. */
function* dmirror_migrate_alloc_and_copy(args: MigrateVma, dmirror: Dmirror): Task {
  const { mdevice } = dmirror;
  const k = mdevice.module.kernel;
  for (let n = 0; n < args.npages; n++) {
    const mpfn = args.src[n]!;
    if ((mpfn & MIGRATE_PFN_MIGRATE) === 0) continue;
    const spage = migrate_pfn_to_page(mpfn);
    if (spage !== NO_PAGE && k.is_zone_device_page(spage)) {
      if (k.behaviour.genericPagesAreMigratable) args.src[n] = mpfn & ~MIGRATE_PFN_MIGRATE;
      else k.warn('dmirror_migrate_alloc_and_copy', 'page already in device');
      skip(args, n, 'dmirror_migrate_alloc_and_copy', 'already-in-device');
      continue;
    }
    const dpage = yield* dmirror_devmem_alloc_page(mdevice, false);
    if (dpage === NO_PAGE) {
      skip(args, n, 'dmirror_devmem_alloc_page', why_no_page(mdevice));
      continue;
    }
    const data = BACKING_PAGE(mdevice, dpage);
    if (spage === NO_PAGE) k.clear_highpage(data);
    else k.copy_highpage(data, spage);
    const owner = k.behaviour.genericHasBackingPage ? k.mem.priv[dpage]! : data;
    k.mem.priv[owner] = dmirror.id;
    const hole = spage === NO_PAGE && k.behaviour.holesAreWritable;
    const writable = (mpfn & MIGRATE_PFN_WRITE) !== 0 || (hole && (args.vma.vm_flags & VM_WRITE) !== 0);
    args.dst[n] = (migrate_pfn(dpage) | (writable ? MIGRATE_PFN_WRITE : 0)) >>> 0;
  }
}

/** Enter what has migrated into the device page table, of a huge page all 512. */
function* dmirror_migrate_finalize_and_map(args: MigrateVma, dmirror: Dmirror): Task {
  const { executor } = dmirror.mdevice.module.kernel;
  yield* dmirror.mutex.mutex_lock('dmirror_migrate_finalize_and_map');
  const first = args.start / PAGE_SIZE;
  for (let n = 0; n < args.npages; n++) {
    if ((args.src[n]! & MIGRATE_PFN_MIGRATE) === 0) continue;
    const dst = args.dst[n]!;
    const dpage = migrate_pfn_to_page(dst);
    if (dpage === NO_PAGE) continue;
    const tag = (dst & MIGRATE_PFN_WRITE) !== 0 ? DPT_XA_TAG_WRITE : 0;
    const rpage = BACKING_PAGE(dmirror.mdevice, dpage);
    const nr = (dst & MIGRATE_PFN_COMPOUND) !== 0 ? HPAGE_PMD_NR : 1;
    dmirror.pt.xa_store_range(first + n, rpage, nr, tag);
    executor.charge(COST_TABLE * nr);
  }
  dmirror.mutex.mutex_unlock();
}

/** Give every migrating device page a system page and copy the contents there. Return: 0 or VM_FAULT_OOM. */
function* dmirror_devmem_fault_alloc_and_copy(args: MigrateVma, dmirror: Dmirror): Task<number> {
  const k = dmirror.mdevice.module.kernel;
  let ret = 0;
  const first = args.start / PAGE_SIZE;
  for (let n = 0; n < args.npages; n++) {
    const mpfn = args.src[n]!;
    const spage = migrate_pfn_to_page(mpfn);
    if (spage === NO_PAGE || (mpfn & MIGRATE_PFN_MIGRATE) === 0) continue;
    if (!is_device_private_page(k, spage)) {
      if (k.behaviour.genericToSystemIsNoop) {
        args.src[n] = mpfn & ~MIGRATE_PFN_MIGRATE;
        skip(args, n, 'dmirror_devmem_fault_alloc_and_copy', 'only-private-returns');
        continue;
      }
      if (!is_device_coherent_page(k, spage)) {
        k.warn('dmirror_devmem_fault_alloc_and_copy', 'the page is not a device page');
        skip(args, n, 'dmirror_devmem_fault_alloc_and_copy', 'not-a-device-page');
        continue;
      }
    }
    const dpage = yield* alloc_page(k);
    if (dpage === NO_PAGE) {
      skip(args, n, 'dmirror_devmem_fault_alloc_and_copy', 'no-system-memory');
      k.executor.charge(COST_FRUITLESS);
      if (k.behaviour.devmemFaultReportsOom) ret = VM_FAULT_OOM;
      continue;
    }
    k.trylock_page(dpage);
    dmirror.pt.xa_erase(first + n);
    k.executor.charge(COST_TABLE);
    k.copy_highpage(dpage, BACKING_PAGE(dmirror.mdevice, spage));
    args.dst[n] = (migrate_pfn(dpage) | (mpfn & MIGRATE_PFN_WRITE)) >>> 0;
  }
  return ret;
}

function dmirror_successful_migrated_pages(args: MigrateVma): number {
  const both = MIGRATE_PFN_VALID | MIGRATE_PFN_MIGRATE;
  let cpages = 0;
  for (let n = 0; n < args.npages; n++) if ((args.src[n]! & both) === both) cpages++;
  return cpages;
}

function new_migrate_vma(vma: VmArea, batch: Batch, owner: DmirrorDevice): MigrateVma {
  return {
    vma,
    src: batch.src,
    dst: batch.dst,
    cpages: 0,
    npages: 0,
    start: 0,
    end: 0,
    pgmap_owner: owner,
    flags: 0,
    fault_page: NO_PAGE,
  };
}

/** src_pfns and dst_pfns of a whole PMD, a page each. */
function kvcalloc_pfns(k: Kernel): Page[] {
  const arrays = [k.pages.alloc_page(UNMOVABLE), k.pages.alloc_page(UNMOVABLE)];
  return arrays.filter((page) => page !== NO_PAGE);
}

/** The function that serves the command. */
function migrating({ mdevice }: Dmirror, toDevice: boolean): string {
  if (mdevice.module.generation.uapi.nr.MIGRATE !== undefined) return 'dmirror_migrate';
  return toDevice ? 'dmirror_migrate_to_device' : 'dmirror_migrate_to_system';
}

/**
 * Migrate the range batch by batch. Every VMA of it must be readable.
 * Context: may sleep. Return: 0 (whatever migrated), or -EINVAL.
 */
function* migrate_range(dmirror: Dmirror, cmd: DmirrorCmd, toDevice: boolean): Task<number> {
  const k = dmirror.mdevice.module.kernel;
  const { mm } = dmirror.notifier;
  const end = cmd.addr + cmd.size;
  const compound = k.behaviour.driverSelectsCompound;
  const arrays = toDevice || k.behaviour.toSystemArraysFreed ? [] : kvcalloc_pfns(k);
  if (!k.mmget_not_zero(mm)) return -EINVAL;
  cmd.cpages = 0;
  yield* mm.mmap_lock.down_read(migrating(dmirror, toDevice));
  const batch = takeBatch();
  let args: MigrateVma | null = null;
  let ret = 0;
  for (let addr = cmd.addr; addr < end; ) {
    const vma = mm.vmas.vma_lookup(addr);
    if (vma === null || (vma.vm_flags & VM_READ) === 0) {
      if (k.trace !== null) {
        const reason = { id: vma === null ? 'no-vma' : 'vma-not-readable' } as const;
        k.note({ event: 'skip', fn: migrating(dmirror, toDevice), mm, addr, reason });
      }
      ret = -EINVAL;
      break;
    }
    const next = Math.min(end, addr + k.behaviour.migrateBatchPages * PAGE_SIZE, vma.vm_end);
    args ??= new_migrate_vma(vma, batch, dmirror.mdevice);
    args.vma = vma;
    args.start = addr;
    args.end = next;
    args.flags = toDevice ? MIGRATE_VMA_SELECT_SYSTEM : dmirror_select_device(dmirror.mdevice);
    if (compound) args.flags |= MIGRATE_VMA_SELECT_COMPOUND;
    ret = yield* migrate_vma_setup(args);
    if (ret !== 0) break;
    if (!toDevice) {
      const copy = compound ? compound_fault_alloc_and_copy : dmirror_devmem_fault_alloc_and_copy;
      if ((yield* copy(args, dmirror)) !== 0 && k.behaviour.toSystemStopsWithoutMemory) {
        migrate_vma_finalize(args);
        ret = -ENOMEM;
        break;
      }
    } else if (compound) yield* compound_alloc_and_copy(args, dmirror);
    else yield* dmirror_migrate_alloc_and_copy(args, dmirror);
    yield* migrate_vma_pages(args);
    if (toDevice) yield* dmirror_migrate_finalize_and_map(args, dmirror);
    else if (k.behaviour.toSystemCountsPages) cmd.cpages += dmirror_successful_migrated_pages(args);
    migrate_vma_finalize(args);
    addr = next;
  }
  giveBatch(batch);
  mm.mmap_lock.up_read();
  yield* mmput(mm);
  for (const page of arrays) put_page(k, page);
  return ret;
}

/** HMM_DMIRROR_MIGRATE_TO_DEV; success means that the device can read the whole range. */
export function* dmirror_migrate_to_device(dmirror: Dmirror, mm: MmStruct, cmd: DmirrorCmd): Task<number> {
  const ret = yield* migrate_range(dmirror, cmd, true);
  if (ret !== 0) return ret;
  return yield* return_data(dmirror, mm, cmd);
}

/** HMM_DMIRROR_MIGRATE_TO_SYS. */
export function* dmirror_migrate_to_system(dmirror: Dmirror, cmd: DmirrorCmd): Task<number> {
  return yield* migrate_range(dmirror, cmd, false);
}

/** The CPU touched a private page: bring it back, of a huge one that is mapped as such all of it. Return: 0, VM_FAULT_SIGBUS or VM_FAULT_OOM. */
export function* dmirror_devmem_fault(module: DmirrorModule, vmf: VmFault): Task<number> {
  const k = module.kernel;
  const rpage: Page = k.mem.priv[compound_head(k.mem, vmf.page)]!;
  const dmirror = module.mirrors[k.mem.priv[rpage]!];
  if (dmirror === null || dmirror === undefined) {
    throw new KernelBug(
      'dmirror_devmem_fault',
      'use after free: the page was migrated through a file that is closed; its struct dmirror is gone',
    );
  }
  const batch = takeBatch();
  const args = new_migrate_vma(vmf.vma, batch, dmirror.mdevice);
  const size = vmf.huge === true ? HPAGE_PMD_SIZE : PAGE_SIZE;
  args.start = vmf.address - (vmf.address % size);
  args.end = args.start + size;
  args.flags = k.behaviour.faultSelectsByType
    ? dmirror_select_device(dmirror.mdevice)
    : MIGRATE_VMA_SELECT_DEVICE_PRIVATE;
  if (vmf.huge === true) args.flags |= MIGRATE_VMA_SELECT_COMPOUND;
  args.fault_page = vmf.page;
  let ret = VM_FAULT_SIGBUS;
  if ((yield* migrate_vma_setup(args)) === 0) {
    const compound = k.behaviour.driverSelectsCompound;
    ret = yield* (compound ? compound_fault_alloc_and_copy : dmirror_devmem_fault_alloc_and_copy)(
      args,
      dmirror,
    );
    if (ret === 0 || !compound) yield* migrate_vma_pages(args);
    migrate_vma_finalize(args);
  }
  giveBatch(batch);
  return ret;
}
