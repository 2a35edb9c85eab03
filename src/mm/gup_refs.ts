// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: mm/gup.c, references and pins on pages and their release. Fidelity: ported.
 *
 * A pin of a small folio counts GUP_PIN_COUNTING_BIAS references; a large one has a pin count of its own.
 */
import { KernelBug } from '../sim/errors.js';
import { NO_PAGE, type Page } from '../sim/memmap.js';
import { ENOMEM } from '../uapi/errno.js';
import { FOLL_GET, FOLL_PIN } from './gup_flags.js';
import type { Kernel } from './kernel.js';
import { put_page } from './page_alloc.js';
import {
  add_pincount,
  compound_head,
  folio_test_anon,
  folio_test_large,
  GUP_PIN_COUNTING_BIAS,
  PageAnonExclusive,
  PG_hugetlb,
} from './page_flags.js';

/** Pages got or pinned, one word each; NO_PAGE where there is none. */
export type PageArray = Uint32Array;

/**
 * Whether a folio without references may get one: try_get_page() of DEVICE_GENERIC v5 lets pages of devices, which begin with
 * none there. A pin is counted elsewhere, and warns still.
 */
function may_be_free(k: Kernel, folio: Page, flags: number): boolean {
  return (flags & FOLL_GET) !== 0 && k.is_zone_device_page(folio) && k.behaviour.tryGetTakesFreeDevicePages;
}

/** Take `refs` references or pins on a folio, as the flags ask (neither: nothing). Return: 0 or -ENOMEM. */
export function try_grab_folio(k: Kernel, folio: Page, refs: number, flags: number): number {
  const { mem } = k;
  if (mem.refcount[folio]! <= 0 && !may_be_free(k, folio, flags)) {
    k.warn_on_once('try_grab_folio', 'the folio is free');
    return -ENOMEM;
  }
  if ((flags & FOLL_GET) !== 0) {
    mem.refcount[folio]! += refs;
  } else if ((flags & FOLL_PIN) !== 0 && folio !== k.zeroPage) {
    if (folio_test_large(mem, folio)) {
      mem.refcount[folio]! += refs;
      add_pincount(mem, folio, refs);
    } else {
      mem.refcount[folio]! += refs * GUP_PIN_COUNTING_BIAS;
    }
  }
  return 0;
}

/** Give back what try_grab_folio() took. */
export function gup_put_folio(k: Kernel, folio: Page, refs: number, flags: number): void {
  if ((flags & FOLL_PIN) === 0) {
    put_page(k, folio, refs);
    return;
  }
  if (folio === k.zeroPage) return;
  if (folio_test_large(k.mem, folio)) {
    add_pincount(k.mem, folio, -refs);
    put_page(k, folio, refs);
  } else {
    put_page(k, folio, refs * GUP_PIN_COUNTING_BIAS);
  }
}

/** CONFIG_DEBUG_VM: an anonymous page stays exclusive to its process for as long as it is pinned. */
export function sanity_check_pinned_pages(k: Kernel, pages: PageArray, npages: number): void {
  const { mem } = k;
  for (let i = 0; i < npages; i++) {
    const page = pages[i]!;
    if (page === NO_PAGE || page === k.zeroPage) continue;
    const folio = compound_head(mem, page);
    if (!folio_test_anon(mem, folio) || PageAnonExclusive(mem, folio)) continue;
    const thp = folio_test_large(mem, folio) && (mem.flags[folio]! & PG_hugetlb) === 0;
    if (thp && PageAnonExclusive(mem, page)) continue;
    throw new KernelBug('sanity_check_pinned_pages', `VM_BUG_ON_PAGE: pinned page ${page} is not exclusive`);
  }
}

/** unpin_user_pages(): the first `npages` of `pages`. */
export function unpin_user_pages(k: Kernel, pages: PageArray, npages: number): void {
  k.enter('unpin_user_pages');
  sanity_check_pinned_pages(k, pages, npages);
  for (let i = 0; i < npages; i++) {
    const page = pages[i]!;
    if (page !== NO_PAGE) gup_put_folio(k, compound_head(k.mem, page), 1, FOLL_PIN);
  }
}

/** unpin_folio(), of a page of it. */
export function unpin_folio(k: Kernel, page: Page): void {
  sanity_check_pinned_pages(k, Uint32Array.of(page), 1);
  gup_put_folio(k, compound_head(k.mem, page), 1, FOLL_PIN);
}
