// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: mm/gup.c, pages that may not be pinned for long. Fidelity: ported; no CMA, no ZONE_MOVABLE. */
import { NO_PAGE, type Page } from '../sim/memmap.js';
import type { Task } from '../sim/task.js';
import { EBUSY, EFAULT } from '../uapi/errno.js';
import { PAGE_SIZE } from '../uapi/mman.js';
import { FOLL_PIN } from './gup_flags.js';
import { gup_put_folio, type PageArray, unpin_folio, unpin_user_pages } from './gup_refs.js';
import type { Kernel } from './kernel.js';
import { migrate_device_coherent_folio } from './migrate_device.js';
import { get_page } from './page_alloc.js';
import { compound_head } from './page_flags.js';
import type { Reason } from './reasons.js';
import type { MmStruct } from './types.js';

/**
 * Device coherent memory must always allow eviction, so nobody may pin it for long. The generic memory that it grew
 * out of knew no such rule. A file system wants its pages back when it cuts them off: it waits for short pins alone.
 */
export function folio_is_longterm_pinnable(k: Kernel, folio: Page): boolean {
  if (!k.is_zone_device_page(folio)) return true;
  const { type } = k.pgmapOf(folio);
  return type !== 'MEMORY_DEVICE_COHERENT' && type !== 'MEMORY_DEVICE_FS_DAX';
}

/** Move one pinned coherent page to system memory; its pin is gone afterwards. Return: 0 or -EBUSY. */
function* migrate_coherent(k: Kernel, folio: Page): Task<number> {
  // A pinned folio does not migrate: exchange the pin for a reference, which the migration takes over.
  get_page(k, folio);
  gup_put_folio(k, folio, 1, FOLL_PIN);
  return (yield* migrate_device_coherent_folio(k, folio)) === 0 ? 0 : -EBUSY;
}

/**
 * See that `npages` pinned pages, mapped from `start` on, may stay pinned for long.
 * Context: may sleep. Return: 0, all are still pinned; -errno, none is; 'again': they have been moved and unpinned, and
 * are to be pinned where they are now.
 */
export function* check_and_migrate_movable_pages(
  mm: MmStruct,
  start: number,
  pages: PageArray,
  npages: number,
): Task<number | 'again'> {
  const k = mm.kernel;
  const movable = pages
    .subarray(0, npages)
    .findIndex((page) => !folio_is_longterm_pinnable(k, compound_head(k.mem, page)));
  if (movable < 0) return 0;
  if (!k.behaviour.longtermMigratesCoherent) {
    const fn = 'check_and_migrate_movable_pages';
    const addr = start + movable * PAGE_SIZE;
    const reason: Reason = { id: 'coherent-not-longterm' };
    k.note({ event: 'gup_stopped', fn, mm, addr, reason, args: { err: '-EFAULT' } });
    unpin_user_pages(k, pages, npages);
    return -EFAULT;
  }
  for (let i = 0; i < npages; i++) {
    const page = pages[i]!;
    pages[i] = NO_PAGE;
    const folio = compound_head(k.mem, page);
    if (folio_is_longterm_pinnable(k, folio)) {
      unpin_folio(k, page);
    } else if ((yield* migrate_coherent(k, folio)) !== 0) {
      if (k.trace !== null) {
        const fn = 'migrate_longterm_unpinnable_folios';
        k.note({ event: 'skip', fn, page: folio, reason: { id: 'coherent-stuck' } });
      }
      unpin_user_pages(k, pages, npages);
      return -EBUSY;
    }
  }
  return 'again';
}
