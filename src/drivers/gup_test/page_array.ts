// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: kvcalloc() of an array of page pointers. */
import type { PageArray } from '../../mm/gup.js';
import type { Kernel } from '../../mm/kernel.js';
import { PAGE_SIZE } from '../../uapi/mman.js';

const POINTER_SIZE = 8;
const INT_MAX = 0x7fffffff;

/** Null when the kernel would not find that much: kvmalloc stops at INT_MAX bytes, and there must be free memory. */
export function kvcalloc_pages(k: Kernel, nr_pages: number): PageArray | null {
  const bytes = nr_pages * POINTER_SIZE;
  if (bytes > INT_MAX || bytes > k.pages.nr_free_pages * PAGE_SIZE) return null;
  return new Uint32Array(nr_pages);
}
