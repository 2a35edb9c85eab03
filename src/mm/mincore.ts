// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: mm/mincore.c: which pages are in memory. Fidelity: ported; everybody may look at every file. */
import type { Task } from '../sim/task.js';
import { EFAULT, EINVAL, ENOMEM } from '../uapi/errno.js';
import { PAGE_SIZE } from '../uapi/mman.js';
import type { Kernel } from './kernel.js';
import { TASK_SIZE } from './mmap.js';
import { compound_head, PG_uptodate } from './page_flags.js';
import {
  FLAGS,
  is_hwpoison_entry,
  is_swap_entry,
  pmd_index,
  pmd_is_huge,
  pte_index,
  pte_none_mostly,
  pte_present,
} from './pgtable.js';
import { refused } from './reasons.js';
import {
  is_vm_hugetlb_page,
  linear_page_index,
  type MmStruct,
  type VmArea,
  vma_is_anonymous,
} from './types.js';
import { copy_to_user } from './uaccess.js';

/** Whether a slot's page is in the swap cache, and not lost. */
function cached(k: Kernel, slot: number): number {
  const page = k.swap!.cache.get(slot);
  return page !== undefined && (k.mem.flags[page]! & PG_uptodate) !== 0 ? 1 : 0;
}

/** A page that no entry maps: whether the file behind has it. */
function unmapped(vma: VmArea, addr: number): number {
  const mapping = vma.vm_file?.mapping ?? null;
  if (mapping === null) return 0;
  const index = linear_page_index(vma, addr);
  const page = mapping.i_pages.get(index);
  if (page === undefined) {
    const slot = mapping.i_swapped.get(index);
    return slot === undefined ? 0 : cached(vma.vm_mm.kernel, slot);
  }
  const { mem } = vma.vm_mm.kernel;
  return (mem.flags[compound_head(mem, page)]! & PG_uptodate) !== 0 ? 1 : 0;
}

function incore(vma: VmArea, addr: number): number {
  const pmd = vma.vm_mm.pt.pmdTable(addr);
  if (pmd === null) return is_vm_hugetlb_page(vma) ? 0 : unmapped(vma, addr);
  const m = pmd_index(addr);
  if (pmd_is_huge(pmd, m)) return 1;
  const table = pmd.child[m]!;
  // A hugetlb mapping has markers, and entries of what is lost, beside.
  if (table === null && is_vm_hugetlb_page(vma)) return is_hwpoison_entry(pmd.e[FLAGS + m]!) ? 1 : 0;
  if (table === null) return unmapped(vma, addr);
  const i = pte_index(addr);
  const flags = table[FLAGS + i]!;
  if (!pte_present(flags) && is_swap_entry(flags)) return cached(vma.vm_mm.kernel, table[i]!);
  return pte_none_mostly(flags) ? unmapped(vma, addr) : 1;
}

/** Up to `pages` of the VMA at `addr`. Context: mmap_lock held. Return: one byte a page, or -ENOMEM. */
function do_mincore(mm: MmStruct, addr: number, pages: number): Uint8Array | number {
  const vma = mm.vmas.vma_lookup(addr);
  if (vma === null) return refused(mm, 'do_mincore', addr, 'no-vma', ENOMEM);
  const end = Math.min(vma.vm_end, addr + pages * PAGE_SIZE);
  const vec = new Uint8Array((end - addr) / PAGE_SIZE);
  if (!vma_is_anonymous(vma) && vma.vm_file === null) return vec.fill(1);
  for (let i = 0; i < vec.length; i++) vec[i] = incore(vma, addr + i * PAGE_SIZE);
  return vec;
}

/** mincore(2). Context: may sleep. Return: 0, -EINVAL, -ENOMEM over a hole, -EFAULT. */
export function* mincore(mm: MmStruct, start: number, len: number, vec: number): Task<number> {
  if (start % PAGE_SIZE !== 0) return -EINVAL;
  if (start > TASK_SIZE - len) return -ENOMEM;
  const pages = Math.ceil(len / PAGE_SIZE);
  for (let done = 0; done < pages; ) {
    yield* mm.mmap_lock.down_read('mincore');
    const part = do_mincore(mm, start + done * PAGE_SIZE, Math.min(pages - done, PAGE_SIZE));
    mm.mmap_lock.up_read();
    if (typeof part === 'number') return part;
    if (!(yield* copy_to_user(mm, vec + done, part))) return -EFAULT;
    done += part.length;
  }
  return 0;
}
