// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: mm/madvise.c, madvise_inject_error(): pages are lost, or about to be, as a program says. Fidelity: ported. */
import type { Task } from '../sim/task.js';
import { EFAULT } from '../uapi/errno.js';
import { PAGE_SIZE } from '../uapi/mman.js';
import { get_user_pages_fast } from './gup_fast.js';
import { memory_failure } from './memory_failure.js';
import { compound_head, folio_nr_pages } from './page_flags.js';
import { soft_offline_page } from './soft_offline.js';
import type { MmStruct } from './types.js';

/**
 * MADV_HWPOISON and MADV_SOFT_OFFLINE of [start, end). DIVERGES: everybody has CAP_SYS_ADMIN.
 * Context: may sleep. Return: 0, or -errno of the first page that it fails for.
 */
export function* madvise_inject_error(mm: MmStruct, start: number, end: number, soft: boolean): Task<number> {
  const k = mm.kernel;
  const pages = new Uint32Array(1);
  for (let addr = start; addr < end; ) {
    const got = yield* get_user_pages_fast(mm, addr, 1, 0, pages);
    if (got !== 1) return got < 0 ? got : -EFAULT;
    const page = pages[0]!;
    const size = folio_nr_pages(k.mem, compound_head(k.mem, page)) * PAGE_SIZE;
    const what = soft ? 'Soft offlining' : 'Injecting memory failure for';
    const pfn = k.mem.page_to_pfn(page).toString(16);
    k.printk(`${what} pfn 0x${pfn} at process virtual address 0x${addr.toString(16)}`);
    const err = yield* soft ? soft_offline_page(k, page) : memory_failure(k, page);
    if (err !== 0) return err;
    addr += size;
  }
  return 0;
}
