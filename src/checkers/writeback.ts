// SPDX-License-Identifier: GPL-2.0-only
/**
 * No write to a file on a disk is missed: whoever may write to a page of it, the file system knows as dirty, and what is being
 * written is the file's still.
 */
import { compound_head, PG_dirty, PG_writeback } from '../mm/page_flags.js';
import { FLAGS, PTE_WRITE, pte_index, pte_present } from '../mm/pgtable.js';
import { type AddressSpace, VM_SHARED, type VmArea } from '../mm/types.js';
import { PAGE_SIZE, type Page } from '../sim/memmap.js';
import type { Census } from './census.js';
import { violation } from './violation.js';

const NAME = 'writeback';

export function check_writeback(census: Census): void {
  let writing = 0;
  for (const mapping of census.k.mappings) {
    if (mapping?.kind !== 'ext4') continue;
    for (const [index, page] of mapping.i_pages) writing += check_page(census, mapping, index, page);
  }
  if (writing === 0 && !census.k.disk.used_once) return;
  for (const { low, high } of census.touched) {
    for (let page = low; page < high; page++) if ((census.mem.flags[page]! & PG_writeback) !== 0) writing--;
  }
  if (writing !== 0) throw violation(NAME, `${-writing} pages are being written that are no file's`);
}

/** Return: 1 where it is being written. */
function check_page(census: Census, mapping: AddressSpace, index: number, page: Page): 0 | 1 {
  const flags = census.mem.flags[compound_head(census.mem, page)]!;
  if ((flags & PG_dirty) === 0) {
    for (const vma of mapping.i_mmap) {
      if (!is_written_by(vma, index, page)) continue;
      throw violation(NAME, `${census.show(page)}: clean, and mm ${vma.vm_mm.id} may write to it`);
    }
  }
  return (census.mem.flags[page]! & PG_writeback) === 0 ? 0 : 1;
}

/** Whether the shared mapping has an entry of the page that nobody hears of when it is written by. */
function is_written_by(vma: VmArea, index: number, page: Page): boolean {
  const address = vma.vm_start + (index - vma.vm_pgoff) * PAGE_SIZE;
  if ((vma.vm_flags & VM_SHARED) === 0 || address < vma.vm_start || address >= vma.vm_end) return false;
  const table = vma.vm_mm.pt.pteTable(address);
  if (table === null) return false;
  const i = pte_index(address);
  const flags = table[FLAGS + i]!;
  return table[i] === page && pte_present(flags) && (flags & PTE_WRITE) !== 0;
}
