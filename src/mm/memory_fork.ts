// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: mm/memory.c, copying page tables at fork (copy_page_range and below). Fidelity: ported. */
import { NO_PAGE, type Page } from '../sim/memmap.js';
import type { Task } from '../sim/task.js';
import { EBUSY, ENOMEM } from '../uapi/errno.js';
import { HPAGE_PMD_NR, PAGE_SIZE } from '../uapi/mman.js';
import { __split_huge_pmd } from './huge_split.js';
import { copy_hugetlb_page_range } from './hugetlb.js';
import type { Kernel } from './kernel.js';
import { folio_add_lru } from './lru.js';
import { mem_cgroup_charge_atomic } from './memcontrol_charge.js';
import { restore_exclusive_pte } from './memory.js';
import { alloc_page_at, vma_choice } from './mempolicy.js';
import {
  mmu_notifier_invalidate_range_end,
  mmu_notifier_invalidate_range_start,
  mmu_notifier_range,
} from './mmu_notifier.js';
import { get_page, put_page } from './page_alloc.js';
import {
  compound_head,
  folio_test_anon,
  PG_anon_exclusive,
  PG_head,
  PG_tail,
  PG_uptodate,
} from './page_flags.js';
import {
  FLAGS,
  is_device_exclusive_entry,
  is_device_private_entry,
  is_guard_marker,
  is_hwpoison_entry,
  is_pte_marker,
  is_swap_entry,
  type PmdTable,
  PTE_DIRTY,
  PTE_HUGE,
  PTE_PRESENT,
  PTE_SPECIAL,
  PTE_UFFD_WP,
  PTE_WRITE,
  PTE_YOUNG,
  type PteTable,
  pmd_addr_end,
  pmd_index,
  pmd_is_huge,
  pte_index,
  pte_present,
  pud_addr_end,
  SWP_DEVICE_READ,
  SWP_DEVICE_WRITE,
  SWP_EXCLUSIVE,
  SWP_MIGRATION_READ,
  SWP_UFFD_WP,
  swp_type,
  vm_normal_page,
} from './pgtable.js';
import {
  folio_add_file_rmap_pte,
  folio_add_new_anon_rmap,
  folio_try_dup_anon_rmap_pmd,
  folio_try_dup_anon_rmap_pte,
} from './rmap.js';
import { swap_duplicate } from './swap.js';
import { flush_tlb_range } from './tlb.js';
import {
  is_cow_mapping,
  is_vm_hugetlb_page,
  VM_MIXEDMAP,
  VM_PFNMAP,
  VM_SHARED,
  type VmArea,
  vma_is_anonymous,
} from './types.js';
import { maybe_mkwrite } from './vma.js';

/** Whether the child needs a copy of the page table entries; else faults will fill them. */
function vma_needs_copy(src_vma: VmArea): boolean {
  return (src_vma.vm_flags & (VM_PFNMAP | VM_MIXEDMAP)) !== 0 || src_vma.anon_vma !== null;
}

/**
 * Copy the page table entries of `src_vma` to the child's `dst_vma`.
 * Context: both mmap_locks held for write; may sleep. Return: 0 or -ENOMEM.
 */
export function* copy_page_range(dst_vma: VmArea, src_vma: VmArea): Task<number> {
  if (!vma_needs_copy(src_vma)) return 0;
  if (is_vm_hugetlb_page(src_vma)) return yield* copy_hugetlb_page_range(dst_vma, src_vma);
  const { vm_start: start, vm_end: end } = src_vma;
  const isCow = is_cow_mapping(src_vma.vm_flags);
  const range = mmu_notifier_range(src_vma.vm_mm, start, end, 'MMU_NOTIFY_PROTECTION_PAGE');
  if (isCow) yield* mmu_notifier_invalidate_range_start(range);
  const ret = yield* copy_pud_range(dst_vma, src_vma, start, end);
  if (isCow) {
    flush_tlb_range(src_vma.vm_mm, start, end);
    mmu_notifier_invalidate_range_end(range);
  }
  return ret;
}

function* copy_pud_range(dst_vma: VmArea, src_vma: VmArea, start: number, end: number): Task<number> {
  const src = src_vma.vm_mm.pt;
  for (let addr = start; addr < end; ) {
    const pudEnd = pud_addr_end(addr, end);
    const src_pmd = src.pmdTable(addr);
    if (src_pmd === null) {
      addr = pudEnd;
      continue;
    }
    while (addr < pudEnd) {
      const next = pmd_addr_end(addr, pudEnd);
      const i = pmd_index(addr);
      if (pmd_is_huge(src_pmd, i)) {
        const ret = yield* copy_huge_pmd(dst_vma, src_vma, src_pmd, i, addr);
        if (ret === 0) {
          addr = next;
          continue;
        }
      }
      const table = src_pmd.child[i]!;
      if (table !== null && !copy_pte_range(dst_vma, src_vma, table, addr, next)) return -ENOMEM;
      addr = next;
    }
  }
  return 0;
}

/** Share a huge page with the child. Return: 0 when done, else the PMD has been split and its PTEs are to be copied. */
function* copy_huge_pmd(
  dst_vma: VmArea,
  src_vma: VmArea,
  src_pmd: PmdTable,
  i: number,
  addr: number,
): Task<number> {
  const k = src_vma.vm_mm.kernel;
  if (!vma_is_anonymous(dst_vma)) return 0;
  const page = src_pmd.e[i]!;
  if (!pte_present(src_pmd.e[FLAGS + i]!)) {
    copy_huge_non_present_pmd(dst_vma, src_vma, src_pmd, i, addr);
    return 0;
  }
  if (page !== k.hugeZeroFolio) {
    get_page(k, page);
    if (!folio_try_dup_anon_rmap_pmd(k, page, src_vma)) {
      put_page(k, page);
      yield* __split_huge_pmd(src_vma, src_pmd, i, addr, false, null);
      return -EBUSY;
    }
    dst_vma.vm_mm.rss += HPAGE_PMD_NR;
  }
  const flags = src_pmd.e[FLAGS + i]! & ~PTE_WRITE;
  src_pmd.e[FLAGS + i] = flags;
  const { pt } = dst_vma.vm_mm;
  pt.set_pmd(pt.pmd_alloc(addr), i, page, flags & ~(PTE_YOUNG | PTE_UFFD_WP));
  return 0;
}

/** Share a huge page that is on a device, or migrates. */
function copy_huge_non_present_pmd(
  dst_vma: VmArea,
  src_vma: VmArea,
  src_pmd: PmdTable,
  i: number,
  addr: number,
): void {
  const k = src_vma.vm_mm.kernel;
  const page = src_pmd.e[i]!;
  const old = src_pmd.e[FLAGS + i]!;
  let flags = old;
  if (is_device_private_entry(old)) {
    flags = SWP_DEVICE_READ | PTE_HUGE | (old & SWP_UFFD_WP);
    get_page(k, page);
    folio_try_dup_anon_rmap_pmd(k, page, src_vma);
  } else {
    flags = SWP_MIGRATION_READ | (old & ~0xf00);
  }
  src_pmd.e[FLAGS + i] = flags;
  const { pt } = dst_vma.vm_mm;
  pt.set_pmd(pt.pmd_alloc(addr), i, page, flags & ~SWP_UFFD_WP);
  dst_vma.vm_mm.rss += HPAGE_PMD_NR;
}

/** Return: false when memory is used up, or a page is locked. */
function copy_pte_range(dst_vma: VmArea, src_vma: VmArea, src: PteTable, addr: number, end: number): boolean {
  const k = src_vma.vm_mm.kernel;
  const dst = dst_vma.vm_mm.pt.pte_alloc(addr);
  const cow = is_cow_mapping(src_vma.vm_flags);
  const first = pte_index(addr);
  const last = first + (end - addr) / PAGE_SIZE;
  for (let i = first; i < last; i++) {
    i = copy_shared_ptes(dst_vma, src_vma, dst, src, i, last, cow);
    if (i === last) break;
    let flags = src[FLAGS + i]!;
    if (!pte_present(flags)) {
      if (!is_device_exclusive_entry(flags)) {
        copy_nonpresent_pte(k, dst_vma, src_vma, dst, src, i, cow);
        continue;
      }
      if (!try_restore_exclusive_pte(k, src_vma, src, i)) return false;
      flags = src[FLAGS + i]!;
    }
    if (!copy_present_pte(k, dst_vma, src_vma, dst, src, i, cow, addr)) return false;
  }
  return true;
}

/**
 * Copy a run of entries that map small anonymous pages that nobody has for himself (any more), or nothing.
 * Return: the first entry that needs a closer look, or `last`.
 */
function copy_shared_ptes(
  dst_vma: VmArea,
  src_vma: VmArea,
  dst: PteTable,
  src: PteTable,
  i: number,
  last: number,
  cow: boolean,
): number {
  const { refcount, mapcount, mapping, flags: page_flags } = src_vma.vm_mm.kernel.mem;
  const clear = cow ? PTE_WRITE : 0;
  const shared = (src_vma.vm_flags & VM_SHARED) !== 0 ? PTE_DIRTY : 0;
  let copied = 0;
  for (; i < last; i++) {
    const flags = src[FLAGS + i]!;
    if (flags === 0) continue;
    const page = src[i]!;
    if ((flags & (PTE_PRESENT | PTE_SPECIAL)) !== PTE_PRESENT || mapping[page]! <= 0) break;
    if ((page_flags[page]! & (PG_head | PG_tail | PG_anon_exclusive)) !== 0) break;
    refcount[page]!++;
    mapcount[page]!++;
    if ((flags & clear) !== 0) src[FLAGS + i] = flags & ~clear;
    dst[i] = page;
    dst[FLAGS + i] = flags & ~(clear | shared | PTE_YOUNG | PTE_UFFD_WP);
    copied++;
  }
  dst_vma.vm_mm.rss += copied;
  return i;
}

function try_restore_exclusive_pte(k: Kernel, vma: VmArea, table: PteTable, i: number): boolean {
  const folio = compound_head(k.mem, table[i]!);
  if (!k.trylock_page(folio)) return false;
  restore_exclusive_pte(k, vma, table, i);
  k.unlock_page(folio);
  return true;
}

function copy_nonpresent_pte(
  k: Kernel,
  dst_vma: VmArea,
  src_vma: VmArea,
  dst: PteTable,
  src: PteTable,
  i: number,
  cow: boolean,
): void {
  const page = src[i]!;
  let flags = src[FLAGS + i]!;
  if (is_guard_marker(flags) || is_hwpoison_entry(flags)) {
    dst[i] = page;
    dst[FLAGS + i] = flags;
    return;
  }
  // The child has no userfaultfd, nor its marks.
  if (is_pte_marker(flags)) return;
  if (is_swap_entry(flags)) {
    swap_duplicate(k, page);
    src[FLAGS + i] = flags & ~SWP_EXCLUSIVE;
    dst[i] = page;
    dst[FLAGS + i] = flags & ~(SWP_EXCLUSIVE | SWP_UFFD_WP);
    return;
  }
  if (is_device_private_entry(flags)) {
    const folio = compound_head(k.mem, page);
    get_page(k, folio);
    folio_try_dup_anon_rmap_pte(k, folio, page, src_vma);
    if (swp_type(flags) === SWP_DEVICE_WRITE && cow) {
      flags = SWP_DEVICE_READ | (flags & SWP_UFFD_WP);
      src[FLAGS + i] = flags;
    }
  } else if (cow) {
    flags = SWP_MIGRATION_READ | (flags & ~0xf00);
    src[FLAGS + i] = flags;
  }
  dst_vma.vm_mm.rss++;
  dst[i] = page;
  dst[FLAGS + i] = flags & ~SWP_UFFD_WP;
}

function copy_present_pte(
  k: Kernel,
  dst_vma: VmArea,
  src_vma: VmArea,
  dst: PteTable,
  src: PteTable,
  i: number,
  cow: boolean,
  addr: number,
): boolean {
  const { mem } = k;
  let flags = src[FLAGS + i]!;
  const page = src[i]!;
  const normal = vm_normal_page(flags, page);
  if (normal !== NO_PAGE) {
    const folio = compound_head(mem, page);
    mem.refcount[folio]!++;
    if (!folio_test_anon(mem, folio)) {
      folio_add_file_rmap_pte(k, folio, page, dst_vma);
    } else if (!folio_try_dup_anon_rmap_pte(k, folio, page, src_vma)) {
      put_page(k, folio);
      return copy_present_page(k, dst_vma, dst, i, page, addr - (addr % 0x200000) + i * PAGE_SIZE);
    }
    dst_vma.vm_mm.rss++;
  }
  if (cow && (flags & PTE_WRITE) !== 0) {
    flags &= ~PTE_WRITE;
    src[FLAGS + i] = flags;
  }
  if ((src_vma.vm_flags & VM_SHARED) !== 0) flags &= ~PTE_DIRTY;
  dst[i] = page;
  dst[FLAGS + i] = flags & ~(PTE_YOUNG | PTE_UFFD_WP);
  return true;
}

/** The page may be pinned by the parent: the child gets a copy now. */
function copy_present_page(
  k: Kernel,
  dst_vma: VmArea,
  dst: PteTable,
  i: number,
  page: Page,
  address: number,
): boolean {
  const copy = alloc_page_at(k, vma_choice(dst_vma, address));
  if (copy === NO_PAGE) return false;
  if (mem_cgroup_charge_atomic(k, copy, dst_vma.vm_mm.memcg) !== 0) {
    put_page(k, copy);
    return false;
  }
  k.copy_highpage(copy, page);
  k.mem.flags[copy] = PG_uptodate;
  folio_add_new_anon_rmap(k, copy, dst_vma, address);
  folio_add_lru(k, copy);
  dst_vma.vm_mm.rss++;
  dst[i] = copy;
  dst[FLAGS + i] = maybe_mkwrite(dst_vma.vm_page_prot | PTE_DIRTY, dst_vma);
  return true;
}
