// SPDX-License-Identifier: GPL-2.0-only
/**
 * The requests of a nouveau render node. SVM_INIT and SVM_BIND are the kernel's (include/uapi/drm/nouveau_drm.h), with
 * ranges instead of their structs; what the GPU does is asked for in the same way, by numbers of ours.
 */
import { DRIVER_RANGE_BYTES, driverAnswer } from './driver_range.js';

export const NOUVEAU_FILE = '/dev/dri/renderD128';

const iowr = (nr: number): number => (0xc0000000 + DRIVER_RANGE_BYTES * 0x10000 + 0x6400 + nr) >>> 0;

export const nouveauRequests = {
  SVM_INIT: iowr(0x48),
  /** NOUVEAU_SVM_BIND_COMMAND__MIGRATE to GPU_VRAM. */
  SVM_BIND: iowr(0x49),
  GPU_READ: iowr(0xc0),
  GPU_WRITE: iowr(0xc1),
  GPU_ATOMIC: iowr(0xc2),
  GPU_PREFETCH: iowr(0xc3),
  /** The next copy to or from the GPU fails. */
  FAIL_COPY: iowr(0xc4),
  /** It is not done, and the driver does not hear of that. */
  LOSE_COPY: iowr(0xc5),
} as const;

export type NouveauRequest = keyof typeof nouveauRequests;

/** Pages that the GPU accessed, and its faults. */
export function nouveauAnswer(bytes: Uint8Array): { readonly cpages: number; readonly faults: number } {
  const { done, more } = driverAnswer(bytes);
  return { cpages: done, faults: Number(more) };
}
