// SPDX-License-Identifier: GPL-2.0-only
/**
 * Little-endian numbers in bytes. A view of a small typed array costs more than the fields that one reads of a struct:
 * V8 has to move the array out of its heap for it.
 */

/** A 64-bit unsigned number: a bigint where a double may not hold it. */
export type U64 = number | bigint;

export function u32At(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}

/** Exact up to 2^53, and for larger multiples of what a double can hold. */
export function u64At(bytes: Uint8Array, at: number): number {
  return u32At(bytes, at) + u32At(bytes, at + 4) * 2 ** 32;
}

/** Exact: a number below 2^53, a bigint above. */
export function exactU64At(bytes: Uint8Array, at: number): U64 {
  const high = u32At(bytes, at + 4);
  const low = u32At(bytes, at);
  return high < 2 ** 21 ? low + high * 2 ** 32 : BigInt(low) + (BigInt(high) << 32n);
}

export function putU32(bytes: Uint8Array, at: number, value: number): void {
  for (let i = 0; i < 4; i++) bytes[at + i] = value >>> (8 * i);
}

/** `value`: what it holds is written exactly, also above 2^53. */
export function putU64(bytes: Uint8Array, at: number, value: U64): void {
  if (typeof value === 'bigint') {
    putU32(bytes, at, Number(value & 0xffff_ffffn));
    putU32(bytes, at + 4, Number(value >> 32n));
    return;
  }
  putU32(bytes, at, value % 2 ** 32);
  putU32(bytes, at + 4, Math.floor(value / 2 ** 32));
}
