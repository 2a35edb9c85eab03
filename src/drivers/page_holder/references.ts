// SPDX-License-Identifier: GPL-2.0-only
/**
 * Stands for: a driver that keeps user pages with get_user_pages(), FOLL_GET, where it ought to pin them. The kernel
 * cannot tell such a reference from any other: fork shares the page instead of copying it, and a write of the process
 * afterwards goes to a copy that the driver does not have.
 */
import { get_user_pages, type PageArray } from '../../mm/gup.js';
import { FOLL_WRITE } from '../../mm/gup_flags.js';
import type { Kernel } from '../../mm/kernel.js';
import { put_page } from '../../mm/page_alloc.js';
import { compound_head } from '../../mm/page_flags.js';
import type { MmStruct } from '../../mm/types.js';
import type { Page } from '../../sim/memmap.js';
import type { Task } from '../../sim/task.js';
import { ENOMEM } from '../../uapi/errno.js';

/** Pages that are kept for one open file. */
export class HeldReferences {
  readonly #pages: Page[] = [];

  constructor(
    private readonly k: Kernel,
    /** The address space of the process that opened the file. */
    readonly mm: MmStruct,
  ) {}

  [Symbol.iterator](): Iterator<Page> {
    return this.#pages.values();
  }

  /**
   * Take references on pages of the caller, for writing, and keep them beside those that there are.
   * Context: takes mmap_lock; may sleep. Return: how many pages; -EFAULT or another errno of GUP where there is not one.
   */
  *get(mm: MmStruct, addr: number, nr_pages: number): Task<number> {
    if (nr_pages > this.k.pages.totalPages) return -ENOMEM;
    const pages: PageArray = new Uint32Array(nr_pages);
    yield* mm.mmap_lock.down_read('page_holder_get');
    const got = yield* get_user_pages(mm, addr, nr_pages, FOLL_WRITE, pages);
    mm.mmap_lock.up_read();
    for (const page of pages.subarray(0, Math.max(got, 0))) this.#pages.push(page);
    return got;
  }

  /** Drop all of them. */
  put(): void {
    for (const page of this.#pages.splice(0)) put_page(this.k, compound_head(this.k.mem, page));
  }

  /** Whether a page of the folio is kept. */
  holds(folio: Page): boolean {
    return this.#pages.some((page) => compound_head(this.k.mem, page) === folio);
  }
}
