// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: mm/memory-failure.c, memory_failure(): a page that the hardware has lost. Fidelity: ported. */
import type { Page } from '../sim/memmap.js';
import type { Task } from '../sim/task.js';
import { EHWPOISON } from '../uapi/errno.js';
import { split_folio } from './huge_split.js';
import type { Kernel } from './kernel.js';
import { memory_failure_dev_pagemap } from './memory_failure_dev.js';
import { try_memory_failure_hugetlb } from './memory_failure_hugetlb.js';
import { collect_procs, kill_current, kill_procs } from './memory_failure_kill.js';
import {
  ALREADY_POISONED,
  action_result,
  identify_page_state,
  keep_poisoned,
  pr_err,
  RESERVED,
} from './memory_failure_states.js';
import { put_page } from './page_alloc.js';
import {
  compound_head,
  folio_mapcount,
  folio_mapped,
  folio_mapping_of_file,
  folio_test_large,
  PG_dirty,
  PG_hugetlb,
  PG_hwpoison,
  PG_lru,
  PG_reserved,
} from './page_flags.js';
import { folio_test_writeback, folio_wait_writeback } from './page_writeback.js';
import { folio_mkclean } from './rmap_mkclean.js';
import { unmap_poisoned } from './rmap_unmap.js';
import { folio_test_swapcache } from './swap.js';

/** The kernel's own pages; the page of zeros is one. */
const flagsOf = (k: Kernel, page: Page): number =>
  k.mem.flags[page]! | (page === k.zeroPage ? PG_reserved : 0);

/**
 * get_hwpoison_page(), of a page that the caller has already: whether it is one that can be dealt with. Before, its flags
 * alone decided. Return: what it is, if not.
 */
export function unhandlable(k: Kernel, page: Page): string | null {
  if (!k.behaviour.poisonChecksKind) return null;
  if ((flagsOf(k, page) & PG_reserved) !== 0) return RESERVED;
  return (k.mem.flags[compound_head(k.mem, page)]! & PG_lru) === 0 ? 'get hwpoison page' : null;
}

/**
 * Take the page out of every page table, entries that say that it is lost in its place; none where a clean copy of it can be had. What
 * maps a page of the swap cache gets its slot. Context: locked; may sleep. Return: whether nobody maps it now.
 */
function* hwpoison_user_mappings(k: Kernel, page: Page): Task<boolean> {
  const { mem } = k;
  if ((mem.flags[page]! & PG_lru) === 0 || !folio_mapped(mem, page)) return true;
  let entries = true;
  if (folio_test_swapcache(k, page)) {
    pr_err(k, page, 'keeping poisoned page in swap cache');
    entries = false;
  }
  // Only of such files can it be read again.
  if (folio_mapping_of_file(k, page)?.kind === 'ext4' && (mem.flags[page]! & PG_dirty) === 0) {
    if ((yield* folio_mkclean(k, page)) > 0) {
      mem.flags[page]! |= PG_dirty;
    } else {
      entries = false;
      pr_err(k, page, 'corrupted page was clean: dropped without side effects');
    }
  }
  const found = collect_procs(k, page, page, k.behaviour.injectedErrorsKill);
  yield* unmap_poisoned(k, page, entries);
  const unmapped = !folio_mapped(mem, page);
  if (!unmapped) pr_err(k, page, `failed to unmap page (folio mapcount=${folio_mapcount(mem, page)})`);
  if ((mem.flags[page]! & PG_dirty) !== 0 || !unmapped) kill_procs(k, page, found, !unmapped);
  return unmapped;
}

/** Somebody has lost it before, and it is mapped still, as it was found by its address. Return: -EHWPOISON. */
function already_poisoned(k: Kernel, page: Page): number {
  kill_current(k);
  put_page(k, page);
  if (k.behaviour.unsplitThpKills) action_result(k, page, ALREADY_POISONED, 'Failed');
  else pr_err(k, page, 'already hardware poisoned');
  return -EHWPOISON;
}

/** The huge page cannot be split. Return: -EHWPOISON and the process is killed, or -EBUSY. */
function unsplit(k: Kernel, head: Page, page: Page): number {
  const kills = k.behaviour.unsplitThpKills;
  if (kills && k.mem.mapping[head] !== 0)
    kill_procs(k, page, collect_procs(k, head, page, k.behaviour.injectedErrorsKill));
  put_page(k, page);
  const ret = action_result(k, page, 'unsplit thp', kills ? 'Failed' : 'Ignored');
  return kills ? -EHWPOISON : ret;
}

/**
 * What the page held is lost: nobody maps it any more, and it is kept from being used again.
 * Context: the page has a reference of the caller's, which stays. May sleep. Return: 0, -EBUSY, -EHWPOISON, -ENXIO.
 */
export function* memory_failure(k: Kernel, page: Page): Task<number> {
  if (k.is_zone_device_page(page)) return yield* memory_failure_dev_pagemap(k, page);
  const { mem } = k;
  const head = compound_head(mem, page);
  if ((mem.flags[head]! & PG_hugetlb) !== 0) return yield* try_memory_failure_hugetlb(k, page);
  if ((mem.flags[page]! & PG_hwpoison) !== 0) return already_poisoned(k, page);
  mem.flags[page]! |= PG_hwpoison;
  const unknown = unhandlable(k, page);
  if (unknown !== null) {
    pr_err(k, page, 'unhandlable page.');
    put_page(k, page);
    return action_result(k, page, unknown, 'Ignored');
  }
  if (folio_test_large(mem, head) && (yield* try_to_split_thp_page(k, page)) !== 0)
    return unsplit(k, head, page);
  yield* k.lock_page(page, 'memory_failure');
  const before = flagsOf(k, page);
  if ((before & PG_lru) !== 0 || folio_test_writeback(k, page)) {
    yield* folio_wait_writeback(k, page);
    if (!(yield* hwpoison_user_mappings(k, page))) return stays(k, page, 'unmapping failed page');
    const cut = !folio_test_swapcache(k, page) && mem.mapping[page] === 0;
    if (cut && (mem.flags[page]! & PG_lru) !== 0) return stays(k, page, 'already truncated LRU page');
  }
  // The page of zeros has no reference to be kept.
  if (page === k.zeroPage) put_page(k, page);
  else keep_poisoned(k, page);
  return identify_page_state(k, page, flagsOf(k, page), before);
}

/** It stays where it is. Return: -EBUSY. */
function stays(k: Kernel, page: Page, what: string): number {
  keep_poisoned(k, page);
  k.unlock_page(page);
  const failed = what === 'unmapping failed page' && k.behaviour.unsplitThpKills;
  return action_result(k, page, what, failed ? 'Failed' : 'Ignored');
}

/** `page` becomes one of its own, which the caller's reference is of. Context: may sleep. Return: 0 or -errno. */
export function* try_to_split_thp_page(k: Kernel, page: Page): Task<number> {
  const head = compound_head(k.mem, page);
  yield* k.lock_page(head, 'try_to_split_thp_page');
  const err = yield* split_folio(k, head, page);
  k.unlock_page(err === 0 ? page : head);
  return err;
}
