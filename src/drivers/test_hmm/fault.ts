// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: lib/test_hmm.c, device faults, reads and writes. Fidelity: ported. */
import {
  HMM_PFN_ERROR,
  HMM_PFN_REQ_FAULT,
  HMM_PFN_REQ_WRITE,
  HMM_PFN_VALID,
  HMM_PFN_WRITE,
  type HmmRange,
  hmm_range_fault,
  hmm_range_fault_unlocked_timeout,
} from '../../mm/hmm.js';
import type { Kernel } from '../../mm/kernel.js';
import { is_device_private_page } from '../../mm/memremap.js';
import { mmput } from '../../mm/mmap.js';
import {
  type MmuIntervalNotifier,
  type MmuIntervalNotifierOps,
  type MmuNotifierRange,
  mmu_interval_read_begin,
  mmu_interval_read_retry,
  mmu_interval_set_seq,
} from '../../mm/mmu_notifier.js';
import type { PlainReasonId } from '../../mm/reasons.js';
import type { MmStruct } from '../../mm/types.js';
import { COST_FRUITLESS } from '../../sim/costs.js';
import { KernelBug } from '../../sim/errors.js';
import { NO_PAGE, type Page } from '../../sim/memmap.js';
import { done, type Task } from '../../sim/task.js';
import { EBUSY, EFAULT, ENOENT } from '../../uapi/errno.js';
import { PAGE_SIZE } from '../../uapi/mman.js';
import { BACKING_PAGE } from './backing.js';
import { DmirrorBounce } from './bounce.js';
import {
  COST_BATCH,
  COST_RETRY,
  COST_TABLE,
  type Dmirror,
  type DmirrorCmd,
  giveBatch,
  HMM_RANGE_DEFAULT_TIMEOUT_NS,
  takeBatch,
} from './dmirror.js';
import { DPT_XA_TAG_WRITE, xa_tag, xa_untag_page } from './xarray.js';

/** The CPU's page table changes: forget what the device knows of the range, its end included. */
function dmirror_interval_invalidate(
  mni: MmuIntervalNotifier,
  range: MmuNotifierRange,
  curSeq: number,
): Task<boolean> {
  const dmirror = mni.owner as Dmirror;
  if (range.event === 'MMU_NOTIFY_MIGRATE' && range.owner === dmirror.mdevice) {
    dmirror.mdevice.module.onIgnored?.(dmirror, range);
    return done(true);
  }
  return invalidate_locked(dmirror, mni, range, curSeq);
}

function* invalidate_locked(
  dmirror: Dmirror,
  mni: MmuIntervalNotifier,
  range: MmuNotifierRange,
  curSeq: number,
): Task<boolean> {
  yield* dmirror.mutex.mutex_lock('dmirror_interval_invalidate');
  mmu_interval_set_seq(mni, curSeq);
  dmirror.pt.xa_erase_range(Math.floor(range.start / PAGE_SIZE), Math.floor(range.end / PAGE_SIZE));
  dmirror.mutex.mutex_unlock();
  return true;
}

export const dmirror_min_ops: MmuIntervalNotifierOps = { invalidate: dmirror_interval_invalidate };

/** What dmirror_do_fault() did about the address with page number `index`: entered it, or why not. */
function tell(dmirror: Dmirror, index: number, failed?: PlainReasonId): void {
  const { mm } = dmirror.notifier;
  if (mm.kernel.trace === null) return;
  const fn = 'dmirror_do_fault';
  const addr = index * PAGE_SIZE;
  const args = { device: dmirror.mdevice.name };
  if (failed === undefined) mm.kernel.note({ event: 'device_fault', tracepoint: fn, fn, mm, addr, args });
  else mm.kernel.note({ event: 'hmm_fault_failed', fn, mm, addr, args, reason: { id: failed } });
}

/** Put what hmm_range_fault() found into the device page table. Return: 0 or -EFAULT. */
function dmirror_do_fault(dmirror: Dmirror, range: HmmRange): number {
  const k = dmirror.mdevice.module.kernel;
  const count = (range.end - range.start) / PAGE_SIZE;
  const first = range.start / PAGE_SIZE;
  for (let n = 0; n < count; n++) {
    const flags = range.hmm_flags[n]!;
    const page = range.hmm_pfns[n]!;
    if ((flags & HMM_PFN_ERROR) !== 0) k.warn('dmirror_do_fault', 'hmm_range_fault() gave an error entry');
    if ((flags & HMM_PFN_VALID) === 0) k.warn('dmirror_do_fault', 'hmm_range_fault() gave an invalid entry');
    const write = (flags & HMM_PFN_WRITE) !== 0;
    if (!write && (range.default_flags & HMM_PFN_REQ_WRITE) !== 0) {
      k.warn('dmirror_do_fault', 'write access was asked for, the page is read-only');
      tell(dmirror, first + n, 'page-read-only');
      return -EFAULT;
    }
    const stored = k.behaviour.faultMirrorsOwnPrivatePage ? page : backing(dmirror, page);
    dmirror.pt.xa_store(first + n, stored, write ? DPT_XA_TAG_WRITE : 0);
    tell(dmirror, first + n);
  }
  return 0;
}

/** What a driver without that bug stores: the page that holds the data. */
function backing(dmirror: Dmirror, page: Page): Page {
  return BACKING_PAGE(dmirror.mdevice, page);
}

function* dmirror_range_fault(dmirror: Dmirror, range: HmmRange): Task<number> {
  const { kernel } = dmirror.mdevice.module;
  const { executor } = kernel;
  const { mm } = dmirror.notifier;
  const deadline = executor.now + HMM_RANGE_DEFAULT_TIMEOUT_NS;
  for (let tries = 0; ; kernel.tried_in_vain(++tries)) {
    if (executor.now > deadline) return -EBUSY;
    executor.charge(COST_BATCH);
    if (executor.shouldResched) yield* executor.cond_resched('dmirror_range_fault');
    range.notifier_seq = yield* mmu_interval_read_begin(range.notifier);
    if (!mm.mmap_lock.down_read_fast()) yield* mm.mmap_lock.down_read('dmirror_range_fault');
    const ret = yield* hmm_range_fault(range);
    mm.mmap_lock.up_read();
    if (ret === -EBUSY) continue;
    if (ret !== 0) return ret;
    yield* dmirror.mutex.mutex_lock('dmirror_range_fault');
    if (!mmu_interval_read_retry(range.notifier, range.notifier_seq)) break;
    dmirror.mutex.mutex_unlock();
  }
  const ret = dmirror_do_fault(dmirror, range);
  dmirror.mutex.mutex_unlock();
  return ret;
}

function* dmirror_range_fault_unlocked(dmirror: Dmirror, range: HmmRange): Task<number> {
  for (;;) {
    const ret = yield* hmm_range_fault_unlocked_timeout(range);
    if (ret !== 0) return ret;
    yield* dmirror.mutex.mutex_lock('dmirror_range_fault_unlocked');
    if (!mmu_interval_read_retry(range.notifier, range.notifier_seq)) break;
    dmirror.mutex.mutex_unlock();
  }
  const ret = dmirror_do_fault(dmirror, range);
  dmirror.mutex.mutex_unlock();
  return ret;
}

/** Fault [start, end) in for the device. Context: may sleep. Return: 0, -EFAULT, -EPERM, -EBUSY. */
function* dmirror_fault(
  dmirror: Dmirror,
  start: number,
  end: number,
  write: boolean,
  unlocked: boolean,
): Task<number> {
  const k = dmirror.mdevice.module.kernel;
  const { mm } = dmirror.notifier;
  if (!k.mmget_not_zero(mm)) {
    if (k.behaviour.mirrorGoneFails) return -EFAULT;
    k.executor.charge(COST_FRUITLESS);
    return 0;
  }
  const batch = takeBatch();
  const range: HmmRange = {
    notifier: dmirror.notifier,
    notifier_seq: 0,
    start,
    end,
    hmm_pfns: batch.hmm_pfns,
    hmm_flags: batch.hmm_flags,
    default_flags: HMM_PFN_REQ_FAULT | (write ? HMM_PFN_REQ_WRITE : 0),
    dev_private_owner: dmirror.mdevice,
  };
  let ret = 0;
  for (let addr = start; addr < end && ret === 0; addr = range.end) {
    range.start = addr;
    range.end = Math.min(addr + k.behaviour.faultBatchPages * PAGE_SIZE, end);
    ret = yield* (unlocked ? dmirror_range_fault_unlocked : dmirror_range_fault)(dmirror, range);
  }
  giveBatch(batch);
  yield* mmput(mm);
  return ret;
}

/** A page pointer that nobody has set: the largest that the device table holds. */
export const STACK_GARBAGE: Page = 0x3fffffff;

/** Why the CPU cannot reach the contents of a page in the device table; null when it can. */
function unreachable(kernel: Kernel, page: Page): [fault: string, what: string] | null {
  if (page === STACK_GARBAGE) {
    const what = 'a page pointer that nobody has set, which dmirror_exclusive passed to dmirror_atomic_map';
    return ['general protection fault', what];
  }
  if (!kernel.is_zone_device_page(page)) return null;
  const fault = 'unable to handle page fault';
  if (!kernel.has_pgmap(page)) return [fault, 'a page of device memory that has been released since'];
  if (!is_device_private_page(kernel, page)) return null;
  const pfn = kernel.mem.page_to_pfn(page).toString(16);
  return [fault, `the unaddressable device private page 0x${pfn}, which dmirror_do_fault stored`];
}

/** A kernel access to the contents of a page in the device table. */
function assert_addressable(dmirror: Dmirror, page: Page, fn: string): void {
  const { module, minor } = dmirror.mdevice;
  const trouble = unreachable(module.kernel, page);
  if (trouble === null) return;
  const [fault, what] = trouble;
  throw new KernelBug(
    module.generation.symbols[fn] ?? fn,
    `${fault}: the device table of hmm_dmirror${minor} holds ${what}`,
  );
}

/** Copy [start, end) from the device's memory. Return: 0, or -ENOENT at the first missing page. */
function dmirror_do_read(
  dmirror: Dmirror,
  start: number,
  end: number,
  bounce: DmirrorBounce,
  bounceStart: number,
): number {
  const { executor } = dmirror.mdevice.module.kernel;
  const first = start / PAGE_SIZE;
  const last = end / PAGE_SIZE;
  for (let index = first; index < last; index++) {
    const page = xa_untag_page(dmirror.pt.xa_load(index));
    if (page === NO_PAGE) return -ENOENT;
    assert_addressable(dmirror, page, 'dmirror_do_read');
    executor.charge(COST_TABLE);
    bounce.copyIn(index - bounceStart / PAGE_SIZE, page);
    bounce.cpages++;
  }
  return 0;
}

function dmirror_do_write(
  dmirror: Dmirror,
  start: number,
  end: number,
  bounce: DmirrorBounce,
  bounceStart: number,
): number {
  const { executor } = dmirror.mdevice.module.kernel;
  const first = start / PAGE_SIZE;
  const last = end / PAGE_SIZE;
  for (let index = first; index < last; index++) {
    const entry = dmirror.pt.xa_load(index);
    const page = xa_untag_page(entry);
    if (page === NO_PAGE || xa_tag(entry) !== DPT_XA_TAG_WRITE) return -ENOENT;
    assert_addressable(dmirror, page, 'dmirror_do_write');
    executor.charge(COST_TABLE);
    bounce.copyOut(index - bounceStart / PAGE_SIZE, page);
    bounce.cpages++;
  }
  return 0;
}

type Access = typeof dmirror_do_read;

/** Copy until a page is missing, fault the rest in, and go on. */
function* access_loop(
  dmirror: Dmirror,
  cmd: DmirrorCmd,
  bounce: DmirrorBounce,
  access: Access,
  write: boolean,
  unlocked = false,
): Task<number> {
  const end = cmd.addr + cmd.size;
  let start = cmd.addr;
  const { executor } = dmirror.mdevice.module.kernel;
  for (;;) {
    yield* dmirror.mutex.mutex_lock(access.name);
    const ret = access(dmirror, start, end, bounce, cmd.addr);
    dmirror.mutex.mutex_unlock();
    if (ret !== -ENOENT) return ret;
    start = cmd.addr + bounce.cpages * PAGE_SIZE;
    const fault = yield* dmirror_fault(dmirror, start, end, write, unlocked);
    if (fault !== 0) return fault;
    cmd.faults++;
    executor.charge(COST_RETRY);
    if (executor.shouldResched) yield* executor.cond_resched(access.name);
  }
}

/** HMM_DMIRROR_READ: the device reads memory. Context: may sleep. */
export function dmirror_read(dmirror: Dmirror, mm: MmStruct, cmd: DmirrorCmd): Task<number> {
  return read(dmirror, mm, cmd, false);
}

/** HMM_DMIRROR_READ_UNLOCKED: the same, by faults that may let go of the mmap_lock and wait. Context: may sleep. */
export function dmirror_read_unlocked(dmirror: Dmirror, mm: MmStruct, cmd: DmirrorCmd): Task<number> {
  return read(dmirror, mm, cmd, true);
}

function* read(dmirror: Dmirror, mm: MmStruct, cmd: DmirrorCmd, unlocked: boolean): Task<number> {
  const bounce = yield* DmirrorBounce.init(dmirror.mdevice.module.kernel, cmd.size);
  if (typeof bounce === 'number') return bounce;
  let ret = yield* access_loop(dmirror, cmd, bounce, dmirror_do_read, false, unlocked);
  if (ret === 0 && !(yield* bounce.toUser(mm, cmd.ptr))) ret = -EFAULT;
  cmd.cpages = bounce.cpages;
  bounce.fini();
  return ret;
}

/** HMM_DMIRROR_WRITE: the device writes memory. Context: may sleep. */
export function* dmirror_write(dmirror: Dmirror, mm: MmStruct, cmd: DmirrorCmd): Task<number> {
  const bounce = yield* DmirrorBounce.init(dmirror.mdevice.module.kernel, cmd.size);
  if (typeof bounce === 'number') return bounce;
  let ret = -EFAULT;
  if (yield* bounce.fromUser(mm, cmd.ptr))
    ret = yield* access_loop(dmirror, cmd, bounce, dmirror_do_write, true);
  cmd.cpages = bounce.cpages;
  bounce.fini();
  return ret;
}

/** Read the range back for the caller, without faulting (what MIGRATE_TO_DEV and EXCLUSIVE end with). */
export function* return_data(dmirror: Dmirror, mm: MmStruct, cmd: DmirrorCmd): Task<number> {
  const bounce = yield* DmirrorBounce.init(dmirror.mdevice.module.kernel, cmd.size);
  if (typeof bounce === 'number') return bounce;
  yield* dmirror.mutex.mutex_lock('dmirror_do_read');
  let ret = dmirror_do_read(dmirror, cmd.addr, cmd.addr + cmd.size, bounce, cmd.addr);
  dmirror.mutex.mutex_unlock();
  if (ret === 0 && !(yield* bounce.toUser(mm, cmd.ptr))) ret = -EFAULT;
  cmd.cpages = bounce.cpages;
  bounce.fini();
  return ret;
}
