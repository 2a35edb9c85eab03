// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: mm/mprotect.c. Fidelity: ported; no NUMA hinting, userfaultfd or protection keys. */
import type { Task } from '../sim/task.js';
import { EACCES, EINVAL, ENOMEM } from '../uapi/errno.js';
import { PAGE_SIZE, PROT_EXEC, PROT_READ, PROT_WRITE } from '../uapi/mman.js';
import { populate_vma_page_range } from './gup.js';
import { change_huge_pmd, type ProtectionChange } from './huge_memory.js';
import { __split_huge_pmd } from './huge_split.js';
import { hugetlb_change_protection } from './hugetlb.js';
import {
  type MmuNotifierRange,
  mmu_notifier_invalidate_range_end,
  mmu_notifier_invalidate_range_start,
  mmu_notifier_range,
} from './mmu_notifier.js';
import {
  FLAGS,
  type PmdTable,
  PTE_CHG_MASK,
  PTE_MARKER_UFFD_WP,
  PTE_WRITE,
  type PteTable,
  pmd_addr_end,
  pmd_index,
  pmd_is_huge,
  pte_index,
  pte_present,
  pud_addr_end,
} from './pgtable.js';
import { can_change_pte_writable } from './pte_writable.js';
import { refused } from './reasons.js';
import { __vm_enough_memory } from './swap.js';
import { changed_swap_entry } from './swap_prot.js';
import { flush_tlb_range } from './tlb.js';
import {
  is_vm_hugetlb_page,
  type MmStruct,
  userfaultfd_wp,
  VM_ACCESS_FLAGS,
  VM_ACCOUNT,
  VM_EXEC,
  VM_HUGETLB,
  VM_LOCKED,
  VM_NORESERVE,
  VM_READ,
  VM_SHARED,
  VM_WRITE,
  type VmArea,
  vma_is_anonymous,
} from './types.js';
import { with_uffd_wp } from './userfaultfd_k.js';
import { vma_modify_flags, vma_set_page_prot, vma_wants_writenotify } from './vma.js';

/** Whether what is not there is marked, so that it comes write-protected: in files. */
const leaves_marks = (vma: VmArea, { uffd }: ProtectionChange): boolean =>
  uffd === 'wp' && !vma_is_anonymous(vma) && userfaultfd_wp(vma);

function change_pte_range(
  vma: VmArea,
  table: PteTable,
  first: number,
  last: number,
  newprot: number,
  change: ProtectionChange,
): void {
  const marks = leaves_marks(vma, change);
  for (let i = first; i < last; i++) {
    const old = table[FLAGS + i]!;
    if (old === 0) {
      if (marks) table[FLAGS + i] = PTE_MARKER_UFFD_WP;
      continue;
    }
    if (!pte_present(old)) {
      table[FLAGS + i] = changed_swap_entry(vma, table[i]!, old, change.uffd);
      continue;
    }
    let flags = with_uffd_wp(newprot | (old & PTE_CHG_MASK), change.uffd);
    if (change.upgrade && (flags & PTE_WRITE) === 0 && can_change_pte_writable(vma, table[i]!, flags))
      flags |= PTE_WRITE;
    table[FLAGS + i] = flags;
  }
}

/** The first populated address of [addr, end) at PMD granularity, or -1. */
function first_populated(pmd: PmdTable, addr: number, end: number): number {
  for (let at = addr; at < end; at = pmd_addr_end(at, end)) {
    const i = pmd_index(at);
    if (pmd.child[i] !== null || pmd.e[FLAGS + i] !== 0) return at;
  }
  return -1;
}

/** Tables for marks, where there is no huge page (change_pmd_prepare). */
function populate(mm: MmStruct, start: number, end: number): void {
  for (let addr = start; addr < end; addr = pmd_addr_end(addr, end)) {
    if (!pmd_is_huge(mm.pt.pmd_alloc(addr), pmd_index(addr))) mm.pt.pte_alloc(addr);
  }
}

/** Apply new protection to all entries of [start, end). Context: mmap_lock held for write; may sleep. */
export function* change_protection(
  vma: VmArea,
  start: number,
  end: number,
  change: ProtectionChange,
  newprot = vma.vm_page_prot,
): Task {
  vma.vm_mm.kernel.enter('change_protection', start);
  const mm = vma.vm_mm;
  if (is_vm_hugetlb_page(vma)) {
    yield* hugetlb_change_protection(vma, start, end, newprot, change.uffd);
    return;
  }
  const marks = leaves_marks(vma, change);
  let range: MmuNotifierRange | null = null;
  const { mprotectNotifiesByPud } = mm.kernel.behaviour;
  for (let addr = start; addr < end; ) {
    const pudEnd = pud_addr_end(addr, end);
    const pmd = marks ? mm.pt.pmd_alloc(addr) : mm.pt.pmdTable(addr);
    if (marks) populate(mm, addr, pudEnd);
    if (pmd === null) {
      addr = pudEnd;
      continue;
    }
    if (range === null) {
      const from = mprotectNotifiesByPud ? addr : first_populated(pmd, addr, pudEnd);
      if (from >= 0) {
        range = mmu_notifier_range(
          mm,
          from,
          mprotectNotifiesByPud ? end : pudEnd,
          'MMU_NOTIFY_PROTECTION_VMA',
        );
        yield* mmu_notifier_invalidate_range_start(range);
      }
    }
    yield* change_pmd_range(vma, pmd, addr, pudEnd, newprot, change);
    if (range !== null && !mprotectNotifiesByPud) {
      mmu_notifier_invalidate_range_end(range);
      range = null;
    }
    addr = pudEnd;
  }
  if (range !== null) mmu_notifier_invalidate_range_end(range);
  flush_tlb_range(mm, start, end);
}

function* change_pmd_range(
  vma: VmArea,
  pmd: PmdTable,
  start: number,
  end: number,
  newprot: number,
  change: ProtectionChange,
): Task {
  for (let addr = start; addr < end; ) {
    const next = pmd_addr_end(addr, end);
    const i = pmd_index(addr);
    if (pmd_is_huge(pmd, i)) {
      if (next - addr === 0x200000) {
        change_huge_pmd(vma, pmd, i, addr, newprot, change);
        addr = next;
        continue;
      }
      yield* __split_huge_pmd(vma, pmd, i, addr, false, null);
    }
    const table = pmd.child[i]!;
    if (table !== null) {
      const first = pte_index(addr);
      change_pte_range(vma, table, first, first + (next - addr) / PAGE_SIZE, newprot, change);
    }
    addr = next;
  }
}

/** vma_wants_manual_pte_write_upgrade(): shared mappings begin writable, but where somebody wants to know. */
export function wants_manual_upgrade(vma: VmArea): boolean {
  if ((vma.vm_flags & VM_WRITE) === 0) return false;
  return (vma.vm_flags & VM_SHARED) === 0 || vma_wants_writenotify(vma);
}

/** mprotect of a part of one VMA. Return: the VMA that covers it now, or -errno. */
function* mprotect_fixup(vma: VmArea, start: number, end: number, newflags: number): Task<VmArea | number> {
  vma.vm_mm.kernel.enter('mprotect_fixup', start);
  const mm = vma.vm_mm;
  const oldflags = vma.vm_flags;
  if (newflags === oldflags) return vma;
  if ((newflags & VM_WRITE) !== 0) {
    if ((oldflags & (VM_ACCOUNT | VM_WRITE | VM_HUGETLB | VM_SHARED | VM_NORESERVE)) === 0) {
      if (!__vm_enough_memory(mm.kernel, (end - start) / PAGE_SIZE)) return -ENOMEM;
      newflags |= VM_ACCOUNT;
    }
  } else if (
    (oldflags & VM_ACCOUNT) !== 0 &&
    mm.kernel.behaviour.mprotectUnaccounts &&
    vma_is_anonymous(vma) &&
    vma.anon_vma === null
  ) {
    newflags &= ~VM_ACCOUNT;
  }
  const modified = yield* vma_modify_flags(vma, start, end, newflags);
  if (typeof modified === 'number') return modified;
  modified.vm_flags = newflags;
  vma_set_page_prot(modified);
  yield* change_protection(modified, start, end, { upgrade: wants_manual_upgrade(modified), uffd: 'keep' });
  if ((oldflags & (VM_WRITE | VM_SHARED | VM_LOCKED)) === VM_LOCKED && (newflags & VM_WRITE) !== 0) {
    yield* populate_vma_page_range(modified, start, end);
  }
  return modified;
}

/** mprotect(2). Context: may sleep. Return: 0, -EINVAL, -ENOMEM over a hole, -EACCES. */
export function* do_mprotect(mm: MmStruct, start: number, len: number, prot: number): Task<number> {
  if (start % PAGE_SIZE !== 0) return -EINVAL;
  if (len === 0) return 0;
  const end = start + Math.ceil(len / PAGE_SIZE) * PAGE_SIZE;
  if ((prot & ~(PROT_READ | PROT_WRITE | PROT_EXEC)) !== 0) return -EINVAL;
  yield* mm.mmap_lock.down_write('do_mprotect_pkey');
  const ret = yield* mprotect_range(mm, start, end, prot);
  mm.mmap_lock.up_write();
  return ret;
}

function* mprotect_range(mm: MmStruct, start: number, end: number, prot: number): Task<number> {
  const access =
    ((prot & PROT_READ) !== 0 ? VM_READ : 0) |
    ((prot & PROT_WRITE) !== 0 ? VM_WRITE : 0) |
    ((prot & PROT_EXEC) !== 0 ? VM_EXEC : 0);
  let vma = mm.vmas.find_vma(start);
  const hole = (addr: number): number => refused(mm, 'do_mprotect_pkey', addr, 'no-vma', ENOMEM);
  if (vma === null || vma.vm_start > start) return hole(start);
  for (let from = start; from < end; ) {
    if (vma === null || vma.vm_start > from) return hole(from);
    const newflags = access | (vma.vm_flags & ~VM_ACCESS_FLAGS);
    if ((newflags & ~(newflags >> 4) & VM_ACCESS_FLAGS) !== 0) return -EACCES;
    const to: number = Math.min(vma.vm_end, end);
    const done: VmArea | number = yield* mprotect_fixup(vma, from, to, newflags);
    if (typeof done === 'number') return done;
    // It may have been merged with the one behind it, which then has these flags already.
    from = Math.max(to, done.vm_end);
    vma = mm.vmas.find_vma(from);
  }
  return 0;
}
