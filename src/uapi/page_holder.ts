// SPDX-License-Identifier: GPL-2.0-only
/**
 * The requests of /sys/kernel/debug/page_holder, which no Linux has: it stands for somebody in the kernel who keeps
 * pages, as a driver does that takes plain references.
 */
import { exactU64At, putU64 } from '../sim/bytes.js';
import { PAGE_SIZE } from './mman.js';

const request = (dir: number, nr: number, size: number): number =>
  ((dir << 30) | (size << 16) | (0x50 << 8) | nr) >>> 0;

/** A range of user memory: its address, and its length in bytes; both are 64-bit numbers. */
export const HELD_RANGE_BYTES = 16;

export function encodeHeldRange(addr: number, pages: number): Uint8Array {
  const bytes = new Uint8Array(HELD_RANGE_BYTES);
  putU64(bytes, 0, addr);
  putU64(bytes, 8, pages * PAGE_SIZE);
  return bytes;
}

/** Return: the address, and the number of whole pages. */
export function decodeHeldRange(bytes: Uint8Array): { readonly addr: number; readonly pages: number } {
  return { addr: Number(exactU64At(bytes, 0)), pages: Math.floor(Number(exactU64At(bytes, 8)) / PAGE_SIZE) };
}

export const PAGE_HOLDER_FILE = '/sys/kernel/debug/page_holder';

/** Take references on pages of a range, for writing. Answers how many there are. */
export const PAGE_HOLDER_GET = request(1, 1, HELD_RANGE_BYTES);
/** Drop all of them. */
export const PAGE_HOLDER_PUT = request(0, 2, 0);
/** Take the locks of all pages of a range, or of none. */
export const PAGE_HOLDER_LOCK = request(1, 3, HELD_RANGE_BYTES);
/** Drop those of pages of a range. */
export const PAGE_HOLDER_UNLOCK = request(1, 4, HELD_RANGE_BYTES);
