// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: lib/test_hmm.c, exclusive (atomic) access of the device. Fidelity: ported. */

import { mmput } from '../../mm/mmap.js';
import { put_page } from '../../mm/page_alloc.js';
import { compound_head } from '../../mm/page_flags.js';
import { make_device_exclusive, make_device_exclusive_range } from '../../mm/rmap_exclusive.js';
import type { MmStruct } from '../../mm/types.js';
import { NO_PAGE } from '../../sim/memmap.js';
import type { Task } from '../../sim/task.js';
import { EBUSY, EINVAL, EPERM } from '../../uapi/errno.js';
import { PAGE_SIZE } from '../../uapi/mman.js';
import { BATCH, type Dmirror, type DmirrorCmd } from './dmirror.js';
import { return_data, STACK_GARBAGE } from './fault.js';
import { DPT_XA_TAG_ATOMIC, xa_tag } from './xarray.js';

/** HMM_DMIRROR_CHECK_EXCLUSIVE: -EPERM while the device has atomic access to any page of the range. */
export function dmirror_check_atomic(dmirror: Dmirror, cmd: DmirrorCmd): number {
  const last = (cmd.addr + cmd.size) / PAGE_SIZE;
  for (let index = cmd.addr / PAGE_SIZE; index < last; index++) {
    if (xa_tag(dmirror.pt.xa_load(index)) === DPT_XA_TAG_ATOMIC) return -EPERM;
  }
  return 0;
}

/** Enter the pages as atomic. Return: how many. */
function* dmirror_atomic_map(dmirror: Dmirror, start: number, end: number, pages: Uint32Array): Task<number> {
  yield* dmirror.mutex.mutex_lock('dmirror_atomic_map');
  let mapped = 0;
  const count = (end - start) / PAGE_SIZE;
  for (let n = 0; n < count; n++) {
    if (pages[n] === NO_PAGE) continue;
    dmirror.pt.xa_store(start / PAGE_SIZE + n, pages[n]!, DPT_XA_TAG_ATOMIC);
    mapped++;
  }
  dmirror.mutex.mutex_unlock();
  return mapped;
}

function* exclusive_range(dmirror: Dmirror, mm: MmStruct, start: number, end: number): Task<number> {
  const k = dmirror.mdevice.module.kernel;
  const pages = new Uint32Array(BATCH);
  const batch = k.behaviour.exclusiveByPage ? 1 : BATCH;
  // Pages that are not found leave whatever the stack held.
  const unset = k.behaviour.exclusiveNeedsAllPages ? NO_PAGE : STACK_GARBAGE;
  for (let addr = start; addr < end; ) {
    const next = Math.min(end, addr + batch * PAGE_SIZE);
    pages.fill(unset);
    const found = yield* make_device_exclusive_range(mm, addr, next, pages, null);
    let mapped = 0;
    if (found === (next - addr) / PAGE_SIZE || !k.behaviour.exclusiveNeedsAllPages) {
      mapped = yield* dmirror_atomic_map(dmirror, addr, next, pages);
    }
    for (let n = 0; n < found; n++) {
      if (pages[n] === NO_PAGE) continue;
      k.unlock_page(compound_head(k.mem, pages[n]!));
      put_page(k, pages[n]!);
    }
    if (addr + mapped * PAGE_SIZE < next) return -EBUSY;
    addr = next;
  }
  return 0;
}

/** The same of kernels that go page by page. Return: 0, or why the first of them could not be had: -errno. */
function* exclusive_pages(dmirror: Dmirror, mm: MmStruct, start: number, end: number): Task<number> {
  const k = dmirror.mdevice.module.kernel;
  for (let addr = start; addr < end; addr += PAGE_SIZE) {
    const page = yield* make_device_exclusive(mm, addr, null);
    if (page < 0) return page;
    yield* dmirror.mutex.mutex_lock('dmirror_atomic_map');
    dmirror.pt.xa_store(addr / PAGE_SIZE, page, DPT_XA_TAG_ATOMIC);
    dmirror.mutex.mutex_unlock();
    k.unlock_page(compound_head(k.mem, page));
    put_page(k, page);
  }
  return 0;
}

/** HMM_DMIRROR_EXCLUSIVE: take the range from the CPU. Context: may sleep. Return: 0 or -errno. */
export function* dmirror_exclusive(dmirror: Dmirror, caller: MmStruct, cmd: DmirrorCmd): Task<number> {
  const k = dmirror.mdevice.module.kernel;
  const { mm } = dmirror.notifier;
  if (!k.mmget_not_zero(mm)) return -EINVAL;
  yield* mm.mmap_lock.down_read('dmirror_exclusive');
  const take = k.behaviour.exclusivePageErrors ? exclusive_pages : exclusive_range;
  const ret = yield* take(dmirror, mm, cmd.addr, cmd.addr + cmd.size);
  mm.mmap_lock.up_read();
  yield* mmput(mm);
  if (ret !== 0) return ret;
  return yield* return_data(dmirror, caller, cmd);
}
