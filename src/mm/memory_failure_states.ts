// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: mm/memory-failure.c, error_states: what is done with a page that the hardware has lost, by its flags, once nobody maps
 * it any more. Fidelity: ported; huge pages of the pool are in
 * memory_failure_hugetlb.ts.
 */
import type { Page } from '../sim/memmap.js';
import { EBUSY, EIO } from '../uapi/errno.js';
import { mapping_set_error } from './filemap_errors.js';
import { filemap_remove_folio } from './filemap_pages.js';
import type { Kernel } from './kernel.js';
import { lruvec_del_folio } from './lru.js';
import { mem_cgroup_uncharge } from './memcontrol.js';
import { put_page } from './page_alloc.js';
import {
  folio_mapping_of_file,
  folio_test_anon,
  PG_active,
  PG_dirty,
  PG_hwpoison,
  PG_lru,
  PG_mlocked,
  PG_reserved,
  PG_swapbacked,
  PG_swapcache,
  PG_unevictable,
  PG_uptodate,
} from './page_flags.js';
import { delete_from_swap_cache } from './swap.js';
import type { AddressSpace } from './types.js';

/** What came of it (enum mf_result). */
export type Result = 'Ignored' | 'Failed' | 'Delayed' | 'Recovered';

const pfnOf = (k: Kernel, page: Page): string => `0x${k.mem.page_to_pfn(page).toString(16)}`;

/** A line of the kernel log about the page. */
export function pr_err(k: Kernel, page: Page, text: string): void {
  k.printk(`Memory failure: ${pfnOf(k, page)}: ${text}`);
}

/** action_result(): the kernel log says what became of it. Return: 0 where the page has been dealt with, else -EBUSY. */
export function action_result(k: Kernel, page: Page, what: string, result: Result): number {
  if (what !== ALREADY_POISONED) k.num_poisoned_pages++;
  if (k.trace !== null)
    k.note({ event: 'memory_failure', fn: 'memory_failure', page, args: { what, result } });
  pr_err(k, page, `recovery action for ${what}: ${result}`);
  return result === 'Recovered' || result === 'Delayed' ? 0 : -EBUSY;
}

export const ALREADY_POISONED = 'already poisoned page';

/** The reference of whoever lost it is never dropped, so that nobody gets the page again. */
export function keep_poisoned(k: Kernel, page: Page): void {
  k.mem.flags[page]! |= PG_hwpoison;
  k.leakedReferences.push(page);
}

// --- what the actions have in common ------------------------------------------------------------------------------

/** The page may never be free, so its cgroup is no longer charged for it. Return: whether it was on the LRU. */
export function delete_from_lru_cache(k: Kernel, page: Page): boolean {
  if ((k.mem.flags[page]! & PG_lru) === 0) return false;
  lruvec_del_folio(k, page);
  k.mem.flags[page]! &= ~(PG_active | PG_unevictable);
  if (k.memcgs !== null) mem_cgroup_uncharge(k, page);
  return true;
}

/** Whether somebody holds it beside the caller, and a cache that may. */
export function has_extra_refcount(k: Kernel, page: Page, what: string, cached: boolean): boolean {
  const count = k.mem.refcount[page]! - 1 - (cached ? 1 : 0);
  if (count <= 0) return false;
  pr_err(k, page, `${what} still referenced by ${count} users`);
  return true;
}

/** The file's error_remove_folio(): shared memory keeps the page, so that it is not taken for a hole, which is zeros. */
function truncate_error_folio(k: Kernel, page: Page, mapping: AddressSpace): void {
  if (mapping.kind === 'shmem' && k.behaviour.shmemKeepsPoisoned) return;
  filemap_remove_folio(k, mapping, page);
  put_page(k, page);
}

// --- the actions --------------------------------------------------------------------------------------------------

/** Whatever is done, the page is unlocked afterwards. `what`: as the log calls it. */
type Action = (k: Kernel, page: Page, what: string) => Result;

const me_kernel: Action = (k, page) => {
  k.unlock_page(page);
  return 'Ignored';
};

const me_unknown: Action = (k, page) => {
  pr_err(k, page, 'Unknown page state');
  k.unlock_page(page);
  return k.behaviour.unsplitThpKills ? 'Ignored' : 'Failed';
};

const me_pagecache_clean: Action = (k, page, what) => {
  delete_from_lru_cache(k, page);
  let result: Result = 'Recovered';
  if (folio_test_anon(k.mem, page)) {
    k.mem.mapping[page] = 0;
  } else {
    const mapping = folio_mapping_of_file(k, page);
    if (mapping === null) result = 'Failed';
    else {
      truncate_error_folio(k, page, mapping);
      const kept = mapping.kind === 'shmem' && k.behaviour.shmemKeepsPoisoned;
      if (has_extra_refcount(k, page, what, kept)) result = 'Failed';
    }
  }
  k.unlock_page(page);
  return result;
};

/** What was written is lost, which whoever has the file open is told once. */
const me_pagecache_dirty: Action = (k, page, what) => {
  const mapping = folio_mapping_of_file(k, page);
  if (mapping !== null) mapping_set_error(mapping, -EIO);
  return me_pagecache_clean(k, page, what);
};

/** It stays in the swap cache, where whoever comes for it finds that it is poisoned; it is not written any more. */
const me_swapcache_dirty: Action = (k, page, what) => {
  k.mem.flags[page]! &= ~(PG_dirty | PG_uptodate);
  const isolated = delete_from_lru_cache(k, page);
  k.unlock_page(page);
  if (has_extra_refcount(k, page, what, isolated)) return 'Failed';
  return isolated ? 'Delayed' : 'Failed';
};

/** The swap device has what it held. */
const me_swapcache_clean: Action = (k, page, what) => {
  delete_from_swap_cache(k, page);
  const isolated = delete_from_lru_cache(k, page);
  k.mem.mapping[page] = 0;
  k.unlock_page(page);
  if (has_extra_refcount(k, page, what, false)) return 'Failed';
  return isolated ? 'Recovered' : 'Failed';
};

interface PageState {
  readonly mask: number;
  readonly res: number;
  readonly what: string;
  readonly action: Action;
}

/** Two states: with PG_dirty, and without. */
const both = (flags: number, what: string, dirty: Action, clean: Action): readonly PageState[] => [
  { mask: flags | PG_dirty, res: flags | PG_dirty, what: `dirty ${what}`, action: dirty },
  { mask: flags | PG_dirty, res: flags, what: `clean ${what}`, action: clean },
];

export const RESERVED = 'reserved kernel page';

/** The first that fits is it. */
const error_states: readonly PageState[] = [
  { mask: PG_reserved, res: PG_reserved, what: RESERVED, action: me_kernel },
  ...both(PG_swapcache | PG_swapbacked, 'swapcache page', me_swapcache_dirty, me_swapcache_clean),
  ...both(PG_mlocked, 'mlocked LRU page', me_pagecache_dirty, me_pagecache_clean),
  ...both(PG_unevictable, 'unevictable LRU page', me_pagecache_dirty, me_pagecache_clean),
  ...both(PG_lru, 'LRU page', me_pagecache_dirty, me_pagecache_clean),
];
const UNKNOWN: PageState = { mask: 0, res: 0, what: 'unknown page', action: me_unknown };

const stateOf = (flags: number): PageState | undefined =>
  error_states.find(({ mask, res }) => (flags & mask) === res);

/**
 * Do what its flags ask for; those before it was unmapped count where those it has now say nothing.
 * Context: locked, which it is no longer afterwards. Return: 0 or -EBUSY.
 */
export function identify_page_state(k: Kernel, page: Page, now: number, before: number): number {
  const { what, action } = stateOf(now) ?? stateOf(before | (now & PG_dirty)) ?? UNKNOWN;
  const result = action(k, page, what);
  return action_result(k, page, what, result);
}
