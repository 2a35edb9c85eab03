// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: drivers/gpu/drm/amd/amdkfd/kfd_chardev.c: buffers, by their handles. Fidelity: ported, for buffers of user pointers. */
import type { MmStruct } from '../../mm/types.js';
import { copy_from_user } from '../../mm/uaccess.js';
import { u32At } from '../../sim/bytes.js';
import type { Task } from '../../sim/task.js';
import { EADDRINUSE, EFAULT, EINVAL, ENODEV, ENOMEM } from '../../uapi/errno.js';
import * as uapi from '../../uapi/kfd_ioctl.js';
import { PAGE_SIZE } from '../../uapi/mman.js';
import {
  amdgpu_amdkfd_gpuvm_alloc_memory_of_gpu,
  amdgpu_amdkfd_gpuvm_free_memory_of_gpu,
  amdgpu_amdkfd_gpuvm_map_memory_to_gpu,
  amdgpu_amdkfd_gpuvm_unmap_memory_from_gpu,
  type BufferRequest,
} from './amdgpu_amdkfd_gpuvm.js';
import type { AmdgpuVm } from './amdgpu_vm.js';
import { type KfdCall, type KfdProcess, type KgdMem, kfd_process_device_data_by_id } from './kfd_priv.js';
import { svm_range_list_lock_and_flush_work } from './kfd_svm_notifier.js';
import { interval_tree_overlaps } from './kfd_svm_tree.js';

/** Bytes that kmalloc() has at most. */
const KMALLOC_MAX_SIZE = 2 ** 22;

// --- handles ----------------------------------------------------------------------------------------------------

const HIGH = 2 ** 32;
/** A handle that is never given out. */
const NO_HANDLE = HIGH - 1;

const MAKE_HANDLE = (gpu_id: number, idr_handle: number): number => gpu_id * HIGH + idr_handle;
const pdd_of_handle = (p: KfdProcess, handle: number) =>
  kfd_process_device_data_by_id(p, Math.floor(handle / HIGH));

/** The handle of the buffer that GPUs have at this address, as user space remembers it. */
export function handle_at({ pdds }: KfdProcess, va: number): number {
  for (const { alloc_idr, dev } of pdds) {
    const id = alloc_idr.findIndex((mem) => mem?.va === va);
    if (id >= 0) return MAKE_HANDLE(dev.id, id);
  }
  return MAKE_HANDLE(pdds[0]!.dev.id, NO_HANDLE);
}

// --- requests ---------------------------------------------------------------------------------------------------

/** Whether shared virtual memory has some of these bytes. */
function has_svm({ svms }: KfdProcess, start: number, size: number): boolean {
  const page = (addr: number): number => Math.floor(addr / PAGE_SIZE);
  return interval_tree_overlaps(svms, page(start), page(start + size - 1)).length > 0;
}

/** kfd_ioctl_alloc_memory_of_gpu(). Context: may sleep. Return: the buffer's handle, or -errno. */
export function* alloc_buffer(
  p: KfdProcess,
  mm: MmStruct,
  gpu_id: number,
  request: BufferRequest,
): Task<number> {
  const where = 'kfd_ioctl_alloc_memory_of_gpu';
  const { va, size, offset, flags } = request;
  if (size === 0) return -EINVAL;
  yield* svm_range_list_lock_and_flush_work(p, mm);
  yield* p.svms.lock.mutex_lock(where);
  mm.mmap_lock.up_write();
  const isUserptr = (flags & uapi.KFD_IOC_ALLOC_MEM_FLAGS_USERPTR) !== 0;
  const taken = has_svm(p, va, size) || (isUserptr && has_svm(p, offset, size));
  p.svms.lock.mutex_unlock();
  if (taken) return -EADDRINUSE;
  yield* p.mutex.mutex_lock(where);
  const pdd = kfd_process_device_data_by_id(p, gpu_id);
  let r: number | KgdMem;
  if (pdd === undefined) r = -EINVAL;
  else if (pdd.vm === null) r = -ENODEV;
  else r = yield* amdgpu_amdkfd_gpuvm_alloc_memory_of_gpu(p, mm, request);
  if (typeof r !== 'number') {
    const { alloc_idr } = pdd!;
    const hole = alloc_idr.indexOf(undefined);
    const id = hole < 0 ? alloc_idr.length : hole;
    alloc_idr[id] = r;
    r = MAKE_HANDLE(gpu_id, id);
  }
  p.mutex.mutex_unlock();
  return r;
}

export function* alloc_memory_of_gpu({ p, mm, bytes }: KfdCall): Task<number> {
  const { va_addr, size, mmap_offset, gpu_id, flags } = uapi.decodeStruct(
    uapi.KFD_ALLOC_MEMORY_OF_GPU,
    bytes,
  );
  const handle = yield* alloc_buffer(p, mm, gpu_id, { va: va_addr, size, offset: mmap_offset, flags });
  if (handle < 0) return handle;
  // The CPU maps such a buffer by no offset in a render node.
  uapi.encodeStruct(uapi.KFD_ALLOC_MEMORY_OF_GPU, { handle, mmap_offset: 0 }, bytes);
  return 0;
}

/** kfd_ioctl_free_memory_of_gpu(). Context: may sleep. Return: 0, -EINVAL, -EBUSY. */
export function* free_buffer(p: KfdProcess, handle: number): Task<number> {
  yield* p.mutex.mutex_lock('kfd_ioctl_free_memory_of_gpu');
  const alloc_idr = pdd_of_handle(p, handle)?.alloc_idr;
  const mem = alloc_idr?.[handle % HIGH];
  let r = -EINVAL;
  if (mem !== undefined) r = yield* amdgpu_amdkfd_gpuvm_free_memory_of_gpu(mem);
  if (r === 0) alloc_idr![handle % HIGH] = undefined;
  p.mutex.mutex_unlock();
  return r;
}

export const free_memory_of_gpu = ({ p, bytes }: KfdCall): Task<number> =>
  free_buffer(p, uapi.decodeStruct(uapi.KFD_FREE_MEMORY_OF_GPU, bytes).handle);

/** What is done with a buffer and the page table of one GPU. */
type Change = (mem: KgdMem, vm: AmdgpuVm) => Task<number>;

/** For each GPU in turn, from the `first` on. Context: the process's mutex. Return: how many are done, and 0 or why no more. */
function* change_on(
  p: KfdProcess,
  handle: number,
  gpu_ids: readonly number[],
  first: number,
  change: Change,
): Task<{ readonly done: number; readonly r: number }> {
  const pdd = pdd_of_handle(p, handle);
  if (pdd === undefined) return { done: first, r: -EINVAL };
  const mem = pdd.alloc_idr[handle % HIGH];
  if (mem === undefined) return { done: first, r: -ENOMEM };
  for (let done = first; done < gpu_ids.length; done++) {
    const peer = kfd_process_device_data_by_id(p, gpu_ids[done]!);
    if (peer === undefined) return { done, r: -EINVAL };
    if (peer.vm === null) return { done, r: -ENODEV };
    const r = yield* change(mem, peer.vm);
    if (r !== 0) return { done, r };
  }
  return { done: gpu_ids.length, r: 0 };
}

/** kfd_ioctl_map_memory_to_gpu() and kfd_ioctl_unmap_memory_from_gpu(). */
function* change_mapping({ p, mm, bytes }: KfdCall, change: Change): Task<number> {
  const { handle, device_ids_array_ptr, n_devices, n_success } = uapi.decodeStruct(
    uapi.KFD_MAP_MEMORY_TO_GPU,
    bytes,
  );
  if (n_devices === 0 || n_success > n_devices) return -EINVAL;
  if (n_devices * 4 > KMALLOC_MAX_SIZE) return -ENOMEM;
  const ids = yield* copy_from_user(mm, device_ids_array_ptr, n_devices * 4);
  if (ids === null) return -EFAULT;
  const gpu_ids = Array.from({ length: n_devices }, (_, n) => u32At(ids, n * 4));
  yield* p.mutex.mutex_lock('kfd_ioctl_map_memory_to_gpu');
  const { done, r } = yield* change_on(p, handle, gpu_ids, n_success, change);
  p.mutex.mutex_unlock();
  uapi.encodeStruct(uapi.KFD_MAP_MEMORY_TO_GPU, { n_success: done }, bytes);
  return r;
}

/** The same with one GPU. Context: may sleep. Return: 0 or -errno. */
function* change_on_one(p: KfdProcess, handle: number, gpu_id: number, change: Change): Task<number> {
  yield* p.mutex.mutex_lock('kfd_ioctl_map_memory_to_gpu');
  const { r } = yield* change_on(p, handle, [gpu_id], 0, change);
  p.mutex.mutex_unlock();
  return r;
}

export const map_memory_to_gpu = (call: KfdCall): Task<number> =>
  change_mapping(call, amdgpu_amdkfd_gpuvm_map_memory_to_gpu);

export const unmap_memory_from_gpu = (call: KfdCall): Task<number> =>
  change_mapping(call, amdgpu_amdkfd_gpuvm_unmap_memory_from_gpu);

export const map_buffer = (p: KfdProcess, handle: number, gpu_id: number): Task<number> =>
  change_on_one(p, handle, gpu_id, amdgpu_amdkfd_gpuvm_map_memory_to_gpu);

export const unmap_buffer = (p: KfdProcess, handle: number, gpu_id: number): Task<number> =>
  change_on_one(p, handle, gpu_id, amdgpu_amdkfd_gpuvm_unmap_memory_from_gpu);
