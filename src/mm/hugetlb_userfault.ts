// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: mm/hugetlb.c (hugetlb_mfill_atomic_pte) and mm/userfaultfd.c (mfill_atomic_hugetlb): a userfaultfd fills
 * huge pages. Fidelity: ported for UFFDIO_COPY.
 */
import { NO_PAGE } from '../sim/memmap.js';
import type { Task } from '../sim/task.js';
import { EEXIST, EFAULT, EINVAL, ENOMEM } from '../uapi/errno.js';
import { HPAGE_PMD_NR, PAGE_SIZE } from '../uapi/mman.js';
import { hugetlb_add_to_page_cache } from './hugetlb.js';
import { huge_pte_none_mostly, hugetlb_add_new_anon_rmap, make_huge_pte } from './hugetlb_pgtable.js';
import {
  alloc_hugetlb_folio,
  HPAGE_SIZE,
  restore_reserve_on_error,
  vma_hugecache_offset,
} from './hugetlb_resv.js';
import { hugetlb_vma_lock_read, hugetlb_vma_unlock_read } from './hugetlb_vma_lock.js';
import { put_page } from './page_alloc.js';
import { add_entire_mapcount, PG_uptodate } from './page_flags.js';
import { PTE_DIRTY, PTE_YOUNG, pmd_index } from './pgtable.js';
import { type MmStruct, VM_SHARED, VM_WRITE, type VmArea } from './types.js';
import { copy_from_user } from './uaccess.js';
import { pte_mkuffd_wp } from './userfaultfd_k.js';

/** Where the bytes are, in whose memory. */
interface Source {
  readonly mm: MmStruct;
  readonly addr: number;
}

/** One huge page. Context: fault mutex and VMA's lock held; may sleep. Return: 0 or -errno. */
function* hugetlb_mfill_atomic_pte(
  vma: VmArea,
  addr: number,
  { mm: from, addr: src }: Source,
  wp: boolean,
): Task<number> {
  const mm = vma.vm_mm;
  const k = mm.kernel;
  const mapping = vma.vm_file!.mapping!;
  const idx = vma_hugecache_offset(vma, addr);
  const shared = (vma.vm_flags & VM_SHARED) !== 0;
  if (!huge_pte_none_mostly(mm, addr) || (shared && mapping.i_pages.has(idx))) return -EEXIST;
  const folio = alloc_hugetlb_folio(k, vma, addr, false);
  if (folio === NO_PAGE) return -ENOMEM;
  const give_back = (err: number): number => {
    restore_reserve_on_error(k, vma, addr, folio);
    put_page(k, folio);
    return err;
  };
  const bytes = yield* copy_from_user(from, src, HPAGE_SIZE);
  if (bytes === null) return give_back(-EFAULT);
  for (let i = 0; i < HPAGE_PMD_NR; i++) k.contents.writeBytes(folio + i, 0, bytes, i * PAGE_SIZE, PAGE_SIZE);
  k.mem.flags[folio]! |= PG_uptodate;
  if (shared && idx >= Math.floor(mapping.size / HPAGE_SIZE)) return give_back(-EFAULT);
  if (!huge_pte_none_mostly(mm, addr)) return give_back(-EEXIST);
  if (shared) {
    hugetlb_add_to_page_cache(k, folio, mapping, idx);
    add_entire_mapcount(k.mem, folio, 1);
  } else {
    hugetlb_add_new_anon_rmap(k, folio, vma, addr);
  }
  const entry = make_huge_pte(vma, (vma.vm_flags & VM_WRITE) !== 0) | PTE_DIRTY | PTE_YOUNG;
  mm.pt.set_pmd(mm.pt.pmd_alloc(addr), pmd_index(addr), folio, wp ? pte_mkuffd_wp(entry) : entry);
  if (shared) k.unlock_page(folio);
  return 0;
}

/**
 * Huge pages of [start, start + len) of `vma`. Context: mmap_lock held for read; may sleep.
 * Return: bytes, or -errno for none: -EINVAL for zeros, and for what is no number of whole huge pages.
 */
export function* mfill_atomic_hugetlb(
  vma: VmArea,
  start: number,
  len: number,
  source: Source | null,
  wp: boolean,
): Task<number> {
  if (source === null || start % HPAGE_SIZE !== 0 || len % HPAGE_SIZE !== 0) return -EINVAL;
  const { hugetlb } = vma.vm_mm.kernel;
  for (let copied = 0; copied < len; copied += HPAGE_SIZE) {
    const addr = start + copied;
    const mutex = hugetlb.faultMutex(vma.vm_file!.mapping!.id, vma_hugecache_offset(vma, addr));
    yield* mutex.mutex_lock('mfill_atomic_hugetlb');
    yield* hugetlb_vma_lock_read(vma, 'mfill_atomic_hugetlb');
    const from = { mm: source.mm, addr: source.addr + copied };
    const err = yield* hugetlb_mfill_atomic_pte(vma, addr, from, wp);
    hugetlb_vma_unlock_read(vma);
    mutex.mutex_unlock();
    if (err !== 0) return copied > 0 ? copied : err;
  }
  return len;
}
