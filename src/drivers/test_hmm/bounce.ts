// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: lib/test_hmm.c, struct dmirror_bounce: the kernel buffer between device memory and user memory. */
import type { Kernel } from '../../mm/kernel.js';
import { put_page, UNMOVABLE } from '../../mm/page_alloc.js';
import { alloc_page } from '../../mm/page_alloc_slow.js';
import type { MmStruct } from '../../mm/types.js';
import { copy_from_user, copy_to_user, userPage } from '../../mm/uaccess.js';
import { NO_PAGE, type Page } from '../../sim/memmap.js';
import type { Task } from '../../sim/task.js';
import { ENOMEM } from '../../uapi/errno.js';
import { PAGE_SIZE } from '../../uapi/mman.js';
import { COST_BOUNCE } from './dmirror.js';

/** vmalloc'ed pages. Whole pages are handed over by their contents' id; nothing is copied byte by byte. */
export class DmirrorBounce {
  cpages = 0;

  private constructor(
    private readonly k: Kernel,
    private readonly pages: Uint32Array,
  ) {}

  get npages(): number {
    return this.pages.length;
  }

  /**
   * dmirror_bounce_init(), with what vmalloc() does for it. Context: may sleep, and reclaim.
   * Return: -ENOMEM for more than the machine has, and where the process is to die for its memory.
   */
  static *init(k: Kernel, size: number): Task<DmirrorBounce | number> {
    const npages = size / PAGE_SIZE;
    if (npages > k.pages.totalPages) return -ENOMEM;
    const bounce = new DmirrorBounce(k, new Uint32Array(npages));
    for (let n = 0; n < npages; n++) {
      let page = k.pages.alloc_page(UNMOVABLE);
      if (page === NO_PAGE) page = yield* alloc_page(k, UNMOVABLE);
      if (page === NO_PAGE) {
        bounce.fini();
        return -ENOMEM;
      }
      bounce.pages[n] = page;
    }
    k.executor.charge(COST_BOUNCE * npages);
    return bounce;
  }

  fini(): void {
    for (const page of this.pages) if (page !== NO_PAGE) put_page(this.k, page);
  }

  /** Keep a copy of `page` as page `n` of the buffer. */
  copyIn(n: number, page: Page): void {
    this.k.copy_highpage(this.pages[n]!, page);
  }

  copyOut(n: number, page: Page): void {
    this.k.copy_highpage(page, this.pages[n]!);
  }

  /** copy_to_user() of the whole buffer. Context: may sleep. Return: false on a bad address. */
  *toUser(mm: MmStruct, addr: number): Task<boolean> {
    const { contents } = this.k;
    for (let n = 0; n < this.npages; n++) {
      const source = this.pages[n]!;
      if (addr % PAGE_SIZE === 0) {
        const page = yield* userPage(mm, addr + n * PAGE_SIZE, true);
        if (page === NO_PAGE) return false;
        this.k.copy_highpage(page, source);
        continue;
      }
      const bytes = new Uint8Array(PAGE_SIZE);
      contents.readBytes(source, 0, bytes, 0, PAGE_SIZE);
      if (!(yield* copy_to_user(mm, addr + n * PAGE_SIZE, bytes))) return false;
    }
    return true;
  }

  /** copy_from_user() of the whole buffer. Context: may sleep. Return: false on a bad address. */
  *fromUser(mm: MmStruct, addr: number): Task<boolean> {
    const { contents } = this.k;
    for (let n = 0; n < this.npages; n++) {
      if (addr % PAGE_SIZE === 0) {
        const page = yield* userPage(mm, addr + n * PAGE_SIZE, false);
        if (page === NO_PAGE) return false;
        this.copyIn(n, page);
        continue;
      }
      const bytes = yield* copy_from_user(mm, addr + n * PAGE_SIZE, PAGE_SIZE);
      if (bytes === null) return false;
      contents.writeBytes(this.pages[n]!, 0, bytes, 0, PAGE_SIZE);
    }
    return true;
  }
}
