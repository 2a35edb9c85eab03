// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: mm/rmap.c make_device_exclusive(), and make_device_exclusive_range() before it. Fidelity: ported. */
import { NO_PAGE, type Page } from '../sim/memmap.js';
import type { Task } from '../sim/task.js';
import { EOPNOTSUPP } from '../uapi/errno.js';
import { PAGE_SIZE } from '../uapi/mman.js';
import { get_user_pages_remote, type PageArray } from './gup.js';
import { FOLL_GET, FOLL_SPLIT_PMD, FOLL_WRITE } from './gup_flags.js';
import type { Kernel } from './kernel.js';
import {
  mmu_notifier_invalidate_range_end,
  mmu_notifier_invalidate_range_start,
  mmu_notifier_range,
} from './mmu_notifier.js';
import { put_page } from './page_alloc.js';
import {
  compound_head,
  folio_mapcount,
  folio_mark_dirty,
  folio_test_anon,
  PG_hugetlb,
  PG_tail,
} from './page_flags.js';
import {
  FLAGS,
  PTE_DIRTY,
  PTE_WRITE,
  pte_index,
  pte_present,
  SWP_DEVICE_EXCLUSIVE_WRITE,
} from './pgtable.js';
import { type Because, reasonOf } from './reasons.js';
import { folio_make_device_exclusive, folio_remove_rmap_pte } from './rmap.js';
import { flush_tlb_page } from './tlb.js';
import type { MmStruct } from './types.js';

/** Why a page cannot be made exclusive, before its mappings are looked at; null when it may. */
function refusal(k: Kernel, page: Page, folio: Page): Because | null {
  if ((k.mem.flags[page]! & PG_tail) !== 0 && !k.behaviour.exclusiveByPage) return 'tail-page';
  return k.trylock_page(folio) ? null : 'page-locked';
}

/** Why a page did not become exclusive. */
function not_exclusive(k: Kernel, folio: Page): Because {
  if ((k.mem.flags[folio]! & PG_hugetlb) !== 0) return 'hugetlb-page';
  if (!folio_test_anon(k.mem, folio)) return 'not-anonymous';
  return { id: 'still-mapped-elsewhere', mapcount: folio_mapcount(k.mem, folio) };
}

/** make_device_exclusive(): the PTE at `address` alone. Context: folio locked; may sleep. */
function* make_page_exclusive(
  k: Kernel,
  page: Page,
  mm: MmStruct,
  address: number,
  owner: unknown,
): Task<boolean> {
  const folio = compound_head(k.mem, page);
  const vma = mm.vmas.vma_lookup(address)!;
  const range = mmu_notifier_range(mm, address, address + PAGE_SIZE, 'MMU_NOTIFY_EXCLUSIVE', owner);
  yield* mmu_notifier_invalidate_range_start(range);
  const table = mm.pt.pteTable(address);
  const i = pte_index(address);
  const flags = table === null ? 0 : table[FLAGS + i]!;
  const mapped = table !== null && pte_present(flags) && table[i] === page && (flags & PTE_WRITE) !== 0;
  if (mapped) {
    flush_tlb_page(mm, address);
    if ((flags & PTE_DIRTY) !== 0) folio_mark_dirty(k.mem, folio);
    table[FLAGS + i] = SWP_DEVICE_EXCLUSIVE_WRITE;
    if (!k.behaviour.exclusiveEntriesMap) folio_remove_rmap_pte(k, folio, page, vma);
  }
  mmu_notifier_invalidate_range_end(range);
  return mapped;
}

/** folio_make_device_exclusive() for a locked folio of any kind. */
function* make_exclusive(
  k: Kernel,
  page: Page,
  folio: Page,
  mm: MmStruct,
  address: number,
  owner: unknown,
): Task<boolean> {
  if (!folio_test_anon(k.mem, folio) || (k.mem.flags[folio]! & PG_hugetlb) !== 0) return false;
  if (k.behaviour.exclusiveByPage) return yield* make_page_exclusive(k, page, mm, address, owner);
  return yield* folio_make_device_exclusive(k, folio, mm, address, owner);
}

/**
 * Take [start, end) away from the CPUs, for a device alone. Pages that are in `pages` afterwards are exclusive, locked
 * and referenced; the caller drops both. NO_PAGE marks those that could not be had.
 * Context: mmap_lock held for read; may sleep. Return: pages found in the range, or -errno when there is not one.
 */
export function* make_device_exclusive_range(
  mm: MmStruct,
  start: number,
  end: number,
  pages: PageArray,
  owner: unknown,
): Task<number> {
  mm.kernel.enter('make_device_exclusive_range', start);
  const k = mm.kernel;
  const fn = 'make_device_exclusive_range';
  const flags = FOLL_GET | FOLL_WRITE | FOLL_SPLIT_PMD;
  const npages = yield* get_user_pages_remote(mm, start, (end - start) / PAGE_SIZE, flags, pages);
  for (let i = 0; i < npages; i++) {
    const addr = start + i * PAGE_SIZE;
    const page = pages[i]!;
    const folio = compound_head(k.mem, page);
    let because = refusal(k, page, folio);
    if (because === null) {
      if (yield* make_exclusive(k, page, folio, mm, addr, owner)) {
        if (k.trace !== null) k.note({ event: 'make_device_exclusive', fn, mm, addr, page });
        continue;
      }
      k.unlock_page(folio);
      because = not_exclusive(k, folio);
    }
    if (k.trace !== null) k.note({ event: 'skip', fn, mm, addr, page, reason: reasonOf(because) });
    put_page(k, folio);
    pages[i] = NO_PAGE;
  }
  return npages;
}

/** Why nothing was done to the page at `addr`. Return: `err`. */
function refused(mm: MmStruct, addr: number, page: Page, because: Because, err: number): number {
  if (mm.kernel.trace !== null) {
    mm.kernel.note({
      event: 'skip',
      fn: 'make_device_exclusive',
      mm,
      addr,
      page,
      reason: reasonOf(because),
    });
  }
  return err;
}

/**
 * Take the page at `addr` away from the CPUs, for a device alone; it stays mapped, by an entry that is not present.
 * The page is locked and referenced; the caller drops both.
 * Context: mmap_lock held for read; may sleep. Return: the page, -EOPNOTSUPP where it is not anonymous or of hugetlb, or
 * what made the fault fail: -EFAULT, -ENOMEM.
 */
export function* make_device_exclusive(mm: MmStruct, addr: number, owner: unknown): Task<number> {
  mm.kernel.enter('make_device_exclusive', addr);
  const k = mm.kernel;
  const pages: PageArray = new Uint32Array(1);
  for (;;) {
    const got = yield* get_user_pages_remote(mm, addr, 1, FOLL_GET | FOLL_WRITE | FOLL_SPLIT_PMD, pages);
    if (got < 0) return got;
    const page = pages[0]!;
    const folio = compound_head(k.mem, page);
    if (!folio_test_anon(k.mem, folio) || (k.mem.flags[folio]! & PG_hugetlb) !== 0) {
      put_page(k, folio);
      const because = (k.mem.flags[folio]! & PG_hugetlb) !== 0 ? 'hugetlb-page' : 'not-anonymous';
      return refused(mm, addr, page, because, -EOPNOTSUPP);
    }
    yield* k.lock_page(folio, 'make_device_exclusive');
    if (yield* make_page_exclusive(k, page, mm, addr, owner)) {
      if (k.trace !== null) {
        k.note({ event: 'make_device_exclusive', fn: 'make_device_exclusive', mm, addr, page });
      }
      return page;
    }
    k.unlock_page(folio);
    put_page(k, folio);
  }
}
