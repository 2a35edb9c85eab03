// SPDX-License-Identifier: GPL-2.0-only
/**
 * The requests of amdgpu's render nodes, which are ours: ACQUIRE_VM and those of user pointers are what /dev/kfd does for such a
 * file (the GPU has a buffer at the address that the processor has its memory at), and GPU_READ and GPU_WRITE are what a
 * program on the GPU does. Each is given a range.
 */
import { DRIVER_RANGE_BYTES, driverAnswer } from './driver_range.js';
import { KFD_IOCTL_SVM_LOCATION_SYSMEM, KFD_IOCTL_SVM_LOCATION_UNDEFINED } from './kfd_ioctl.js';

const iowr = (nr: number): number => (0xc0000000 + DRIVER_RANGE_BYTES * 0x10000 + 0x6400 + nr) >>> 0;

export const amdgpuRequests = {
  ACQUIRE_VM: iowr(0xe0),
  GPU_READ: iowr(0xe1),
  GPU_WRITE: iowr(0xe2),
  ALLOC_USERPTR: iowr(0xe3),
  FREE_USERPTR: iowr(0xe4),
  MAP_USERPTR: iowr(0xe5),
  UNMAP_USERPTR: iowr(0xe6),
} as const;

export type AmdgpuRequest = keyof typeof amdgpuRequests;

/** Pages that the GPU accessed, and its faults. */
export function amdgpuAnswer(bytes: Uint8Array): { readonly cpages: number; readonly faults: number } {
  const { done, more } = driverAnswer(bytes);
  return { cpages: done, faults: Number(more) };
}

// --- nodes ------------------------------------------------------------------------------------------------

/** What the GPUs have for ids: a hash in a real machine. */
const FIRST_GPU_ID = 0x9d1c;
const GPU_ID_STEP = 0x101;

export const gpuIdOf = (gpuidx: number): number => FIRST_GPU_ID + GPU_ID_STEP * gpuidx;

/** What memory is told of a node of the topology: 0 is the processor, 1 the first GPU, and any larger number than there are GPUs none. */
export function locationOf(node: number): number {
  if (node === 0) return KFD_IOCTL_SVM_LOCATION_SYSMEM;
  return node === KFD_IOCTL_SVM_LOCATION_UNDEFINED ? node : gpuIdOf(node - 1);
}

/** "SYSMEM", "UNDEFINED", "GPU1". */
export function locationName(location: number): string {
  if (location === KFD_IOCTL_SVM_LOCATION_SYSMEM) return 'SYSMEM';
  if (location === KFD_IOCTL_SVM_LOCATION_UNDEFINED) return 'UNDEFINED';
  return `GPU${(location - FIRST_GPU_ID) / GPU_ID_STEP + 1}`;
}
