// SPDX-License-Identifier: GPL-2.0-only
/**
 * Stands for: whoever holds the locks of pages for a while, as reclaim and compaction do: the lock, and a reference so
 * that the page stays. Who tries such a lock passes over the page; who wants it waits until it is dropped.
 */
import type { Kernel } from '../../mm/kernel.js';
import { get_page, put_page } from '../../mm/page_alloc.js';
import { compound_head } from '../../mm/page_flags.js';
import {
  FLAGS,
  is_device_exclusive_entry,
  is_device_private_entry,
  PTE_SPECIAL,
  pmd_index,
  pte_index,
  pte_present,
} from '../../mm/pgtable.js';
import type { MmStruct } from '../../mm/types.js';
import { NO_PAGE, type Page } from '../../sim/memmap.js';
import { EBUSY, EFAULT, EINVAL } from '../../uapi/errno.js';
import { PAGE_SIZE } from '../../uapi/mman.js';

/** The folio whose page `mm` has at `addr`, mapped, on a device or exclusive to one; NO_PAGE where there is none. */
function folioAt(k: Kernel, mm: MmStruct, addr: number): Page {
  const pmd = mm.pt.pmdTable(addr);
  if (pmd === null) return NO_PAGE;
  const m = pmd_index(addr);
  const table = pmd.child[m]!;
  if (table === null) {
    const page = pmd.e[FLAGS + m] === 0 ? NO_PAGE : pmd.e[m]!;
    return page === k.hugeZeroFolio ? NO_PAGE : page;
  }
  const flags = table[FLAGS + pte_index(addr)]!;
  const normal = pte_present(flags) && (flags & PTE_SPECIAL) === 0;
  if (!normal && !is_device_private_entry(flags) && !is_device_exclusive_entry(flags)) return NO_PAGE;
  const page = table[pte_index(addr)]!;
  return page === k.zeroPage ? NO_PAGE : compound_head(k.mem, page);
}

interface Locked {
  readonly mm: MmStruct;
  readonly addr: number;
  readonly folio: Page;
}

/** Locks that are held for one open file. */
export class HeldLocks {
  /** A page each; those of one folio share its lock. */
  #locked: Locked[] = [];

  constructor(private readonly k: Kernel) {}

  /** The folios. */
  [Symbol.iterator](): Iterator<Page> {
    return new Set(this.#locked.map(({ folio }) => folio)).values();
  }

  /**
   * Lock what the caller has at [addr, addr + nr_pages pages).
   * Return: 0; -EFAULT where a page of it is not there, -EBUSY where one is locked already: then none is.
   */
  lock(mm: MmStruct, addr: number, nr_pages: number): number {
    const { k } = this;
    const wanted: Locked[] = [];
    for (let i = 0; i < nr_pages; i++) {
      const at = addr + i * PAGE_SIZE;
      const folio = folioAt(k, mm, at);
      if (folio === NO_PAGE) return -EFAULT;
      wanted.push({ mm, addr: at, folio });
    }
    const taken: Page[] = [];
    for (const folio of new Set(wanted.map(({ folio }) => folio))) {
      if (!k.trylock_page(folio)) {
        for (const one of taken) this.#drop(one);
        return -EBUSY;
      }
      get_page(k, folio);
      taken.push(folio);
    }
    this.#locked.push(...wanted);
    return 0;
  }

  /** Drop the locks of folios that were locked as a page of the range. Return: 0, or -EINVAL where none was. */
  unlock(addr: number, nr_pages: number): number {
    const end = addr + nr_pages * PAGE_SIZE;
    const inside = this.#locked.filter((one) => one.addr >= addr && one.addr < end);
    this.#forget(new Set(inside.map(({ folio }) => folio)));
    return inside.length === 0 ? -EINVAL : 0;
  }

  /** Drop those that processes took which are gone by now. */
  expire(): void {
    const stale = this.#locked.filter(({ mm }) => mm.mm_users === 0);
    this.#forget(new Set(stale.map(({ folio }) => folio)));
  }

  unlockAll(): void {
    this.#forget(new Set(this));
  }

  #forget(folios: ReadonlySet<Page>): void {
    this.#locked = this.#locked.filter(({ folio }) => !folios.has(folio));
    for (const folio of folios) this.#drop(folio);
  }

  #drop(folio: Page): void {
    this.k.unlock_page(folio);
    put_page(this.k, folio);
  }

  /** Whose page the folio was when it was locked; null when it is not. */
  ownerOf(folio: Page): MmStruct | null {
    return this.#locked.find((one) => one.folio === folio)?.mm ?? null;
  }
}
