// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: mm/hmm.c. Fidelity: ported. A pfn is a page number of the memmap; flags are kept beside it. */

import type { RwSem } from '../sim/locks.js';
import type { Task } from '../sim/task.js';
import { EBUSY, EFAULT, ENOMEM, EPERM } from '../uapi/errno.js';
import { PAGE_SIZE } from '../uapi/mman.js';
import { hugetlb_vma_lock } from './hugetlb_vma_lock.js';
import { handle_mm_fault, migration_entry_wait, pmd_migration_entry_wait } from './memory.js';
import {
  type MmuIntervalNotifier,
  mmu_interval_read_begin,
  mmu_interval_read_retry,
} from './mmu_notifier.js';
import {
  FLAGS,
  is_device_private_entry,
  is_hwpoison_entry,
  is_migration_entry,
  is_pte_marker,
  type PmdTable,
  PTE_PRESENT,
  PTE_PROTNONE,
  PTE_WRITE,
  type PteTable,
  pmd_addr_end,
  pmd_index,
  pmd_is_migration_entry,
  pmd_none,
  pmd_trans_huge,
  pte_index,
  pte_none_mostly,
  pud_addr_end,
  SWP_DEVICE_WRITE,
  swp_type,
} from './pgtable.js';
import { type Because, reasonOf } from './reasons.js';
import {
  FAULT_FLAG_ALLOW_RETRY,
  FAULT_FLAG_REMOTE,
  FAULT_FLAG_WRITE,
  is_vm_hugetlb_page,
  VM_FAULT_ERROR,
  VM_FAULT_OOM,
  VM_FAULT_RETRY,
  VM_IO,
  VM_MIXEDMAP,
  VM_PFNMAP,
  VM_READ,
  VM_WRITE,
  type VmArea,
  vm_fault_name,
} from './types.js';
import { take_userfault, wait_for_userfault } from './userfaultfd_k.js';

export const HMM_PFN_VALID = 1;
export const HMM_PFN_WRITE = 2;
export const HMM_PFN_ERROR = 4;
export const HMM_PFN_REQ_FAULT = 1;
export const HMM_PFN_REQ_WRITE = 2;
const HMM_PFN_ORDER_SHIFT = 8;
const PMD_ORDER = 9;

export const hmm_pfn_to_map_order = (flags: number): number => flags >> HMM_PFN_ORDER_SHIFT;

/** A fault waits, without the mmap_lock. */
const HMM_FAULT_UNLOCKED = 1;

const HMM_NEED_FAULT = 1;
const HMM_NEED_WRITE_FAULT = 2;

export interface HmmRange {
  readonly notifier: MmuIntervalNotifier;
  notifier_seq: number;
  /** Bytes, page aligned, [start, end). */
  start: number;
  end: number;
  /** Per page: its number in the memmap, and HMM_PFN_* flags with the mapping's order. */
  readonly hmm_pfns: Uint32Array;
  readonly hmm_flags: Uint16Array;
  readonly default_flags: number;
  readonly dev_private_owner: unknown;
}

/** Where a walk that has to start again goes on. */
interface HmmVmaWalk {
  readonly range: HmmRange;
  /** Whether a fault may let go of the mmap_lock, which the caller has taken. */
  readonly unlockable: boolean;
  last: number;
  /** The lock of the hugetlb mapping that is walked; null where the walk has none. */
  vma_lock: RwSem | null;
}

/** Why the device does not get a page of the range. */
function tell(range: HmmRange, fn: string, addr: number, end: number, because: Because): void {
  const { mm } = range.notifier;
  if (mm.kernel.trace === null) return;
  const args = { pages: (end - addr) / PAGE_SIZE };
  mm.kernel.note({ event: 'hmm_fault_failed', fn, mm, addr, reason: reasonOf(because), args });
}

/** What a walk that succeeded found, page by page. */
function tell_outcome(range: HmmRange): void {
  const { mm } = range.notifier;
  for (let addr = range.start, n = 0; addr < range.end; addr += PAGE_SIZE, n++) {
    const args = { flags: range.hmm_flags[n]!, fault: range.default_flags };
    mm.kernel.note({
      event: 'hmm_range_fault',
      fn: 'hmm_range_fault',
      mm,
      addr,
      page: range.hmm_pfns[n]!,
      args,
    });
  }
}

function hmm_pfns_fill(range: HmmRange, addr: number, end: number, flags: number): number {
  const first = (addr - range.start) / PAGE_SIZE;
  const last = (end - range.start) / PAGE_SIZE;
  range.hmm_pfns.fill(0, first, last);
  range.hmm_flags.fill(flags, first, last);
  return 0;
}

/** What the request needs beyond `cpu_flags`. All pages of a range have the same request here. */
function hmm_need_fault(range: HmmRange, cpu_flags: number): number {
  if ((range.default_flags & HMM_PFN_REQ_FAULT) === 0) return 0;
  if ((range.default_flags & HMM_PFN_REQ_WRITE) !== 0 && (cpu_flags & HMM_PFN_WRITE) === 0) {
    return HMM_NEED_FAULT | HMM_NEED_WRITE_FAULT;
  }
  return (cpu_flags & HMM_PFN_VALID) === 0 ? HMM_NEED_FAULT : 0;
}

/** The walk gives the lock of its VMA back, if it has one. */
function unlock_vma(walk: HmmVmaWalk): void {
  walk.vma_lock?.up_read();
  walk.vma_lock = null;
}

/** Fault a range in. Return: -EBUSY to walk again from `addr`, -EPERM, -EFAULT. */
function* hmm_vma_fault(
  walk: HmmVmaWalk,
  vma: VmArea,
  addr: number,
  end: number,
  need: number,
): Task<number> {
  // Where faults wait for the end of the walk, it ends here.
  if (vma.vm_mm.kernel.behaviour.hmmFaultsOutsideWalk) unlock_vma(walk);
  let fault_flags = FAULT_FLAG_REMOTE | (walk.unlockable ? FAULT_FLAG_ALLOW_RETRY : 0);
  walk.last = addr;
  if ((need & HMM_NEED_WRITE_FAULT) !== 0) {
    if ((vma.vm_flags & VM_WRITE) === 0) {
      tell(walk.range, 'hmm_vma_fault', addr, end, 'vma-not-writable');
      return -EPERM;
    }
    fault_flags |= FAULT_FLAG_WRITE;
  }
  for (; addr < end; addr += PAGE_SIZE) {
    const ret = yield* handle_mm_fault(vma, addr, fault_flags);
    if ((ret & VM_FAULT_RETRY) !== 0) return HMM_FAULT_UNLOCKED;
    if ((ret & VM_FAULT_ERROR) !== 0) {
      const answer = vm_fault_name(ret);
      tell(walk.range, 'hmm_vma_fault', addr, addr + PAGE_SIZE, { id: 'fault-answered', answer });
      return vma.vm_mm.kernel.behaviour.hmmReportsOom && (ret & VM_FAULT_OOM) !== 0 ? -ENOMEM : -EFAULT;
    }
  }
  return -EBUSY;
}

function* hmm_vma_walk_hole(walk: HmmVmaWalk, vma: VmArea | null, addr: number, end: number): Task<number> {
  walk.range.notifier.mm.kernel.enter('hmm_vma_walk_hole', addr);
  const need = hmm_need_fault(walk.range, 0);
  if (vma === null) {
    if (need === 0) return hmm_pfns_fill(walk.range, addr, end, HMM_PFN_ERROR);
    tell(walk.range, 'hmm_vma_walk_hole', addr, end, 'no-vma');
    return -EFAULT;
  }
  if (need !== 0) return yield* hmm_vma_fault(walk, vma, addr, end, need);
  return hmm_pfns_fill(walk.range, addr, end, 0);
}

/** A huge leaf, of a THP or of hugetlb; none entries of hugetlb have an order but are not valid. */
function* hmm_vma_handle_leaf(
  walk: HmmVmaWalk,
  vma: VmArea,
  addr: number,
  end: number,
  page: number,
  flags: number,
): Task<number> {
  const { range } = walk;
  let cpu_flags = PMD_ORDER << HMM_PFN_ORDER_SHIFT;
  const usable = (flags & PTE_PRESENT) !== 0 && (flags & PTE_PROTNONE) === 0;
  if (usable) cpu_flags |= HMM_PFN_VALID | ((flags & PTE_WRITE) !== 0 ? HMM_PFN_WRITE : 0);
  const need = hmm_need_fault(range, cpu_flags);
  if (need !== 0) return yield* fault_entry(walk, vma, addr, end, need);
  const first = (addr - range.start) / PAGE_SIZE;
  const count = (end - addr) / PAGE_SIZE;
  const base = page + pte_index(addr);
  for (let n = 0; n < count; n++) {
    range.hmm_pfns[first + n] = base + n;
    range.hmm_flags[first + n] = cpu_flags;
  }
  return 0;
}

/** An entry that is not present. Return: 0, or what hmm_vma_fault() says, or -EFAULT. */
function* hmm_vma_handle_swap_pte(
  walk: HmmVmaWalk,
  vma: VmArea,
  addr: number,
  end: number,
  n: number,
  page: number,
  flags: number,
): Task<number> {
  const { range } = walk;
  const k = vma.vm_mm.kernel;
  if (is_device_private_entry(flags) && k.pgmapOf(page).owner === range.dev_private_owner) {
    range.hmm_pfns[n] = page;
    range.hmm_flags[n] = HMM_PFN_VALID | (swp_type(flags) === SWP_DEVICE_WRITE ? HMM_PFN_WRITE : 0);
    return 0;
  }
  const need = hmm_need_fault(range, 0);
  if (need === 0) {
    range.hmm_pfns[n] = 0;
    range.hmm_flags[n] = 0;
    return 0;
  }
  if (is_device_private_entry(flags) && !k.behaviour.hmmFaultsForeignPrivate) {
    tell(range, 'hmm_vma_handle_pte', addr, addr + PAGE_SIZE, 'foreign-private');
    return -EFAULT;
  }
  if (is_pte_marker(flags)) {
    tell(range, 'hmm_vma_handle_pte', addr, addr + PAGE_SIZE, 'guard-page');
    return -EFAULT;
  }
  if (is_hwpoison_entry(flags)) {
    tell(range, 'hmm_vma_handle_pte', addr, addr + PAGE_SIZE, 'hwpoison-entry');
    return -EFAULT;
  }
  if (is_migration_entry(flags)) {
    walk.last = addr;
    yield* migration_entry_wait(vma.vm_mm, addr);
    return -EBUSY;
  }
  return yield* hmm_vma_fault(walk, vma, addr, end, need);
}

function* hmm_vma_walk_ptes(
  walk: HmmVmaWalk,
  vma: VmArea,
  table: PteTable,
  start: number,
  end: number,
): Task<number> {
  const { range } = walk;
  const { hmm_pfns, hmm_flags } = range;
  let n = (start - range.start) / PAGE_SIZE;
  for (let addr = start; addr < end; addr += PAGE_SIZE, n++) {
    const i = pte_index(addr);
    const flags = table[FLAGS + i]!;
    let r = 0;
    if ((flags & PTE_PRESENT) === 0) {
      if (!pte_none_mostly(flags)) {
        r = yield* hmm_vma_handle_swap_pte(walk, vma, addr, end, n, table[i]!, flags);
      } else {
        const need = hmm_need_fault(range, 0);
        if (need !== 0) return yield* hmm_vma_fault(walk, vma, addr, end, need);
        hmm_pfns[n] = 0;
        hmm_flags[n] = 0;
      }
      if (r !== 0) return r;
      continue;
    }
    const protnone = (flags & PTE_PROTNONE) !== 0;
    const cpu_flags = protnone ? 0 : HMM_PFN_VALID | ((flags & PTE_WRITE) !== 0 ? HMM_PFN_WRITE : 0);
    const need = hmm_need_fault(range, cpu_flags);
    if (need !== 0) return yield* hmm_vma_fault(walk, vma, addr, end, need);
    // The only special PTE here is the zero page's, which is reported like any other.
    hmm_pfns[n] = table[i]!;
    hmm_flags[n] = cpu_flags;
  }
  return 0;
}

function* hmm_vma_walk_pmd(
  walk: HmmVmaWalk,
  vma: VmArea,
  pmd: PmdTable,
  addr: number,
  end: number,
): Task<number> {
  vma.vm_mm.kernel.enter('hmm_vma_walk_pmd', addr);
  const i = pmd_index(addr);
  const table = pmd.child[i]!;
  if (table !== null) return yield* hmm_vma_walk_ptes(walk, vma, table, addr, end);
  if (!pmd_trans_huge(pmd, i)) return yield* hmm_vma_handle_absent_pmd(walk, vma, pmd, i, addr, end);
  return yield* hmm_vma_handle_leaf(walk, vma, addr, end, pmd.e[i]!, pmd.e[FLAGS + i]!);
}

/** A huge leaf that is not present: on a device, or migrating. */
function* hmm_vma_handle_absent_pmd(
  walk: HmmVmaWalk,
  vma: VmArea,
  pmd: PmdTable,
  i: number,
  addr: number,
  end: number,
): Task<number> {
  const { range } = walk;
  const k = vma.vm_mm.kernel;
  const need = hmm_need_fault(range, 0);
  if (pmd_is_migration_entry(pmd, i)) {
    if (need === 0) return hmm_pfns_fill(range, addr, end, 0);
    walk.last = addr;
    yield* pmd_migration_entry_wait(vma.vm_mm, pmd, i);
    return -EBUSY;
  }
  const head = pmd.e[i]!;
  if (k.pgmapOf(head).owner === range.dev_private_owner) {
    const write = swp_type(pmd.e[FLAGS + i]!) === SWP_DEVICE_WRITE ? HMM_PFN_WRITE : 0;
    const first = (addr - range.start) / PAGE_SIZE;
    const count = (end - addr) / PAGE_SIZE;
    // The head's and those behind it, wherever in the huge page the range begins.
    for (let n = 0; n < count; n++) range.hmm_pfns[first + n] = head + n;
    range.hmm_flags.fill(HMM_PFN_VALID | write | (PMD_ORDER << HMM_PFN_ORDER_SHIFT), first, first + count);
    return 0;
  }
  if (need !== 0) return yield* hmm_vma_fault(walk, vma, addr, end, need);
  return hmm_pfns_fill(range, addr, end, HMM_PFN_ERROR);
}

/** walk_page_range() over one VMA. */
function* hmm_walk_vma(walk: HmmVmaWalk, vma: VmArea, start: number, end: number): Task<number> {
  vma.vm_mm.kernel.enter('hmm_vma_walk_test', start);
  const refused = VM_IO | VM_PFNMAP | (vma.vm_mm.kernel.behaviour.hmmWalksMixedmap ? 0 : VM_MIXEDMAP);
  if ((vma.vm_flags & refused) !== 0 || (vma.vm_flags & VM_READ) === 0) {
    if (hmm_need_fault(walk.range, 0) === 0) return hmm_pfns_fill(walk.range, start, end, HMM_PFN_ERROR);
    const reason = (vma.vm_flags & refused) !== 0 ? 'special-mapping' : 'vma-not-readable';
    tell(walk.range, 'hmm_vma_walk_test', start, end, reason);
    return -EFAULT;
  }
  if (!is_vm_hugetlb_page(vma)) return yield* walk_pgd_range(walk, vma, start, end);
  const { behaviour } = vma.vm_mm.kernel;
  const vma_lock = behaviour.hugetlbWalkLocksVma ? hugetlb_vma_lock(vma) : null;
  if (vma_lock !== null) yield* vma_lock.down_read('walk_hugetlb_range');
  walk.vma_lock = vma_lock;
  const ret = yield* walk_pgd_range(walk, vma, start, end);
  unlock_vma(walk);
  return ret;
}

/** walk_pgd_range() or walk_hugetlb_range(). */
function* walk_pgd_range(walk: HmmVmaWalk, vma: VmArea, start: number, end: number): Task<number> {
  const { pt } = vma.vm_mm;
  const hugetlb = is_vm_hugetlb_page(vma);
  for (let addr = start; addr < end; ) {
    const pmd = pt.pmdTable(addr);
    // A hugetlb range has no PTE tables: its holes are found PMD by PMD, others as far as tables are missing.
    const next = pmd === null && !hugetlb ? pud_addr_end(addr, end) : pmd_addr_end(addr, end);
    let r: number;
    if (pmd === null) r = yield* hmm_vma_walk_hole(walk, vma, addr, next);
    else if (hugetlb) r = yield* hmm_vma_walk_hugetlb_entry(walk, vma, pmd, addr, next);
    else r = yield* walk_pmd(walk, vma, pmd, addr, next);
    if (r !== 0) return r;
    addr = next;
  }
  return 0;
}

/** Of a hugetlb range that has tables: a page, or an entry that is none. */
function* hmm_vma_walk_hugetlb_entry(
  walk: HmmVmaWalk,
  vma: VmArea,
  pmd: PmdTable,
  addr: number,
  end: number,
): Task<number> {
  vma.vm_mm.kernel.enter('hmm_vma_walk_hugetlb_entry', addr);
  const i = pmd_index(addr);
  return yield* hmm_vma_handle_leaf(walk, vma, addr, end, pmd.e[i]!, pmd.e[FLAGS + i]!);
}

/** hmm_vma_fault() for an entry, without the lock of a hugetlb mapping, which the fault takes itself. */
function* fault_entry(walk: HmmVmaWalk, vma: VmArea, addr: number, end: number, need: number): Task<number> {
  const { vma_lock } = walk;
  unlock_vma(walk);
  const ret = yield* hmm_vma_fault(walk, vma, addr, end, need);
  if (vma_lock === null || vma.vm_mm.kernel.behaviour.hmmFaultsOutsideWalk) return ret;
  yield* vma_lock.down_read('hmm_vma_walk_hugetlb_entry');
  walk.vma_lock = vma_lock;
  return ret;
}

/** walk_pmd_range(): the walker itself finds that an entry is none. */
function walk_pmd(walk: HmmVmaWalk, vma: VmArea, pmd: PmdTable, addr: number, end: number): Task<number> {
  const i = pmd_index(addr);
  return pmd_none(pmd, i)
    ? hmm_vma_walk_hole(walk, vma, addr, end)
    : hmm_vma_walk_pmd(walk, vma, pmd, addr, end);
}

function* walk_page_range(walk: HmmVmaWalk, start: number, end: number): Task<number> {
  const { mm } = walk.range.notifier;
  for (let addr = start; addr < end; ) {
    const vma = mm.vmas.find_vma(addr);
    let next = end;
    let r: number;
    if (vma === null || vma.vm_start > addr) {
      if (vma !== null) next = Math.min(vma.vm_start, end);
      r = yield* hmm_vma_walk_hole(walk, null, addr, next);
    } else {
      next = Math.min(vma.vm_end, end);
      r = yield* hmm_walk_vma(walk, vma, addr, next);
    }
    if (r !== 0) return r;
    addr = next;
  }
  return 0;
}

/**
 * The same without the mmap_lock, which faults may let go of to wait: the walk then begins anew.
 * Context: may sleep. Return: as hmm_range_fault(), but for -EBUSY.
 */
export function* hmm_range_fault_unlocked_timeout(range: HmmRange): Task<number> {
  const { mm } = range.notifier;
  mm.kernel.enter('hmm_range_fault_unlocked_timeout', range.start);
  for (;;) {
    range.notifier_seq = yield* mmu_interval_read_begin(range.notifier);
    yield* mm.mmap_lock.down_read('hmm_range_fault_unlocked_timeout');
    const ret = yield* hmm_range_fault_locked(range, true);
    mm.mmap_lock.up_read();
    const wait = ret === HMM_FAULT_UNLOCKED ? take_userfault(mm.kernel) : undefined;
    if (wait !== undefined) yield* wait_for_userfault(mm.kernel, wait);
    else if (ret !== -EBUSY && ret !== HMM_FAULT_UNLOCKED) return ret;
  }
}

/**
 * Read the page table for a device; with HMM_PFN_REQ_FAULT, fault in what is missing.
 * Context: mmap_lock held for read; may sleep. Return: 0, -EBUSY when invalidated, -EFAULT, -EPERM.
 */
export function hmm_range_fault(range: HmmRange): Task<number> {
  range.notifier.mm.kernel.enter('hmm_range_fault', range.start);
  return hmm_range_fault_locked(range, false);
}

/** Return: as hmm_range_fault(), or HMM_FAULT_UNLOCKED. */
function* hmm_range_fault_locked(range: HmmRange, unlockable: boolean): Task<number> {
  const walk: HmmVmaWalk = { range, unlockable, last: range.start, vma_lock: null };
  const { kernel: k } = range.notifier.mm;
  let tries = 0;
  for (;;) {
    if (mmu_interval_read_retry(range.notifier, range.notifier_seq)) return -EBUSY;
    const from = walk.last;
    const ret = yield* walk_page_range(walk, from, range.end);
    if (ret === -EBUSY) {
      tries = walk.last === from ? tries + 1 : 0;
      if (k.tried_in_vain(tries)) yield* k.executor.yield('hmm_range_fault');
      continue;
    }
    if (ret === 0 && k.trace !== null) tell_outcome(range);
    return ret;
  }
}
