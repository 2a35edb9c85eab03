// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: mm/memory-failure.c, and madvise_inject_error() of mm/madvise.c: a page that the hardware has lost, as
 * MADV_HWPOISON has it, or that it is about to lose (MADV_SOFT_OFFLINE). Fidelity: ported for anonymous memory and for
 * pages of devices. DIVERGES: pages of files with a page cache and of hugetlb are refused with -EBUSY.
 */
import { KernelBug } from '../sim/errors.js';
import type { Page } from '../sim/memmap.js';
import type { Task } from '../sim/task.js';
import { EBUSY, EFAULT, EHWPOISON, EIO, ENXIO } from '../uapi/errno.js';
import { PAGE_SIZE } from '../uapi/mman.js';
import { get_user_pages_fast } from './gup_fast.js';
import { split_folio } from './huge_split.js';
import type { Kernel } from './kernel.js';
import { folio_isolate_lru, lruvec_del_folio } from './lru.js';
import { mem_cgroup_uncharge } from './memcontrol.js';
import { unmap_mapping_pages } from './memory_zap.js';
import { is_dax_page } from './memremap.js';
import { migrate_pages } from './migrate_pages.js';
import { folio_try_get, put_page } from './page_alloc.js';
import {
  compound_head,
  folio_mapped,
  folio_nr_pages,
  folio_test_anon,
  folio_test_large,
  PG_dirty,
  PG_hwpoison,
  PG_lru,
  PG_mlocked,
  PG_unevictable,
} from './page_flags.js';
import { unmap_poisoned } from './rmap_unmap.js';
import { folio_test_swapcache } from './swap.js';
import type { MmStruct } from './types.js';

const hex = (value: number): string => `0x${value.toString(16)}`;

/** action_result(): the kernel log says what became of it. Return: 0 where the page has been dealt with, else -EBUSY. */
function action_result(
  k: Kernel,
  page: Page,
  what: string,
  result: 'Recovered' | 'Failed' | 'Ignored',
): number {
  k.printk(`Memory failure: ${hex(k.mem.page_to_pfn(page))}: recovery action for ${what}: ${result}`);
  return result === 'Recovered' ? 0 : -EBUSY;
}

/** From now on the page belongs to nobody: what it held is lost, and its last reference is never dropped. */
function keep_poisoned(k: Kernel, page: Page): void {
  k.mem.flags[page]! |= PG_hwpoison;
  k.leakedReferences.push(page);
}

/** Whoever asked for it finds out at once, where the kernel says so. */
function kill_current(k: Kernel): void {
  if (k.behaviour.injectedErrorsKill) k.signals.force('SIGBUS');
}

// --- pages of devices -------------------------------------------------------------------------------------

/**
 * dax_lock_folio(): locks the entry of a DAX file. It takes whatever the page's mapping is for an address_space, and that
 * of anonymous memory is an anon_vma, with a bit set. Return: whether the page is of a file.
 */
function dax_lock_folio(k: Kernel, page: Page): boolean {
  if (folio_test_anon(k.mem, page)) {
    throw new KernelBug(
      'dax_lock_folio',
      `general protection fault: the anon_vma of page ${page} is taken for an address_space`,
    );
  }
  return k.mem.mapping[page] !== 0;
}

/**
 * mf_generic_kill_procs(): whoever maps the page of a DAX file has lost it, and gets a signal. Pages that a driver
 * manages are refused, once dax_lock_folio() has looked at them. Return: 0, -EBUSY, -ENXIO.
 */
function* mf_generic_kill_procs(k: Kernel, page: Page): Task<number> {
  if (!dax_lock_folio(k, page)) return -EBUSY;
  if (!is_dax_page(k, page)) return -ENXIO;
  const mapping = k.mappings[-k.mem.mapping[page]!]!;
  k.mem.flags[page]! |= PG_hwpoison;
  yield* unmap_mapping_pages(mapping, k.mem.index[page]!, 1, false);
  k.signals.force('SIGBUS');
  return 0;
}

/** The reference that madvise() took is dropped first. Return: 0 or -errno. */
function* memory_failure_dev_pagemap(k: Kernel, page: Page): Task<number> {
  put_page(k, page);
  const rc = yield* mf_generic_kill_procs(k, page);
  action_result(k, page, 'dax page', rc === 0 ? 'Recovered' : 'Failed');
  return rc;
}

// --- pages of the system ------------------------------------------------------------------------------------

/**
 * A page of anonymous memory: entries that say so take its place, and it is kept from being used again.
 * Context: the page has a reference of the caller's, which stays. May sleep. Return: 0, -EBUSY, -EHWPOISON.
 */
function* memory_failure(k: Kernel, page: Page): Task<number> {
  if (k.is_zone_device_page(page)) return yield* memory_failure_dev_pagemap(k, page);
  const { mem } = k;
  const head = compound_head(mem, page);
  if (head === k.hugeZeroFolio || !folio_test_anon(mem, head)) {
    put_page(k, page);
    return action_result(k, page, page === k.zeroPage ? 'reserved kernel page' : 'unknown page', 'Ignored');
  }
  const split = folio_test_large(mem, head) ? yield* split_for(k, head, page) : 'split';
  // It held zeros, for which the page of zeros is mapped now.
  if (split === 'gone') return action_result(k, page, 'clean LRU page', 'Recovered');
  if (split === 'stays') {
    kill_current(k);
    put_page(k, page);
    action_result(k, page, 'unsplit thp', 'Failed');
    return -EHWPOISON;
  }
  yield* k.lock_page(page, 'memory_failure');
  mem.flags[page]! |= PG_hwpoison;
  yield* unmap_poisoned(k, page);
  const dirty = (mem.flags[page]! & PG_dirty) !== 0;
  if (dirty || folio_mapped(mem, page)) kill_current(k);
  const state = (mem.flags[page]! & (PG_mlocked | PG_unevictable)) !== 0 ? 'mlocked LRU page' : 'LRU page';
  const what = `${dirty ? 'dirty' : 'clean'} ${state}`;
  if (folio_mapped(mem, page) || folio_test_swapcache(k, page)) {
    k.unlock_page(page);
    return action_result(k, page, folio_mapped(mem, page) ? 'unmapping failed page' : what, 'Failed');
  }
  // delete_from_lru_cache(): the page may never be free, so its cgroup is no longer charged for it.
  if ((mem.flags[page]! & PG_lru) !== 0) lruvec_del_folio(k, page);
  if (k.memcgs !== null) mem_cgroup_uncharge(k, page);
  mem.mapping[page] = 0;
  k.unlock_page(page);
  keep_poisoned(k, page);
  return action_result(k, page, what, 'Recovered');
}

/**
 * try_to_split_thp_page(): `page` becomes one of its own, which the caller's reference is of. Context: may sleep.
 * Return: "gone" where the split has freed it.
 */
function* split_for(k: Kernel, head: Page, page: Page): Task<'split' | 'stays' | 'gone'> {
  yield* k.lock_page(head, 'try_to_split_thp_page');
  const err = yield* split_folio(k, head);
  k.unlock_page(head);
  if (err !== 0) return 'stays';
  if (page === head) return 'split';
  // The one reference was the folio's.
  const there = folio_try_get(k, page);
  put_page(k, head);
  return there ? 'split' : 'gone';
}

// --- soft offlining -----------------------------------------------------------------------------------------

/**
 * Move what the page holds to another, and use it no more. Context: a reference of the caller's, which goes; may sleep.
 * Return: 0, -EIO for pages of devices, -EBUSY.
 */
function* soft_offline_page(k: Kernel, page: Page): Task<number> {
  const { mem } = k;
  if (k.is_zone_device_page(page)) {
    put_page(k, page);
    return -EIO;
  }
  const head = compound_head(mem, page);
  const anon = head !== k.hugeZeroFolio && folio_test_anon(mem, head);
  const split = anon && folio_test_large(mem, head) ? yield* split_for(k, head, page) : 'split';
  if (split === 'gone') return 0;
  if (!anon || split === 'stays') {
    put_page(k, page);
    return -EBUSY;
  }
  const isolated = folio_isolate_lru(k, page);
  put_page(k, page);
  return isolated ? yield* migrate_away(k, page) : -EBUSY;
}

/** Of one page that is off the LRU, with the reference of that. Return: 0 or -EBUSY. */
function* migrate_away(k: Kernel, page: Page): Task<number> {
  if ((yield* migrate_pages(k, [page], 'MR_MEMORY_FAILURE')) !== 0) return -EBUSY;
  keep_poisoned(k, page);
  return 0;
}

/**
 * MADV_HWPOISON and MADV_SOFT_OFFLINE of [start, end). DIVERGES: everybody has CAP_SYS_ADMIN.
 * Context: may sleep. Return: 0, or -errno of the first page that it fails for.
 */
export function* madvise_inject_error(mm: MmStruct, start: number, end: number, soft: boolean): Task<number> {
  const k = mm.kernel;
  const pages = new Uint32Array(1);
  for (let addr = start; addr < end; ) {
    const got = yield* get_user_pages_fast(mm, addr, 1, 0, pages);
    if (got !== 1) return got < 0 ? got : -EFAULT;
    const page = pages[0]!;
    const size = folio_nr_pages(k.mem, compound_head(k.mem, page)) * PAGE_SIZE;
    const what = soft ? 'Soft offlining' : 'Injecting memory failure for';
    k.printk(`${what} pfn ${hex(k.mem.page_to_pfn(page))} at process virtual address ${hex(addr)}`);
    const err = yield* soft ? soft_offline_page(k, page) : memory_failure(k, page);
    if (err !== 0) return err;
    addr += size;
  }
  return 0;
}
