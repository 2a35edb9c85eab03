// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: mm/hugetlb.c, reservations and the allocation of a page against them. Fidelity: ported, but for the
 * region lists (a set of indices instead) and what guards them: nothing here sleeps.
 *
 * The map of a shared file lists the pages that are reserved. The map of a private mapping lists the opposite: pages
 * whose reservation has been used up. Only the process that called mmap() has the latter; its children have nothing.
 */
import { NO_PAGE, type Page } from '../sim/memmap.js';
import { EINVAL, ENOMEM } from '../uapi/errno.js';
import type { Kernel } from './kernel.js';
import { PG_restore_reserve } from './page_flags.js';
import { type AddressSpace, VM_MAYSHARE, VM_NORESERVE, type VmArea, type VmOperations } from './types.js';

export const HPAGE_SIZE = 0x200000;
const PAGES_PER_HPAGE = 512;

/** Indices of huge pages in a file or in a mapping (struct resv_map). */
export class ResvMap {
  private readonly indices = new Set<number>();

  has(idx: number): boolean {
    return this.indices.has(idx);
  }

  /** How many of [from, to) are in the map (region_count). */
  count(from: number, to: number): number {
    let count = 0;
    for (const idx of this.indices) if (idx >= from && idx < to) count++;
    return count;
  }

  add(idx: number): void {
    this.indices.add(idx);
  }

  /** region_add(). */
  addRange(from: number, to: number): void {
    for (let idx = from; idx < to; idx++) this.indices.add(idx);
  }

  delete(idx: number): void {
    this.indices.delete(idx);
  }

  /** region_del() to the end. Return: how many were there. */
  deleteFrom(from: number): number {
    const count = this.count(from, Number.POSITIVE_INFINITY);
    for (const idx of [...this.indices]) if (idx >= from) this.indices.delete(idx);
    return count;
  }
}

/** vm_private_data of a private mapping; never changed, only replaced, since VMAs that are split share it. */
interface PrivateData {
  /** The reservations, of their owner only (HPAGE_RESV_OWNER). */
  readonly resv: ResvMap | null;
  /** The owner of the reservations took a page away from this mapping (HPAGE_RESV_UNMAPPED). */
  readonly unmapped: boolean;
}

const NOTHING: PrivateData = { resv: null, unmapped: false };

function private_data(vma: VmArea): PrivateData {
  return (vma.vm_private_data as PrivateData | null) ?? NOTHING;
}

const is_shared = (vma: VmArea): boolean => (vma.vm_flags & VM_MAYSHARE) !== 0;

function inode_resv_map(mapping: AddressSpace): ResvMap {
  mapping.i_private_data ??= new ResvMap();
  return mapping.i_private_data as ResvMap;
}

function vma_resv_map(vma: VmArea): ResvMap | null {
  return is_shared(vma) ? inode_resv_map(vma.vm_file!.mapping!) : private_data(vma).resv;
}

/** The map of the private mapping that pages were reserved for, which is lasting: a lock can belong to it. */
export function private_resv_map(vma: VmArea): ResvMap | null {
  return is_shared(vma) ? null : private_data(vma).resv;
}

/** Whether this is the private mapping that the pages were reserved for. */
export function is_vma_resv_owner(vma: VmArea): boolean {
  return private_resv_map(vma) !== null;
}

export function is_vma_resv_unmapped(vma: VmArea): boolean {
  return private_data(vma).unmapped;
}

export function set_vma_resv_unmapped(vma: VmArea): void {
  vma.vm_private_data = { ...private_data(vma), unmapped: true };
}

/** A copy of the VMA for a child, or one whose pages have moved away, has no part in the reservations. */
export function hugetlb_dup_vma_private(vma: VmArea): void {
  vma.vm_private_data = null;
}

/**
 * Huge pages [from, to) of the VMA have moved, by address, and what is reserved for them: the VMA goes. Where it was to
 * stay in part, nobody gives back what is reserved for the rest.
 */
export function clear_vma_resv_huge_pages(vma: VmArea, from: number, to: number): void {
  const { hugetlb } = vma.vm_mm.kernel;
  hugetlb.lostReservations +=
    reserved_between(vma, vma.vm_start, from) + reserved_between(vma, to, vma.vm_end);
  hugetlb_dup_vma_private(vma);
}

/** Index of the huge page in the file (and in the reservation map). */
export function vma_hugecache_offset(vma: VmArea, address: number): number {
  return Math.floor((address - vma.vm_start) / HPAGE_SIZE) + vma.vm_pgoff / PAGES_PER_HPAGE;
}

/** Whether a page at `addr` is to be had without a reservation: none was made, or it has been used up. */
function vma_needs_reservation(vma: VmArea, addr: number): boolean {
  const resv = vma_resv_map(vma);
  if (resv === null) return true;
  const inMap = resv.has(vma_hugecache_offset(vma, addr));
  return is_shared(vma) ? !inMap : inMap;
}

/** The reservation at `addr` is there again. */
function vma_add_reservation(vma: VmArea, addr: number): void {
  const resv = vma_resv_map(vma);
  const idx = vma_hugecache_offset(vma, addr);
  if (is_shared(vma)) resv?.add(idx);
  else resv?.delete(idx);
}

/** There is no reservation at `addr` any more. */
function vma_del_reservation(vma: VmArea, addr: number): void {
  const resv = vma_resv_map(vma);
  const idx = vma_hugecache_offset(vma, addr);
  if (is_shared(vma)) resv?.delete(idx);
  else resv?.add(idx);
}

/** Whether the allocation may take a reserved page. `needs`: what vma_needs_reservation() said, or a COW of the owner. */
function vma_has_reserves(vma: VmArea, needs: boolean): boolean {
  if (needs) return false;
  if ((vma.vm_flags & VM_NORESERVE) !== 0) return is_shared(vma);
  return is_shared(vma) || is_vma_resv_owner(vma);
}

/**
 * Take a huge page for `addr`. `cow_from_owner`: a copy beside the page that the reservation was used for.
 * Return: the folio with one reference and unspecified contents, or NO_PAGE (-ENOSPC, so SIGBUS).
 */
export function alloc_hugetlb_folio(k: Kernel, vma: VmArea, addr: number, cow_from_owner: boolean): Page {
  const needs = vma_needs_reservation(vma, addr) || cow_from_owner;
  const folio = k.hugetlb.dequeue_hugetlb_folio(vma_has_reserves(vma, needs));
  // Committed: the page is in the map, be it "reserved for the file" or "used up".
  if (folio !== NO_PAGE) vma_resv_map(vma)?.add(vma_hugecache_offset(vma, addr));
  return folio;
}

/** A page from alloc_hugetlb_folio() is about to be freed unused: undo what the allocation did to the map. */
export function restore_reserve_on_error(k: Kernel, vma: VmArea, addr: number, folio: Page): void {
  const needs = vma_needs_reservation(vma, addr);
  if ((k.mem.flags[folio]! & PG_restore_reserve) === 0) {
    if (!needs) vma_del_reservation(vma, addr);
  } else if (needs) {
    vma_add_reservation(vma, addr);
  }
}

/** The last mapping of an anonymous page goes: its page must stay available to the owner of the reservation. */
export function restore_reserve_on_unmap(k: Kernel, vma: VmArea, addr: number, folio: Page): void {
  k.mem.flags[folio]! |= PG_restore_reserve;
  if (vma_needs_reservation(vma, addr)) vma_add_reservation(vma, addr);
}

/**
 * Reserve huge pages [from, to) of a file for a new mapping, as far as the file has no reservation for them.
 * Return: 0, or -ENOMEM when the pool has too few.
 */
export function hugetlb_reserve_pages(
  vma: VmArea,
  mapping: AddressSpace,
  from: number,
  to: number,
  vm_flags: number,
): number {
  const { hugetlb } = vma.vm_mm.kernel;
  if ((vm_flags & VM_NORESERVE) !== 0) return 0;
  if (!is_shared(vma)) {
    if (hugetlb.acct_memory(to - from) !== 0) return -ENOMEM;
    vma.vm_private_data = { resv: new ResvMap(), unmapped: false } satisfies PrivateData;
    return 0;
  }
  const resv = inode_resv_map(mapping);
  const missing = to - from - resv.count(from, to);
  if (hugetlb.acct_memory(missing) !== 0) return -ENOMEM;
  resv.addRange(from, to);
  return 0;
}

/** The file ends at huge page `start` now, and `freed` of its pages are gone: drop the reservations beyond. */
export function hugetlb_unreserve_pages(
  k: Kernel,
  mapping: AddressSpace,
  start: number,
  freed: number,
): void {
  const reserved = inode_resv_map(mapping).deleteFrom(start);
  k.hugetlb.acct_memory(-(reserved - freed));
}

/** A hole took huge page `idx` of the file: whoever wants one there again finds none reserved. */
export function hugetlb_unreserve_page(mapping: AddressSpace, idx: number): void {
  inode_resv_map(mapping).delete(idx);
}

/** Reserved pages of a shared file that it does not have yet. */
export function file_reservations(mapping: AddressSpace): number {
  const resv = mapping.i_private_data as ResvMap | null;
  if (resv === null) return 0;
  let unused = resv.count(0, Number.POSITIVE_INFINITY);
  for (const idx of mapping.i_pages.keys()) if (resv.has(idx)) unused--;
  return unused;
}

/** What a private mapping has reserved and not used. */
export function vma_reservations(vma: VmArea): number {
  return reserved_between(vma, vma.vm_start, vma.vm_end);
}

/** The same of addresses [from, to) alone. */
function reserved_between(vma: VmArea, from: number, to: number): number {
  const resv = private_resv_map(vma);
  if (resv === null) return 0;
  const start = vma_hugecache_offset(vma, from);
  const end = vma_hugecache_offset(vma, to);
  return end - start - resv.count(start, end);
}

/** A private mapping goes: what it has reserved and not used is free for others. */
function hugetlb_vm_op_close(vma: VmArea): void {
  vma.vm_mm.kernel.hugetlb.acct_memory(-vma_reservations(vma));
}

/** Nothing to open: VMAs that are split or copied share their reservations, which live as long as one of them. */
export const hugetlb_vm_ops: VmOperations = {
  name: 'hugetlb',
  close: hugetlb_vm_op_close,
  may_split: (_vma, addr) => (addr % HPAGE_SIZE === 0 ? 0 : -EINVAL),
};
