// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: fs/hugetlbfs/inode.c, hugetlbfs_punch_hole() and remove_inode_hugepages(). Fidelity: ported; without seals, which
 * the file behind an anonymous mapping has not.
 */
import { NO_PAGE } from '../sim/memmap.js';
import type { Task } from '../sim/task.js';
import { PAGE_SIZE } from '../uapi/mman.js';
import { unmap_hugepage_range } from './hugetlb_pgtable.js';
import { HPAGE_SIZE, hugetlb_unreserve_page } from './hugetlb_resv.js';
import { in_tree_order } from './interval_tree.js';
import type { Kernel } from './kernel.js';
import { get_page, put_page } from './page_alloc.js';
import { PG_dirty } from './page_flags.js';
import type { AddressSpace } from './types.js';

/** Zero pages [start, end) of the file, bytes of one huge page, if it is there. Context: may sleep. */
function* zero_partial_page(k: Kernel, mapping: AddressSpace, start: number, end: number): Task {
  const idx = Math.floor(start / HPAGE_SIZE);
  const folio = mapping.i_pages.get(idx);
  if (folio === undefined) return;
  get_page(k, folio);
  yield* k.lock_page(folio, 'hugetlbfs_zero_partial_page');
  if (mapping.i_pages.get(idx) === folio) {
    const base = idx * HPAGE_SIZE;
    for (let at = start; at < end; at += PAGE_SIZE) k.contents.clear_page(folio + (at - base) / PAGE_SIZE);
  }
  k.unlock_page(folio);
  put_page(k, folio);
}

/** Unmap bytes [start, end) of the file, whole huge pages, wherever they are mapped. Context: may sleep. */
function* vmdelete_list(mapping: AddressSpace, start: number, end: number): Task {
  for (const vma of in_tree_order([...mapping.i_mmap])) {
    const first = vma.vm_pgoff * PAGE_SIZE;
    const from = Math.max(start, first);
    const to = Math.min(end, first + vma.vm_end - vma.vm_start);
    if (from >= to) continue;
    yield* unmap_hugepage_range(vma, vma.vm_start + from - first, vma.vm_start + to - first, NO_PAGE);
  }
}

/** Take huge page `idx` out of the file; whoever else holds it keeps it. Context: may sleep. */
function* remove_inode_page(k: Kernel, mapping: AddressSpace, idx: number): Task {
  const mutex = k.hugetlb.faultMutex(mapping.id, idx);
  yield* mutex.mutex_lock('remove_inode_hugepages');
  const folio = mapping.i_pages.get(idx);
  if (folio !== undefined) {
    yield* k.lock_page(folio, 'remove_inode_hugepages');
    // A fault may have mapped it again.
    yield* vmdelete_list(mapping, idx * HPAGE_SIZE, (idx + 1) * HPAGE_SIZE);
    mapping.i_pages.delete(idx);
    k.mem.mapping[folio] = 0;
    k.mem.flags[folio]! &= ~PG_dirty;
    hugetlb_unreserve_page(mapping, idx);
    k.unlock_page(folio);
    put_page(k, folio);
  }
  mutex.mutex_unlock();
}

/** Huge pages within the hole go, with their reservations; what the hole has of others becomes zeros. Context: may sleep. Return: 0. */
export function* hugetlbfs_punch_hole(
  k: Kernel,
  mapping: AddressSpace,
  offset: number,
  length: number,
): Task<number> {
  const end = offset + length;
  const from = Math.ceil(offset / HPAGE_SIZE) * HPAGE_SIZE;
  const to = Math.floor(end / HPAGE_SIZE) * HPAGE_SIZE;
  if (offset < from) yield* zero_partial_page(k, mapping, offset, Math.min(end, from));
  if (to > from) yield* vmdelete_list(mapping, from, to);
  if (end > to && end > from) yield* zero_partial_page(k, mapping, to, end);
  for (let at = from; at < to; at += HPAGE_SIZE) yield* remove_inode_page(k, mapping, at / HPAGE_SIZE);
  return 0;
}
