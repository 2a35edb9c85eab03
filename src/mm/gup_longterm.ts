// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: mm/gup.c, pages that may not be pinned for long. Fidelity: ported; no CMA, no ZONE_MOVABLE. */
import { NO_PAGE, type Page } from '../sim/memmap.js';
import type { Task } from '../sim/task.js';
import { EBUSY, EFAULT } from '../uapi/errno.js';
import { FOLL_PIN } from './gup_flags.js';
import { gup_put_folio, type PageArray, unpin_user_page, unpin_user_pages } from './gup_refs.js';
import type { Kernel } from './kernel.js';
import { migrate_device_coherent_folio } from './migrate_device.js';
import { get_page } from './page_alloc.js';
import { compound_head } from './page_flags.js';

/**
 * Device coherent memory must always allow eviction, so nobody may pin it for long. The generic memory that it grew
 * out of knew no such rule.
 */
export function folio_is_longterm_pinnable(k: Kernel, folio: Page): boolean {
  return !k.is_zone_device_page(folio) || k.pgmapOf(folio).type !== 'MEMORY_DEVICE_COHERENT';
}

/** Move one pinned coherent page to system memory; its pin is gone afterwards. Return: 0 or -EBUSY. */
function* migrate_coherent(k: Kernel, folio: Page): Task<number> {
  // A pinned folio does not migrate: exchange the pin for a reference, which the migration takes over.
  get_page(k, folio);
  gup_put_folio(k, folio, 1, FOLL_PIN);
  return (yield* migrate_device_coherent_folio(k, folio)) === 0 ? 0 : -EBUSY;
}

/**
 * See that `npages` pinned pages may stay pinned for long.
 * Context: may sleep. Return: 0, all are still pinned; -errno, none is; 'again': they have been moved and unpinned, and
 * are to be pinned where they are now.
 */
export function* check_and_migrate_movable_pages(
  k: Kernel,
  pages: PageArray,
  npages: number,
): Task<number | 'again'> {
  if (pages.subarray(0, npages).every((page) => folio_is_longterm_pinnable(k, compound_head(k.mem, page))))
    return 0;
  if (!k.behaviour.longtermMigratesCoherent) {
    unpin_user_pages(k, pages, npages);
    return -EFAULT;
  }
  for (let i = 0; i < npages; i++) {
    const page = pages[i]!;
    pages[i] = NO_PAGE;
    const folio = compound_head(k.mem, page);
    if (folio_is_longterm_pinnable(k, folio)) {
      unpin_user_page(k, page);
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
