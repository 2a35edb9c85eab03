// SPDX-License-Identifier: GPL-2.0-only
/** The ABI of userfaultfd(2) (include/uapi/linux/userfaultfd.h): requests, flags, and structs as bytes. */
import { putU64, type U64 } from '../sim/bytes.js';

export const UFFD_API = 0xaa;
/** A flag of the system call: faults of the kernel are not handled. */
export const UFFD_USER_MODE_ONLY = 1;

/** Requests of a userfaultfd. */
export const UFFDIO_API = 0xc018aa3f;
export const UFFDIO_REGISTER = 0xc020aa00;
export const UFFDIO_UNREGISTER = 0x8010aa01;
export const UFFDIO_COPY = 0xc028aa03;
export const UFFDIO_ZEROPAGE = 0xc020aa04;
export const UFFDIO_WRITEPROTECT = 0xc018aa06;

export const UFFD_FEATURE_SIGBUS = 1 << 7;

export const UFFDIO_REGISTER_MODE_MISSING = 1;
export const UFFDIO_REGISTER_MODE_WP = 2;
export const UFFDIO_COPY_MODE_DONTWAKE = 1;
export const UFFDIO_COPY_MODE_WP = 2;
export const UFFDIO_ZEROPAGE_MODE_DONTWAKE = 1;
export const UFFDIO_WRITEPROTECT_MODE_WP = 1;
export const UFFDIO_WRITEPROTECT_MODE_DONTWAKE = 2;

/** struct uffd_msg: bytes in all, and where the address of a page fault is. Its first byte is the event. */
export const UFFD_MSG = { size: 32, flags: 8, address: 16, ptid: 24 } as const;
export const UFFD_EVENT_PAGEFAULT = 0x12;
export const UFFD_PAGEFAULT_FLAG_WRITE = 1;
export const UFFD_PAGEFAULT_FLAG_WP = 2;

/** Bytes of the struct that comes with a request, which its number encodes. */
const sizeOfRequest = (request: number): number => (request >>> 16) & 0x3fff;

/** Where the struct of a copy or of zero pages says how far it came. */
export const COPY_RESULT = 32;
export const ZEROPAGE_RESULT = 24;

/** A struct of 64-bit fields, in their order; those left out are 0. */
export function encodeRequest(request: number, ...fields: readonly U64[]): Uint8Array {
  const bytes = new Uint8Array(sizeOfRequest(request));
  for (const [i, field] of fields.entries()) putU64(bytes, 8 * i, field);
  return bytes;
}
