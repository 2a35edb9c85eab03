// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: fs/ext4, fs/xfs and fs/fuse with -o dax: a file system on a persistent memory device, whose files are the device's
 * pages. Fidelity: simplified: one directory, no journal; a file system is made by its first mount. The device is
 * the window of a fuse file system, whose files a server has.
 */
import { dax_read_page, dax_vm_ops, dax_write_page } from '../mm/dax.js';
import { dax_evict_inode, dax_punch_hole, dax_setattr } from '../mm/dax_layout.js';
import { FuseConnDax } from '../mm/fuse_dax.js';
import type { Kernel } from '../mm/kernel.js';
import { type DevPagemap, init_dax_page } from '../mm/memremap.js';
import type { AddressSpace, DaxSuperBlock, DaxWindow } from '../mm/types.js';
import { RwSem } from '../sim/locks.js';
import { NO_PAGE, type Page } from '../sim/memmap.js';
import { done, type Task } from '../sim/task.js';
import { EBUSY, EINVAL, ENOENT, ENOSPC } from '../uapi/errno.js';
import { O_CREAT } from '../uapi/mman.js';
import type { DAX_TYPES } from '../uapi/pmem.js';
import { type FileTable, OpenFile } from './file.js';
import { PagedFileOperations } from './paged_file.js';

export type DaxType = (typeof DAX_TYPES)[number];

/** struct dax_device: what a block device has whose memory can be mapped, and the file system that is on it. */
export interface DaxDevice {
  /** "pmem0". */
  readonly name: string;
  readonly pgmap: DevPagemap;
  fs: DaxFs | null;
}

/** An inode: on the device all the time, in memory from its first open() to umount(), or to its end. */
interface DaxInode {
  readonly name: string;
  readonly blocks: Map<number, Page>;
  /** fuse: what the server has of it. */
  readonly server: Map<number, number>;
  /** Of the file on the device. */
  size: number;
  /** null: not in memory. */
  mapping: AddressSpace | null;
  /** Files that are open, mappings included. */
  opens: number;
  linked: boolean;
}

/** One file system. */
export class DaxFs implements DaxSuperBlock {
  /** Where it is mounted; null: nowhere. */
  path: string | null = null;
  readonly #inodes = new Map<string, DaxInode>();
  readonly #inMemory = new Map<AddressSpace, DaxInode>();
  readonly #freed: Page[] = [];
  readonly window: DaxWindow | null;
  #next: Page;
  readonly #f_op = new PagedFileOperations({
    name: 'dax',
    pages: { read: dax_read_page, write: dax_write_page, unreadable: -EINVAL, unwritable: -ENOSPC },
    vm_ops: dax_vm_ops,
    direct: false,
    setattr: dax_setattr,
    punch_hole: dax_punch_hole,
    evict: (_, mapping) => this.#closed(mapping),
  });

  constructor(
    private readonly k: Kernel,
    readonly type: DaxType,
    private readonly pgmap: DevPagemap,
  ) {
    this.#next = pgmap.firstPage;
    this.window = type === 'fuse' ? new FuseConnDax(k, pgmap) : null;
  }

  alloc(): Page {
    const { firstPage, nr_pages } = this.pgmap;
    const page = this.#freed.pop() ?? (this.#next < firstPage + nr_pages ? this.#next++ : NO_PAGE);
    if (page === NO_PAGE) return NO_PAGE;
    init_dax_page(this.k, page);
    this.k.clear_highpage(page);
    return page;
  }

  free(page: Page): void {
    this.#freed.push(page);
  }

  /** Return: the file, -ENOENT. */
  open(files: FileTable, name: string, flags: number): OpenFile | number {
    let inode = this.#inodes.get(name);
    if (inode === undefined) {
      if ((flags & O_CREAT) === 0) return -ENOENT;
      inode = { name, blocks: new Map(), server: new Map(), size: 0, mapping: null, opens: 0, linked: true };
      this.#inodes.set(name, inode);
    }
    const file = new OpenFile(files, this.#f_op, `${this.path}/${name}`);
    file.mapping = this.#iget(inode);
    inode.opens++;
    return file;
  }

  #iget(inode: DaxInode): AddressSpace {
    if (inode.mapping !== null) return inode.mapping;
    const mapping = this.k.newMapping('dax', inode.size);
    const invalidate_lock = new RwSem(this.k.executor, 'invalidate_lock');
    mapping.dax = { blocks: inode.blocks, invalidate_lock, sb: this, server: inode.server };
    inode.mapping = mapping;
    this.#inMemory.set(mapping, inode);
    return mapping;
  }

  /** The last reference of an open file is gone. */
  #closed(mapping: AddressSpace): Task {
    const inode = this.#inMemory.get(mapping)!;
    inode.opens--;
    return inode.opens > 0 || inode.linked ? done(undefined) : this.#evict(inode);
  }

  *#evict(inode: DaxInode): Task {
    const { mapping } = inode;
    if (mapping === null) return;
    inode.size = mapping.size;
    yield* dax_evict_inode(this.k, mapping, !inode.linked);
    this.#inMemory.delete(mapping);
    inode.mapping = null;
  }

  /** Context: may sleep for ever. Return: 0 or -ENOENT. */
  *unlink(name: string): Task<number> {
    const inode = this.#inodes.get(name);
    if (inode === undefined) return -ENOENT;
    this.#inodes.delete(name);
    inode.linked = false;
    if (inode.opens > 0) return 0;
    // Its blocks go with it, and for that it is brought into memory.
    this.#iget(inode);
    yield* this.#evict(inode);
    return 0;
  }

  /** Context: may sleep for ever. Return: 0, or -EBUSY while a file is open or mapped. */
  *umount(): Task<number> {
    const inodes = [...this.#inMemory.values()];
    if (inodes.some(({ opens }) => opens > 0)) return -EBUSY;
    for (const inode of inodes) yield* this.#evict(inode);
    this.path = null;
    return 0;
  }
}

/** mount(): Return: 0, -EBUSY where something is mounted already, -EINVAL for another file system than the device has. */
export function mount_dax(files: FileTable, device: DaxDevice, path: string, type: DaxType): number {
  device.fs ??= new DaxFs(files.kernel, type, device.pgmap);
  const { fs } = device;
  if (fs.type !== type) return -EINVAL;
  if (fs.path !== null || files.mounts.has(path)) return -EBUSY;
  fs.path = path;
  files.mounts.set(path, fs);
  return 0;
}
