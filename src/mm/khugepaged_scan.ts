// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: mm/khugepaged.c: what a scan comes to, and what it asks of any VMA. Fidelity: ported. */
import { NO_PAGE, type Page } from '../sim/memmap.js';
import type { Task } from '../sim/task.js';
import { EAGAIN, EBUSY, EINVAL, ENOMEM } from '../uapi/errno.js';
import { HPAGE_PMD_SIZE } from '../uapi/mman.js';
import { thp_vma_suitable } from './huge_memory.js';
import type { Kernel } from './kernel.js';
import { mem_cgroup_charge } from './memcontrol_charge.js';
import { put_page } from './page_alloc.js';
import { folio_mapcount } from './page_flags.js';
import { type PteTable, pmd_index, pmd_is_migration_entry, pmd_trans_huge } from './pgtable.js';
import { type Because, reasonOf } from './reasons.js';
import { folio_cache_refs } from './swap.js';
import {
  type MmStruct,
  VM_HUGETLB,
  VM_NOHUGEPAGE,
  VM_SPECIAL,
  type VmArea,
  vma_is_anonymous,
  vma_is_shmem,
} from './types.js';

/** Why a range was not collapsed (enum scan_result), as far as MADV_COLLAPSE has use for it. */
export type ScanResult =
  | 'SCAN_SUCCEED'
  | 'SCAN_FAIL'
  | 'SCAN_PMD_NULL'
  | 'SCAN_PMD_NONE'
  | 'SCAN_PMD_MAPPED'
  | 'SCAN_EXCEED_NONE_PTE'
  | 'SCAN_PTE_UFFD_WP'
  | 'SCAN_PTE_NON_PRESENT'
  | 'SCAN_PAGE_RO'
  | 'SCAN_PAGE_NULL'
  | 'SCAN_PAGE_COUNT'
  | 'SCAN_PAGE_LRU'
  | 'SCAN_PAGE_LOCK'
  | 'SCAN_PAGE_COMPOUND'
  | 'SCAN_PTE_MAPPED_HUGEPAGE'
  | 'SCAN_TRUNCATED'
  | 'SCAN_PAGE_ANON'
  | 'SCAN_VMA_NULL'
  | 'SCAN_VMA_CHECK'
  | 'SCAN_ADDRESS_RANGE'
  | 'SCAN_DEL_PAGE_LRU'
  | 'SCAN_ALLOC_HUGE_PAGE_FAIL'
  | 'SCAN_CGROUP_CHARGE_FAIL';

/** Whether the next 2 MiB are tried after `result`. */
export function goes_on(k: Kernel, result: ScanResult): boolean {
  return GOES_ON.has(result) || (result === 'SCAN_PMD_NONE' && k.behaviour.collapsePassesNoTable);
}

/** After these the next 2 MiB are tried; after all others nothing more is. */
const GOES_ON: ReadonlySet<ScanResult> = new Set<ScanResult>([
  'SCAN_PMD_NULL',
  'SCAN_PTE_NON_PRESENT',
  'SCAN_PTE_UFFD_WP',
  'SCAN_PAGE_RO',
  'SCAN_PAGE_NULL',
  'SCAN_PAGE_COUNT',
  'SCAN_PAGE_LOCK',
  'SCAN_PAGE_COMPOUND',
  'SCAN_PAGE_LRU',
  'SCAN_DEL_PAGE_LRU',
]);

export function madvise_collapse_errno(k: Kernel, result: ScanResult): number {
  switch (result) {
    case 'SCAN_EXCEED_NONE_PTE':
      return k.behaviour.collapseBusyWhenArmed ? -EBUSY : -EINVAL;
    case 'SCAN_ALLOC_HUGE_PAGE_FAIL':
      return -ENOMEM;
    case 'SCAN_CGROUP_CHARGE_FAIL':
      return -EBUSY;
    case 'SCAN_PAGE_COUNT':
    case 'SCAN_PAGE_LOCK':
    case 'SCAN_PAGE_LRU':
    case 'SCAN_DEL_PAGE_LRU':
      return -EAGAIN;
    default:
      return -EINVAL;
  }
}

/** Whether MADV_COLLAPSE may put huge pages there, whatever the sysfs setting: in anonymous memory with an anon_vma, and in memory files. */
export function collapse_allowed(vma: VmArea): boolean {
  if ((vma.vm_flags & (VM_SPECIAL | VM_HUGETLB | VM_NOHUGEPAGE)) !== 0) return false;
  if (!thp_vma_suitable(vma, vma.vm_end - HPAGE_PMD_SIZE)) return false;
  return vma_is_shmem(vma) || (vma_is_anonymous(vma) && vma.anon_vma !== null);
}

/** A huge page, paid for by the cgroup of the process; or why there is none. Context: may sleep. */
export function* alloc_charge_folio(mm: MmStruct): Task<Page | ScanResult> {
  const { kernel: k } = mm;
  const huge = k.pages.alloc_huge();
  if (huge === NO_PAGE) return 'SCAN_ALLOC_HUGE_PAGE_FAIL';
  if ((yield* mem_cgroup_charge(k, huge, mm.memcg)) === 0) return huge;
  put_page(k, huge);
  return 'SCAN_CGROUP_CHARGE_FAIL';
}

/** The VMA may be another one, after the mmap_lock was dropped. */
export function hugepage_vma_revalidate(
  mm: MmStruct,
  address: number,
  expect_anon = false,
): VmArea | ScanResult {
  const vma = mm.vmas.find_vma(address);
  if (vma === null) return 'SCAN_VMA_NULL';
  if (!thp_vma_suitable(vma, address)) return 'SCAN_ADDRESS_RANGE';
  if (!collapse_allowed(vma)) return 'SCAN_VMA_CHECK';
  return expect_anon && !vma_is_anonymous(vma) ? 'SCAN_PAGE_ANON' : vma;
}

/** The PTE table of the 2 MiB at `address`, or why there is none to collapse. */
export function find_table(mm: MmStruct, address: number): PteTable | ScanResult {
  const pmd = mm.pt.pmdTable(address);
  if (pmd === null) return 'SCAN_PMD_NULL';
  const i = pmd_index(address);
  if (pmd_trans_huge(pmd, i) || pmd_is_migration_entry(pmd, i)) return 'SCAN_PMD_MAPPED';
  return pmd.child[i] ?? 'SCAN_PMD_NONE';
}

/** Tell why a page is in the way. */
export function refuse(mm: MmStruct, fn: string, addr: number, page: Page, because: Because): void {
  if (mm.kernel.trace === null) return;
  mm.kernel.note({ event: 'skip', fn, mm, addr, page, reason: reasonOf(because) });
}

/** References that its mappings and a cache account for. */
export function expected_refcount(k: Kernel, folio: Page): number {
  return folio_mapcount(k.mem, folio) + folio_cache_refs(k, folio);
}

/** Whether only its mappings and a cache hold the folio. */
export const is_refcount_suitable = (k: Kernel, folio: Page): boolean =>
  k.mem.refcount[folio] === expected_refcount(k, folio);
