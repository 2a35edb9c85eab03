// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: the dummy driver of HMM v25: device faults, reads, writes and snapshots. */
import {
  HMM_PFN_DEVICE_UNADDRESSABLE,
  HMM_PFN_ERROR,
  HMM_PFN_READ,
  HMM_PFN_SPECIAL,
  HMM_PFN_VALID,
  HMM_PFN_WRITE,
  type HmmMirrorOps,
  type HmmRange,
  hmm_vma_fault,
  hmm_vma_get_pfns,
  hmm_vma_range_done,
} from '../../mm/hmm_mirror.js';
import { is_device_private_page, is_device_public_page } from '../../mm/memremap.js';
import { mmput } from '../../mm/mmap.js';
import { compound_head, PG_dirty } from '../../mm/page_flags.js';
import type { PlainReasonId } from '../../mm/reasons.js';
import { type MmStruct, VM_READ, VM_WRITE, type VmArea } from '../../mm/types.js';
import { copy_from_user, copy_to_user } from '../../mm/uaccess.js';
import type { Page } from '../../sim/memmap.js';
import type { Task } from '../../sim/task.js';
import { EFAULT, EINVAL, ENOENT, EPERM } from '../../uapi/errno.js';
import { PAGE_SIZE } from '../../uapi/mman.js';
import * as uapi from '../../uapi/test_hmm_uapi.js';
import { BATCH, backing, type Dmirror, type DmirrorCmd, type DmirrorDevice, device_of } from './dmirror.js';
import { bring_home } from './home.js';

/** Of a mirror, its struct dmirror: container_of(). */
export function mirror_ops(dmirror: () => Dmirror): HmmMirrorOps {
  return {
    sync_cpu_device_pagetables(_mirror, _action, start, end) {
      const { lock } = dmirror();
      lock.spin_lock();
      dmirror().erase(start, end);
      lock.spin_unlock();
    },
  };
}

function new_range(): HmmRange {
  return { start: 0, end: 0, valid: false, pfns: new Uint32Array(BATCH), flags: new Uint8Array(BATCH) };
}

function refuse({ mm, mdevice }: Dmirror, addr: number, id: PlainReasonId, ret: number): number {
  const args = { device: mdevice.name };
  const fn = 'dmirror_fault';
  if (mm.kernel.trace !== null)
    mm.kernel.note({ event: 'hmm_fault_failed', fn, mm, addr, args, reason: { id } });
  return ret;
}

/** The mapping at `addr`, if the device may do there what it wants to. Return: or -EFAULT, -EPERM. */
function allowed(dmirror: Dmirror, addr: number, write: boolean): VmArea | number {
  const vma = dmirror.mm.vmas.vma_lookup(addr);
  if (vma === null) return refuse(dmirror, addr, 'no-vma', -EFAULT);
  if ((vma.vm_flags & VM_READ) === 0) return refuse(dmirror, addr, 'vma-not-readable', -EFAULT);
  if (write && (vma.vm_flags & VM_WRITE) === 0) return refuse(dmirror, addr, 'vma-not-writable', -EPERM);
  return vma;
}

/** Put what was found into the device's page table. Context: dmirror->lock held. Return: 0 or -EFAULT. */
function enter(dmirror: Dmirror, range: HmmRange): number {
  const { mm, mdevice } = dmirror;
  for (let addr = range.start, n = 0; addr < range.end; addr += PAGE_SIZE, n++) {
    const flags = range.flags[n]!;
    if ((flags & HMM_PFN_SPECIAL) !== 0) return refuse(dmirror, addr, 'special-mapping', -EFAULT);
    if ((flags & HMM_PFN_ERROR) !== 0 || (flags & HMM_PFN_VALID) === 0)
      return refuse(dmirror, addr, 'not-present', -EFAULT);
    dmirror.pt.set(addr / PAGE_SIZE, { page: range.pfns[n]!, write: (flags & HMM_PFN_WRITE) !== 0 });
    const fn = 'dmirror_fault';
    const args = { device: mdevice.name };
    if (mm.kernel.trace !== null)
      mm.kernel.note({ event: 'device_fault', tracepoint: 'device_fault', fn, mm, addr, args });
  }
  return 0;
}

/** The first address of the range that is on another device which the CPU cannot reach either; -1 for none. */
function foreign({ mm: { kernel: k }, mdevice }: Dmirror, range: HmmRange): number {
  for (let addr = range.start, n = 0; addr < range.end; addr += PAGE_SIZE, n++) {
    const elsewhere = (range.flags[n]! & HMM_PFN_DEVICE_UNADDRESSABLE) !== 0;
    if (elsewhere && device_of(k, range.pfns[n]!) !== mdevice) return addr;
  }
  return -1;
}

/** Fault one batch in, and enter it, however often its pages change meanwhile. Context: mmap_lock held for read. */
function* fault_batch(dmirror: Dmirror, vma: VmArea, range: HmmRange, write: boolean): Task<number> {
  const { mm, mdevice } = dmirror;
  const k = mm.kernel;
  for (let tries = 1; ; k.tried_in_vain(tries++)) {
    const ret = yield* hmm_vma_fault(vma, range, write, true);
    if (ret !== 0) return ret;
    const away = foreign(dmirror, range);
    if (k.executor.watched) yield* k.executor.pointTask('lock', dmirror, 'dmirror_fault');
    dmirror.lock.spin_lock();
    const valid = hmm_vma_range_done(vma, range);
    const err = valid && away < 0 ? enter(dmirror, range) : 0;
    dmirror.lock.spin_unlock();
    if (valid && away < 0) return err;
    if (away >= 0) yield* bring_home(mdevice.module, vma, away);
  }
}

/** FAULT, and what reads and writes need: [start, end) for the device. Context: may sleep. Return: 0, -EFAULT, -EPERM. */
export function* dmirror_fault(dmirror: Dmirror, start: number, end: number, write: boolean): Task<number> {
  const { mm } = dmirror;
  const range = new_range();
  if (!mm.kernel.mmget_not_zero(mm)) return -EFAULT;
  yield* mm.mmap_lock.down_read('dmirror_fault');
  let ret = 0;
  for (let addr = start; addr < end && ret === 0; addr = range.end) {
    const vma = allowed(dmirror, addr, write);
    if (typeof vma === 'number') {
      ret = vma;
      break;
    }
    range.start = addr;
    range.end = Math.min(end, vma.vm_end, addr + BATCH * PAGE_SIZE);
    ret = yield* fault_batch(dmirror, vma, range, write);
  }
  mm.mmap_lock.up_read();
  yield* mmput(mm);
  return ret;
}

// --- reads and writes ------------------------------------------------------------------------------------------

/** The page of an access, if the device's page table has it. */
function translate(dmirror: Dmirror, addr: number, write: boolean): Page | undefined {
  const pte = dmirror.pt.get(addr / PAGE_SIZE);
  return pte === undefined || (write && !pte.write) ? undefined : pte.page;
}

/** The device accesses the page: of what it writes, the memory core knows that it is dirty. */
function touch({ mm: { kernel: k } }: Dmirror, page: Page, bytes: Uint8Array, write: boolean): void {
  if (!write) {
    k.contents.readBytes(backing(k, page), 0, bytes, 0, PAGE_SIZE);
    return;
  }
  k.contents.writeBytes(backing(k, page), 0, bytes, 0, PAGE_SIZE);
  k.mem.flags[compound_head(k.mem, page)]! |= PG_dirty;
}

/** READ and WRITE. `caller`: whose buffer it is. Context: may sleep. Return: 0, -EFAULT, -EPERM. */
export function* dmirror_access(
  dmirror: Dmirror,
  caller: MmStruct,
  cmd: DmirrorCmd,
  write: boolean,
  mayFault = true,
): Task<number> {
  for (let addr = cmd.addr, ptr = cmd.ptr; addr < cmd.end; addr += PAGE_SIZE, ptr += PAGE_SIZE) {
    const bytes = write ? yield* copy_from_user(caller, ptr, PAGE_SIZE) : new Uint8Array(PAGE_SIZE);
    if (bytes === null) return -EFAULT;
    for (;;) {
      dmirror.lock.spin_lock();
      const page = translate(dmirror, addr, write);
      if (page !== undefined) touch(dmirror, page, bytes, write);
      dmirror.lock.spin_unlock();
      if (page !== undefined) break;
      if (!mayFault) return -ENOENT;
      const ret = yield* dmirror_fault(dmirror, addr, cmd.end, write);
      if (ret !== 0) return ret;
      cmd.faults++;
    }
    if (!write && !(yield* copy_to_user(caller, ptr, bytes))) return -EFAULT;
    cmd.cpages++;
  }
  return 0;
}

// --- snapshots -------------------------------------------------------------------------------------------------

/** Where a page is, seen from this device. */
function location(k: MmStruct['kernel'], mdevice: DmirrorDevice, page: Page): number {
  const local = device_of(k, page) === mdevice;
  if (is_device_private_page(k, page))
    return local ? uapi.HMM_DMIRROR_PROT_DEV_PRIVATE_LOCAL : uapi.HMM_DMIRROR_PROT_DEV_PRIVATE_REMOTE;
  if (is_device_public_page(k, page))
    return local ? uapi.HMM_DMIRROR_PROT_DEV_COHERENT_LOCAL : uapi.HMM_DMIRROR_PROT_DEV_COHERENT_REMOTE;
  return page === k.zeroPage ? uapi.HMM_DMIRROR_PROT_ZERO : uapi.HMM_DMIRROR_PROT_NONE;
}

/** The byte that describes one page. */
function permission({ mm: { kernel: k }, mdevice }: Dmirror, page: Page, flags: number): number {
  if ((flags & (HMM_PFN_SPECIAL | HMM_PFN_ERROR)) !== 0) return uapi.HMM_DMIRROR_PROT_ERROR;
  if ((flags & HMM_PFN_VALID) === 0 || (flags & HMM_PFN_READ) === 0) return uapi.HMM_DMIRROR_PROT_NONE;
  const access = (flags & HMM_PFN_WRITE) !== 0 ? uapi.HMM_DMIRROR_PROT_WRITE : uapi.HMM_DMIRROR_PROT_READ;
  return location(k, mdevice, page) | access;
}

/** The bytes of one batch, which holds for one moment of it. Context: mmap_lock held for read. */
function* snapshot_batch(dmirror: Dmirror, vma: VmArea, range: HmmRange): Task<Uint8Array> {
  const { kernel: k } = dmirror.mm;
  const perm = new Uint8Array((range.end - range.start) / PAGE_SIZE);
  for (let tries = 1; ; k.tried_in_vain(tries++)) {
    const ret = yield* hmm_vma_get_pfns(vma, range);
    if (ret === 0 && k.executor.watched) yield* k.executor.pointTask('lock', dmirror, 'dmirror_snapshot');
    dmirror.lock.spin_lock();
    const valid = ret !== 0 || hmm_vma_range_done(vma, range);
    for (let n = 0; n < perm.length; n++) perm[n] = permission(dmirror, range.pfns[n]!, range.flags[n]!);
    dmirror.lock.spin_unlock();
    if (valid) return perm;
  }
}

/** What a batch shows, told page by page. */
function tell({ mm }: Dmirror, range: HmmRange, perm: Uint8Array): void {
  if (mm.kernel.trace === null) return;
  for (const [n, byte] of perm.entries()) {
    const addr = range.start + n * PAGE_SIZE;
    const refused = byte === uapi.HMM_DMIRROR_PROT_ERROR;
    const fn = 'dmirror_snapshot';
    mm.kernel.note({ event: 'device_entry', tracepoint: fn, fn, mm, addr, refused, args: { perm: byte } });
  }
}

/** SNAPSHOT: one byte a page to the caller's buffer; where nothing is mapped, NONE. Context: may sleep. */
export function* dmirror_snapshot(dmirror: Dmirror, caller: MmStruct, cmd: DmirrorCmd): Task<number> {
  const { mm } = dmirror;
  const range = new_range();
  if (!mm.kernel.mmget_not_zero(mm)) return -EINVAL;
  let ret = 0;
  for (let addr = cmd.addr; addr < cmd.end && ret === 0; addr = range.end) {
    yield* mm.mmap_lock.down_read('dmirror_snapshot');
    const vma = mm.vmas.find_vma(addr);
    const inside = vma !== null && vma.vm_start <= addr;
    range.start = addr;
    range.end = Math.min(cmd.end, addr + BATCH * PAGE_SIZE, inside ? vma.vm_end : (vma?.vm_start ?? cmd.end));
    const perm = inside
      ? yield* snapshot_batch(dmirror, vma, range)
      : new Uint8Array((range.end - range.start) / PAGE_SIZE);
    tell(dmirror, range, perm);
    mm.mmap_lock.up_read();
    if (!(yield* copy_to_user(caller, cmd.ptr + cmd.cpages, perm))) ret = -EFAULT;
    else cmd.cpages += perm.length;
  }
  yield* mmput(mm);
  return ret;
}
