// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: mm/huge_memory.c, faults and protection of anonymous THPs. Fidelity: ported. */
import { NO_PAGE, type Page } from '../sim/memmap.js';
import type { Task } from '../sim/task.js';
import { HPAGE_PMD_NR, HPAGE_PMD_SIZE, PAGE_SIZE } from '../uapi/mman.js';
import { anon_vma_prepare } from './anon_vma.js';
import { migrate_to_ram } from './device_fault.js';
import { __split_huge_pmd } from './huge_split.js';
import type { Kernel } from './kernel.js';
import { folio_add_lru } from './lru.js';
import { charge_thp } from './memcontrol_charge.js';
import { alloc_huge_at, vma_choice } from './mempolicy.js';
import {
  mmu_notifier_invalidate_range_end,
  mmu_notifier_invalidate_range_start,
  mmu_notifier_range,
} from './mmu_notifier.js';
import { put_page } from './page_alloc.js';
import { PageAnonExclusive, PG_dirty, PG_uptodate, SetPageAnonExclusive } from './page_flags.js';
import {
  FLAGS,
  type PmdTable,
  PTE_CHG_MASK,
  PTE_DIRTY,
  PTE_HUGE,
  PTE_PROTNONE,
  PTE_WRITE,
  PTE_YOUNG,
  pmd_none,
  pte_present,
} from './pgtable.js';
import { folio_add_new_anon_rmap, folio_move_anon_rmap } from './rmap.js';
import { changed_swap_entry } from './swap_prot.js';
import { flush_tlb_range } from './tlb.js';
import {
  FAULT_FLAG_UNSHARE,
  FAULT_FLAG_VMA_LOCK,
  FAULT_FLAG_WRITE,
  userfaultfd_missing,
  VM_FAULT_FALLBACK,
  VM_FAULT_RETRY,
  VM_HUGEPAGE,
  VM_NOHUGEPAGE,
  VM_SHARED,
  VM_SPECIAL,
  VM_WRITE,
  type VmArea,
  type VmFault,
  vma_is_anonymous,
} from './types.js';
import { handle_userfault, userfaultfd_pte_wp, with_uffd_wp } from './userfaultfd_k.js';
import { maybe_mkwrite } from './vma.js';

/** Whether faults may use huge pages: the sysfs setting, and the advice. */
export function thp_vma_allowable(vma: VmArea): boolean {
  const { thp } = vma.vm_mm.kernel;
  if (thp === 'never' || (vma.vm_flags & (VM_NOHUGEPAGE | VM_SPECIAL)) !== 0) return false;
  return thp !== 'madvise' || (vma.vm_flags & VM_HUGEPAGE) !== 0;
}

/**
 * Whether the 2 MiB around `address` are all of the VMA, and a file's begin where those of its page cache do
 * (thp_vma_suitable_order).
 */
export function thp_vma_suitable(vma: VmArea, address: number): boolean {
  if (!vma_is_anonymous(vma) && (vma.vm_start / PAGE_SIZE - vma.vm_pgoff) % HPAGE_PMD_NR !== 0) return false;
  const haddr = address - (address % 0x200000);
  return haddr >= vma.vm_start && haddr + 0x200000 <= vma.vm_end;
}

/** The huge zero folio, allocated at the first use. */
function mm_get_huge_zero_folio(k: Kernel): number {
  if (k.hugeZeroFolio !== NO_PAGE) return k.hugeZeroFolio;
  const folio = k.pages.alloc_huge();
  if (folio === NO_PAGE) return NO_PAGE;
  k.contents.clear_pages(folio, HPAGE_PMD_NR);
  k.mem.flags[folio]! |= PG_uptodate;
  k.hugeZeroFolio = folio;
  return folio;
}

/**
 * First touch: the huge zero page for a read, a zeroed THP for a write; `charged`: where that has been paid for.
 * Return: 0, or VM_FAULT_FALLBACK.
 */
export function do_huge_pmd_anonymous_page(vmf: VmFault, pmd: PmdTable, i: number, charged?: Page): number {
  vmf.vma.vm_mm.kernel.enter('do_huge_pmd_anonymous_page', vmf.address);
  const { vma } = vmf;
  const mm = vma.vm_mm;
  const k = mm.kernel;
  const haddr = vmf.address - (vmf.address % 0x200000);
  if (!thp_vma_suitable(vma, vmf.address)) return VM_FAULT_FALLBACK;
  anon_vma_prepare(vma);
  if ((vmf.flags & FAULT_FLAG_WRITE) === 0) {
    const zero = mm_get_huge_zero_folio(k);
    if (zero === NO_PAGE) return VM_FAULT_FALLBACK;
    if (userfaultfd_missing(vma)) return handle_userfault(vmf, 'uffd-missing');
    mm.pt.set_pmd(pmd, i, zero, vma.vm_page_prot | PTE_HUGE | PTE_YOUNG);
    return 0;
  }
  const folio = charged ?? alloc_zeroed_thp(vma, vmf.address);
  if (folio === NO_PAGE) return VM_FAULT_FALLBACK;
  if (userfaultfd_missing(vma)) {
    put_page(k, folio);
    return handle_userfault(vmf, 'uffd-missing');
  }
  map_anon_folio_pmd(vma, pmd, i, folio, haddr);
  return 0;
}

/** The same of a process in a cgroup; meanwhile somebody else may have been here. Context: may sleep. */
export function* charge_huge_pmd_anonymous_page(vmf: VmFault, pmd: PmdTable, i: number): Task<number> {
  const { vma } = vmf;
  const k = vma.vm_mm.kernel;
  const write = (vmf.flags & FAULT_FLAG_WRITE) !== 0;
  if (!write || !thp_vma_suitable(vma, vmf.address)) return do_huge_pmd_anonymous_page(vmf, pmd, i);
  const folio = alloc_zeroed_thp(vma, vmf.address);
  if (folio === NO_PAGE) return VM_FAULT_FALLBACK;
  if (!(yield* charge_thp(vma, folio))) {
    put_page(k, folio);
    return VM_FAULT_FALLBACK;
  }
  if (pmd_none(pmd, i)) return do_huge_pmd_anonymous_page(vmf, pmd, i, folio);
  put_page(k, folio);
  return 0;
}

/** A THP that holds zeros, or NO_PAGE. */
function alloc_zeroed_thp(vma: VmArea, address: number): Page {
  const { kernel: k } = vma.vm_mm;
  const folio = alloc_huge_at(k, vma_choice(vma, address, HPAGE_PMD_NR));
  if (folio === NO_PAGE) return NO_PAGE;
  k.contents.clear_pages(folio, HPAGE_PMD_NR);
  return folio;
}

/** Map a new THP, writable where the mapping is. */
function map_anon_folio_pmd(vma: VmArea, pmd: PmdTable, i: number, folio: Page, haddr: number): void {
  const mm = vma.vm_mm;
  const k = mm.kernel;
  k.mem.flags[folio]! |= PG_uptodate;
  folio_add_new_anon_rmap(k, folio, vma, haddr);
  folio_add_lru(k, folio);
  mm.pt.set_pmd(pmd, i, folio, maybe_mkwrite(vma.vm_page_prot | PTE_HUGE | PTE_DIRTY | PTE_YOUNG, vma));
  mm.rss += HPAGE_PMD_NR;
}

/**
 * The CPU touched a huge page that is on a device: all of it comes home.
 * Context: may sleep. Return: 0 or VM_FAULT_*.
 */
export function* do_huge_pmd_device_private(vmf: VmFault, pmd: PmdTable, i: number): Task<number> {
  const k = vmf.vma.vm_mm.kernel;
  k.enter('do_huge_pmd_device_private', vmf.address);
  if ((vmf.flags & FAULT_FLAG_VMA_LOCK) !== 0) return VM_FAULT_RETRY;
  vmf.page = pmd.e[i]!;
  vmf.huge = true;
  return yield* migrate_to_ram(k, vmf, vmf.page);
}

/** A write to the huge zero page: a zeroed THP in its place. Return: 0, or VM_FAULT_FALLBACK when there is none. */
function* do_huge_zero_wp_pmd(vmf: VmFault, pmd: PmdTable, i: number): Task<number> {
  const { vma } = vmf;
  const k = vma.vm_mm.kernel;
  const haddr = vmf.address - (vmf.address % HPAGE_PMD_SIZE);
  const folio = alloc_zeroed_thp(vma, vmf.address);
  if (folio === NO_PAGE) return VM_FAULT_FALLBACK;
  if (!(yield* charge_thp(vma, folio))) {
    put_page(k, folio);
    return VM_FAULT_FALLBACK;
  }
  const range = mmu_notifier_range(vma.vm_mm, haddr, haddr + HPAGE_PMD_SIZE, 'MMU_NOTIFY_CLEAR');
  yield* mmu_notifier_invalidate_range_start(range);
  if (pmd.e[i] === k.hugeZeroFolio) {
    flush_tlb_range(vma.vm_mm, haddr, haddr + HPAGE_PMD_SIZE);
    map_anon_folio_pmd(vma, pmd, i, folio, haddr);
  } else {
    put_page(k, folio);
  }
  mmu_notifier_invalidate_range_end(range);
  return 0;
}

/** A write to a huge page mapped read-only: reuse it if it is ours alone, else split the PMD and copy one page. */
export function* do_huge_pmd_wp_page(vmf: VmFault, pmd: PmdTable, i: number): Task<number> {
  vmf.vma.vm_mm.kernel.enter('do_huge_pmd_wp_page', vmf.address);
  const { vma } = vmf;
  const k = vma.vm_mm.kernel;
  const { mem } = k;
  const folio = pmd.e[i]!;
  if (folio !== k.hugeZeroFolio) {
    let exclusive = PageAnonExclusive(mem, folio);
    if (!exclusive) {
      yield* k.lock_page(folio, 'do_huge_pmd_wp_page');
      if (mem.refcount[folio] === 1) {
        folio_move_anon_rmap(k, folio, vma);
        SetPageAnonExclusive(mem, folio);
        exclusive = true;
      }
      k.unlock_page(folio);
    }
    if (exclusive) {
      if ((vmf.flags & FAULT_FLAG_UNSHARE) === 0) {
        pmd.e[FLAGS + i] = maybe_mkwrite(pmd.e[FLAGS + i]! | PTE_DIRTY | PTE_YOUNG, vma);
        flush_tlb_range(vma.vm_mm, vmf.address, vmf.address + PAGE_SIZE);
      }
      return 0;
    }
  } else if (k.behaviour.wpReplacesHugeZero) {
    const ret = yield* do_huge_zero_wp_pmd(vmf, pmd, i);
    if ((ret & VM_FAULT_FALLBACK) === 0) return ret;
  }
  yield* __split_huge_pmd(vma, pmd, i, vmf.address, false, null);
  return VM_FAULT_FALLBACK;
}

/** What change_protection() does beside the new protection. */
export interface ProtectionChange {
  /** Make writable at once what needs no copy. */
  readonly upgrade: boolean;
  /** Write-protect for a userfaultfd, or no longer. */
  readonly uffd: 'wp' | 'resolve' | 'keep';
}

/** mprotect of a whole huge page. */
export function change_huge_pmd(
  vma: VmArea,
  pmd: PmdTable,
  i: number,
  addr: number,
  newprot: number,
  change: ProtectionChange,
): void {
  const k = vma.vm_mm.kernel;
  const old = pmd.e[FLAGS + i]!;
  if (!pte_present(old)) {
    pmd.e[FLAGS + i] = changed_swap_entry(vma, pmd.e[i]!, old, change.uffd);
    return;
  }
  flush_tlb_range(vma.vm_mm, addr, addr + 0x200000);
  let flags = with_uffd_wp(newprot | (old & (PTE_CHG_MASK | PTE_HUGE)), change.uffd);
  if (
    change.upgrade &&
    k.behaviour.mprotectUpgradesPmd &&
    (flags & PTE_WRITE) === 0 &&
    can_change_pmd_writable(k, vma, pmd.e[i]!, flags)
  ) {
    flags |= PTE_WRITE;
  }
  pmd.e[FLAGS + i] = flags;
}

function can_change_pmd_writable(k: Kernel, vma: VmArea, folio: number, flags: number): boolean {
  if ((vma.vm_flags & VM_WRITE) === 0 || (flags & PTE_PROTNONE) !== 0) return false;
  if (userfaultfd_pte_wp(vma, flags)) return false;
  if ((vma.vm_flags & VM_SHARED) !== 0) return (flags & PTE_DIRTY) !== 0;
  return folio !== k.hugeZeroFolio && PageAnonExclusive(k.mem, folio);
}

/** MADV_FREE of a whole huge page: clean it; without reclaim nothing else happens. */
export function madvise_free_whole_pmd(k: Kernel, pmd: PmdTable, i: number): void {
  k.mem.flags[pmd.e[i]!]! &= ~PG_dirty;
  pmd.e[FLAGS + i]! &= ~(PTE_DIRTY | PTE_YOUNG);
}
