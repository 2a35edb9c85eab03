// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: fs/iomap/direct-io.c and block/bio.c: read() and write() of a disk's file without its page cache: the device is given
 * the pages of the caller's buffer. Fidelity: simplified: what is in the page cache is what is on the disk.
 */
import { NO_PAGE } from '../sim/memmap.js';
import type { Task } from '../sim/task.js';
import { EFAULT, EINVAL } from '../uapi/errno.js';
import { PAGE_SIZE } from '../uapi/mman.js';
import type { FilePages } from './filemap.js';
import { filemap_check_errors } from './filemap_errors.js';
import { get_user_pages_fast, pin_user_pages_fast } from './gup_fast.js';
import { FOLL_WRITE } from './gup_flags.js';
import { type PageArray, unpin_user_pages } from './gup_refs.js';
import type { Kernel } from './kernel.js';
import { put_page } from './page_alloc.js';
import { compound_head, folio_mark_dirty } from './page_flags.js';
import type { MappableFile, MmStruct } from './types.js';

/** The least that a disk transfers. */
const SECTOR = 512;

/** Let go of what the device had. `wrote`: into them. Source: block/bio.c bio_release_pages. */
function bio_release_pages(k: Kernel, pages: PageArray, got: number, wrote: boolean): void {
  for (let i = 0; wrote && i < got; i++) folio_mark_dirty(k.mem, compound_head(k.mem, pages[i]!));
  if (k.behaviour.directIoPins) {
    unpin_user_pages(k, pages, got);
    return;
  }
  for (let i = 0; i < got; i++) put_page(k, pages[i]!);
}

/** Copy `length` bytes between a page of the file and one of the buffer. */
function transfer(
  k: Kernel,
  from: number,
  fromOffset: number,
  to: number,
  toOffset: number,
  length: number,
): void {
  const bytes = new Uint8Array(length);
  k.contents.readBytes(from, fromOffset, bytes, 0, length);
  k.contents.writeBytes(to, toOffset, bytes, 0, length);
}

/**
 * Read from the file into `buf`, or write what is there. Context: may sleep. Return: bytes, or -errno when there is not one:
 * -EINVAL for what is not aligned to sectors, -EIO where something of the file was lost (kiocb_write_and_wait).
 */
export function* iomap_dio_rw(
  mm: MmStruct,
  file: MappableFile,
  pages: FilePages,
  write: boolean,
  buf: number,
  count: number,
  pos: number,
): Task<number> {
  const k = mm.kernel;
  const mapping = file.mapping!;
  if (buf % SECTOR !== 0 || count % SECTOR !== 0 || pos % SECTOR !== 0) return -EINVAL;
  const want = write ? count : Math.max(0, Math.min(count, mapping.size - pos));
  if (want === 0) return 0;
  const lost = filemap_check_errors(mapping);
  if (lost !== 0) return lost;
  const first = buf - (buf % PAGE_SIZE);
  const nr = Math.ceil((buf + want - first) / PAGE_SIZE);
  const buffer = new Uint32Array(nr);
  const get = k.behaviour.directIoPins ? pin_user_pages_fast : get_user_pages_fast;
  const got = yield* get(mm, first, nr, write ? 0 : FOLL_WRITE, buffer);
  if (got <= 0) return got === 0 ? -EFAULT : got;
  const reach = Math.min(want, first + got * PAGE_SIZE - buf);
  let done = 0;
  while (done < reach) {
    const at = buf - first + done;
    const inFile = (pos + done) % PAGE_SIZE;
    const inBuffer = at % PAGE_SIZE;
    const length = Math.min(PAGE_SIZE - inFile, PAGE_SIZE - inBuffer, reach - done);
    const index = Math.floor((pos + done) / PAGE_SIZE);
    const page = buffer[Math.floor(at / PAGE_SIZE)]!;
    const own = write
      ? yield* pages.write(k, mapping, index)
      : ((yield* pages.read(k, file, index, index + 1)) ?? k.zeroPage);
    if (own === NO_PAGE) break;
    if (write) transfer(k, page, inBuffer, own, inFile, length);
    else transfer(k, own, inFile, page, inBuffer, length);
    done += length;
    if (write && pos + done > mapping.size) mapping.size = pos + done;
  }
  bio_release_pages(k, buffer, got, !write);
  return done > 0 ? done : write ? pages.unwritable : pages.unreadable;
}
