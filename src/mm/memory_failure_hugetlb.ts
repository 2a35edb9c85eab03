// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: mm/memory-failure.c, try_memory_failure_hugetlb() and me_huge_page(): the hardware has lost a page of a huge one of
 * the pool. Fidelity: ported; nobody loses a page by its number, so that it is always in use.
 */
import type { Page } from '../sim/memmap.js';
import type { Task } from '../sim/task.js';
import { EHWPOISON } from '../uapi/errno.js';
import { HPAGE_PMD_NR } from '../uapi/mman.js';
import { __page_handle_poison, hugetlb_update_hwpoison, unmap_poisoned_hugetlb } from './hugetlb_poison.js';
import { hugetlb_unreserve_page } from './hugetlb_resv.js';
import type { Kernel } from './kernel.js';
import { collect_procs, kill_current, kill_procs } from './memory_failure_kill.js';
import {
  ALREADY_POISONED,
  action_result,
  has_extra_refcount,
  pr_err,
  type Result,
} from './memory_failure_states.js';
import { put_page } from './page_alloc.js';
import {
  compound_head,
  folio_mapcount,
  folio_mapped,
  folio_mapping_of_file,
  PG_dirty,
} from './page_flags.js';
import type { AddressSpace } from './types.js';

const HUGE_PAGE = 'huge page';

/** It, or another page of its huge one, was lost before. Return: -EHWPOISON. */
function pre_poisoned(k: Kernel, page: Page, exact: boolean): number {
  put_page(k, page);
  kill_current(k);
  if (!k.behaviour.unsplitThpKills) {
    if (!exact) k.num_poisoned_pages++;
    pr_err(k, page, 'already hardware poisoned');
  } else {
    action_result(k, page, exact ? ALREADY_POISONED : HUGE_PAGE, 'Failed');
  }
  return -EHWPOISON;
}

/** hwpoison_user_mappings(): whoever maps it finds out when he touches it; who has written to it, at once. Return: whether nobody maps it. */
function* hwpoison_user_mappings(k: Kernel, folio: Page, page: Page): Task<boolean> {
  if (!folio_mapped(k.mem, folio)) return true;
  const found = collect_procs(k, folio, page, k.behaviour.injectedErrorsKill);
  yield* unmap_poisoned_hugetlb(k, folio);
  const unmapped = !folio_mapped(k.mem, folio);
  if (!unmapped) pr_err(k, page, `failed to unmap page (folio mapcount=${folio_mapcount(k.mem, folio)})`);
  if ((k.mem.flags[folio]! & PG_dirty) !== 0 || !unmapped) kill_procs(k, page, found, !unmapped);
  return unmapped;
}

/** hugetlbfs_error_remove_page(): before it was kept, so that nobody takes it for a hole, which is zeros. */
function hugetlbfs_error_remove_folio(k: Kernel, folio: Page, mapping: AddressSpace): void {
  if (k.behaviour.hugetlbKeepsPoisoned) return;
  const idx = k.mem.index[folio]! / HPAGE_PMD_NR;
  mapping.i_pages.delete(idx);
  k.mem.mapping[folio] = 0;
  k.mem.flags[folio]! &= ~PG_dirty;
  hugetlb_unreserve_page(mapping, idx);
  put_page(k, folio);
}

/**
 * A file's stays in its cache, and is never used again; anonymous memory goes back to the pool, and from there, where the pool has a page to
 * spare, all of it but the lost page to the other free memory. Context: locked, with the caller's reference.
 */
function me_huge_page(k: Kernel, folio: Page, page: Page): Result {
  const mapping = folio_mapping_of_file(k, folio);
  k.unlock_page(folio);
  if (mapping !== null) {
    hugetlbfs_error_remove_folio(k, folio, mapping);
    k.leakedReferences.push(folio);
    const cached = k.behaviour.hugetlbKeepsPoisoned;
    return has_extra_refcount(k, folio, HUGE_PAGE, cached) ? 'Failed' : 'Recovered';
  }
  put_page(k, folio);
  if (__page_handle_poison(k, page)) return 'Recovered';
  has_extra_refcount(k, folio, HUGE_PAGE, false);
  return 'Failed';
}

/** Context: a reference of the caller's; may sleep. Return: 0, -EBUSY, or -EHWPOISON of what was lost before. */
export function* try_memory_failure_hugetlb(k: Kernel, page: Page): Task<number> {
  const folio = compound_head(k.mem, page);
  const before = hugetlb_update_hwpoison(k, folio, page);
  if (before !== 'fresh') return pre_poisoned(k, page, before === 'page');
  yield* k.lock_page(folio, 'try_memory_failure_hugetlb');
  if (!(yield* hwpoison_user_mappings(k, folio, page))) {
    k.unlock_page(folio);
    k.leakedReferences.push(folio);
    return action_result(
      k,
      page,
      'unmapping failed page',
      k.behaviour.unsplitThpKills ? 'Failed' : 'Ignored',
    );
  }
  return action_result(k, page, HUGE_PAGE, me_huge_page(k, folio, page));
}
