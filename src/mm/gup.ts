// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: mm/gup.c, get_user_pages() and pin_user_pages(), slow paths, and populating. Fidelity: ported.
 * DIVERGES: the mmap_lock is dropped only where a fault waits for a userfaultfd, or for a disk, and then taken again
 * before anybody returns; a fatal signal does not cut the loop short.
 *
 * `pages` receives pages from its first element on; pass a subarray to continue. Released with put_page() after get_*,
 * with unpin_user_pages() after pin_*.
 */

import { COST_PAGE } from '../sim/costs.js';
import { NO_PAGE, type Page } from '../sim/memmap.js';
import type { Task } from '../sim/task.js';
import { EAGAIN, EEXIST, EFAULT, EHWPOISON, EINVAL, ENOMEM, errnoName } from '../uapi/errno.js';
import { PAGE_SIZE } from '../uapi/mman.js';
import {
  check_vma_flags,
  FOLL_DUMP,
  FOLL_FORCE,
  FOLL_GET,
  FOLL_HWPOISON,
  FOLL_LONGTERM,
  FOLL_MADV_POPULATE,
  FOLL_NOFAULT,
  FOLL_PIN,
  FOLL_REMOTE,
  FOLL_TOUCH,
  FOLL_TRIED,
  FOLL_UNLOCKABLE,
  FOLL_WRITE,
  is_valid_gup_args,
  vma_refusal,
} from './gup_flags.js';
import {
  FOLLOW_SPLIT,
  FOLLOW_UNSHARE,
  type FollowPageContext,
  follow_page_mask,
  gup_refuses,
} from './gup_follow.js';
import { check_and_migrate_movable_pages } from './gup_longterm.js';
import { gup_put_folio, type PageArray, try_grab_folio } from './gup_refs.js';
import { __split_huge_pmd } from './huge_split.js';
import { handle_mm_fault } from './memory.js';
import { compound_head } from './page_flags.js';
import { FLAGS, PTE_HUGE, pmd_index, pte_index } from './pgtable.js';
import { type PlainReasonId, refused } from './reasons.js';
import {
  FAULT_FLAG_ALLOW_RETRY,
  FAULT_FLAG_REMOTE,
  FAULT_FLAG_TRIED,
  FAULT_FLAG_UNSHARE,
  FAULT_FLAG_WRITE,
  type MmStruct,
  VM_FAULT_ERROR,
  VM_FAULT_HWPOISON,
  VM_FAULT_HWPOISON_LARGE,
  VM_FAULT_OOM,
  VM_FAULT_RETRY,
  VM_IO,
  VM_LOCKONFAULT,
  VM_PFNMAP,
  VM_SHARED,
  VM_WRITE,
  type VmArea,
  vma_is_accessible,
} from './types.js';
import { take_userfault, wait_for_userfault } from './userfaultfd_k.js';

export type { PageArray } from './gup_refs.js';
export { unpin_user_pages } from './gup_refs.js';

/** What a fault says that has let go of the mmap_lock, and is to be tried again (the kernel's *locked = 0). */
const UNLOCKED = -EAGAIN;

/** Context: may sleep. Return: 0, -ENOMEM, -EFAULT, or UNLOCKED. */
function* faultin_page(vma: VmArea, address: number, flags: number, unshare: boolean): Task<number> {
  if ((flags & FOLL_NOFAULT) !== 0) return -EFAULT;
  let fault = 0;
  if ((flags & FOLL_WRITE) !== 0) fault |= FAULT_FLAG_WRITE;
  if ((flags & FOLL_REMOTE) !== 0) fault |= FAULT_FLAG_REMOTE;
  if (unshare) fault |= FAULT_FLAG_UNSHARE;
  if ((flags & FOLL_UNLOCKABLE) !== 0) fault |= FAULT_FLAG_ALLOW_RETRY;
  if ((flags & FOLL_TRIED) !== 0) fault |= FAULT_FLAG_TRIED;
  const ret = yield* handle_mm_fault(vma, address, fault);
  if ((ret & VM_FAULT_RETRY) !== 0) return UNLOCKED;
  if ((ret & VM_FAULT_ERROR) === 0) return 0;
  if ((ret & (VM_FAULT_HWPOISON | VM_FAULT_HWPOISON_LARGE)) !== 0 && (flags & FOLL_HWPOISON) !== 0)
    return -EHWPOISON;
  return (ret & VM_FAULT_OOM) !== 0 ? -ENOMEM : -EFAULT;
}

/** The VMA at `start`, if these flags may enter it; else a negative errno. */
function gup_vma(mm: MmStruct, start: number, flags: number): VmArea | number {
  const vma = mm.vmas.vma_lookup(start);
  const populate = (flags & FOLL_MADV_POPULATE) !== 0;
  if (vma === null) return populate ? -ENOMEM : -EFAULT;
  const err = check_vma_flags(vma, flags);
  if (err === 0) return vma;
  return populate ? -EINVAL : err;
}

/** What a small entry maps at `addr`; NO_PAGE for none. */
function mapped_page({ pt }: MmStruct, addr: number): Page {
  return pt.pteTable(addr)?.[pte_index(addr)] ?? NO_PAGE;
}

/** Tell why the walk ends before the last page that was asked for. Return: what it answers. */
function stopped(mm: MmStruct, addr: number, flags: number, done: number, err: number): number {
  const ret = done > 0 ? done : err;
  if (mm.kernel.trace === null) return ret;
  const vma = mm.vmas.vma_lookup(addr);
  const refusal = vma === null ? null : vma_refusal(vma, flags);
  const why = (fn: string, id: PlainReasonId): void => {
    const args = { err: `-${errnoName(-err)}` };
    mm.kernel.note({ event: 'gup_stopped', fn, mm, addr, reason: { id }, args });
  };
  if (vma === null) why('__get_user_pages', 'no-vma');
  else if (refusal !== null) why('check_vma_flags', refusal.reason);
  else if (gup_refuses(mm.kernel, mapped_page(mm, addr), flags)) why('follow_page_pte', 'public-page');
  else why('faultin_page', err === -ENOMEM ? 'no-memory' : 'fault-fails');
  return ret;
}

/** What follow_page_mask() asked for instead of giving a page. Context: may sleep. Return: 0 to ask again, or -errno. */
function* resolve(vma: VmArea, address: number, flags: number, found: number): Task<number> {
  if (found === FOLLOW_SPLIT) {
    const pmd = vma.vm_mm.pt.pmdTable(address)!;
    yield* __split_huge_pmd(vma, pmd, pmd_index(address), address, false, null);
    if ((pmd.e[FLAGS + pmd_index(address)]! & PTE_HUGE) === 0) vma.vm_mm.pt.pte_alloc(address);
    return 0;
  }
  if (found < 0 && found !== FOLLOW_UNSHARE) return found;
  return yield* faultin_page(vma, address, flags, found === FOLLOW_UNSHARE);
}

/** Whether faults have kept the mmap_lock. */
interface Locked {
  locked: boolean;
}

/** Wait, without the mmap_lock, for what the last fault waits for. Context: the lock is taken again; may sleep for ever. */
function* relock(mm: MmStruct, lock: Locked, where: string): Task {
  mm.mmap_lock.up_read();
  const wait = take_userfault(mm.kernel);
  if (wait !== undefined) yield* wait_for_userfault(mm.kernel, wait);
  yield* mm.mmap_lock.down_read(where);
  lock.locked = true;
}

/** Record a page and those behind it in the same leaf. Return: 0, or -EFAULT when they cannot be grabbed. */
function record_pages(
  mm: MmStruct,
  page: number,
  n: number,
  flags: number,
  pages: PageArray,
  at: number,
): number {
  const k = mm.kernel;
  if (n > 1) {
    const folio = compound_head(k.mem, page);
    if (try_grab_folio(k, folio, n - 1, flags) !== 0) {
      gup_put_folio(k, folio, 1, flags);
      return -EFAULT;
    }
  }
  for (let j = 0; j < n; j++) pages[at + j] = page + j;
  return 0;
}

/**
 * Fault in `nr_pages` pages from `start`, and record them when `pages` is given.
 * Context: mmap_lock held; may sleep. Return: how many, or -errno when there is not one. Where a fault has let go of the
 * lock, `lock` says so, and the caller is to drop it, wait, and take it again: relock().
 */
function* __get_user_pages(
  mm: MmStruct,
  start: number,
  nr_pages: number,
  flags: number,
  pages: PageArray | null,
  lock: Locked = { locked: true },
): Task<number> {
  mm.kernel.enter('__get_user_pages', start);
  const { executor } = mm.kernel;
  const ctx: FollowPageContext = { page_mask: 0 };
  let vma: VmArea | null = null;
  let done = 0;
  let faults = 0;
  while (done < nr_pages) {
    if (vma === null || start >= vma.vm_end) {
      const next = gup_vma(mm, start, flags);
      if (typeof next === 'number') return stopped(mm, start, flags, done, next);
      vma = next;
    }
    if (executor.shouldResched) yield* executor.cond_resched('__get_user_pages');
    const page = follow_page_mask(vma, start, flags, ctx);
    // An entry without a struct page satisfies those who only want it there.
    const nothingToRecord = page === -EEXIST && pages === null;
    if (page <= NO_PAGE && !nothingToRecord) {
      const err = yield* resolve(vma, start, flags, page);
      if (err === UNLOCKED) {
        lock.locked = false;
        return done;
      }
      if (err < 0) return stopped(mm, start, flags, done, err);
      if (mm.kernel.tried_in_vain(++faults)) yield* executor.yield('__get_user_pages');
      continue;
    }
    faults = 0;
    const behind = ctx.page_mask - (Math.floor(start / PAGE_SIZE) % (ctx.page_mask + 1));
    const n = Math.min(1 + behind, nr_pages - done);
    if (pages !== null) {
      const err = record_pages(mm, page, n, flags, pages, done);
      if (err < 0) return done > 0 ? done : err;
    }
    executor.charge(COST_PAGE * n);
    done += n;
    start += n * PAGE_SIZE;
  }
  return done;
}

/** Context: mmap_lock held; may sleep. */
function* __get_user_pages_locked(
  mm: MmStruct,
  start: number,
  nr_pages: number,
  pages: PageArray | null,
  flags: number,
): Task<number> {
  if (nr_pages === 0) return 0;
  if ((flags & FOLL_PIN) !== 0) mm.has_pinned = true;
  if (pages !== null && (flags & FOLL_PIN) === 0) flags |= FOLL_GET;
  const lock: Locked = { locked: true };
  const ret = yield* __get_user_pages(mm, start, nr_pages, flags, pages, lock);
  return lock.locked ? ret : yield* get_pages_unlocked(mm, start, nr_pages, flags, pages, ret, lock);
}

/**
 * Go on behind the first `done` pages, where a fault has let go of the mmap_lock: that page alone is tried until it is
 * there, and then the rest.
 */
function* get_pages_unlocked(
  mm: MmStruct,
  start: number,
  nr_pages: number,
  flags: number,
  pages: PageArray | null,
  done: number,
  lock: Locked,
): Task<number> {
  const at = (): number => start + done * PAGE_SIZE;
  const rest = (): PageArray | null => pages?.subarray(done) ?? null;
  while (!lock.locked) {
    yield* relock(mm, lock, '__get_user_pages_locked');
    const one = yield* __get_user_pages(mm, at(), 1, flags | FOLL_TRIED, rest(), lock);
    if (!lock.locked) continue;
    if (one !== 1) return done > 0 ? done : one;
    done++;
    if (done === nr_pages) break;
    const more = yield* __get_user_pages(mm, at(), nr_pages - done, flags, rest(), lock);
    if (more > 0) done += more;
  }
  return done;
}

/**
 * Pin pages; with FOLL_LONGTERM, only where they may stay, moving them there if need be.
 * Context: mmap_lock held; may sleep. Return: how many, or -errno.
 */
export function* __gup_longterm_locked(
  mm: MmStruct,
  start: number,
  nr_pages: number,
  pages: PageArray,
  flags: number,
): Task<number> {
  for (;;) {
    const pinned = yield* __get_user_pages_locked(mm, start, nr_pages, pages, flags);
    if ((flags & FOLL_LONGTERM) === 0 || pinned <= 0) return pinned;
    const moved = yield* check_and_migrate_movable_pages(mm, start, pages, pinned);
    if (typeof moved === 'number') return moved < 0 ? moved : pinned;
  }
}

/** Take references on another process's pages. Context: mmap_lock held; may sleep. Return: how many, or -errno. */
export function* get_user_pages_remote(
  mm: MmStruct,
  start: number,
  nr_pages: number,
  gup_flags: number,
  pages: PageArray | null,
): Task<number> {
  const set = FOLL_TOUCH | FOLL_REMOTE;
  if (!is_valid_gup_args(mm.kernel, gup_flags, set)) return -EINVAL;
  return yield* __get_user_pages_locked(mm, start, nr_pages, pages, gup_flags | set);
}

/** Take references on pages of the current process. Context: mmap_lock held; may sleep. Return: how many, or -errno. */
export function* get_user_pages(
  mm: MmStruct,
  start: number,
  nr_pages: number,
  gup_flags: number,
  pages: PageArray | null,
): Task<number> {
  if (!is_valid_gup_args(mm.kernel, gup_flags, FOLL_TOUCH)) return -EINVAL;
  return yield* __get_user_pages_locked(mm, start, nr_pages, pages, gup_flags | FOLL_TOUCH);
}

/** Pin pages of the current process. Context: mmap_lock held; may sleep. Return: how many, or -errno. */
export function* pin_user_pages(
  mm: MmStruct,
  start: number,
  nr_pages: number,
  gup_flags: number,
  pages: PageArray,
): Task<number> {
  if (!is_valid_gup_args(mm.kernel, gup_flags, FOLL_PIN)) return 0;
  return yield* __gup_longterm_locked(mm, start, nr_pages, pages, gup_flags | FOLL_PIN);
}

/**
 * Pin another process's pages; faults may let go of the mmap_lock. Context: mmap_lock held; may sleep.
 * Return: how many, or -errno.
 */
export function* pin_user_pages_remote(
  mm: MmStruct,
  start: number,
  nr_pages: number,
  gup_flags: number,
  pages: PageArray,
): Task<number> {
  const set = FOLL_PIN | FOLL_TOUCH | FOLL_REMOTE | FOLL_UNLOCKABLE;
  if (!is_valid_gup_args(mm.kernel, gup_flags, set)) return 0;
  return yield* __gup_longterm_locked(mm, start, nr_pages, pages, gup_flags | set);
}

/**
 * One page of the current process for its core dump, with a reference: brought back from a device or from swap, but not
 * made where nothing is. Context: takes mmap_lock; may sleep. Return: the page; NO_PAGE leaves a hole in the dump.
 */
export function* get_dump_page(mm: MmStruct, addr: number): Task<Page> {
  const pages: PageArray = new Uint32Array(1);
  yield* mm.mmap_lock.down_read('get_dump_page');
  const ret = yield* __get_user_pages_locked(mm, addr, 1, pages, FOLL_FORCE | FOLL_DUMP | FOLL_GET);
  mm.mmap_lock.up_read();
  return ret === 1 ? pages[0]! : NO_PAGE;
}

// --- populating ---------------------------------------------------------------------------------------

/**
 * Fault in [start, end) of the VMA as mlock and MAP_POPULATE do: writable private memory for writing.
 * Context: mmap_lock held; may sleep. Return: pages, or -errno. With `lock`, faults may let go of the mmap_lock, as in
 * __get_user_pages().
 */
export function* populate_vma_page_range(
  vma: VmArea,
  start: number,
  end: number,
  lock: Locked | null = null,
): Task<number> {
  const nr_pages = (end - start) / PAGE_SIZE;
  if ((vma.vm_flags & VM_LOCKONFAULT) !== 0) return nr_pages;
  if (!vma_is_accessible(vma))
    return refused(vma.vm_mm, 'populate_vma_page_range', start, 'vma-not-readable', EFAULT);
  const breakCow = (vma.vm_flags & (VM_WRITE | VM_SHARED)) === VM_WRITE;
  const flags = FOLL_TOUCH | (breakCow ? FOLL_WRITE : FOLL_FORCE) | (lock === null ? 0 : FOLL_UNLOCKABLE);
  return yield* __get_user_pages(vma.vm_mm, start, nr_pages, flags, null, lock ?? undefined);
}

/**
 * Fault in [start, end) as MADV_POPULATE_* does. Context: mmap_lock held; may sleep.
 * Return: pages, fewer where something is in the way; -ENOMEM over a hole or without memory, -EINVAL for a VMA that
 * does not let this access in, -EFAULT for a failing fault.
 */
export function* faultin_page_range(mm: MmStruct, start: number, end: number, write: boolean): Task<number> {
  const flags = FOLL_TOUCH | FOLL_HWPOISON | FOLL_UNLOCKABLE | FOLL_MADV_POPULATE;
  const nr_pages = (end - start) / PAGE_SIZE;
  return yield* __get_user_pages_locked(mm, start, nr_pages, null, write ? flags | FOLL_WRITE : flags);
}

/**
 * Fault in the VMAs of a range whose flags are set already; with `ignore_errors`, go on after a failure.
 * Context: takes mmap_lock; may sleep. Return: 0 or -errno.
 */
export function* __mm_populate(
  mm: MmStruct,
  start: number,
  len: number,
  ignore_errors: boolean,
): Task<number> {
  const end = start + len;
  const lock: Locked = { locked: true };
  let ret = 0;
  yield* mm.mmap_lock.down_read('__mm_populate');
  for (let at = start; at < end; ) {
    const vma = mm.vmas.find_vma(at);
    if (vma === null || vma.vm_start >= end) break;
    const to = Math.min(end, vma.vm_end);
    const from = Math.max(at, vma.vm_start);
    at = to;
    if ((vma.vm_flags & (VM_IO | VM_PFNMAP)) !== 0) continue;
    const pages = yield* populate_vma_page_range(vma, from, to, lock);
    if (!lock.locked) yield* relock(mm, lock, '__mm_populate');
    if (pages >= 0) {
      at = from + pages * PAGE_SIZE;
    } else if (!ignore_errors) {
      ret = pages;
      break;
    }
  }
  mm.mmap_lock.up_read();
  return ret;
}
