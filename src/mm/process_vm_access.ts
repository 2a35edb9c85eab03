// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: mm/process_vm_access.c, and mm/memory.c access_remote_vm(): other processes' memory. Fidelity: ported. */
import { NO_PAGE, type Page } from '../sim/memmap.js';
import type { Task } from '../sim/task.js';
import { EFAULT } from '../uapi/errno.js';
import { PAGE_SIZE } from '../uapi/mman.js';
import { get_user_pages_remote, pin_user_pages_remote, unpin_user_pages } from './gup.js';
import { FOLL_WRITE } from './gup_flags.js';
import { mmput } from './mmap.js';
import { put_page } from './page_alloc.js';
import { compound_head, folio_mark_dirty } from './page_flags.js';
import type { MmStruct } from './types.js';
import { copy_from_user, copy_to_user } from './uaccess.js';

/** Pages that are pinned at a time (PVM_MAX_USER_PAGES). */
const PVM_MAX_USER_PAGES = 1024;

export interface VmRange {
  /** Addresses on either side, in bytes. */
  readonly local: number;
  readonly remote: number;
  readonly length: number;
}

/** Copy one piece of a page, to it or from it. Context: may sleep. Return: whether user memory let it. */
function* copy_piece(
  current: MmStruct,
  local: number,
  page: Page,
  offset: number,
  length: number,
  write: boolean,
): Task<boolean> {
  const { contents } = current.kernel;
  if (write) {
    const bytes = yield* copy_from_user(current, local, length);
    if (bytes === null) return false;
    contents.writeBytes(page, offset, bytes, 0, length);
    return true;
  }
  const bytes = new Uint8Array(length);
  contents.readBytes(page, offset, bytes, 0, length);
  return yield* copy_to_user(current, local, bytes);
}

/** process_vm_rw_core(), one range on either side. Context: may sleep. Return: bytes copied, or -EFAULT for none. */
export function* process_vm_rw_core(
  current: MmStruct,
  mm: MmStruct,
  { local, remote, length }: VmRange,
  vm_write: boolean,
): Task<number> {
  const k = mm.kernel;
  // mm_access() keeps the address space.
  mm.mm_users++;
  let copied = 0;
  let failed = false;
  while (copied < length && !failed) {
    const from = remote + copied;
    const start = from - (from % PAGE_SIZE);
    const wanted = Math.ceil((from - start + length - copied) / PAGE_SIZE);
    const pages = new Uint32Array(Math.min(wanted, PVM_MAX_USER_PAGES));
    yield* mm.mmap_lock.down_read('process_vm_rw_single_vec');
    const pinned = yield* pin_user_pages_remote(mm, start, pages.length, vm_write ? FOLL_WRITE : 0, pages);
    mm.mmap_lock.up_read();
    if (pinned <= 0) break;
    for (let i = 0; i < pinned && copied < length && !failed; i++) {
      const offset = (remote + copied) % PAGE_SIZE;
      const piece = Math.min(PAGE_SIZE - offset, length - copied);
      if (yield* copy_piece(current, local + copied, pages[i]!, offset, piece, vm_write)) copied += piece;
      else failed = true;
    }
    if (vm_write) for (const page of pages.subarray(0, pinned)) set_page_dirty(current, page);
    unpin_user_pages(k, pages, pinned);
  }
  yield* mmput(mm);
  return copied > 0 ? copied : -EFAULT;
}

function set_page_dirty({ kernel: { mem } }: MmStruct, page: Page): void {
  folio_mark_dirty(mem, compound_head(mem, page));
}

/**
 * access_remote_vm() of at most a page, which is to be written from `bytes`, or read to them.
 * Context: may sleep. Return: whether the page could be had.
 */
export function* access_remote_vm(
  mm: MmStruct,
  addr: number,
  bytes: Uint8Array,
  gup_flags: number,
): Task<boolean> {
  const k = mm.kernel;
  yield* mm.mmap_lock.down_read('__access_remote_vm');
  for (let done = 0; done < bytes.length; ) {
    const pages = new Uint32Array(1);
    const got = yield* get_user_pages_remote(
      mm,
      addr + done - ((addr + done) % PAGE_SIZE),
      1,
      gup_flags,
      pages,
    );
    const page = pages[0]!;
    if (got <= 0 || page === NO_PAGE) {
      mm.mmap_lock.up_read();
      return false;
    }
    const offset = (addr + done) % PAGE_SIZE;
    const piece = Math.min(PAGE_SIZE - offset, bytes.length - done);
    if ((gup_flags & FOLL_WRITE) !== 0) {
      k.contents.writeBytes(page, offset, bytes, done, piece);
      set_page_dirty(mm, page);
    } else {
      k.contents.readBytes(page, offset, bytes, done, piece);
    }
    put_page(k, compound_head(k.mem, page));
    done += piece;
  }
  mm.mmap_lock.up_read();
  return true;
}
