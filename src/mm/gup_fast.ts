// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: mm/gup.c, GUP-fast: present entries without the mmap_lock, then the slow path for the rest.
 * Fidelity: ported; no secretmem.
 */

import { COST_PAGE } from '../sim/costs.js';
import { NO_PAGE, type Page } from '../sim/memmap.js';
import type { Task } from '../sim/task.js';
import { EFAULT, EINVAL, EOVERFLOW } from '../uapi/errno.js';
import { PAGE_SIZE } from '../uapi/mman.js';
import { __gup_longterm_locked, type PageArray } from './gup.js';
import {
  FAST_GUP_FLAGS,
  FOLL_FAST_ONLY,
  FOLL_GET,
  FOLL_LONGTERM,
  FOLL_PIN,
  FOLL_TOUCH,
  FOLL_UNLOCKABLE,
  FOLL_WRITE,
  gup_fast_folio_allowed,
  gup_must_unshare,
  is_valid_gup_args,
} from './gup_flags.js';
import { gup_refuses } from './gup_follow.js';
import { folio_is_longterm_pinnable } from './gup_longterm.js';
import { sanity_check_pinned_pages, try_grab_folio } from './gup_refs.js';
import type { Kernel } from './kernel.js';
import { pte_devmap } from './memory.js';
import { compound_head, PG_referenced } from './page_flags.js';
import {
  FLAGS,
  type PmdTable,
  PTE_PRESENT,
  PTE_PROTNONE,
  PTE_WRITE,
  type PteTable,
  pmd_addr_end,
  pmd_index,
  pmd_trans_huge,
  pte_index,
  vm_normal_page,
} from './pgtable.js';
import type { Reason } from './reasons.js';
import type { MmStruct } from './types.js';

/** One past the last user address. */
const TASK_SIZE_MAX = 0x7ffffffff000;

/** Whether the CPU could make this access right now. */
function access_permitted(entry: number, flags: number): boolean {
  if ((entry & (PTE_PRESENT | PTE_PROTNONE)) !== PTE_PRESENT) return false;
  return (flags & FOLL_WRITE) === 0 || (entry & PTE_WRITE) !== 0;
}

/** Grab `refs` pages of the folio of `page`, the page (or the head) that `entry` maps. Return: whether it was done. */
function grab_fast(k: Kernel, entry: number, page: Page, refs: number, flags: number): boolean {
  const folio = compound_head(k.mem, page);
  if ((flags & FOLL_LONGTERM) !== 0 && !folio_is_longterm_pinnable(k, folio)) return false;
  if ((entry & PTE_WRITE) === 0 && gup_must_unshare(k, null, flags, page)) return false;
  if (!gup_fast_folio_allowed(k, folio, flags)) return false;
  if (k.mem.refcount[folio]! <= 0 || try_grab_folio(k, folio, refs, flags) !== 0) return false;
  k.mem.flags[folio]! |= PG_referenced;
  return true;
}

/** Entries [i, last) of one PTE table. Return: the entries done, up to the first that needs the slow path. */
function gup_fast_pte_range(
  k: Kernel,
  table: PteTable,
  i: number,
  last: number,
  flags: number,
  pages: PageArray,
  at: number,
): number {
  let done = 0;
  for (; i < last; i++) {
    const entry = table[FLAGS + i]!;
    const page = pte_devmap(k, entry, table[i]!) ? table[i]! : vm_normal_page(entry, table[i]!);
    if (!access_permitted(entry, flags) || page === NO_PAGE || gup_refuses(k, page, flags)) break;
    if (!grab_fast(k, entry, page, 1, flags)) break;
    pages[at + done++] = page;
  }
  return done;
}

/** `refs` pages from `address` on in one huge leaf. Return: `refs`, or 0 for the slow path. */
function gup_fast_pmd_leaf(
  k: Kernel,
  pmd: PmdTable,
  address: number,
  refs: number,
  flags: number,
  pages: PageArray,
  at: number,
): number {
  const i = pmd_index(address);
  const entry = pmd.e[FLAGS + i]!;
  const head = pmd.e[i]!;
  if (!access_permitted(entry, flags) || !grab_fast(k, entry, head, refs, flags)) return 0;
  const first = head + pte_index(address);
  for (let j = 0; j < refs; j++) pages[at + j] = first + j;
  return refs;
}

/** Grab present pages of [start, end) until one needs the slow path. Does not sleep. Return: how many. */
function gup_fast(mm: MmStruct, start: number, end: number, flags: number, pages: PageArray): number {
  const k = mm.kernel;
  // Fork, which shares pages under the write lock, must not miss a pin: its seqcount sends us to the slow path.
  if ((flags & FOLL_PIN) !== 0) {
    if (!mm.mmap_lock.down_read_trylock()) return 0;
    mm.mmap_lock.up_read();
  }
  let done = 0;
  for (let addr = start; addr < end; ) {
    const next = pmd_addr_end(addr, end);
    const want = (next - addr) / PAGE_SIZE;
    const pmd = mm.pt.pmdTable(addr);
    if (pmd === null) break;
    const table = pmd.child[pmd_index(addr)]!;
    let got = 0;
    if (pmd_trans_huge(pmd, pmd_index(addr))) {
      got = gup_fast_pmd_leaf(k, pmd, addr, want, flags, pages, done);
    } else if (table !== null) {
      const i = pte_index(addr);
      got = gup_fast_pte_range(k, table, i, i + want, flags, pages, done);
    }
    done += got;
    if (got < want) break;
    addr = next;
  }
  if ((flags & FOLL_PIN) !== 0) sanity_check_pinned_pages(k, pages, done);
  k.executor.charge(COST_PAGE * done);
  return done;
}

function* gup_fast_fallback(
  mm: MmStruct,
  address: number,
  nr_pages: number,
  gup_flags: number,
  pages: PageArray,
): Task<number> {
  mm.kernel.enter('gup_fast_fallback', address);
  if ((gup_flags & ~FAST_GUP_FLAGS) !== 0) {
    const fn = 'gup_fast_fallback';
    mm.kernel.warn_on_once(fn, `gup flags ${gup_flags >>> 0}: not for the fast path`);
    const reason: Reason = { id: 'not-for-the-fast-path', gup_flags: gup_flags >>> 0 };
    mm.kernel.note({ event: 'gup_stopped', fn, mm, addr: address, reason, args: { err: '-EINVAL' } });
    return -EINVAL;
  }
  if ((gup_flags & FOLL_PIN) !== 0) mm.has_pinned = true;
  const start = address - (address % PAGE_SIZE);
  const end = start + nr_pages * PAGE_SIZE;
  if (end >= 2 ** 64) return -EOVERFLOW;
  if (end > TASK_SIZE_MAX) return -EFAULT;
  const fast = gup_fast(mm, start, end, gup_flags, pages);
  if (fast === nr_pages || (gup_flags & FOLL_FAST_ONLY) !== 0) return fast;
  const rest = pages.subarray(fast);
  const keepsLock = (gup_flags & FOLL_LONGTERM) !== 0 && !mm.kernel.behaviour.gupLongtermUnlocks;
  const flags = gup_flags | FOLL_TOUCH | (keepsLock ? 0 : FOLL_UNLOCKABLE);
  yield* mm.mmap_lock.down_read('gup_fast_fallback');
  const slow = yield* __gup_longterm_locked(mm, start + fast * PAGE_SIZE, nr_pages - fast, rest, flags);
  mm.mmap_lock.up_read();
  if (slow < 0) return fast > 0 ? fast : slow;
  return fast + slow;
}

/** get_user_pages() that takes the mmap_lock only if it must. Context: may sleep. Return: how many, or -errno. */
export function* get_user_pages_fast(
  mm: MmStruct,
  start: number,
  nr_pages: number,
  gup_flags: number,
  pages: PageArray,
): Task<number> {
  if (!is_valid_gup_args(mm.kernel, gup_flags, FOLL_GET)) return -EINVAL;
  return yield* gup_fast_fallback(mm, start, nr_pages, gup_flags | FOLL_GET, pages);
}

/** pin_user_pages() that takes the mmap_lock only if it must. Context: may sleep. Return: how many, or -errno. */
export function* pin_user_pages_fast(
  mm: MmStruct,
  start: number,
  nr_pages: number,
  gup_flags: number,
  pages: PageArray,
): Task<number> {
  if (!is_valid_gup_args(mm.kernel, gup_flags, FOLL_PIN)) return -EINVAL;
  return yield* gup_fast_fallback(mm, start, nr_pages, gup_flags | FOLL_PIN, pages);
}
