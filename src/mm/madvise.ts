// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: mm/madvise.c. Fidelity: ported for the advice listed here; no reclaim behind MADV_FREE. */
import { NO_PAGE, type Page } from '../sim/memmap.js';
import type { Task } from '../sim/task.js';
import { EACCES, EAGAIN, EFAULT, EHWPOISON, EINVAL, ENODEV, ENOMEM, EOPNOTSUPP } from '../uapi/errno.js';
import {
  HPAGE_PMD_NR,
  MADV_COLD,
  MADV_COLLAPSE,
  MADV_DODUMP,
  MADV_DOFORK,
  MADV_DONTDUMP,
  MADV_DONTFORK,
  MADV_DONTNEED,
  MADV_DONTNEED_LOCKED,
  MADV_FREE,
  MADV_GUARD_INSTALL,
  MADV_GUARD_REMOVE,
  MADV_HUGEPAGE,
  MADV_HWPOISON,
  MADV_KEEPONFORK,
  MADV_NOHUGEPAGE,
  MADV_NORMAL,
  MADV_PAGEOUT,
  MADV_POPULATE_READ,
  MADV_POPULATE_WRITE,
  MADV_RANDOM,
  MADV_REMOVE,
  MADV_SEQUENTIAL,
  MADV_SOFT_OFFLINE,
  MADV_WILLNEED,
  MADV_WIPEONFORK,
  PAGE_SIZE,
} from '../uapi/mman.js';
import { dax_punch_hole } from './dax_layout.js';
import { ext4_punch_hole } from './ext4.js';
import { filemap_willneed } from './filemap.js';
import { faultin_page_range } from './gup.js';
import { madvise_free_whole_pmd } from './huge_memory.js';
import { split_folio } from './huge_split.js';
import { hugetlbfs_punch_hole } from './hugetlb_punch.js';
import type { Kernel } from './kernel.js';
import { madvise_collapse } from './khugepaged.js';
import { folio_move_lru } from './lru.js';
import { folio_likely_mapped_shared, folio_pte_batch, split_locked } from './madvise_folios.js';
import { madvise_guard_install, madvise_guard_remove } from './madvise_guard.js';
import { madvise_inject_error } from './madvise_inject.js';
import { madvise_cold_or_pageout } from './madvise_lru.js';
import { zap_page_range_single } from './memory_zap.js';
import {
  mmu_notifier_invalidate_range_end,
  mmu_notifier_invalidate_range_start,
  mmu_notifier_range,
} from './mmu_notifier.js';
import { get_page, put_page } from './page_alloc.js';
import {
  compound_head,
  folio_mapcount,
  folio_test_large,
  PG_active,
  PG_dirty,
  PG_lru,
  PG_referenced,
  PG_swapbacked,
  PG_swapcache,
  PG_unevictable,
  page_mapcount,
} from './page_flags.js';
import {
  FLAGS,
  is_swap_entry,
  type PmdTable,
  PTE_DIRTY,
  PTE_YOUNG,
  type PteTable,
  pmd_addr_end,
  pmd_index,
  pmd_trans_huge,
  pte_index,
  pte_present,
  pud_addr_end,
  vm_normal_page,
} from './pgtable.js';
import { type PlainReasonId, refused } from './reasons.js';
import { shmem_punch_hole } from './shmem.js';
import { folio_free_swap, folio_test_swapcache, free_swap_and_cache } from './swap.js';
import { flush_tlb_range } from './tlb.js';
import {
  is_vm_hugetlb_page,
  linear_page_index,
  type MmStruct,
  VM_DONTCOPY,
  VM_HUGEPAGE,
  VM_IO,
  VM_LOCKED,
  VM_MAYWRITE,
  VM_NOHUGEPAGE,
  VM_PFNMAP,
  VM_SHARED,
  VM_WIPEONFORK,
  type VmArea,
  vma_is_anonymous,
} from './types.js';
import { vma_modify_flags } from './vma.js';

/** Advice that only reads the address space: mmap_lock is taken for read. */
const READ_LOCKED = new Set([
  MADV_WILLNEED,
  MADV_DONTNEED,
  MADV_DONTNEED_LOCKED,
  MADV_COLD,
  MADV_PAGEOUT,
  MADV_FREE,
  MADV_POPULATE_READ,
  MADV_POPULATE_WRITE,
  MADV_COLLAPSE,
  MADV_REMOVE,
  MADV_GUARD_INSTALL,
  MADV_GUARD_REMOVE,
]);

const VALID = new Set([
  ...READ_LOCKED,
  MADV_NORMAL,
  MADV_RANDOM,
  MADV_SEQUENTIAL,
  MADV_DONTFORK,
  MADV_DOFORK,
  MADV_HUGEPAGE,
  MADV_NOHUGEPAGE,
  MADV_WIPEONFORK,
  MADV_KEEPONFORK,
  MADV_DONTDUMP,
  MADV_DODUMP,
  MADV_HWPOISON,
  MADV_SOFT_OFFLINE,
]);

function madvise_behavior_valid({ behaviour }: Kernel, advice: number): boolean {
  switch (advice) {
    case MADV_POPULATE_READ:
    case MADV_POPULATE_WRITE:
      return behaviour.madvisePopulates;
    case MADV_DONTNEED_LOCKED:
      return behaviour.madviseTakesLocked;
    case MADV_COLLAPSE:
      return behaviour.madviseCollapses;
    case MADV_GUARD_INSTALL:
    case MADV_GUARD_REMOVE:
      return behaviour.madviseGuards;
    default:
      return VALID.has(advice);
  }
}

/** madvise(2). Context: may sleep. Return: 0, -EINVAL, -ENOMEM over a hole, -EFAULT, -EAGAIN. */
export function* do_madvise(mm: MmStruct, start: number, lenIn: number, advice: number): Task<number> {
  mm.kernel.enter('do_madvise', start);
  if (!madvise_behavior_valid(mm.kernel, advice) || start % PAGE_SIZE !== 0) return -EINVAL;
  const end = start + Math.ceil(lenIn / PAGE_SIZE) * PAGE_SIZE;
  if (end === start) return 0;
  if (advice === MADV_HWPOISON || advice === MADV_SOFT_OFFLINE)
    return yield* madvise_inject_error(mm, start, end, advice === MADV_SOFT_OFFLINE);
  const read = READ_LOCKED.has(advice);
  if (read) yield* mm.mmap_lock.down_read('do_madvise');
  else yield* mm.mmap_lock.down_write('do_madvise');
  const populate = advice === MADV_POPULATE_READ || advice === MADV_POPULATE_WRITE;
  const ret =
    populate && !mm.kernel.behaviour.populateWalksVmas
      ? yield* madvise_populate(mm, start, end, advice === MADV_POPULATE_WRITE)
      : yield* madvise_walk_vmas(mm, start, end, advice);
  if (read) mm.mmap_lock.up_read();
  else mm.mmap_lock.up_write();
  return ret;
}

/** Apply the advice to each VMA of the range; holes are passed over and reported at the end. */
function* madvise_walk_vmas(mm: MmStruct, start: number, end: number, advice: number): Task<number> {
  let unmapped = 0;
  for (let at = start; at < end; ) {
    const vma = mm.vmas.find_vma(at);
    if (vma === null) return refused(mm, 'madvise_walk_vmas', at, 'no-vma', ENOMEM);
    if (at < vma.vm_start) {
      unmapped = refused(mm, 'madvise_walk_vmas', at, 'no-vma', ENOMEM);
      at = vma.vm_start;
      if (at >= end) break;
    }
    const to = Math.min(vma.vm_end, end);
    const err = yield* madvise_vma_behavior(vma, at, to, advice);
    if (err !== 0) return err;
    at = to;
  }
  return unmapped;
}

function* madvise_vma_behavior(vma: VmArea, start: number, end: number, advice: number): Task<number> {
  let flags = vma.vm_flags;
  switch (advice) {
    case MADV_DONTNEED:
    case MADV_DONTNEED_LOCKED:
    case MADV_FREE:
      return yield* madvise_dontneed_free(vma, start, end, advice);
    case MADV_WILLNEED:
      return yield* madvise_willneed(vma, start, end);
    case MADV_COLD:
    case MADV_PAGEOUT:
      return yield* madvise_cold_or_pageout(vma, start, end, advice === MADV_PAGEOUT);
    case MADV_REMOVE:
      return yield* madvise_remove(vma, start, end);
    case MADV_POPULATE_READ:
    case MADV_POPULATE_WRITE:
      return yield* madvise_populate(vma.vm_mm, start, end, advice === MADV_POPULATE_WRITE);
    case MADV_COLLAPSE:
      return yield* madvise_collapse(vma, start, end);
    case MADV_GUARD_INSTALL:
      return yield* madvise_guard_install(vma, start, end);
    case MADV_GUARD_REMOVE:
      return yield* madvise_guard_remove(vma, start, end);
    case MADV_DONTFORK:
      flags |= VM_DONTCOPY;
      break;
    case MADV_DOFORK:
      if ((flags & VM_IO) !== 0)
        return refused(vma.vm_mm, 'madvise_vma_behavior', start, 'device-mapping', EINVAL);
      flags &= ~VM_DONTCOPY;
      break;
    case MADV_WIPEONFORK:
      if (vma.vm_file !== null || (flags & VM_SHARED) !== 0)
        return refused(vma.vm_mm, 'madvise_vma_behavior', start, 'mapping-not-anonymous', EINVAL);
      flags |= VM_WIPEONFORK;
      break;
    case MADV_KEEPONFORK:
      flags &= ~VM_WIPEONFORK;
      break;
    case MADV_HUGEPAGE:
      flags = (flags & ~VM_NOHUGEPAGE) | VM_HUGEPAGE;
      break;
    case MADV_NOHUGEPAGE:
      flags = (flags & ~VM_HUGEPAGE) | VM_NOHUGEPAGE;
      break;
    default:
      return 0;
  }
  if (flags === vma.vm_flags) return 0;
  const modified = yield* vma_modify_flags(vma, start, end, flags);
  if (typeof modified === 'number') return modified === -ENOMEM ? -EAGAIN : modified;
  modified.vm_flags = flags;
  return 0;
}

/** A file on a disk is read. Context: mmap_lock held for read, dropped for a while. */
function* madvise_willneed(vma: VmArea, start: number, end: number): Task<number> {
  const { vm_mm: mm, vm_file: file } = vma;
  if (file?.mapping?.kind !== 'ext4') return 0;
  const index = linear_page_index(vma, start);
  file.get_file();
  mm.mmap_lock.up_read();
  filemap_willneed(mm.kernel, file.mapping, index, (end - start) / PAGE_SIZE);
  file.fput();
  yield* mm.mmap_lock.down_read('madvise_willneed');
  return 0;
}

/** fallocate(FALLOC_FL_PUNCH_HOLE) by what is mapped. */
const PUNCH_HOLE = {
  hugetlb: hugetlbfs_punch_hole,
  shmem: shmem_punch_hole,
  ext4: ext4_punch_hole,
  dax: dax_punch_hole,
};

/** MADV_REMOVE: a hole in the file behind. Context: mmap_lock held for read, dropped for a while. */
function* madvise_remove(vma: VmArea, start: number, end: number): Task<number> {
  const { vm_mm: mm, vm_file: file } = vma;
  const refuse = (because: PlainReasonId, errno: number): number =>
    refused(mm, 'madvise_remove', start, because, errno);
  if ((vma.vm_flags & VM_LOCKED) !== 0) return refuse('mlocked', EINVAL);
  if (file === null) return refuse('no-file', EINVAL);
  if ((vma.vm_flags & (VM_SHARED | VM_MAYWRITE)) !== (VM_SHARED | VM_MAYWRITE))
    return refuse('not-shared-writable', EACCES);
  // What has no pages of its own is a device.
  const { mapping } = file;
  if (mapping === null) return -ENODEV;
  const { kind } = mapping;
  if (kind === 'devdax') return -EOPNOTSUPP;
  const offset = linear_page_index(vma, start) * PAGE_SIZE;
  file.get_file();
  mm.mmap_lock.up_read();
  const ret = yield* PUNCH_HOLE[kind](mm.kernel, mapping, offset, end - start);
  file.fput();
  yield* mm.mmap_lock.down_read('madvise_remove');
  return ret;
}

function* madvise_dontneed_free(vma: VmArea, start: number, end: number, advice: number): Task<number> {
  const refuse = (because: PlainReasonId): number =>
    refused(vma.vm_mm, 'madvise_dontneed_free_valid_vma', start, because, EINVAL);
  if (is_vm_hugetlb_page(vma)) {
    if (advice === MADV_FREE) return refuse('hugetlb-mapping');
    if (start % 0x200000 !== 0) return refuse('inside-huge-page');
    end -= end % 0x200000;
  } else {
    const forbidden = advice === MADV_DONTNEED_LOCKED ? VM_PFNMAP : VM_PFNMAP | VM_LOCKED;
    if ((vma.vm_flags & forbidden) !== 0)
      return refuse((vma.vm_flags & VM_PFNMAP) !== 0 ? 'special-mapping' : 'mlocked');
  }
  if (start === end) return 0;
  if (advice === MADV_FREE) return yield* madvise_free_single_vma(vma, start, end);
  yield* zap_page_range_single(vma, start, end, 'dontneed');
  return 0;
}

/** MADV_FREE: pages become clean, so that reclaim could drop them; THPs that stick out are split. */
function* madvise_free_single_vma(vma: VmArea, start: number, end: number): Task<number> {
  const mm = vma.vm_mm;
  if (!vma_is_anonymous(vma))
    return refused(mm, 'madvise_free_single_vma', start, 'mapping-not-anonymous', EINVAL);
  const range = mmu_notifier_range(mm, start, end, 'MMU_NOTIFY_CLEAR');
  yield* mmu_notifier_invalidate_range_start(range);
  for (let addr = start; addr < end; ) {
    const pmd = mm.pt.pmdTable(addr);
    if (pmd === null) {
      addr = pud_addr_end(addr, end);
      continue;
    }
    const next = pmd_addr_end(addr, end);
    yield* madvise_free_pmd(vma, pmd, addr, next);
    addr = next;
  }
  flush_tlb_range(mm, start, end);
  mmu_notifier_invalidate_range_end(range);
  return 0;
}

function* madvise_free_pmd(vma: VmArea, pmd: PmdTable, addr: number, next: number): Task {
  const k = vma.vm_mm.kernel;
  const i = pmd_index(addr);
  if (pmd_trans_huge(pmd, i)) {
    // walk_page_range() splits only when it cannot hand over the whole PMD.
    if (yield* madvise_free_huge_pmd(vma, pmd, i, next - addr)) return;
    if (pmd_trans_huge(pmd, i)) return;
  }
  const table = pmd.child[i]!;
  if (table === null) return;
  const first = pte_index(addr);
  const last = first + (next - addr) / PAGE_SIZE;
  for (let n = first; n < last; n++) {
    const flags = table[FLAGS + n]!;
    if (!pte_present(flags)) {
      if (is_swap_entry(flags)) drop_swap_entry(k, table, n);
      continue;
    }
    const page = vm_normal_page(flags, table[n]!);
    if (page === NO_PAGE || k.is_zone_device_page(page)) continue;
    const folio = compound_head(k.mem, page);
    if (folio_test_large(k.mem, folio)) {
      const { madviseFreeKeepsWholeFolios } = k.behaviour;
      const mapped = folio_pte_batch(table, n, last, folio);
      if (madviseFreeKeepsWholeFolios && mapped === HPAGE_PMD_NR) {
        clean_folio_ptes(k, table, n, folio);
        n += mapped - 1;
        continue;
      }
      if (!madviseFreeKeepsWholeFolios && page_mapcount(k.mem, folio) !== 1) return;
      const shared = madviseFreeKeepsWholeFolios && folio_likely_mapped_shared(k, folio);
      if (shared || !(yield* split_locked(k, folio))) {
        if (!madviseFreeKeepsWholeFolios) return;
        n += mapped - 1;
      } else {
        n--;
      }
      continue;
    }
    if ((k.mem.flags[folio]! & (PG_dirty | PG_swapcache)) !== 0) {
      if (folio_mapcount(k.mem, folio) !== 1 || !k.trylock_page(folio)) continue;
      const kept = folio_test_swapcache(k, folio) && !folio_free_swap(k, folio);
      k.unlock_page(folio);
      if (kept) continue;
      k.mem.flags[folio]! &= ~PG_dirty;
    }
    table[FLAGS + n] = flags & ~(PTE_DIRTY | PTE_YOUNG);
    folio_mark_lazyfree(k, folio);
  }
}

/** What is on the swap device nobody wants any more. */
function drop_swap_entry(k: Kernel, table: PteTable, n: number): void {
  const slot = table[n]!;
  table[n] = 0;
  table[FLAGS + n] = 0;
  free_swap_and_cache(k, slot);
}

/** Reclaim may drop the folio, as long as nobody writes to it. */
function folio_mark_lazyfree(k: Kernel, folio: Page): void {
  const { flags } = k.mem;
  if ((flags[folio]! & (PG_lru | PG_unevictable)) !== PG_lru) return;
  folio_move_lru(k, folio, PG_active | PG_referenced | PG_swapbacked);
}

/** A THP that is mapped by PTEs, all of them here: clean it as it is. */
function clean_folio_ptes(k: Kernel, table: PteTable, n: number, folio: Page): void {
  if ((k.mem.flags[folio]! & PG_dirty) !== 0) {
    if (folio_mapcount(k.mem, folio) !== HPAGE_PMD_NR) return;
    k.mem.flags[folio]! &= ~PG_dirty;
  }
  for (let i = n; i < n + HPAGE_PMD_NR; i++) table[FLAGS + i]! &= ~(PTE_DIRTY | PTE_YOUNG);
}

/** Return: whether the huge page has been dealt with. */
function* madvise_free_huge_pmd(vma: VmArea, pmd: PmdTable, i: number, bytes: number): Task<boolean> {
  const k = vma.vm_mm.kernel;
  const folio = pmd.e[i]!;
  if (folio === k.hugeZeroFolio || folio_mapcount(k.mem, folio) !== 1 || !k.trylock_page(folio)) return false;
  if (bytes === 0x200000) {
    madvise_free_whole_pmd(k, pmd, i);
    k.unlock_page(folio);
    return true;
  }
  get_page(k, folio);
  yield* split_folio(k, folio);
  k.unlock_page(folio);
  put_page(k, folio);
  return false;
}

/** MADV_POPULATE_*: fault pages in. Context: mmap_lock held for read. */
function* madvise_populate(mm: MmStruct, start: number, end: number, write: boolean): Task<number> {
  for (let at = start; at < end; ) {
    const pages = yield* faultin_page_range(mm, at, end, write);
    if (pages < 0) {
      if (pages === -EINVAL || pages === -EFAULT || pages === -EHWPOISON) return pages;
      return -ENOMEM;
    }
    at += pages * PAGE_SIZE;
  }
  return 0;
}
