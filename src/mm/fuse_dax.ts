// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: fs/fuse/dax.c: files of a server outside of the machine, which are seen through a window of device memory. The window is
 * cut into ranges of 2 MiB, each of which shows a range of one file; where none is free, one is taken from another place. Fidelity: ported.
 * DIVERGES: a range is writable at once, and a write beyond the end of a file goes through the window, too.
 */
import { type Executor, WaitQueue } from '../sim/executor.js';
import { NO_PAGE, type Page } from '../sim/memmap.js';
import type { Task } from '../sim/task.js';
import { HPAGE_PMD_NR } from '../uapi/mman.js';
import { Disk } from './block.js';
import { dax_delete_mapping_range } from './dax.js';
import { fuse_dax_break_layouts } from './dax_layout.js';
import type { Kernel } from './kernel.js';
import { unmap_mapping_pages } from './memory_zap.js';
import { type DevPagemap, init_dax_page } from './memremap.js';
import { put_page } from './page_alloc.js';
import type { AddressSpace, DaxWindow } from './types.js';

/** Pages of a range. */
const FUSE_DAX_PAGES = HPAGE_PMD_NR;
/** Ranges that the worker frees at a time, and below how many percent of free ones it does. */
const FUSE_DAX_RECLAIM_CHUNK = 10;
const FUSE_DAX_RECLAIM_THRESHOLD = 20;
/** When it looks again, in simulated ns. */
const SOON = 1_000_000;

/** struct fuse_dax_mapping: a range of the window, and what it shows. */
interface Dmap {
  readonly first: Page;
  /** null: nothing. */
  mapping: AddressSpace | null;
  /** Number of the range of the file. */
  start: number;
}

/** struct fuse_conn_dax: the window of one file system. */
export class FuseConnDax implements DaxWindow {
  readonly #free: Dmap[] = [];
  /** Those that show something, in the order in which they were set up, or tried last. */
  #busy: Dmap[] = [];
  readonly #ranges: number;
  readonly #waitq = new WaitQueue({ key: this, name: 'a free range of the window of the file system' });
  /** What the server has of all files. */
  readonly #server: Disk;
  #working = false;

  constructor(
    private readonly k: Kernel,
    pgmap: DevPagemap,
  ) {
    this.#ranges = Math.floor(pgmap.nr_pages / FUSE_DAX_PAGES);
    for (let n = 0; n < this.#ranges; n++)
      this.#free.push({ first: pgmap.firstPage + n * FUSE_DAX_PAGES, mapping: null, start: 0 });
    this.#server = new Disk(k);
  }

  get nr_free_ranges(): number {
    return this.#free.length;
  }

  get #executor(): Executor {
    return this.k.executor;
  }

  #dmap(mapping: AddressSpace, start: number): Dmap | undefined {
    return this.#busy.find((dmap) => dmap.mapping === mapping && dmap.start === start);
  }

  // --- the server ---------------------------------------------------------------------------------------------

  /** FUSE_SETUPMAPPING: the range shows that part of the file. */
  #setup_one_mapping(dmap: Dmap, mapping: AddressSpace, start: number): void {
    const { blocks, server } = mapping.dax!;
    for (let i = 0; i < FUSE_DAX_PAGES; i++) {
      const page = dmap.first + i;
      const index = start * FUSE_DAX_PAGES + i;
      const kept = server.get(index);
      init_dax_page(this.k, page);
      if (kept === undefined) this.k.contents.clear_page(page);
      else this.#server.read(page, kept);
      blocks.set(index, page);
    }
    dmap.mapping = mapping;
    dmap.start = start;
    this.#busy.push(dmap);
  }

  /** FUSE_REMOVEMAPPING: the server has what was written through the range, which shows nothing any more. */
  #remove_mapping(dmap: Dmap): void {
    const { blocks, server } = dmap.mapping!.dax!;
    for (let i = 0; i < FUSE_DAX_PAGES; i++) {
      const index = dmap.start * FUSE_DAX_PAGES + i;
      const page = dmap.first + i;
      blocks.delete(index);
      let kept = server.get(index);
      if (kept === undefined && this.k.contents.pageWord(page) === 0) continue;
      kept ??= this.#server.alloc_block();
      server.set(index, kept);
      this.#server.write(page, kept);
    }
    this.#busy = this.#busy.filter((other) => other !== dmap);
    dmap.mapping = null;
  }

  // --- who needs a range ----------------------------------------------------------------------------------------

  /** Return: undefined where none is free; the worker looks for more in any case. */
  #alloc_dax_mapping(): Dmap | undefined {
    const dmap = this.#free.shift();
    this.#kick_free_worker();
    return dmap;
  }

  #add_to_free_pool(dmap: Dmap): void {
    this.#free.push(dmap);
    this.#waitq.wakeAll(this.#executor);
  }

  *begin(mapping: AddressSpace, index: number, fault: boolean): Task<boolean> {
    const start = Math.floor(index / FUSE_DAX_PAGES);
    // A fault has the invalidate_lock, which reclaim needs.
    const dmap = fault ? this.#alloc_dax_mapping() : yield* this.#alloc_dax_mapping_reclaim(mapping);
    if (dmap === undefined) return false;
    if (this.#dmap(mapping, start) !== undefined) this.#add_to_free_pool(dmap);
    else this.#setup_one_mapping(dmap, mapping, start);
    return true;
  }

  *wait(): Task {
    while (this.#free.length === 0) yield* this.#waitq.sleep(this.#executor, '__fuse_dax_fault');
  }

  /** One that is free, or one of the file's own. Context: may sleep, also for whoever has a page of that. */
  *#alloc_dax_mapping_reclaim(mapping: AddressSpace): Task<Dmap> {
    for (;;) {
      const dmap = this.#alloc_dax_mapping() ?? (yield* this.#inode_inline_reclaim_one_dmap(mapping));
      if (dmap !== undefined) return dmap;
      if (this.#busy.every((other) => other.mapping !== mapping) && this.#free.length === 0)
        yield* this.#waitq.sleep(this.#executor, 'alloc_dax_mapping_reclaim');
    }
  }

  /** The first of the file's ranges, taken from where it is. Return: undefined where it has none. */
  *#inode_inline_reclaim_one_dmap(mapping: AddressSpace): Task<Dmap | undefined> {
    const { invalidate_lock } = mapping.dax!;
    yield* invalidate_lock.down_write('inode_inline_reclaim_one_dmap');
    const own = this.#busy.filter((other) => other.mapping === mapping).sort((a, b) => a.start - b.start);
    const dmap = own.length === 0 ? undefined : yield* this.#reclaim(mapping, own[0]!.start);
    invalidate_lock.up_write();
    return dmap;
  }

  // --- taking a range back --------------------------------------------------------------------------------------

  /**
   * Once nobody has a page of it, the range shows nothing. Context: invalidate_lock held, written; may sleep. Return: undefined where
   * somebody else was faster, or a signal has come.
   */
  *#reclaim(mapping: AddressSpace, start: number): Task<Dmap | undefined> {
    const first = start * FUSE_DAX_PAGES;
    const end = first + FUSE_DAX_PAGES;
    if ((yield* fuse_dax_break_layouts(this.k, mapping, first, end)) !== 0) return undefined;
    const dmap = this.#dmap(mapping, start);
    if (dmap === undefined) return undefined;
    yield* unmap_mapping_pages(mapping, first, FUSE_DAX_PAGES, false);
    dax_delete_mapping_range(this.k, mapping, first, end);
    this.#remove_mapping(dmap);
    return dmap;
  }

  #kick_free_worker(delay = 0): void {
    const threshold = Math.max(Math.floor((this.#ranges * FUSE_DAX_RECLAIM_THRESHOLD) / 100), 1);
    if (this.#free.length >= threshold || this.#working) return;
    this.#working = true;
    const begin = (): void => {
      this.#executor.spawn('fuse_dax_free_mem_worker', this.#free_mem_worker(), null);
    };
    if (delay === 0) begin();
    else this.#executor.addTimer(this.#executor.now + delay, begin);
  }

  /** Take ranges from whatever file has had them for longest. Context: may sleep. */
  *#free_mem_worker(): Task {
    for (let freed = 0; freed < FUSE_DAX_RECLAIM_CHUNK && this.#busy.length > 0; freed++) {
      const dmap = this.#busy.shift()!;
      this.#busy.push(dmap);
      const mapping = dmap.mapping!;
      const { invalidate_lock } = mapping.dax!;
      yield* invalidate_lock.down_write('lookup_and_reclaim_dmap');
      const taken = yield* this.#reclaim(mapping, dmap.start);
      if (taken !== undefined) this.#add_to_free_pool(taken);
      invalidate_lock.up_write();
    }
    this.#working = false;
    if (this.#busy.length > 0) this.#kick_free_worker(SOON);
  }

  // --- files that get shorter, and end --------------------------------------------------------------------------

  cleared(mapping: AddressSpace, first: number, end: number): void {
    const { blocks, server } = mapping.dax!;
    for (const [index, page] of blocks) if (index >= first && index < end) this.k.contents.clear_page(page);
    for (const [index, block] of server) {
      if (index < first || index >= end) continue;
      this.#server.free_block(block);
      server.delete(index);
    }
  }

  clear_part(mapping: AddressSpace, index: number, offset: number, length: number): void {
    const block = mapping.dax!.server.get(index);
    if (block === undefined || mapping.dax!.blocks.has(index)) return;
    // The server's own memory, for as long as it works.
    const page = this.k.pages.alloc_page();
    if (page === NO_PAGE) return;
    this.#server.read(page, block);
    this.k.contents.writeBytes(page, offset, new Uint8Array(length), 0, length);
    this.#server.write(page, block);
    put_page(this.k, page);
  }

  evicted(mapping: AddressSpace): void {
    for (const dmap of this.#busy.filter((other) => other.mapping === mapping)) {
      this.#remove_mapping(dmap);
      this.#add_to_free_pool(dmap);
    }
  }
}
