// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: mm/hugetlb.c, the pool of huge pages (struct hstate). Fidelity: simplified: one node, 2 MiB pages only, a
 * pool without surplus pages, which only loses pages, no subpools and no cgroups.
 */
import { KernelBug } from '../sim/errors.js';
import { Mutex, RwSem } from '../sim/locks.js';
import { NO_PAGE, type Page } from '../sim/memmap.js';
import { ENOMEM } from '../uapi/errno.js';
import type { Kernel } from './kernel.js';
import {
  folio_mapcount,
  PG_buddy,
  PG_head,
  PG_hugetlb,
  PG_hwpoison,
  PG_restore_reserve,
} from './page_flags.js';

/** 8 for each CPU. */
const NUM_FAULT_MUTEXES = 8;

/** struct hstate. Guarded by: nothing: hugetlb_lock is not simulated, as nobody sleeps under it. */
export class HugetlbPool {
  nr_huge_pages: number;
  free_huge_pages: number;
  /** Free pages that mappings may rely on. A pinned page whose reservation came back early makes it -1 for a while. */
  resv_huge_pages = 0;
  /** Those of them that nobody gives back any more: the kernel forgot them (clear_vma_resv_huge_pages()). */
  lostReservations = 0;
  private readonly freeList: Page[] = [];
  /** Pages in use that somebody moves, and nobody else may (hugetlb_migratable is not set). */
  readonly isolated = new Set<Page>();
  /** Pages that leave the pool when they are free again (hugetlb_temporary). */
  private readonly temporary = new Set<Page>();
  /** By huge page that the hardware has lost: which of its pages it was, the last one first. */
  readonly rawPoisoned = new Map<Page, readonly Page[]>();
  /** Made when they are first needed. */
  private readonly faultMutexes: (Mutex | undefined)[] = [];
  private readonly rwSems = new WeakMap<object, RwSem>();

  /** A pool of `nr` pages, or as many as there is memory for. */
  constructor(
    private readonly k: Kernel,
    nr: number,
  ) {
    this.nr_huge_pages = k.pages.set_aside_huge(nr);
    this.free_huge_pages = this.nr_huge_pages;
  }

  /** Free pages that nobody has reserved. */
  get available_huge_pages(): number {
    return this.free_huge_pages - this.resv_huge_pages;
  }

  /** hugetlb_fault_mutex_table: serializes faults on one huge page of a file. */
  faultMutex(mappingId: number, idx: number): Mutex {
    const n = (mappingId + idx) % NUM_FAULT_MUTEXES;
    this.faultMutexes[n] ??= new Mutex(this.k.executor, 'hugetlb_fault_mutex');
    return this.faultMutexes[n];
  }

  /** The rw_sema of a VMA or a reservation map, made when it is first needed. */
  rwSemOf(owner: object, name: string): RwSem {
    const known = this.rwSems.get(owner);
    if (known !== undefined) return known;
    const fresh = new RwSem(this.k.executor, name);
    this.rwSems.set(owner, fresh);
    return fresh;
  }

  /** hugetlb_acct_memory(): reserve `delta` pages, or give reservations back. Return: 0 or -ENOMEM. */
  acct_memory(delta: number): number {
    if (delta > 0 && delta > this.available_huge_pages) return -ENOMEM;
    this.resv_huge_pages += delta;
    return 0;
  }

  /**
   * Take a page with one reference; its contents are unspecified. `reserved`: out of a reservation, to which it goes
   * back if it is freed before it is mapped. Return: the folio, or NO_PAGE.
   */
  dequeue_hugetlb_folio(reserved: boolean): Page {
    if (!reserved && this.available_huge_pages <= 0) return NO_PAGE;
    const { mem } = this.k;
    const at = this.freeList.findLastIndex((free) => (mem.flags[free]! & PG_hwpoison) === 0);
    if (at < 0 && this.free_huge_pages === this.freeList.length) return NO_PAGE;
    const folio = at < 0 ? this.k.pages.alloc_set_aside_huge() : this.freeList.splice(at, 1)[0]!;
    mem.flags[folio] = PG_head | PG_hugetlb;
    mem.refcount[folio] = 1;
    this.free_huge_pages--;
    if (reserved) {
      mem.flags[folio]! |= PG_restore_reserve;
      this.resv_huge_pages--;
    }
    return folio;
  }

  /** free_huge_folio(): the last reference is gone, the page returns to the pool. */
  free_huge_folio(folio: Page): void {
    const { mem } = this.k;
    if (folio_mapcount(mem, folio) !== 0) {
      throw new KernelBug('free_huge_folio', `VM_BUG_ON_FOLIO: huge page ${folio} is still mapped`);
    }
    if ((mem.flags[folio]! & PG_restore_reserve) !== 0) this.resv_huge_pages++;
    if (this.temporary.delete(folio)) {
      this.remove_hugetlb_folio(folio);
      return;
    }
    mem.flags[folio] = PG_head | PG_hugetlb | PG_buddy | (mem.flags[folio]! & PG_hwpoison);
    mem.mapping[folio] = 0;
    mem.index[folio] = 0;
    this.freeList.push(folio);
    this.free_huge_pages++;
  }

  /**
   * The page leaves the pool, and is free memory; those of it that the hardware has lost say so themselves from now on. Return: whether
   * it has: not one that is in use, nor the last that is not reserved.
   */
  dissolve_free_hugetlb_folio(folio: Page): boolean {
    const { mem } = this.k;
    if ((mem.flags[folio]! & PG_hugetlb) === 0) return true;
    if (mem.refcount[folio] !== 0 || this.available_huge_pages <= 0) return false;
    this.freeList.splice(this.freeList.indexOf(folio), 1);
    this.free_huge_pages--;
    this.remove_hugetlb_folio(folio);
    return true;
  }

  private remove_hugetlb_folio(folio: Page): void {
    this.nr_huge_pages--;
    this.k.pages.free_huge(folio);
    for (const page of this.rawPoisoned.get(folio) ?? []) this.k.mem.flags[page]! |= PG_hwpoison;
    this.rawPoisoned.delete(folio);
  }

  // --- pages that move ----------------------------------------------------------------------------------------------

  /** isolate_hugetlb(): `folio` is the caller's to move, with a reference. Return: whether it is. */
  isolate_hugetlb(folio: Page): boolean {
    if (this.isolated.has(folio) || (this.k.mem.flags[folio]! & PG_hwpoison) !== 0) return false;
    this.isolated.add(folio);
    this.k.mem.refcount[folio]!++;
    return true;
  }

  /** A page for what moves: one that nobody has reserved, or one beside the pool, which is counted in it meanwhile. Return: or NO_PAGE. */
  alloc_hugetlb_folio_nodemask(): Page {
    const pooled = this.dequeue_hugetlb_folio(false);
    if (pooled !== NO_PAGE) return pooled;
    const fresh = this.k.pages.alloc_huge();
    if (fresh === NO_PAGE) return NO_PAGE;
    this.k.mem.flags[fresh] = PG_head | PG_hugetlb;
    this.nr_huge_pages++;
    this.temporary.add(fresh);
    return fresh;
  }

  /** `dst` has taken the place of `src`: where it came from beside the pool, `src` leaves that. */
  move_hugetlb_state(src: Page, dst: Page): void {
    if (this.temporary.delete(dst)) this.temporary.add(src);
  }
}
