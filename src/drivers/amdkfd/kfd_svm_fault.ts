// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: drivers/gpu/drm/amd/amdkfd/kfd_svm.c: a GPU that can retry has faulted. Fidelity: ported, without the rings that
 * faults come in by.
 */
import { mmput } from '../../mm/mmap.js';
import type { PlainReasonId, ReasonTable } from '../../mm/reasons.js';
import { type MmStruct, VM_READ, VM_WRITE, type VmArea } from '../../mm/types.js';
import type { Task } from '../../sim/task.js';
import { EACCES, EAGAIN, EFAULT, EPERM } from '../../uapi/errno.js';
import {
  KFD_IOCTL_SVM_LOCATION_SYSMEM,
  KFD_IOCTL_SVM_LOCATION_UNDEFINED,
  KFD_MIGRATE_TRIGGER_PAGEFAULT_GPU,
} from '../../uapi/kfd_ioctl.js';
import { PAGE_SIZE } from '../../uapi/mman.js';
import { svm_migrate_to_vram, svm_migrate_vram_to_ram } from './kfd_migrate.js';
import {
  KFD_IS_SVM_API_SUPPORTED,
  type KfdProcess,
  type KfdProcessDevice,
  type SvmRange,
  svm_nodes_in_same_hive,
  svm_range_check_vm,
  svm_range_check_vm_userptr,
  svm_range_get_node_by_id,
} from './kfd_priv.js';
import { kfd_smi_event_page_fault_end, kfd_smi_event_page_fault_start } from './kfd_smi_events.js';
import { svm_range_validate_and_map } from './kfd_svm_map.js';
import { svm_range_add_notifier_locked } from './kfd_svm_notifier.js';
import { svm_range_add_to_svms, svm_range_new } from './kfd_svm_range.js';
import { interval_tree_neighbours, svm_range_from_addr } from './kfd_svm_tree.js';

/** Simulated ns after a range was mapped in which other faults of it are taken for those that led to that. */
const AMDGPU_SVM_RANGE_RETRY_FAULT_PENDING = 2_000_000;

/** Where the range should be, for this GPU. Return: a GPU, 0 for system memory, -1 where the GPU has no access. */
function svm_range_best_restore_location(prange: SvmRange, { dev }: KfdProcessDevice): number {
  if (dev.isApu) return 0;
  const { preferred_loc, bitmap_access, bitmap_aip, actual_loc } = prange;
  if (preferred_loc === dev.id || preferred_loc === KFD_IOCTL_SVM_LOCATION_SYSMEM) return preferred_loc;
  if (preferred_loc !== KFD_IOCTL_SVM_LOCATION_UNDEFINED) {
    const preferred = svm_range_get_node_by_id(prange, preferred_loc);
    if (preferred !== null && svm_nodes_in_same_hive(dev, preferred)) return preferred_loc;
  }
  const bit = 1 << dev.gpuidx;
  if ((bitmap_access & bit) !== 0) return dev.id;
  if ((bitmap_aip & bit) === 0) return -1;
  if (actual_loc === 0) return 0;
  const there = svm_range_get_node_by_id(prange, actual_loc);
  return there !== null && svm_nodes_in_same_hive(dev, there) ? actual_loc : 0;
}

/** The buffer that GPUs have at some of these pages, or whose memory is there: where it is (pages); null for none. */
function buffer_at(p: KfdProcess, start: number, last: number): { start: number; last: number } | null {
  const there = svm_range_check_vm(p, start, last);
  if (there !== undefined) return there;
  const users = svm_range_check_vm_userptr(p, start, last);
  if (users === undefined) return null;
  return { start: users.userptr, last: users.userptr + users.last - users.start };
}

/** A range for memory that nobody has registered: the granule, as far as VMA and neighbours let it. Return: null where there is none. */
function svm_range_create_unregistered_range(p: KfdProcess, mm: MmStruct, addr: number): SvmRange | null {
  const vma = mm.vmas.vma_lookup(addr * PAGE_SIZE);
  if (vma === null) return null;
  const size = 2 ** p.svms.default_granularity;
  const granule = addr - (addr % size);
  let start = Math.max(vma.vm_start / PAGE_SIZE, granule);
  let end = Math.min(vma.vm_end / PAGE_SIZE, granule + size);
  const { before, behind } = interval_tree_neighbours(p.svms, addr);
  if (behind !== undefined) end = Math.min(end, behind.it_start);
  if (before !== undefined) start = Math.max(start, before.it_last + 1);
  const buffer = buffer_at(p, start, end - 1);
  if (buffer !== null) {
    if (addr >= buffer.start && addr <= buffer.last) return null;
    start = addr;
    end = addr + 1;
  }
  const prange = svm_range_new(p, start, end - 1, true);
  if (prange === null) return null;
  svm_range_add_to_svms(prange);
  svm_range_add_notifier_locked(mm, prange);
  return prange;
}

/** Whether a notifier has left work to do first, so that the GPU has to try again. */
function svm_range_skip_recover({ deferred, child_list, is_child, op }: SvmRange): boolean {
  if (!deferred && child_list.length === 0 && !is_child) return false;
  return op === 'SVM_OP_UNMAP_RANGE' || op === 'SVM_OP_ADD_RANGE';
}

function svm_fault_allowed({ vm_flags }: VmArea, write_fault: boolean): boolean {
  const requested = VM_READ | (write_fault ? VM_WRITE : 0);
  return (vm_flags & requested) === requested;
}

/** Bring pages [start, last] where they should be. Return: whether something was to be moved, or -errno. */
function* migrate_to(
  prange: SvmRange,
  best_loc: number,
  start: number,
  last: number,
  mm: MmStruct,
): Task<boolean | number> {
  const trigger = KFD_MIGRATE_TRIGGER_PAGEFAULT_GPU;
  if (prange.actual_loc === 0 && best_loc === 0) return false;
  let r = 0;
  if (best_loc === 0) r = yield* svm_migrate_vram_to_ram(prange, mm, start, last, trigger);
  else if ((yield* svm_migrate_to_vram(prange, best_loc, start, last, mm, trigger)) !== 0) {
    // What does not fit is used where it is, or comes home from another GPU.
    const elsewhere = prange.actual_loc !== 0 && prange.actual_loc !== best_loc;
    if (elsewhere) r = yield* svm_migrate_vram_to_ram(prange, mm, start, last, trigger);
  }
  return r === 0 ? true : r;
}

type None = Readonly<Record<never, never>>;

interface GpuFaultReasons {
  'gpu-does-not-retry': None;
  'gpu-has-no-access': None;
  'gpu-does-not-map-buffer': None;
  'gpu-queues-gone': None;
  'gpu-vm-not-acquired': None;
  'gpu-not-there': None;
}

declare module '../../mm/reasons.js' {
  interface Reasons extends GpuFaultReasons {}
}

export const gpuFaultReasons: ReasonTable<GpuFaultReasons> = {
  'gpu-does-not-retry': {
    about: 'mapping',
    text: 'the GPU does not map the page, and its faults are not retried (XNACK is off; noretry=0 of amdgpu switches it on)',
  },
  'gpu-has-no-access': {
    about: 'mapping',
    text: 'the GPU has no access to the range (KFD_IOCTL_SVM_ATTR_NO_ACCESS)',
  },
  'gpu-does-not-map-buffer': {
    about: 'mapping',
    text: 'memory of a buffer of a user pointer, which is no shared virtual memory, and this GPU does not map the buffer',
  },
  'gpu-queues-gone': { about: 'mapping', text: 'the queues are gone since a fault that could not be served' },
  'gpu-vm-not-acquired': {
    about: 'mapping',
    text: 'the file of the GPU is not the one whose page table the process has there (ACQUIRE_VM makes it so)',
  },
  'gpu-not-there': {
    about: 'mapping',
    text: 'the attribute names a GPU that is not there, or has no shared virtual memory',
  },
};

/** An access of a GPU at page `addr` cannot be, and says why. Return: `r`. */
export function gpu_fault_fails(
  { process, dev }: KfdProcessDevice,
  addr: number,
  id: PlainReasonId,
  r: number,
  fn = 'svm_range_restore_pages',
): number {
  const { mm } = process;
  if (mm !== null)
    dev.module.kernel.note({
      event: 'hmm_fault_failed',
      fn,
      mm,
      addr: addr * PAGE_SIZE,
      args: { device: `gpu${dev.gpuidx}` },
      reason: { id },
    });
  return r;
}

/** An access of a GPU that its page table does not allow. */
interface GpuFault {
  readonly pdd: KfdProcessDevice;
  readonly mm: MmStruct;
  /** The page. */
  readonly addr: number;
  readonly write_fault: boolean;
  /** When it happened, in simulated ns. */
  readonly timestamp: number;
}

/** Context: mmap_lock held for read, svms.lock, the range's migrate_mutex. */
function* restore_range(prange: SvmRange, fault: GpuFault): Task<number> {
  const { pdd, mm, addr, write_fault, timestamp } = fault;
  if (svm_range_skip_recover(prange)) return 0;
  if (timestamp < prange.validate_timestamp + AMDGPU_SVM_RANGE_RETRY_FAULT_PENDING) return 0;
  const vma = mm.vmas.vma_lookup(addr * PAGE_SIZE);
  if (vma === null) return 0;
  if (!svm_fault_allowed(vma, write_fault))
    return gpu_fault_fails(pdd, addr, write_fault ? 'vma-not-writable' : 'vma-not-readable', -EPERM);
  const best_loc = svm_range_best_restore_location(prange, pdd);
  if (best_loc === -1) return gpu_fault_fails(pdd, addr, 'gpu-has-no-access', -EACCES);
  const { dev, process } = pdd;
  kfd_smi_event_page_fault_start(dev, process.lead_pid, addr, write_fault);
  const size = 2 ** prange.granularity;
  const granule = addr - (addr % size);
  const start = Math.max(granule, prange.start);
  const last = Math.min(granule + size - 1, prange.last);
  const migration = yield* migrate_to(prange, best_loc, start, last, mm);
  if (typeof migration === 'number') return migration;
  const r = yield* svm_range_validate_and_map(mm, start, last, prange, dev.gpuidx);
  kfd_smi_event_page_fault_end(dev, process.lead_pid, addr, migration);
  return r;
}

/** Find the range, or make one, and restore it. Context: mm in use. */
function* restore_addr(fault: GpuFault): Task<number> {
  const where = 'svm_range_restore_pages';
  const { pdd, mm, addr } = fault;
  const { process } = pdd;
  const { svms } = process;
  yield* mm.mmap_lock.down_read(where);
  yield* svms.lock.mutex_lock(where);
  let prange = svm_range_from_addr(svms, addr);
  if (prange === null) {
    // A new range has a notifier, for which the lock is needed for write.
    svms.lock.mutex_unlock();
    mm.mmap_lock.up_read();
    yield* mm.mmap_lock.down_write(where);
    yield* svms.lock.mutex_lock(where);
    prange = svm_range_from_addr(svms, addr) ?? svm_range_create_unregistered_range(process, mm, addr);
    mm.mmap_lock.downgrade_write();
  }
  let r = -EFAULT;
  if (prange === null) {
    const none = mm.vmas.vma_lookup(addr * PAGE_SIZE) === null;
    gpu_fault_fails(pdd, addr, none ? 'no-vma' : 'gpu-does-not-map-buffer', r);
  } else {
    yield* prange.migrate_mutex.mutex_lock(where);
    r = yield* restore_range(prange, fault);
    prange.migrate_mutex.mutex_unlock();
  }
  svms.lock.mutex_unlock();
  mm.mmap_lock.up_read();
  if (r !== -EAGAIN) pdd.faults++;
  return r;
}

/**
 * A GPU faults at page `addr` of the process. Context: may sleep.
 * Return: 0, and the GPU tries again; -EFAULT, -EPERM, -EACCES where its access cannot be.
 */
export function* svm_range_restore_pages(
  pdd: KfdProcessDevice,
  addr: number,
  write_fault: boolean,
): Task<number> {
  const { process, dev } = pdd;
  const { mm, svms } = process;
  const timestamp = dev.module.kernel.executor.now;
  if (!KFD_IS_SVM_API_SUPPORTED(dev)) return -EFAULT;
  if (svms.drain_pagefaults) return 0;
  if (!process.xnack_enabled) return gpu_fault_fails(pdd, addr, 'gpu-does-not-retry', -EFAULT);
  if (mm === null || !dev.module.kernel.mmget_not_zero(mm)) return 0;
  const r = yield* restore_addr({ pdd, mm, addr, write_fault, timestamp });
  yield* mmput(mm);
  return r === -EAGAIN ? 0 : r;
}
