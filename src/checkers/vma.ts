// SPDX-License-Identifier: GPL-2.0-only
/** The VMAs of each mm: their order, what they are counted in, and the page tables under them. */
import {
  is_device_exclusive_entry,
  is_device_private_entry,
  PTE_SPECIAL,
  pte_present,
} from '../mm/pgtable.js';
import { is_vm_hugetlb_page, type MmStruct, VM_LOCKED, type VmArea } from '../mm/types.js';
import { MAX_MAP_COUNT } from '../mm/vma.js';
import { PAGE_SIZE, type Page } from '../sim/memmap.js';
import type { Census } from './census.js';
import type { Entries } from './entries.js';
import { hex, violation } from './violation.js';

const NAME = 'vma';

export function check_vmas(census: Census): void {
  for (const [mm, entries] of census.entries) {
    check_order(mm);
    check_locked(mm);
    check_rss(census, mm, entries);
    check_tables(mm, entries);
  }
}

const show = ({ vm_start, vm_end }: VmArea): string => `${hex(vm_start)}-${hex(vm_end)}`;

function check_order(mm: MmStruct): void {
  let end = 0;
  let count = 0;
  for (const vma of mm.vmas) {
    count++;
    if (vma.vm_mm !== mm) throw violation(NAME, `mm ${mm.id}: ${show(vma)} belongs to mm ${vma.vm_mm.id}`);
    const whole = vma.vm_start % PAGE_SIZE === 0 && vma.vm_end % PAGE_SIZE === 0 && vma.vm_start < vma.vm_end;
    if (!whole) throw violation(NAME, `mm ${mm.id}: ${show(vma)} is no range of pages`);
    if (vma.vm_start < end) throw violation(NAME, `mm ${mm.id}: ${show(vma)} begins before ${hex(end)}`);
    end = vma.vm_end;
    const { mapping } = vma.vm_file ?? { mapping: null };
    if (mapping !== null && !mapping.i_mmap.has(vma)) {
      throw violation(NAME, `mm ${mm.id}: ${show(vma)} is not in the i_mmap of its file`);
    }
  }
  if (count !== mm.vmas.size)
    throw violation(NAME, `mm ${mm.id}: map_count ${mm.vmas.size}, but ${count} VMAs`);
  // mmap() refuses above the limit, not at it.
  if (count > MAX_MAP_COUNT + 1) throw violation(NAME, `mm ${mm.id}: ${count} VMAs are too many`);
}

function check_locked(mm: MmStruct): void {
  let pages = mm.lockedForGood;
  for (const { vm_flags, vm_start, vm_end } of mm.vmas) {
    if ((vm_flags & VM_LOCKED) !== 0) pages += (vm_end - vm_start) / PAGE_SIZE;
  }
  if (pages === mm.locked_vm) return;
  throw violation(NAME, `mm ${mm.id}: locked_vm ${mm.locked_vm}, but ${pages} pages are in locked VMAs`);
}

/** MM_ANONPAGES and MM_FILEPAGES; hugetlb and the zero pages are not counted. */
function check_rss(census: Census, mm: MmStruct, entries: Entries): void {
  const { k } = census;
  let pages = 0;
  entries.forEach({
    pte(_address, _page, flags) {
      if (pte_present(flags) ? (flags & PTE_SPECIAL) === 0 : is_devices(flags)) pages++;
    },
    leaf(address: number, page: Page) {
      if (page === k.hugeZeroFolio) return;
      const vma = mm.vmas.vma_lookup(address);
      if (vma !== null && !is_vm_hugetlb_page(vma)) pages += 512;
    },
  });
  if (pages !== mm.rss) throw violation(NAME, `mm ${mm.id}: rss ${mm.rss}, but ${pages} pages are mapped`);
}

const is_devices = (flags: number): boolean =>
  is_device_private_entry(flags) || is_device_exclusive_entry(flags);

const wrong_table = (mm: MmStruct, address: number, text: string): Error =>
  violation(NAME, `mm ${mm.id}: PMD table at ${hex(address)}: ${text}`);

/** Tables know how many of their entries are used, and the mm how many PTE tables it has. */
function check_tables(mm: MmStruct, entries: Entries): void {
  let tables = 0;
  for (const { address, used, children, leaves, both } of entries.tables) {
    if (both >= 0) throw wrong_table(mm, address, `entry ${both} is a huge page and a table`);
    if (used !== children + leaves)
      throw wrong_table(mm, address, `${used} entries used, but ${children + leaves} found`);
    tables += children;
  }
  if (tables !== mm.pt.nr_ptes) {
    throw violation(NAME, `mm ${mm.id}: nr_ptes ${mm.pt.nr_ptes}, but ${tables} PTE tables`);
  }
  for (const { address, used, found } of entries.puds) {
    if (found === used) continue;
    throw violation(
      NAME,
      `mm ${mm.id}: PUD table at ${hex(address)}: ${used} entries used, but ${found} found`,
    );
  }
}
