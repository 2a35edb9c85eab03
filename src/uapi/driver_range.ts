// SPDX-License-Identifier: GPL-2.0-only
/**
 * What requests of kvm_hv, nouveau and amdgpu are given here, whose own structs each say more: a range, a buffer of as many
 * pages, and two words for the answer.
 */
import { exactU64At, putU64, type U64 } from '../sim/bytes.js';

export const DRIVER_RANGE_BYTES = 40;

const DONE = 24;
const MORE = 32;

export interface DriverRange {
  /** Bytes, user addresses. */
  readonly addr: number;
  readonly npages: number;
  readonly ptr: number;
}

export function encodeDriverRange({ addr, npages, ptr }: DriverRange): Uint8Array {
  const bytes = new Uint8Array(DRIVER_RANGE_BYTES);
  putU64(bytes, 0, addr);
  putU64(bytes, 8, npages);
  putU64(bytes, 16, ptr);
  return bytes;
}

export function decodeDriverRange(bytes: Uint8Array): DriverRange {
  const at = (offset: number): number => Number(exactU64At(bytes, offset));
  return { addr: at(0), npages: at(8), ptr: at(16) };
}

/** `done`: pages; `more`: what else the driver answers. */
export function putDriverAnswer(bytes: Uint8Array, done: number, more: U64): void {
  putU64(bytes, DONE, done);
  putU64(bytes, MORE, more);
}

export function driverAnswer(bytes: Uint8Array): { readonly done: number; readonly more: U64 } {
  return { done: Number(exactU64At(bytes, DONE)), more: exactU64At(bytes, MORE) };
}
