// SPDX-License-Identifier: GPL-2.0-only
/**
 * The requests of /dev/kvm. A file of it is a virtual machine here, and what a guest or its Ultravisor does is asked for
 * in the same way: the numbers are ours, the names are the kernel's where it has any.
 */
import { DRIVER_RANGE_BYTES, driverAnswer, putDriverAnswer } from './driver_range.js';

export const KVM_FILE = '/dev/kvm';

const iowr = (nr: number): number => (0xc0000000 + DRIVER_RANGE_BYTES * 0x10000 + 0xae00 + nr) >>> 0;

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

/** `done`: pages; `hcall`: what the first hypervisor call answered that was refused, or H_SUCCESS. */
export function putKvmAnswer(bytes: Uint8Array, done: number, hcall: number): void {
  putDriverAnswer(bytes, done, BigInt.asUintN(64, BigInt(hcall)));
}

export function kvmAnswer(bytes: Uint8Array): { readonly cpages: number; readonly answer: string } {
  const { done, more } = driverAnswer(bytes);
  return { cpages: done, answer: hcallNames[Number(BigInt.asIntN(64, BigInt(more)))]! };
}
