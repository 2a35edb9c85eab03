// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: mm/filemap.c: faults on files of a disk, and read() and write() of a page cache. Fidelity: ported.
 * DIVERGES: nothing is written back on its own, only where somebody asks for it, or memory is short.
 */
import { NO_PAGE, type Page } from '../sim/memmap.js';
import type { Task } from '../sim/task.js';
import { EFAULT, EIO } from '../uapi/errno.js';
import { HPAGE_PMD_NR, PAGE_SIZE } from '../uapi/mman.js';
import { filemap_grab_folio } from './filemap_grab.js';
import { pagesOf } from './filemap_pages.js';
import type { Kernel } from './kernel.js';
import { folio_mark_accessed } from './lru.js';
import { get_page, put_page } from './page_alloc.js';
import { compound_head, PG_hwpoison, PG_locked, PG_readahead } from './page_flags.js';
import {
  force_page_cache_ra,
  page_cache_async_ra,
  page_cache_ra_order,
  page_cache_sync_ra,
  RA_PAGES,
} from './readahead.js';
import {
  type AddressSpace,
  FAULT_FLAG_ALLOW_RETRY,
  FAULT_FLAG_TRIED,
  type MappableFile,
  type MmStruct,
  VM_FAULT_MAJOR,
  VM_FAULT_OOM,
  VM_FAULT_RETRY,
  VM_FAULT_SIGBUS,
  VM_HUGEPAGE,
  type VmArea,
  type VmFault,
} from './types.js';
import { copy_from_user, copy_to_user } from './uaccess.js';

/** So many more misses than hits, and faults read no page but their own. */
const MMAP_LOTSAMISS = 100;
const HPAGE_PMD_ORDER = Math.log2(HPAGE_PMD_NR);

// --- faults ---------------------------------------------------------------------------------------------------

/** Whether the fault lets go of the mmap_lock to wait for the disk, and then has to be tried again. */
const retries = ({ flags }: VmFault): boolean =>
  (flags & (FAULT_FLAG_ALLOW_RETRY | FAULT_FLAG_TRIED)) === FAULT_FLAG_ALLOW_RETRY;

/** Nothing is in the page cache: read around the fault. Return: whether it is to be tried again. */
function do_sync_mmap_readahead(vmf: VmFault): boolean {
  const { vma, pgoff } = vmf;
  const k = vma.vm_mm.kernel;
  const { f_ra: ra, mapping } = vma.vm_file!;
  if ((vma.vm_flags & VM_HUGEPAGE) !== 0) {
    ra.size = 2 * HPAGE_PMD_NR;
    ra.async_size = HPAGE_PMD_NR;
    ra.order = HPAGE_PMD_ORDER;
    page_cache_ra_order(k, mapping!, ra, pgoff - (pgoff % HPAGE_PMD_NR));
    return retries(vmf);
  }
  if (ra.mmap_miss < MMAP_LOTSAMISS * 10) ra.mmap_miss++;
  if (ra.mmap_miss > MMAP_LOTSAMISS) return false;
  ra.start = Math.max(0, pgoff - RA_PAGES / 2);
  ra.size = RA_PAGES;
  ra.async_size = RA_PAGES / 4;
  ra.order = 0;
  page_cache_ra_order(k, mapping!, ra);
  return retries(vmf);
}

/** The page is in the page cache: read on, where it is marked. Return: whether the fault is to be tried again. */
function do_async_mmap_readahead(vmf: VmFault, folio: Page): boolean {
  const k = vmf.vma.vm_mm.kernel;
  const { f_ra: ra, mapping } = vmf.vma.vm_file!;
  if (ra.mmap_miss > 0) ra.mmap_miss--;
  if ((k.mem.flags[folio]! & PG_readahead) === 0) return false;
  page_cache_async_ra(k, mapping!, ra, vmf.pgoff, RA_PAGES);
  return retries(vmf);
}

/** vm_operations_struct.fault of files on a disk. Context: may sleep. Return: 0, VM_FAULT_*. */
export function* filemap_fault(vmf: VmFault): Task<number> {
  const { vma, pgoff } = vmf;
  const k = vma.vm_mm.kernel;
  const mapping = vma.vm_file!.mapping!;
  if (pgoff >= pagesOf(mapping)) return VM_FAULT_SIGBUS;
  let folio = mapping.i_pages.get(pgoff);
  let again = false;
  let major = 0;
  if (folio === undefined) {
    major = VM_FAULT_MAJOR;
    again = do_sync_mmap_readahead(vmf);
  } else if ((vmf.flags & FAULT_FLAG_TRIED) === 0) {
    again = do_async_mmap_readahead(vmf, folio);
  }
  for (;;) {
    folio = yield* filemap_grab_folio(k, mapping, pgoff);
    if (folio === NO_PAGE) return again ? major | VM_FAULT_RETRY : VM_FAULT_OOM;
    get_page(k, folio);
    if (!k.trylock_page(folio)) yield* k.lock_page(folio, 'filemap_fault');
    if (mapping.i_pages.get(pgoff) === folio) break;
    k.unlock_page(folio);
    put_page(k, folio);
    // It may have been cut off meanwhile.
    if (pgoff >= pagesOf(mapping)) return VM_FAULT_SIGBUS;
  }
  if (again) {
    k.unlock_page(folio);
    put_page(k, folio);
    return major | VM_FAULT_RETRY;
  }
  vmf.page = folio;
  return major;
}

/** What fault-around may map there (next_uptodate_folio). */
export function filemap_cached(vma: VmArea, pgoff: number): Page {
  const mapping = vma.vm_file!.mapping!;
  if (pgoff >= pagesOf(mapping)) return NO_PAGE;
  const page = mapping.i_pages.get(pgoff);
  if (page === undefined) return NO_PAGE;
  return (vma.vm_mm.kernel.mem.flags[page]! & (PG_locked | PG_readahead | PG_hwpoison)) !== 0
    ? NO_PAGE
    : page;
}

/** What fault-around maps counts as hits. */
export function filemap_mapped_around(vma: VmArea, pages: number): void {
  const { f_ra: ra } = vma.vm_file!;
  ra.mmap_miss = Math.max(0, ra.mmap_miss - pages);
}

/** MADV_WILLNEED: read what is not there (vfs_fadvise). */
export function filemap_willneed(k: Kernel, mapping: AddressSpace, index: number, pages: number): void {
  force_page_cache_ra(k, mapping, index, pages);
}

// --- read() and write() ------------------------------------------------------------------------------------------

/** The pages of a file, as its file system has them for whoever reads and writes. None is referenced. */
export interface FilePages {
  /** The page at `index`, of a read up to `end` (pages); null: a hole without a page, which is zeros; NO_PAGE: no memory. */
  read(k: Kernel, file: MappableFile, index: number, end: number): Task<Page | null>;
  /** The page at `index`, to be written to; NO_PAGE: no memory. */
  write(k: Kernel, mapping: AddressSpace, index: number): Task<Page>;
  /** The page has been written to; absent: it was marked as dirty before (write_end). */
  wrote?(k: Kernel, page: Page): void;
  /** What a lack of memory answers: -errno. */
  readonly unreadable: number;
  readonly unwritable: number;
}

/** Which part of which page is at byte `at`, up to `end`. */
function chunkAt(at: number, end: number): { index: number; offset: number; chunk: number } {
  const offset = at % PAGE_SIZE;
  return { index: Math.floor(at / PAGE_SIZE), offset, chunk: Math.min(PAGE_SIZE - offset, end - at) };
}

/**
 * Whether this is the first read of a page: of a memory file, one from its beginning (shmem_file_read_iter); of a disk, one
 * that does not go on in the page where the last one ended (pos_same_folio). Pages of a DAX file are not cached.
 */
function reads_on({ mapping, f_ra }: MappableFile, at: number): boolean {
  if (mapping!.kind === 'shmem') return at % PAGE_SIZE === 0;
  if (mapping!.kind !== 'ext4') return false;
  return Math.floor(at / PAGE_SIZE) !== Math.floor((f_ra.prev_pos - 1) / PAGE_SIZE);
}

/** Whether a memory file keeps the page for its hole to be known (shmem_file_read_iter, shmem_write_begin). */
function is_lost(k: Kernel, { kind }: AddressSpace, page: Page, fn: string): boolean {
  if (kind !== 'shmem' || (k.mem.flags[page]! & PG_hwpoison) === 0) return false;
  if (!k.behaviour.shmemKeepsPoisoned) return false;
  if (k.trace !== null) k.note({ event: 'skip', fn, page, reason: { id: 'hwpoison-page' } });
  return true;
}

/** Copy a part of the file to the user. Context: may sleep. Return: bytes, or -errno when there is not one. */
export function* filemap_read(
  mm: MmStruct,
  file: MappableFile,
  pages: FilePages,
  buf: number,
  count: number,
  pos: number,
): Task<number> {
  const k = mm.kernel;
  const mapping = file.mapping!;
  let done = 0;
  for (let at = pos; at < Math.min(pos + count, mapping.size); ) {
    const { index, offset, chunk } = chunkAt(at, Math.min(pos + count, mapping.size));
    const page = yield* pages.read(k, file, index, Math.ceil((pos + count) / PAGE_SIZE));
    if (page === NO_PAGE) return done > 0 ? done : pages.unreadable;
    if (page !== null && is_lost(k, mapping, page, 'shmem_file_read_iter')) return done > 0 ? done : -EIO;
    if (page !== null && reads_on(file, at)) folio_mark_accessed(k, compound_head(k.mem, page));
    const bytes = new Uint8Array(chunk);
    k.contents.readBytes(page ?? k.zeroPage, offset, bytes, 0, chunk);
    if (!(yield* copy_to_user(mm, buf + done, bytes))) return done > 0 ? done : -EFAULT;
    done += chunk;
    at += chunk;
    file.f_ra.prev_pos = at;
  }
  return done;
}

/** The page of a file on a disk, read with those that are likely to be read next (filemap_get_pages). */
export function filemap_get_page(k: Kernel, file: MappableFile, index: number, end: number): Task<Page> {
  const mapping = file.mapping!;
  const cached = mapping.i_pages.get(index);
  if (cached === undefined) page_cache_sync_ra(k, mapping, file.f_ra, index, end - index);
  else if ((k.mem.flags[cached]! & PG_readahead) !== 0)
    page_cache_async_ra(k, mapping, file.f_ra, index, end - index);
  return filemap_grab_folio(k, mapping, index);
}

/** Copy from the user into the file, which grows. Context: may sleep. Return: bytes, or -errno when there is not one. */
export function* generic_perform_write(
  mm: MmStruct,
  mapping: AddressSpace,
  pages: FilePages,
  buf: number,
  count: number,
  pos: number,
): Task<number> {
  const k = mm.kernel;
  let done = 0;
  while (done < count) {
    const { index, offset, chunk } = chunkAt(pos + done, pos + count);
    const bytes = yield* copy_from_user(mm, buf + done, chunk);
    if (bytes === null) return done > 0 ? done : -EFAULT;
    const page = yield* pages.write(k, mapping, index);
    if (page === NO_PAGE) return done > 0 ? done : pages.unwritable;
    if (is_lost(k, mapping, page, 'shmem_write_begin')) return done > 0 ? done : -EIO;
    k.contents.writeBytes(page, offset, bytes, 0, chunk);
    pages.wrote?.(k, page);
    done += chunk;
    if (pos + done > mapping.size) mapping.size = pos + done;
  }
  return done;
}
