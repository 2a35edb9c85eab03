// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: mm/hmm.c as v25 of September 2017 has it: mirrors of address spaces, snapshots and faults. Fidelity:
 * ported. A pfn is a page number of the memmap; flags are kept beside it.
 *
 * DIVERGES: the last mirror takes the notifier along, which v25 left behind with the struct of the mm. Calls of mirrors do
 * not sleep, so that nobody holds mirrors_sem.
 */
import { SpinLock } from '../sim/locks.js';
import { done, type Task } from '../sim/task.js';
import { EAGAIN, EBUSY, EFAULT, EINVAL } from '../uapi/errno.js';
import { PAGE_SIZE } from '../uapi/mman.js';
import { handle_mm_fault, migration_entry_wait } from './memory.js';
import {
  type MmuNotifier,
  type MmuNotifierRange,
  mmu_notifier_register,
  mmu_notifier_unregister,
} from './mmu_notifier.js';
import {
  FLAGS,
  is_device_private_entry,
  is_migration_entry,
  is_swap_entry,
  type PmdTable,
  PTE_PROTNONE,
  PTE_WRITE,
  type PteTable,
  pmd_addr_end,
  pmd_index,
  pmd_none,
  pmd_trans_huge,
  pte_index,
  pte_present,
  pud_addr_end,
  SWP_DEVICE_WRITE,
  swp_type,
} from './pgtable.js';
import {
  FAULT_FLAG_ALLOW_RETRY,
  FAULT_FLAG_REMOTE,
  FAULT_FLAG_WRITE,
  is_vm_hugetlb_page,
  type MmStruct,
  VM_FAULT_ERROR,
  VM_FAULT_RETRY,
  VM_READ,
  VM_SPECIAL,
  type VmArea,
  vm_fault_name,
} from './types.js';

export const HMM_PFN_VALID = 1 << 0;
export const HMM_PFN_READ = 1 << 1;
export const HMM_PFN_WRITE = 1 << 2;
export const HMM_PFN_ERROR = 1 << 3;
/** Nothing is mapped. */
export const HMM_PFN_EMPTY = 1 << 4;
/** The mapping is none that a device may use. */
export const HMM_PFN_SPECIAL = 1 << 5;
/** Memory of a device that the CPU cannot reach. */
export const HMM_PFN_DEVICE_UNADDRESSABLE = 1 << 6;

/** enum hmm_update_type. */
export type HmmUpdateType = 'HMM_UPDATE_INVALIDATE';

/** struct hmm_mirror_ops. */
export interface HmmMirrorOps {
  /** The CPU's page table of [start, end) has changed: so must the device's. Context: may not sleep here. */
  sync_cpu_device_pagetables(mirror: HmmMirror, action: HmmUpdateType, start: number, end: number): void;
}

/** struct hmm_mirror: a device that follows an address space. */
export class HmmMirror {
  hmm: Hmm | null = null;

  constructor(readonly ops: HmmMirrorOps) {}
}

/** struct hmm_range: what is being looked at, until hmm_vma_range_done(). */
export interface HmmRange {
  /** Bytes, page aligned, [start, end). */
  start: number;
  end: number;
  /** Nothing of it has changed since. Guarded by: hmm->lock. */
  valid: boolean;
  /** Per page: its number in the memmap, and HMM_PFN_*. */
  readonly pfns: Uint32Array;
  readonly flags: Uint8Array;
}

/** struct hmm: of an address space that devices mirror, however many. */
export class Hmm implements MmuNotifier {
  /** Counts invalidations that have begun. */
  sequence = 0;
  /** Guarded by: lock. */
  readonly ranges: HmmRange[] = [];
  readonly mirrors: HmmMirror[] = [];
  readonly lock: SpinLock;

  constructor(readonly mm: MmStruct) {
    this.lock = new SpinLock(mm.kernel.executor, 'hmm->lock');
  }

  invalidate_range_start(range: MmuNotifierRange): Task {
    this.sequence++;
    if (!range.mm.kernel.behaviour.mirrorsHearOfTheEnd) hmm_invalidate_range(this, range.start, range.end);
    return done(undefined);
  }

  invalidate_range_end(range: MmuNotifierRange): void {
    if (range.mm.kernel.behaviour.mirrorsHearOfTheEnd) hmm_invalidate_range(this, range.start, range.end);
  }
}

/** What was seen of [start, end) is forgotten, and every mirror told. */
function hmm_invalidate_range(hmm: Hmm, start: number, end: number): void {
  hmm.lock.spin_lock();
  for (const range of hmm.ranges) {
    if (end <= range.start || start >= range.end) continue;
    range.valid = false;
    const [from, to] = [Math.max(start, range.start), Math.min(end, range.end)];
    hmm_pfns_fill(range, from, to, 0);
  }
  hmm.lock.spin_unlock();
  for (const mirror of hmm.mirrors) {
    mirror.ops.sync_cpu_device_pagetables(mirror, 'HMM_UPDATE_INVALIDATE', start, end);
  }
}

/** The struct hmm of an address space, with its notifier. Context: mmap_lock held for write. */
function hmm_register(mm: MmStruct): Hmm {
  if (mm.hmm !== null) return mm.hmm;
  const hmm = new Hmm(mm);
  mm.hmm = hmm;
  mmu_notifier_register(hmm, mm);
  return hmm;
}

/** Follow `mm` from now on. Context: mmap_lock held for write, the mm has users. */
export function hmm_mirror_register(mirror: HmmMirror, mm: MmStruct): void {
  mirror.hmm = hmm_register(mm);
  mirror.hmm.mirrors.push(mirror);
}

/** No longer. */
export function hmm_mirror_unregister(mirror: HmmMirror): void {
  const hmm = mirror.hmm!;
  hmm.mirrors.splice(hmm.mirrors.indexOf(mirror), 1);
  mirror.hmm = null;
  if (hmm.mirrors.length > 0) return;
  hmm.mm.hmm = null;
  mmu_notifier_unregister(hmm, hmm.mm);
}

// --- looking at page tables ------------------------------------------------------------------------------------

/** struct hmm_vma_walk. */
interface HmmVmaWalk {
  readonly vma: VmArea;
  readonly range: HmmRange;
  /** Where a walk that has to start again goes on. */
  last: number;
  readonly fault: boolean;
  readonly write: boolean;
  readonly block: boolean;
}

function hmm_pfns_fill(range: HmmRange, addr: number, end: number, flags: number): void {
  const [first, last] = [(addr - range.start) / PAGE_SIZE, (end - range.start) / PAGE_SIZE];
  range.pfns.fill(0, first, last);
  range.flags.fill(flags, first, last);
}

/** Fault one page in. Return: -EAGAIN to look again, -EBUSY where it would have to wait, -EFAULT. */
function* hmm_vma_do_fault(walk: HmmVmaWalk, addr: number): Task<number> {
  const { vma, range, write, block } = walk;
  const flags = FAULT_FLAG_REMOTE | (block ? 0 : FAULT_FLAG_ALLOW_RETRY) | (write ? FAULT_FLAG_WRITE : 0);
  const ret = yield* handle_mm_fault(vma, addr, flags);
  if ((ret & VM_FAULT_RETRY) !== 0) return -EBUSY;
  if ((ret & VM_FAULT_ERROR) === 0) return -EAGAIN;
  hmm_pfns_fill(range, addr, addr + PAGE_SIZE, HMM_PFN_ERROR);
  const { vm_mm: mm } = vma;
  if (mm.kernel.trace !== null) {
    const reason = { id: 'fault-answered', answer: vm_fault_name(ret) } as const;
    mm.kernel.note({
      event: 'hmm_fault_failed',
      fn: 'hmm_vma_do_fault',
      mm,
      addr,
      reason,
      args: { pages: 1 },
    });
  }
  return -EFAULT;
}

/** [addr, end) has nothing that the caller may have as it is: `flags` there, and faults where those are asked for. */
function* fault_range(walk: HmmVmaWalk, addr: number, end: number, flags: number): Task<number> {
  walk.last = addr;
  for (; addr < end; addr += PAGE_SIZE) {
    hmm_pfns_fill(walk.range, addr, addr + PAGE_SIZE, flags);
    if (!walk.fault) continue;
    const ret = yield* hmm_vma_do_fault(walk, addr);
    if (ret !== -EAGAIN) return ret;
  }
  return walk.fault ? -EAGAIN : 0;
}

function hmm_vma_walk_hole(walk: HmmVmaWalk, addr: number, end: number): Task<number> {
  return fault_range(walk, addr, end, HMM_PFN_EMPTY);
}

function hmm_vma_walk_clear(walk: HmmVmaWalk, addr: number, end: number): Task<number> {
  return fault_range(walk, addr, end, 0);
}

/** A huge page. */
function hmm_vma_walk_huge(walk: HmmVmaWalk, pmd: PmdTable, addr: number, end: number): Task<number> {
  const { vma, range } = walk;
  const entry = pmd.e[FLAGS + pmd_index(addr)]!;
  const writable = (entry & PTE_WRITE) !== 0;
  const useless = (entry & PTE_PROTNONE) !== 0 || (walk.fault && walk.write && !writable);
  if (useless) return hmm_vma_walk_clear(walk, addr, end);
  const page = pmd.e[pmd_index(addr)]! + pte_index(addr);
  const flags = HMM_PFN_VALID | readable(vma) | (writable ? HMM_PFN_WRITE : 0);
  const first = (addr - range.start) / PAGE_SIZE;
  for (let n = 0; n < (end - addr) / PAGE_SIZE; n++) range.pfns[first + n] = page + n;
  range.flags.fill(flags, first, (end - range.start) / PAGE_SIZE);
  return done(0);
}

const readable = ({ vm_flags }: VmArea): number => ((vm_flags & VM_READ) !== 0 ? HMM_PFN_READ : 0);

/** What an entry is to the caller: flags of a page, or `fault`, or `wait` for the end of a migration. */
function seen({ vma, fault, write }: HmmVmaWalk, pte: number): number | 'fault' | 'wait' {
  const write_fault = fault && write;
  if (pte === 0) return fault ? 'fault' : HMM_PFN_EMPTY;
  if (pte_present(pte)) {
    const writable = (pte & PTE_WRITE) !== 0;
    if (write_fault && !writable) return 'fault';
    return HMM_PFN_VALID | readable(vma) | (writable ? HMM_PFN_WRITE : 0);
  }
  if (is_swap_entry(pte)) return fault ? 'fault' : 0;
  if (is_device_private_entry(pte)) {
    const writable = swp_type(pte) === SWP_DEVICE_WRITE;
    if (write_fault && !writable) return 'fault';
    return HMM_PFN_VALID | HMM_PFN_DEVICE_UNADDRESSABLE | readable(vma) | (writable ? HMM_PFN_WRITE : 0);
  }
  if (is_migration_entry(pte)) return fault ? 'wait' : 0;
  return HMM_PFN_ERROR;
}

function* hmm_vma_walk_ptes(walk: HmmVmaWalk, table: PteTable, start: number, end: number): Task<number> {
  const { range } = walk;
  let n = (start - range.start) / PAGE_SIZE;
  for (let addr = start; addr < end; addr += PAGE_SIZE, n++) {
    const i = pte_index(addr);
    const what = seen(walk, table[FLAGS + i]!);
    // All of the rest of the table.
    if (what === 'fault') return yield* hmm_vma_walk_clear(walk, addr, end);
    if (what === 'wait') {
      walk.last = addr;
      yield* migration_entry_wait(walk.vma.vm_mm, addr);
      return -EAGAIN;
    }
    range.pfns[n] = (what & HMM_PFN_VALID) !== 0 ? table[i]! : 0;
    range.flags[n] = what;
  }
  return 0;
}

/** walk_page_range() from `walk.last` on. Return: 0, -EAGAIN to walk again, -EBUSY, -EFAULT. */
function* walk_page_range(walk: HmmVmaWalk): Task<number> {
  const { pt } = walk.vma.vm_mm;
  const { end } = walk.range;
  for (let addr = walk.last; addr < end; ) {
    const pmd = pt.pmdTable(addr);
    const next = pmd === null ? pud_addr_end(addr, end) : pmd_addr_end(addr, end);
    let ret: number;
    if (pmd === null || pmd_none(pmd, pmd_index(addr))) ret = yield* hmm_vma_walk_hole(walk, addr, next);
    else if (pmd_trans_huge(pmd, pmd_index(addr))) ret = yield* hmm_vma_walk_huge(walk, pmd, addr, next);
    else ret = yield* hmm_vma_walk_ptes(walk, pmd.child[pmd_index(addr)]!, addr, next);
    if (ret !== 0) return ret;
    addr = next;
  }
  return 0;
}

const is_special = (vma: VmArea): boolean => is_vm_hugetlb_page(vma) || (vma.vm_flags & VM_SPECIAL) !== 0;

/** Whether the range is one of the VMA's, and devices follow its address space. */
function is_valid_range({ vm_start, vm_end, vm_mm }: VmArea, { start, end }: HmmRange): boolean {
  return start >= vm_start && start < vm_end && end >= start && end <= vm_end && vm_mm.hmm !== null;
}

/** From now on the range hears of changes. */
function track(hmm: Hmm, range: HmmRange): void {
  hmm.lock.spin_lock();
  range.valid = true;
  hmm.ranges.push(range);
  hmm.lock.spin_unlock();
}

/**
 * What the page table has of the range, without a fault. hmm_vma_range_done() has to follow.
 * Context: mmap_lock held for read; does not sleep. Return: 0, or -EINVAL for a mapping that devices may not use, whose
 * entries are HMM_PFN_SPECIAL, or a wrong range.
 */
export function* hmm_vma_get_pfns(vma: VmArea, range: HmmRange): Task<number> {
  if (is_special(vma)) {
    hmm_pfns_fill(range, range.start, range.end, HMM_PFN_SPECIAL);
    return -EINVAL;
  }
  if (!is_valid_range(vma, range)) return -EINVAL;
  track(vma.vm_mm.hmm!, range);
  const walk = { vma, range, last: range.start, fault: false, write: false, block: false };
  return yield* walk_page_range(walk);
}

/** The caller has made use of what it saw, under a lock that its mirror's callback takes, too. Return: whether it holds. */
export function hmm_vma_range_done(vma: VmArea, range: HmmRange): boolean {
  const { hmm } = vma.vm_mm;
  if (hmm === null) return false;
  hmm.lock.spin_lock();
  hmm.ranges.splice(hmm.ranges.indexOf(range), 1);
  hmm.lock.spin_unlock();
  return range.valid;
}

/**
 * What the page table has of the range, after faults of what is missing. With 0, hmm_vma_range_done() has to follow.
 * `block`: faults may wait. Context: mmap_lock held for read; may sleep. Return: 0, -EINVAL for a wrong range, -EFAULT,
 * -EBUSY where a fault would have to wait.
 */
export function* hmm_vma_fault(vma: VmArea, range: HmmRange, write: boolean, block: boolean): Task<number> {
  if (!is_valid_range(vma, range)) return -EINVAL;
  track(vma.vm_mm.hmm!, range);
  if (is_special(vma)) {
    hmm_pfns_fill(range, range.start, range.end, HMM_PFN_SPECIAL);
    return 0;
  }
  const { kernel: k } = vma.vm_mm;
  const walk: HmmVmaWalk = { vma, range, last: range.start, fault: true, write, block };
  let ret: number;
  let tries = 0;
  do {
    const from = walk.last;
    ret = yield* walk_page_range(walk);
    tries = walk.last === from ? tries + 1 : 0;
    if (k.tried_in_vain(tries)) yield* k.executor.yield('hmm_vma_fault');
  } while (ret === -EAGAIN);
  if (ret !== 0) {
    hmm_pfns_fill(range, walk.last, range.end, 0);
    hmm_vma_range_done(vma, range);
  }
  return ret;
}
