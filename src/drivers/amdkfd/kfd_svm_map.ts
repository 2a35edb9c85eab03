// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: drivers/gpu/drm/amd/amdkfd/kfd_svm.c: ranges in the page tables of GPUs. Fidelity: ported, without
 * reservations of page tables and without memory types.
 */
import { type MmStruct, VM_READ, VM_WRITE, type VmArea } from '../../mm/types.js';
import type { Task } from '../../sim/task.js';
import { EAGAIN, EFAULT, EINVAL } from '../../uapi/errno.js';
import {
  KFD_IOCTL_SVM_FLAG_GPU_ALWAYS_MAPPED,
  KFD_IOCTL_SVM_FLAG_GPU_RO,
  KFD_SVM_UNMAP_TRIGGER_UNMAP_FROM_CPU,
} from '../../uapi/kfd_ioctl.js';
import { PAGE_SIZE } from '../../uapi/mman.js';
import { amdgpu_hmm_range_get_pages, amdgpu_hmm_range_get_pages_done } from './amdgpu_hmm.js';
import { DmaAddr } from './amdgpu_vm.js';
import {
  bitsOf,
  type KfdProcess,
  kfd_process_gpuidx_from_gpuid,
  SVM_ADEV_PGMAP_OWNER,
  type SvmRange,
  svm_nodes_in_same_hive,
} from './kfd_priv.js';
import { kfd_smi_event_unmap_from_gpu } from './kfd_smi_events.js';

// --- unmapping ------------------------------------------------------------------------------------------------

/** Pages [start, last] are no longer in any GPU's page table. Context: the range's lock; may not sleep. */
export function svm_range_unmap_from_gpus(
  prange: SvmRange,
  start: number,
  last: number,
  trigger: number,
): void {
  if (!prange.mapped_to_gpu) return;
  if (prange.start === start && prange.last === last) prange.mapped_to_gpu = false;
  const { process } = prange;
  for (const gpuidx of bitsOf(prange.bitmap_access | prange.bitmap_aip)) {
    const { dev, vm } = process.pdds[gpuidx]!;
    kfd_smi_event_unmap_from_gpu(dev, process.lead_pid, start, last, trigger);
    vm?.unmap(start, last);
  }
}

// --- mapping --------------------------------------------------------------------------------------------------

/** Note where the pages are, for each GPU that is to map them. */
function svm_range_dma_map(prange: SvmRange, bitmap: number, offset: number, hmm_pfns: Uint32Array): void {
  for (const gpuidx of bitsOf(bitmap)) {
    prange.dma_addr[gpuidx] ??= new DmaAddr(prange.npages);
    prange.dma_addr[gpuidx].set(hmm_pfns, offset);
  }
}

/** `offset` and `npages`: of the range. Return: 0, or -EINVAL for a GPU that the process has not acquired. */
function svm_range_map_to_gpus(
  prange: SvmRange,
  offset: number,
  npages: number,
  readonly: boolean,
  bitmap: number,
): number {
  const { process, svm_bo, ttm_res, start } = prange;
  const bo_node = ttm_res ? (svm_bo?.node ?? null) : null;
  const writeable = !readonly && (prange.flags & KFD_IOCTL_SVM_FLAG_GPU_RO) === 0;
  for (const gpuidx of bitsOf(bitmap)) {
    const { dev, vm } = process.pdds[gpuidx]!;
    if (vm === null) return -EINVAL;
    if (bo_node !== null && !svm_nodes_in_same_hive(dev, bo_node)) continue;
    vm.map(start + offset, start + offset + npages - 1, prange.dma_addr[gpuidx]!, offset, writeable);
    if (dev.module.kernel.trace !== null) {
      tell_mapped('svm_range_map_to_gpu', process.mm!, gpuidx, start + offset, npages);
    }
  }
  return 0;
}

/** Tell whoever listens that a GPU has pages in its page table now. */
export function tell_mapped(fn: string, mm: MmStruct, gpuidx: number, start: number, npages: number): void {
  for (let n = 0; n < npages; n++) {
    mm.kernel.note({
      event: 'device_fault',
      tracepoint: 'device_fault',
      fn,
      mm,
      addr: (start + n) * PAGE_SIZE,
      args: { device: `gpu${gpuidx}` },
    });
  }
}

/** The GPUs that are to map the range; -EINVAL where it is on one that the process has not. `gpuidx`: -1 for all that may. */
function mapping_gpus(prange: SvmRange, gpuidx: number): number {
  if (gpuidx >= 0) return 1 << gpuidx;
  const { process, bitmap_access, bitmap_aip, actual_loc } = prange;
  if (!process.xnack_enabled) return bitmap_access | bitmap_aip;
  let bitmap = bitmap_aip;
  if (actual_loc !== 0) {
    const there = kfd_process_gpuidx_from_gpuid(process, actual_loc);
    if (there < 0) return -EINVAL;
    bitmap |= bitmap_access & (1 << there);
  }
  if (bitmap !== 0) return bitmap;
  const always = (prange.flags & KFD_IOCTL_SVM_FLAG_GPU_ALWAYS_MAPPED) !== 0;
  return prange.mapped_to_gpu || always ? bitmap_access : 0;
}

/** Whose private pages all of the GPUs read; null where there is nobody. */
function kfd_svm_page_owner(p: KfdProcess, bitmap: number): object | null {
  const owners = new Set(bitsOf(bitmap).map((gpuidx) => SVM_ADEV_PGMAP_OWNER(p.pdds[gpuidx]!.dev)));
  return owners.size === 1 ? [...owners][0]! : null;
}

/**
 * Fault pages [map_start, map_last] of the range in, and map them on its GPUs; `gpuidx`: on that one alone, -1 for all that may.
 * Context: mmap_lock, the process's svms.lock, the range's migrate_mutex; may sleep.
 * Return: 0, -EAGAIN when they were invalidated meanwhile, -EFAULT, -EPERM, -EINVAL.
 */
export function* svm_range_validate_and_map(
  mm: MmStruct,
  map_start: number,
  map_last: number,
  prange: SvmRange,
  gpuidx: number,
): Task<number> {
  const { kernel } = prange.process.module;
  const bitmap = mapping_gpus(prange, gpuidx);
  if (bitmap <= 0) return bitmap;
  if (prange.actual_loc !== 0 && !prange.ttm_res) {
    kernel.warn_on_once('svm_range_validate_and_map', 'VRAM BO missing during validation');
    return -EINVAL;
  }
  const end = (map_last + 1) * PAGE_SIZE;
  let r = 0;
  for (let addr = map_start * PAGE_SIZE; r === 0 && addr < end; ) {
    const vma = mm.vmas.vma_lookup(addr);
    if (vma === null) return -EFAULT;
    const next = Math.min(vma.vm_end, end);
    if ((vma.vm_flags & VM_READ) === 0) yield* unmap_unreadable(prange, map_start, map_last);
    else r = yield* map_vma(prange, vma, addr, next, bitmap, next === end);
    addr = next;
  }
  if (r === 0) prange.validate_timestamp = kernel.executor.now;
  return r;
}

/** What the CPU may not read, no GPU does. The kernel compares a byte's number with a page's, so that nothing is unmapped. */
function* unmap_unreadable(prange: SvmRange, map_start: number, map_last: number): Task {
  yield* prange.lock.mutex_lock('svm_range_validate_and_map');
  const s = Math.max(map_start * PAGE_SIZE, prange.start);
  const e = Math.min((map_last + 1) * PAGE_SIZE, prange.last);
  if (e >= s) svm_range_unmap_from_gpus(prange, s, e, KFD_SVM_UNMAP_TRIGGER_UNMAP_FROM_CPU);
  prange.lock.mutex_unlock();
}

/** Bytes [addr, next) of one VMA. */
function* map_vma(
  prange: SvmRange,
  vma: VmArea,
  addr: number,
  next: number,
  bitmap: number,
  isLast: boolean,
): Task<number> {
  const { process } = prange;
  const { svms } = process;
  const readonly = (vma.vm_flags & VM_WRITE) === 0;
  const npages = (next - addr) / PAGE_SIZE;
  const offset = addr / PAGE_SIZE - prange.start;
  svms.faulting_task = process.module.kernel.executor.current;
  const owner = kfd_svm_page_owner(process, bitmap);
  const pages = yield* amdgpu_hmm_range_get_pages(prange.notifier, addr, npages, readonly, owner);
  svms.faulting_task = null;
  let r = 0;
  if (typeof pages === 'number') r = pages;
  else svm_range_dma_map(prange, bitmap, offset, pages.hmm_pfns);
  yield* prange.lock.mutex_lock('svm_range_validate_and_map');
  if (typeof pages !== 'number' && amdgpu_hmm_range_get_pages_done(pages)) r = -EAGAIN;
  if (r === 0 && prange.child_list.length > 0) r = -EAGAIN;
  if (r === 0) r = svm_range_map_to_gpus(prange, offset, npages, readonly, bitmap);
  if (r === 0 && isLast) prange.mapped_to_gpu = true;
  prange.lock.mutex_unlock();
  return r;
}
