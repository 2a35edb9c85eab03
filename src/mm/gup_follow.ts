// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: mm/gup.c, from a user address to its page (follow_page_mask and below). Fidelity: ported; no
 * gate area or NUMA hinting.
 *
 * Nothing here sleeps. What the kernel returns as a pointer, NULL or ERR_PTR is here a page, NO_PAGE (fault it in,
 * then ask again), a negative errno, FOLLOW_UNSHARE or FOLLOW_SPLIT.
 */
import { KernelBug } from '../sim/errors.js';
import { NO_PAGE, type Page } from '../sim/memmap.js';
import { EEXIST, EFAULT, EINVAL } from '../uapi/errno.js';
import { HPAGE_PMD_NR } from '../uapi/mman.js';
import {
  can_follow_write,
  FOLL_DUMP,
  FOLL_FORCE,
  FOLL_GET,
  FOLL_PIN,
  FOLL_SPLIT_PMD,
  FOLL_TOUCH,
  FOLL_WRITE,
  gup_must_unshare,
} from './gup_flags.js';
import { try_grab_folio } from './gup_refs.js';
import type { Kernel } from './kernel.js';
import { folio_mark_accessed } from './lru.js';
import { pte_devmap } from './memory.js';
import { is_device_public_page } from './memremap.js';
import { compound_head, folio_mark_dirty, folio_test_anon, PageAnonExclusive } from './page_flags.js';
import {
  FLAGS,
  type PmdTable,
  PTE_DIRTY,
  PTE_WRITE,
  PTE_YOUNG,
  type PteTable,
  pmd_index,
  pmd_is_huge,
  pmd_trans_huge,
  pte_index,
  pte_present,
  vm_normal_page,
} from './pgtable.js';
import { hinting_protnone } from './protnone.js';
import { is_vm_hugetlb_page, type VmArea, vma_is_anonymous } from './types.js';

/** The page is shared and to be pinned: fault it with FAULT_FLAG_UNSHARE first (the kernel's -EMLINK). */
export const FOLLOW_UNSHARE = -0x10001;
/** The huge PMD is to be split first, which may sleep. */
export const FOLLOW_SPLIT = -0x10000;

/** struct follow_page_context. */
export interface FollowPageContext {
  /** Pages behind the one found that the same leaf maps, as a mask of the page index: 0 or 511. */
  page_mask: number;
}

/** A core dump leaves holes where nothing was ever touched; everybody else wants a fault. */
function no_page_table(vma: VmArea, flags: number): number {
  if ((flags & FOLL_DUMP) === 0 || is_vm_hugetlb_page(vma)) return NO_PAGE;
  return vma_is_anonymous(vma) || vma.vm_ops?.fault === undefined ? -EFAULT : NO_PAGE;
}

/** A pinned anonymous page that others may share is a bug of the memory core: the pin would not see their copy. */
function assert_exclusive(k: Kernel, fn: string, page: Page, flags: number): void {
  if ((flags & FOLL_PIN) === 0 || !folio_test_anon(k.mem, compound_head(k.mem, page))) return;
  if (!PageAnonExclusive(k.mem, page)) {
    throw new KernelBug(fn, `VM_BUG_ON_PAGE: page ${page} is to be pinned but not exclusive`);
  }
}

/** Whether it is device memory that nobody may hold: get_dev_pagemap() does not know the ranges of hmm_devmem_add_resource(). */
export function gup_refuses(k: Kernel, page: Page, flags: number): boolean {
  return (
    k.behaviour.gupRefusesPublic && (flags & (FOLL_GET | FOLL_PIN)) !== 0 && is_device_public_page(k, page)
  );
}

/** !gup_can_follow_protnone(): a fault is to make it present first, as for the program; ptrace does without. */
function refuses_protnone(vma: VmArea, entry: number, flags: number): boolean {
  return hinting_protnone(vma, entry) && (flags & FOLL_FORCE) === 0;
}

function follow_page_pte(vma: VmArea, table: PteTable, i: number, flags: number): number {
  const k = vma.vm_mm.kernel;
  if ((flags & FOLL_PIN) !== 0 && (flags & FOLL_GET) !== 0) {
    k.warn_on_once('follow_page_pte', 'FOLL_PIN with FOLL_GET');
    return -EINVAL;
  }
  const pte = table[FLAGS + i]!;
  if (!pte_present(pte)) return pte === 0 ? no_page_table(vma, flags) : NO_PAGE;
  if (refuses_protnone(vma, pte, flags)) return NO_PAGE;
  const normal = vm_normal_page(pte, table[i]!);
  if ((flags & FOLL_WRITE) !== 0 && !can_follow_write(k, pte, normal, vma, flags)) return NO_PAGE;
  // Such a page is only for whoever takes a reference.
  const devmap = pte_devmap(k, pte, table[i]!) && (flags & (FOLL_GET | FOLL_PIN)) !== 0;
  if (normal === NO_PAGE && !devmap) {
    if ((flags & FOLL_DUMP) !== 0) return -EFAULT;
    if (table[i] !== k.zeroPage) return -EEXIST;
  }
  const page = table[i]!;
  if (gup_refuses(k, page, flags)) return -EFAULT;
  if ((pte & PTE_WRITE) === 0 && gup_must_unshare(k, vma, flags, page)) return FOLLOW_UNSHARE;
  assert_exclusive(k, 'follow_page_pte', page, flags);
  const folio = compound_head(k.mem, page);
  const err = try_grab_folio(k, folio, 1, flags);
  if (err !== 0) return err;
  if ((flags & FOLL_TOUCH) !== 0) {
    folio_mark_accessed(k, folio);
    if ((flags & FOLL_WRITE) !== 0 && (pte & PTE_DIRTY) === 0) folio_mark_dirty(k.mem, folio);
  }
  return page;
}

/** A huge leaf: a THP or a hugetlb page. The reference is for the page asked; the caller adds those behind it. */
function follow_huge_pmd(
  vma: VmArea,
  address: number,
  pmd: PmdTable,
  i: number,
  flags: number,
  ctx: FollowPageContext,
): number {
  const k = vma.vm_mm.kernel;
  const head = pmd.e[i]!;
  const entry = pmd.e[FLAGS + i]!;
  if ((flags & FOLL_WRITE) !== 0 && !can_follow_write(k, entry, head, vma, flags)) return NO_PAGE;
  if ((flags & FOLL_DUMP) !== 0 && head === k.hugeZeroFolio) return -EFAULT;
  if ((entry & PTE_WRITE) === 0 && gup_must_unshare(k, vma, flags, head)) return FOLLOW_UNSHARE;
  assert_exclusive(k, 'follow_huge_pmd', head, flags);
  const err = try_grab_folio(k, head, 1, flags);
  if (err !== 0) return err;
  if ((flags & FOLL_TOUCH) !== 0 && !is_vm_hugetlb_page(vma)) {
    pmd.e[FLAGS + i] = entry | PTE_YOUNG | ((flags & FOLL_WRITE) !== 0 ? PTE_DIRTY : 0);
  }
  ctx.page_mask = HPAGE_PMD_NR - 1;
  return head + pte_index(address);
}

/** Whether a huge leaf of the VMA is taken for one of a THP: pmd_trans_huge() cannot tell it from a hugetlb page. */
function splits(vma: VmArea): boolean {
  return !is_vm_hugetlb_page(vma) || vma.vm_mm.kernel.behaviour.gupSplitsHugetlb;
}

/** Find the page at `address` and take a reference as the flags ask. */
export function follow_page_mask(
  vma: VmArea,
  address: number,
  flags: number,
  ctx: FollowPageContext,
): number {
  ctx.page_mask = 0;
  const pmd = vma.vm_mm.pt.pmdTable(address);
  if (pmd === null) return no_page_table(vma, flags);
  const i = pmd_index(address);
  if (pmd_is_huge(pmd, i)) {
    if (!pmd_trans_huge(pmd, i)) return no_page_table(vma, flags);
    if (!is_vm_hugetlb_page(vma) && refuses_protnone(vma, pmd.e[FLAGS + i]!, flags)) {
      return no_page_table(vma, flags);
    }
    if ((flags & FOLL_SPLIT_PMD) !== 0 && splits(vma)) return FOLLOW_SPLIT;
    return follow_huge_pmd(vma, address, pmd, i, flags, ctx);
  }
  const table = pmd.child[i]!;
  if (table === null) return no_page_table(vma, flags);
  return follow_page_pte(vma, table, pte_index(address), flags);
}
