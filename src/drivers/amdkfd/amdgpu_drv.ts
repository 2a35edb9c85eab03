// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: drivers/gpu/drm/amd/amdgpu/amdgpu_drv.c: render nodes. Fidelity: simplified: a file has a page table, and takes
 * requests of ours, which stand for a program on the GPU that is waited for.
 */

import type { FileOperations, OpenFile } from '../../fs/file.js';
import { telling } from '../../kernel/told-command.js';
import type { MmStruct } from '../../mm/types.js';
import { copy_from_user, copy_to_user } from '../../mm/uaccess.js';
import { u32At } from '../../sim/bytes.js';
import type { Task } from '../../sim/task.js';
import { type DriverRange, putDriverAnswer } from '../../uapi/driver_range.js';
import { EBADF, EFAULT, EINVAL, EIO, ENOTTY } from '../../uapi/errno.js';
import { KFD_IOC_ALLOC_MEM_FLAGS_USERPTR, KFD_IOC_ALLOC_MEM_FLAGS_WRITABLE } from '../../uapi/kfd_ioctl.js';
import { type AmdgpuRequest, amdgpuRequests } from '../../uapi/kfd_sim.js';
import { PAGE_SIZE } from '../../uapi/mman.js';
import { readDriverRange } from '../driver_range.js';
import { AmdgpuVm } from './amdgpu_vm.js';
import { alloc_buffer, free_buffer, handle_at, map_buffer, unmap_buffer } from './kfd_chardev_buffers.js';
import { type KfdNode, type KfdProcessDevice, kfd_lookup_process_by_mm } from './kfd_priv.js';
import { gpuFileOf, kfd_process_device_init_vm } from './kfd_process.js';
import { GpuAccess } from './kfd_queue.js';
import { gpu_fault_fails } from './kfd_svm_fault.js';

/** Pages that a buffer may have: those of the whole address space. */
const USERPTR_PAGES = 2 ** 35;

const requests = new Map(Object.entries(amdgpuRequests).map(([name, nr]) => [nr, name as AmdgpuRequest]));

/** Pages one after the other, until one cannot be accessed. `caller`: whose buffer is read or filled. Return: 0, -EINVAL, -EIO or -EFAULT. */
function* access(
  pdd: KfdProcessDevice,
  caller: MmStruct,
  write: boolean,
  { vm, bytes, range: { addr, npages, ptr } }: Call,
): Task<number> {
  if (pdd.vm !== vm)
    return gpu_fault_fails(
      pdd,
      addr / PAGE_SIZE,
      'gpu-vm-not-acquired',
      -EINVAL,
      'kfd_process_device_init_vm',
    );
  if (pdd.killed)
    return gpu_fault_fails(pdd, addr / PAGE_SIZE, 'gpu-queues-gone', -EIO, 'kfd_dqm_evict_pasid');
  const gpu = new GpuAccess(pdd);
  const { faults } = pdd;
  const data = new Uint8Array(PAGE_SIZE);
  for (let n = 0; n < npages; n++) {
    const [at, buffer] = [addr + n * PAGE_SIZE, ptr + n * PAGE_SIZE];
    if (write) {
      const word = yield* copy_from_user(caller, buffer, 4);
      if (word === null) return -EFAULT;
      if (!(yield* gpu.fill(at, PAGE_SIZE, u32At(word, 0)))) return -EIO;
    } else {
      if (!(yield* gpu.read(at, data))) return -EIO;
      if (!(yield* copy_to_user(caller, buffer, data))) return -EFAULT;
    }
  }
  putDriverAnswer(bytes, npages, pdd.faults - faults);
  return 0;
}

/** The program's threads of the GPU read or write a range. */
function* gpu_access(pdd: KfdProcessDevice, mm: MmStruct, call: Call, arg: number): Task<number> {
  const { name, bytes, range } = call;
  const write = name === 'GPU_WRITE';
  const ret = yield* telling(
    {
      mm,
      addr: range.addr,
      pages: range.npages,
      name,
      does: write ? 'write' : 'read',
      fn: 'svm_range_restore_pages',
      device: `gpu${pdd.dev.gpuidx}`,
      file: gpuFileOf(pdd.process),
    },
    access(pdd, mm, write, call),
  );
  if (ret < 0) return ret;
  return (yield* copy_to_user(mm, arg, bytes)) ? 0 : -EFAULT;
}

/** What a library of user space asks /dev/kfd for, which knows the buffer's handle by its address. */
function* userptr(pdd: KfdProcessDevice, mm: MmStruct, { name, range, vm }: Call): Task<number> {
  if (pdd.vm !== vm) return -EINVAL;
  const { process: p, dev } = pdd;
  const { addr, npages } = range;
  const handle = handle_at(p, addr);
  if (name === 'FREE_USERPTR') return yield* free_buffer(p, handle);
  if (name === 'MAP_USERPTR') return yield* map_buffer(p, handle, dev.id);
  if (name === 'UNMAP_USERPTR') return yield* unmap_buffer(p, handle, dev.id);
  const flags = (KFD_IOC_ALLOC_MEM_FLAGS_USERPTR | KFD_IOC_ALLOC_MEM_FLAGS_WRITABLE) >>> 0;
  const r = yield* alloc_buffer(p, mm, dev.id, { va: addr, size: npages * PAGE_SIZE, offset: addr, flags });
  return Math.min(r, 0);
}

/** A request, and the struct that takes its answer. */
interface Call {
  readonly name: AmdgpuRequest;
  readonly bytes: Uint8Array;
  readonly range: DriverRange;
  /** The page table of the file that it is made on. */
  readonly vm: AmdgpuVm;
}

function* amdgpu_ioctl(node: KfdNode, file: OpenFile, mm: MmStruct, cmd: number, arg: number): Task<number> {
  const name = requests.get(cmd);
  if (name === undefined) return -ENOTTY;
  const request = yield* name.endsWith('_USERPTR')
    ? readDriverRange(mm, arg, USERPTR_PAGES)
    : readDriverRange(mm, arg);
  if (typeof request === 'number') return request;
  const vm = file.private_data as AmdgpuVm;
  const p = kfd_lookup_process_by_mm(node.module, mm);
  if (p === null) return -EBADF;
  const pdd = p.pdds[node.gpuidx]!;
  if (name === 'ACQUIRE_VM') return yield* kfd_process_device_init_vm(p, pdd, vm);
  const call = { name, ...request, vm };
  return yield* name.endsWith('_USERPTR') ? userptr(pdd, mm, call) : gpu_access(pdd, mm, call, arg);
}

export const amdgpu_driver_kms_fops = (node: KfdNode): FileOperations => ({
  name: 'amdgpu',
  // biome-ignore lint/correctness/useYield: open() may sleep; this one has no need to.
  *open(file) {
    file.private_data = new AmdgpuVm();
    return 0;
  },
  unlocked_ioctl: (file, mm, cmd, arg) => amdgpu_ioctl(node, file, mm, cmd, arg),
});
