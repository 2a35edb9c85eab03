// SPDX-License-Identifier: GPL-2.0-only
/**
 * The requests of a nouveau render node. SVM_INIT and SVM_BIND are the kernel's (include/uapi/drm/nouveau_drm.h), with
 * ranges instead of their structs; what the GPU does is asked for in the same way, by numbers of ours.
 */
import { exactU64At, putU64 } from '../sim/bytes.js';

export const NOUVEAU_FILE = '/dev/dri/renderD128';

/** struct of all requests: the range, a buffer of as many pages, and the answer. */
export const NOUVEAU_RANGE_BYTES = 40;

const DONE = 24;
const FAULTS = 32;

const iowr = (nr: number): number => (0xc0000000 + NOUVEAU_RANGE_BYTES * 0x10000 + 0x6400 + nr) >>> 0;

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
} as const;

export type NouveauRequest = keyof typeof nouveauRequests;

export interface NouveauRange {
  /** Bytes, user addresses. */
  readonly addr: number;
  readonly npages: number;
  readonly ptr: number;
}

export function encodeNouveauRange({ addr, npages, ptr }: NouveauRange): Uint8Array {
  const bytes = new Uint8Array(NOUVEAU_RANGE_BYTES);
  putU64(bytes, 0, addr);
  putU64(bytes, 8, npages);
  putU64(bytes, 16, ptr);
  return bytes;
}

export function decodeNouveauRange(bytes: Uint8Array): NouveauRange {
  const at = (offset: number): number => Number(exactU64At(bytes, offset));
  return { addr: at(0), npages: at(8), ptr: at(16) };
}

/** `done`: pages that the GPU accessed; `faults`: of the GPU. */
export function putNouveauAnswer(bytes: Uint8Array, done: number, faults: number): void {
  putU64(bytes, DONE, done);
  putU64(bytes, FAULTS, faults);
}

export function nouveauAnswer(bytes: Uint8Array): { readonly cpages: number; readonly faults: number } {
  return { cpages: Number(exactU64At(bytes, DONE)), faults: Number(exactU64At(bytes, FAULTS)) };
}
