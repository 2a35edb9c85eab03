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
import { type AmdgpuRequest, amdgpuRequests } from '../../uapi/kfd_sim.js';
import { PAGE_SIZE } from '../../uapi/mman.js';
import { readDriverRange } from '../driver_range.js';
import { AmdgpuVm } from './amdgpu_vm.js';
import { type KfdNode, type KfdProcessDevice, kfd_lookup_process_by_mm } from './kfd_priv.js';
import { gpuFileOf, kfd_process_device_init_vm } from './kfd_process.js';
import { GpuAccess } from './kfd_queue.js';

const requests = new Map(Object.entries(amdgpuRequests).map(([name, nr]) => [nr, name as AmdgpuRequest]));

/** Pages one after the other, until one cannot be accessed. `caller`: whose buffer is read or filled. Return: 0, -EIO or -EFAULT. */
function* access(
  pdd: KfdProcessDevice,
  caller: MmStruct,
  write: boolean,
  { addr, npages, ptr }: DriverRange,
  bytes: Uint8Array,
): Task<number> {
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

function* amdgpu_ioctl(node: KfdNode, file: OpenFile, mm: MmStruct, cmd: number, arg: number): Task<number> {
  const name = requests.get(cmd);
  if (name === undefined) return -ENOTTY;
  const request = yield* readDriverRange(mm, arg);
  if (typeof request === 'number') return request;
  const { bytes, range } = request;
  const { addr, npages } = range;
  const p = kfd_lookup_process_by_mm(node.module, mm);
  const vm = file.private_data as AmdgpuVm;
  if (p === null) return -EBADF;
  const pdd = p.pdds[node.gpuidx]!;
  if (name === 'ACQUIRE_VM') return yield* kfd_process_device_init_vm(p, pdd, vm);
  if (pdd.vm !== vm) return -EINVAL;
  if (pdd.killed) return -EIO;
  const write = name === 'GPU_WRITE';
  const ret = yield* telling(
    {
      mm,
      addr,
      pages: npages,
      name,
      does: write ? 'write' : 'read',
      fn: 'svm_range_restore_pages',
      device: `gpu${node.gpuidx}`,
      file: gpuFileOf(p),
    },
    access(pdd, mm, write, range, bytes),
  );
  if (ret < 0) return ret;
  return (yield* copy_to_user(mm, arg, bytes)) ? 0 : -EFAULT;
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
