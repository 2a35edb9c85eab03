// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: mm/mlock.c. Fidelity: ported; the locked flag of a shared page is not counted. */
import type { Task } from '../sim/task.js';
import { EAGAIN, EFAULT, EINVAL, ENOMEM } from '../uapi/errno.js';
import { PAGE_SIZE } from '../uapi/mman.js';
import { __mm_populate } from './gup.js';
import { mlock_folio, munlock_folio } from './lru.js';
import { compound_head, folio_test_large } from './page_flags.js';
import {
  FLAGS,
  pmd_addr_end,
  pmd_index,
  pmd_trans_huge,
  pte_index,
  pte_present,
  pud_addr_end,
  vm_normal_page,
} from './pgtable.js';
import { refused } from './reasons.js';
import {
  is_vm_hugetlb_page,
  type MmStruct,
  VM_LOCKED,
  VM_LOCKED_MASK,
  VM_SPECIAL,
  type VmArea,
  vma_is_dax,
} from './types.js';
import { vma_modify_flags } from './vma.js';

const pageAlign = (length: number): number => Math.ceil(length / PAGE_SIZE) * PAGE_SIZE;

/** mlock(2). Context: may sleep. Return: 0, -ENOMEM, -EAGAIN, -EINVAL. */
export function* do_mlock(mm: MmStruct, addr: number, lenIn: number): Task<number> {
  const start = addr - (addr % PAGE_SIZE);
  const len = pageAlign(lenIn + (addr % PAGE_SIZE));
  yield* mm.mmap_lock.down_write('do_mlock');
  const err = yield* apply_vma_lock_flags(mm, start, len, VM_LOCKED);
  mm.mmap_lock.up_write();
  if (err !== 0) return err;
  const populated = yield* __mm_populate(mm, start, len, false);
  if (populated === -EFAULT) return -ENOMEM;
  return populated === -ENOMEM ? -EAGAIN : populated;
}

/** munlock(2). Context: may sleep. Return: 0, -ENOMEM, -EINVAL. */
export function* do_munlock(mm: MmStruct, addr: number, lenIn: number): Task<number> {
  const start = addr - (addr % PAGE_SIZE);
  const len = pageAlign(lenIn + (addr % PAGE_SIZE));
  yield* mm.mmap_lock.down_write('munlock');
  const err = yield* apply_vma_lock_flags(mm, start, len, 0);
  mm.mmap_lock.up_write();
  return err;
}

function* apply_vma_lock_flags(mm: MmStruct, start: number, len: number, flags: number): Task<number> {
  const end = start + len;
  if (end < start) return -EINVAL;
  if (end === start) return 0;
  let vma = mm.vmas.vma_lookup(start);
  if (vma === null) return refused(mm, 'apply_vma_lock_flags', start, 'no-vma', ENOMEM);
  for (let from = start; from < end; ) {
    if (vma === null || vma.vm_start > from)
      return refused(mm, 'apply_vma_lock_flags', from, 'no-vma', ENOMEM);
    const to: number = Math.min(vma.vm_end, end);
    const err: number = yield* mlock_fixup(vma, from, to, (vma.vm_flags & ~VM_LOCKED_MASK) | flags);
    if (err !== 0) return err;
    from = to;
    vma = mm.vmas.find_vma(from);
  }
  return 0;
}

function* mlock_fixup(vma: VmArea, start: number, end: number, newflags: number): Task<number> {
  const oldflags = vma.vm_flags;
  if (newflags === oldflags || (oldflags & VM_SPECIAL) !== 0) return 0;
  if (is_vm_hugetlb_page(vma) || vma_is_dax(vma)) return 0;
  const modified = yield* vma_modify_flags(vma, start, end, newflags);
  if (typeof modified === 'number') return modified;
  const pages = (end - start) / PAGE_SIZE;
  modified.vm_mm.locked_vm += (newflags & VM_LOCKED) !== 0 ? pages : -pages;
  modified.vm_flags = newflags;
  mlock_vma_pages_range(modified, start, end);
  return 0;
}

/** Mark what is mapped already. Large folios mapped by PTEs are left alone. */
function mlock_vma_pages_range(vma: VmArea, start: number, end: number): void {
  const k = vma.vm_mm.kernel;
  const { mem } = k;
  const lock = (vma.vm_flags & VM_LOCKED) !== 0;
  const mark = (folio: number): void => {
    if (lock) mlock_folio(k, folio);
    else munlock_folio(k, folio);
  };
  for (let addr = start; addr < end; ) {
    const pmd = vma.vm_mm.pt.pmdTable(addr);
    if (pmd === null) {
      addr = pud_addr_end(addr, end);
      continue;
    }
    const next = pmd_addr_end(addr, end);
    const i = pmd_index(addr);
    if (pmd_trans_huge(pmd, i)) {
      if (pmd.e[i] !== k.hugeZeroFolio) mark(pmd.e[i]!);
    }
    const table = pmd.child[i]!;
    if (table !== null) {
      for (let n = pte_index(addr), at = addr; at < next; n++, at += PAGE_SIZE) {
        const flags = table[FLAGS + n]!;
        if (!pte_present(flags)) continue;
        const page = vm_normal_page(flags, table[n]!);
        if (page === 0 || k.is_zone_device_page(page)) continue;
        const folio = compound_head(mem, page);
        if (!folio_test_large(mem, folio)) mark(folio);
      }
    }
    addr = next;
  }
}
