// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: drivers/gpu/drm/amd/amdgpu/amdgpu_amdkfd_gpuvm.c: buffers of a process in the page tables of its GPUs. Fidelity:
 * simplified: buffers of user pointers alone, whose memory all GPUs reach by the same addresses; no fences.
 */
import { mmu_interval_notifier_insert, mmu_interval_notifier_remove } from '../../mm/mmu_notifier.js';
import type { MmStruct } from '../../mm/types.js';
import type { Task } from '../../sim/task.js';
import { EBUSY, EINVAL, ENOMEM } from '../../uapi/errno.js';
import {
  KFD_IOC_ALLOC_MEM_FLAGS_AQL_QUEUE_MEM,
  KFD_IOC_ALLOC_MEM_FLAGS_GTT,
  KFD_IOC_ALLOC_MEM_FLAGS_USERPTR,
  KFD_IOC_ALLOC_MEM_FLAGS_VRAM,
  KFD_IOC_ALLOC_MEM_FLAGS_WRITABLE,
} from '../../uapi/kfd_ioctl.js';
import { PAGE_SIZE } from '../../uapi/mman.js';
import {
  amdgpu_hmm_hsa_ops,
  amdgpu_ttm_tt_get_user_pages,
  amdgpu_ttm_tt_set_user_pages,
  update_gpuvm_pte,
} from './amdgpu_amdkfd_userptr.js';
import type { AmdgpuVm } from './amdgpu_vm.js';
import { type AmdkfdModule, type KfdMemAttachment, type KfdProcess, KgdMem } from './kfd_priv.js';

/** amdgpu_amdkfd_reserve_mem_limit() of system memory. Return: false where that is more than there may be. */
export function reserve_system_mem(module: AmdkfdModule, pages: number): boolean {
  if (module.system_mem_used + pages > module.max_system_mem_limit) return false;
  module.system_mem_used += pages;
  return true;
}

/** A new buffer is told of what happens to its memory, and has its pages. Context: may sleep. Return: 0 or -errno. */
function* init_user_pages(mem: KgdMem, mm: MmStruct): Task<number> {
  const { userptr, npages, process } = mem;
  const { lock } = process.process_info!;
  yield* lock.mutex_lock('init_user_pages');
  let r = mmu_interval_notifier_insert(mem.notifier, mm, userptr, npages * PAGE_SIZE, amdgpu_hmm_hsa_ops);
  if (r === 0) {
    const pages = yield* amdgpu_ttm_tt_get_user_pages(mem);
    if (typeof pages === 'number') {
      r = pages;
      yield* mmu_interval_notifier_remove(mem.notifier);
    } else {
      // Pages that are no longer those have had their notifier called, and restore_userptr_work asks for others.
      amdgpu_ttm_tt_set_user_pages(mem, pages);
      mem.bound = true;
    }
  }
  lock.mutex_unlock();
  return r;
}

// --- buffers ----------------------------------------------------------------------------------------------------

/** What a program asks for: bytes, page aligned. `va`: for GPUs; `offset`: of the program. */
export interface BufferRequest {
  readonly va: number;
  readonly size: number;
  readonly offset: number;
  readonly flags: number;
}

/** DIVERGES: buffers of other kinds, and user pointers into the middle of a page, are refused. */
function is_user_pointer({ flags, offset }: BufferRequest): boolean {
  const other =
    KFD_IOC_ALLOC_MEM_FLAGS_VRAM | KFD_IOC_ALLOC_MEM_FLAGS_GTT | KFD_IOC_ALLOC_MEM_FLAGS_AQL_QUEUE_MEM;
  if ((flags & other) !== 0 || (flags & KFD_IOC_ALLOC_MEM_FLAGS_USERPTR) === 0) return false;
  return offset !== 0 && offset % PAGE_SIZE === 0;
}

/**
 * Context: the process's mutex; `mm` is the caller's; may sleep.
 * Return: the buffer, which no GPU maps yet; -EINVAL, -ENOMEM past what system memory may be named, and as amdgpu_ttm_tt_get_user_pages().
 */
export function* amdgpu_amdkfd_gpuvm_alloc_memory_of_gpu(
  p: KfdProcess,
  mm: MmStruct,
  request: BufferRequest,
): Task<KgdMem | number> {
  const { va, size, offset, flags } = request;
  if (!is_user_pointer(request)) return -EINVAL;
  const npages = Math.ceil(size / PAGE_SIZE);
  if (!reserve_system_mem(p.module, npages)) return -ENOMEM;
  const writable = (flags & KFD_IOC_ALLOC_MEM_FLAGS_WRITABLE) !== 0;
  const mem = new KgdMem(p, va, offset, npages, writable);
  const { userptr_valid_list } = p.process_info!;
  userptr_valid_list.push(mem);
  const r = yield* init_user_pages(mem, mm);
  if (r === 0) return mem;
  userptr_valid_list.splice(userptr_valid_list.indexOf(mem), 1);
  p.module.system_mem_used -= npages;
  return r;
}

/** Context: the process's mutex; may sleep. Return: 0, -EBUSY while a GPU maps it. */
export function* amdgpu_amdkfd_gpuvm_free_memory_of_gpu(mem: KgdMem): Task<number> {
  const { process, npages, mapped_to_gpu_memory } = mem;
  const { lock, userptr_valid_list, userptr_inval_list } = process.process_info!;
  if (mapped_to_gpu_memory > 0) return -EBUSY;
  yield* lock.mutex_lock('amdgpu_amdkfd_gpuvm_free_memory_of_gpu');
  const list = userptr_valid_list.includes(mem) ? userptr_valid_list : userptr_inval_list;
  list.splice(list.indexOf(mem), 1);
  lock.mutex_unlock();
  yield* mmu_interval_notifier_remove(mem.notifier);
  mem.range = null;
  process.module.system_mem_used -= npages;
  return 0;
}

// --- page tables of GPUs ------------------------------------------------------------------------------------------

/** kfd_mem_attach(). Return: null for a buffer that has no address. */
function attachment_of(mem: KgdMem, vm: AmdgpuVm): KfdMemAttachment | null {
  const known = mem.attachments.find((entry) => entry.vm === vm);
  if (known !== undefined || mem.va === 0) return known ?? null;
  const entry = { vm, is_mapped: false };
  mem.attachments.push(entry);
  return entry;
}

/** amdgpu_vm_bo_map(). Return: 0, -EINVAL for an address amid a page, or where the GPU has another buffer. */
function map_bo(mem: KgdMem, vm: AmdgpuVm): number {
  const start = mem.va / PAGE_SIZE;
  const last = start + mem.npages - 1;
  if (mem.va % PAGE_SIZE !== 0 || vm.bo_at(start, last) !== undefined) return -EINVAL;
  vm.va.push({ start, last, userptr: mem.userptr / PAGE_SIZE });
  return 0;
}

/** Context: the process's mutex; may sleep. Return: 0, -EINVAL. */
export function* amdgpu_amdkfd_gpuvm_map_memory_to_gpu(mem: KgdMem, vm: AmdgpuVm): Task<number> {
  const where = 'amdgpu_amdkfd_gpuvm_map_memory_to_gpu';
  const { lock, notifier_lock } = mem.process.process_info!;
  yield* lock.mutex_lock(where);
  yield* notifier_lock.mutex_lock(where);
  const is_invalid_userptr = mem.invalid !== 0;
  notifier_lock.mutex_unlock();
  yield* mem.lock.mutex_lock(where);
  const entry = attachment_of(mem, vm);
  let r = entry === null ? -EINVAL : 0;
  if (entry !== null && !entry.is_mapped) {
    r = map_bo(mem, vm);
    if (r === 0) {
      // Where it is invalid the queues stand still, and restore_userptr_work maps it.
      if (!is_invalid_userptr && mem.bound) update_gpuvm_pte(mem, vm);
      entry.is_mapped = true;
      mem.mapped_to_gpu_memory++;
    }
  }
  lock.mutex_unlock();
  mem.lock.mutex_unlock();
  return r;
}

/** Context: the process's mutex; may sleep. Return: 0, -EINVAL where the GPU does not map it. */
export function* amdgpu_amdkfd_gpuvm_unmap_memory_from_gpu(mem: KgdMem, vm: AmdgpuVm): Task<number> {
  yield* mem.lock.mutex_lock('amdgpu_amdkfd_gpuvm_unmap_memory_from_gpu');
  const entry = mem.attachments.find((one) => one.vm === vm && one.is_mapped);
  if (entry !== undefined) {
    const start = mem.va / PAGE_SIZE;
    vm.va.splice(
      vm.va.findIndex((mapping) => mapping.start === start),
      1,
    );
    vm.unmap(start, start + mem.npages - 1);
    entry.is_mapped = false;
    mem.mapped_to_gpu_memory--;
  }
  mem.lock.mutex_unlock();
  return entry === undefined ? -EINVAL : 0;
}

/** kfd_process_device_free_bos(): the process is gone. Context: may sleep. */
export function* kfd_process_free_outstanding_kfd_bos(p: KfdProcess): Task {
  for (const { alloc_idr } of p.pdds) {
    for (const mem of alloc_idr) {
      if (mem === undefined) continue;
      for (const { vm } of p.pdds) if (vm !== null) yield* amdgpu_amdkfd_gpuvm_unmap_memory_from_gpu(mem, vm);
      yield* amdgpu_amdkfd_gpuvm_free_memory_of_gpu(mem);
    }
    alloc_idr.length = 0;
  }
}
