// SPDX-License-Identifier: GPL-2.0-only
/**
 * The requests of /dev/kvm. A file of it is a virtual machine here, and what a guest or its Ultravisor does is asked for
 * in the same way: the numbers are ours, the names are the kernel's where it has any.
 */
import { exactU64At, putU64 } from '../sim/bytes.js';

export const KVM_FILE = '/dev/kvm';

/** struct of all requests: the range, a buffer of as many pages, and the answer. */
export const KVM_RANGE_BYTES = 40;

const DONE = 24;
const HCALL = 32;

const iowr = (nr: number): number => (0xc0000000 + KVM_RANGE_BYTES * 0x10000 + 0xae00 + nr) >>> 0;

export const kvmRequests = {
  /** The range becomes the guest's memory, behind what it has. */
  SET_MEMORY: iowr(0xc0),
  /** KVM_CAP_PPC_SECURE_GUEST. */
  ENABLE_SECURE_GUEST: iowr(0xc1),
  H_SVM_INIT_START: iowr(0xc2),
  H_SVM_INIT_DONE: iowr(0xc3),
  H_SVM_INIT_ABORT: iowr(0xc4),
  H_SVM_PAGE_IN: iowr(0xc5),
  /** H_SVM_PAGE_IN with H_PAGE_IN_SHARED. */
  H_SVM_PAGE_SHARE: iowr(0xc6),
  H_SVM_PAGE_OUT: iowr(0xc7),
  SVM_OFF: iowr(0xc8),
  GUEST_READ: iowr(0xc9),
  GUEST_WRITE: iowr(0xca),
} as const;

export type KvmRequest = keyof typeof kvmRequests;

// arch/powerpc/include/asm/hvcall.h
export const H_SUCCESS = 0;
export const H_PARAMETER = -4;
export const H_AUTHORITY = -10;
export const H_UNSUPPORTED = -67;
export const H_STATE = -75;

const hcallNames: Readonly<Record<number, string>> = {
  [H_SUCCESS]: 'H_SUCCESS',
  [H_PARAMETER]: 'H_PARAMETER',
  [H_AUTHORITY]: 'H_AUTHORITY',
  [H_UNSUPPORTED]: 'H_UNSUPPORTED',
  [H_STATE]: 'H_STATE',
};

export interface KvmRange {
  /** Bytes, user addresses of the hypervisor's process. */
  readonly addr: number;
  readonly npages: number;
  readonly ptr: number;
}

export function encodeKvmRange({ addr, npages, ptr }: KvmRange): Uint8Array {
  const bytes = new Uint8Array(KVM_RANGE_BYTES);
  putU64(bytes, 0, addr);
  putU64(bytes, 8, npages);
  putU64(bytes, 16, ptr);
  return bytes;
}

export function decodeKvmRange(bytes: Uint8Array): KvmRange {
  const at = (offset: number): number => Number(exactU64At(bytes, offset));
  return { addr: at(0), npages: at(8), ptr: at(16) };
}

/** `done`: pages; `hcall`: what the first hypervisor call answered that was refused, or H_SUCCESS. */
export function putKvmAnswer(bytes: Uint8Array, done: number, hcall: number): void {
  putU64(bytes, DONE, done);
  putU64(bytes, HCALL, BigInt.asUintN(64, BigInt(hcall)));
}

export function kvmAnswer(bytes: Uint8Array): { readonly cpages: number; readonly answer: string } {
  const hcall = Number(BigInt.asIntN(64, BigInt(exactU64At(bytes, HCALL))));
  return { cpages: Number(exactU64At(bytes, DONE)), answer: hcallNames[hcall]! };
}
