// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: fs/dax.c: files whose pages are the pages of a persistent memory device, mapped without a page cache, and what
 * mm/memory.c inserts for them. Fidelity: simplified: no entry of 2 MiB, none that is locked or dirty, no file shares blocks.
 *
 * mapping.i_pages has what has been mapped, by index: a page of the device, or the zero page over a hole. It holds no references.
 */
import { NO_PAGE, type Page } from '../sim/memmap.js';
import { done, type Task } from '../sim/task.js';
import { pagesOf } from './filemap_pages.js';
import type { Kernel } from './kernel.js';
import { unmap_mapping_pages } from './memory_zap.js';
import { idle_device_refs } from './memremap.js';
import { FLAGS, PTE_DIRTY, PTE_SPECIAL, PTE_YOUNG, pte_index } from './pgtable.js';
import { folio_add_file_rmap_pte } from './rmap.js';
import { flush_tlb_page } from './tlb.js';
import {
  type AddressSpace,
  type DaxBlocks,
  FAULT_FLAG_WRITE,
  type MappableFile,
  VM_FAULT_DONE_COW,
  VM_FAULT_NOPAGE,
  VM_FAULT_SIGBUS,
  type VmFault,
  type VmOperations,
} from './types.js';
import { maybe_mkwrite } from './vma.js';

// --- entries ------------------------------------------------------------------------------------------------

/** The page of the entry is the file's from now on. */
function dax_associate_entry(k: Kernel, page: Page, mapping: AddressSpace, index: number): void {
  if (page === k.zeroPage) return;
  if (k.mem.mapping[page] !== 0) k.warn_on_once('dax_associate_entry', 'the page is a file’s already');
  k.mem.mapping[page] = -mapping.id;
  k.mem.index[page] = index;
}

/** The entry goes; `trunc`: with its page. */
function dax_disassociate_entry(k: Kernel, page: Page, mapping: AddressSpace, trunc: boolean): void {
  if (page === k.zeroPage) return;
  if (trunc && !dax_page_unused(k, page)) k.warn_on_once('dax_disassociate_entry', 'the page is in use');
  const owner = k.mem.mapping[page]!;
  if (owner !== 0 && owner !== -mapping.id)
    k.warn_on_once('dax_disassociate_entry', 'the page is another file’s');
  k.mem.mapping[page] = 0;
  k.mem.index[page] = 0;
}

/** Whether nobody has a reference of the page but itself, where idle pages have one. */
export function dax_page_unused(k: Kernel, page: Page): boolean {
  return k.mem.refcount[page] === idle_device_refs(k, page);
}

/** Whether somebody has the page beside those who map it. */
export function dax_busy_page(k: Kernel, page: Page): boolean {
  if (page === k.zeroPage) return false;
  if (k.behaviour.daxPagesAreNormal) return k.mem.refcount[page] !== k.mem.mapcount[page];
  return !dax_page_unused(k, page);
}

/** Drop the entries from `first` up to `end` (dax_delete_mapping_entry). */
export function dax_delete_mapping_range(k: Kernel, mapping: AddressSpace, first: number, end: number): void {
  for (const [index, page] of mapping.i_pages) {
    if (index < first || index >= end) continue;
    dax_disassociate_entry(k, page, mapping, true);
    mapping.i_pages.delete(index);
  }
}

/** What is mapped at the index is `page` now, instead of zeros or nothing. Context: may sleep. */
function* dax_insert_entry(k: Kernel, mapping: AddressSpace, index: number, page: Page): Task {
  const old = mapping.i_pages.get(index);
  if (old === page) return;
  if (old === k.zeroPage) yield* unmap_mapping_pages(mapping, index, 1, false);
  dax_associate_entry(k, page, mapping, index);
  mapping.i_pages.set(index, page);
}

// --- faults ---------------------------------------------------------------------------------------------------

/** Nobody had to take a reference for a special entry; a normal one is a reference and a mapping of its page. */
const maps_specially = (k: Kernel, page: Page): boolean =>
  page === k.zeroPage || !k.behaviour.daxPagesAreNormal;

/** vmf_insert_mixed(), vmf_insert_page_mkwrite(): map the page at the address of the fault. Return: VM_FAULT_NOPAGE. */
export function dax_map(vmf: VmFault, page: Page, write: boolean): number {
  const { vma, address } = vmf;
  const { vm_mm: mm } = vma;
  const k = mm.kernel;
  const table = mm.pt.pte_alloc(address);
  const i = pte_index(address);
  if (table[FLAGS + i] !== 0) {
    if (!write) return VM_FAULT_NOPAGE;
    if (table[i] !== page) {
      k.warn_on_once('insert_pfn', 'another page is mapped there');
      return VM_FAULT_NOPAGE;
    }
    table[FLAGS + i] = maybe_mkwrite(table[FLAGS + i]! | PTE_DIRTY | PTE_YOUNG, vma);
    flush_tlb_page(mm, address);
    return VM_FAULT_NOPAGE;
  }
  let flags = vma.vm_page_prot | PTE_YOUNG;
  if (maps_specially(k, page)) {
    flags |= PTE_SPECIAL;
  } else {
    k.mem.refcount[page]!++;
    folio_add_file_rmap_pte(k, page, page, vma);
    mm.rss++;
  }
  if (write) flags = maybe_mkwrite(flags | PTE_DIRTY, vma);
  table[i] = page;
  table[FLAGS + i] = flags;
  return VM_FAULT_NOPAGE;
}

/** A block for what was a hole; NO_PAGE: the device is full. */
function dax_allocate(dax: DaxBlocks, index: number): Page {
  const page = dax.sb.alloc();
  if (page !== NO_PAGE) dax.blocks.set(index, page);
  return page;
}

/** -EAGAIN: the window of fuse has no free range. No VM_FAULT_ has this value. */
const WAIT_FOR_RANGE = -1;

/** dax_iomap_pte_fault(). Context: invalidate_lock held; may sleep. */
function* dax_iomap_pte_fault(vmf: VmFault, mapping: AddressSpace, dax: DaxBlocks): Task<number> {
  const { pgoff, cow_page } = vmf;
  const k = vmf.vma.vm_mm.kernel;
  if (pgoff >= pagesOf(mapping)) return VM_FAULT_SIGBUS;
  const { window } = dax.sb;
  if (window !== null && !dax.blocks.has(pgoff) && !(yield* window.begin(mapping, pgoff, true)))
    return WAIT_FOR_RANGE;
  const block = dax.blocks.get(pgoff);
  if (cow_page !== undefined) {
    if (block === undefined) k.clear_highpage(cow_page);
    else k.copy_highpage(cow_page, block);
    return VM_FAULT_DONE_COW;
  }
  const write = (vmf.flags & FAULT_FLAG_WRITE) !== 0;
  const page = block ?? (write ? dax_allocate(dax, pgoff) : k.zeroPage);
  if (page === NO_PAGE) return VM_FAULT_SIGBUS;
  yield* dax_insert_entry(k, mapping, pgoff, page);
  return dax_map(vmf, page, write);
}

/** vm_operations_struct.fault, page_mkwrite and pfn_mkwrite of DAX files. Context: may sleep. Return: VM_FAULT_*. */
function* dax_iomap_fault(vmf: VmFault): Task<number> {
  const mapping = vmf.vma.vm_file!.mapping!;
  const { invalidate_lock, sb } = mapping.dax!;
  for (;;) {
    yield* invalidate_lock.down_read('dax_iomap_fault');
    const ret = yield* dax_iomap_pte_fault(vmf, mapping, mapping.dax!);
    invalidate_lock.up_read();
    if (ret !== WAIT_FOR_RANGE) return ret;
    yield* sb.window!.wait();
  }
}

export const dax_vm_ops: VmOperations = {
  name: 'dax',
  fault: dax_iomap_fault,
  page_mkwrite: dax_iomap_fault,
  pfn_mkwrite: dax_iomap_fault,
};

// --- read() and write() ---------------------------------------------------------------------------------------

/** A hole reads as zeros without a block. */
export function dax_read_page(_k: Kernel, { mapping }: MappableFile, index: number): Task<Page | null> {
  const { blocks, sb } = mapping!.dax!;
  const block = blocks.get(index);
  return block === undefined && sb.window !== null ? shown_page(mapping!, index) : done(block ?? null);
}

/** The page of the window of fuse that shows the file's, from now on at least. Context: may sleep. */
function* shown_page(mapping: AddressSpace, index: number): Task<Page> {
  const { blocks, sb } = mapping.dax!;
  let page: Page | undefined;
  while (page === undefined) {
    yield* sb.window!.begin(mapping, index, false);
    page = blocks.get(index);
  }
  return page;
}

/** The block that is about to be written to; NO_PAGE: the device is full. Context: may sleep. */
export function dax_write_page(k: Kernel, mapping: AddressSpace, index: number): Task<Page> {
  const block = mapping.dax!.blocks.get(index);
  if (block !== undefined) return done(block);
  return mapping.dax!.sb.window === null ? dax_write_hole(k, mapping, index) : shown_page(mapping, index);
}

/** Whoever has mapped the hole is to see the block instead (IOMAP_F_NEW). */
function* dax_write_hole(k: Kernel, mapping: AddressSpace, index: number): Task<Page> {
  const page = dax_allocate(mapping.dax!, index);
  if (page === NO_PAGE || mapping.i_pages.get(index) !== k.zeroPage) return page;
  yield* unmap_mapping_pages(mapping, index, 1, false);
  mapping.i_pages.delete(index);
  return page;
}
