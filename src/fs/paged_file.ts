// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: mm/filemap.c and mm/shmem.c, the file operations of files that consist of pages: a memfd, a file on a disk, a file
 * of a DAX file system. What each does otherwise is in its PagedFile.
 */
import { iomap_dio_rw } from '../mm/direct_io.js';
import { type FilePages, filemap_read, generic_perform_write } from '../mm/filemap.js';
import { file_check_and_advance_wb_err } from '../mm/filemap_errors.js';
import type { Kernel } from '../mm/kernel.js';
import type { MappingSource } from '../mm/mmap.js';
import type { AddressSpace, MmStruct, VmOperations } from '../mm/types.js';
import { done, type Task } from '../sim/task.js';
import { EINVAL, EOPNOTSUPP } from '../uapi/errno.js';
import { FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE } from '../uapi/fcntl.js';
import { O_DIRECT } from '../uapi/mman.js';
import type { FileOperations, OpenFile } from './file.js';

/** What a file system does with its files. All may sleep but `evict`; results are 0 or -errno. */
export interface PagedFile {
  readonly name: string;
  readonly pages: FilePages;
  readonly vm_ops: VmOperations;
  /** Whether O_DIRECT goes past the page cache; others have none to go past. */
  readonly direct: boolean;
  /** The file gets that length in bytes. */
  setattr(k: Kernel, mapping: AddressSpace, size: number): Task<number>;
  punch_hole(k: Kernel, mapping: AddressSpace, offset: number, length: number): Task<number>;
  /** Pages from `first` up to `end` are written, and waited for; absent: there is nothing to do (noop_fsync). */
  fsync?(k: Kernel, mapping: AddressSpace, first: number, end: number): Task<number>;
  /** Nobody has the file open or maps it any more. */
  evict(k: Kernel, mapping: AddressSpace): Task;
}

export class PagedFileOperations implements FileOperations {
  readonly name: string;

  constructor(private readonly of: PagedFile) {
    this.name = of.name;
  }

  #isDirect({ f_flags }: OpenFile): boolean {
    return this.of.direct && (f_flags & O_DIRECT) !== 0;
  }

  read(file: OpenFile, mm: MmStruct, buf: number, count: number, pos: number): Task<number> {
    if (this.#isDirect(file)) return iomap_dio_rw(mm, file, this.of.pages, false, buf, count, pos);
    return filemap_read(mm, file, this.of.pages, buf, count, pos);
  }

  write(file: OpenFile, mm: MmStruct, buf: number, count: number, pos: number): Task<number> {
    if (this.#isDirect(file)) return iomap_dio_rw(mm, file, this.of.pages, true, buf, count, pos);
    return generic_perform_write(mm, file.mapping!, this.of.pages, buf, count, pos);
  }

  *truncate(file: OpenFile, size: number): Task<number> {
    return size < 0 ? -EINVAL : yield* this.of.setattr(file.kernel, file.mapping!, size);
  }

  /** Holes alone: what else fallocate() does is not simulated. */
  *fallocate(file: OpenFile, mode: number, offset: number, length: number): Task<number> {
    if (mode !== (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)) return -EOPNOTSUPP;
    return yield* this.of.punch_hole(file.kernel, file.mapping!, offset, length);
  }

  fsync(file: OpenFile, first: number, end: number): Task<number> {
    return this.of.fsync === undefined ? done(0) : this.#fsync(this.of.fsync, file, first, end);
  }

  *#fsync(fsync: NonNullable<PagedFile['fsync']>, file: OpenFile, first: number, end: number): Task<number> {
    const ret = yield* fsync(file.kernel, file.mapping!, first, end);
    const err = file_check_and_advance_wb_err(file);
    return ret === 0 ? err : ret;
  }

  *release(file: OpenFile): Task {
    yield* this.of.evict(file.kernel, file.mapping!);
    file.mapping = null;
  }

  source(file: OpenFile): MappingSource {
    return { file, ops: this.of.vm_ops };
  }
}
