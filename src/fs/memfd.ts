// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: mm/memfd.c, tmpfs files: memory files that can be read, written, resized and mapped. */
import { type FilePages, filemap_read, generic_perform_write } from '../mm/filemap.js';
import type { Kernel } from '../mm/kernel.js';
import type { MappingSource } from '../mm/mmap.js';
import {
  shmem_evict_inode,
  shmem_get_folio,
  shmem_has,
  shmem_punch_hole,
  shmem_setattr,
  shmem_vm_ops,
} from '../mm/shmem.js';
import type { MappableFile, MmStruct } from '../mm/types.js';
import type { Page } from '../sim/memmap.js';
import { done, type Task } from '../sim/task.js';
import { EINVAL, ENOMEM, ENOSPC, EOPNOTSUPP } from '../uapi/errno.js';
import { FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE } from '../uapi/fcntl.js';
import { type FileOperations, type FileTable, OpenFile } from './file.js';

/** A hole reads as zeros without a page. */
function readPage(k: Kernel, { mapping }: MappableFile, index: number): Task<Page | null> {
  return shmem_has(mapping!, index) ? shmem_get_folio(k, mapping!, index) : done(null);
}

const pages: FilePages = {
  read: readPage,
  write: shmem_get_folio,
  unreadable: -ENOMEM,
  unwritable: -ENOSPC,
};

function shmem_file_read(
  file: OpenFile,
  mm: MmStruct,
  buf: number,
  count: number,
  pos: number,
): Task<number> {
  return filemap_read(mm, file, pages, buf, count, pos);
}

function shmem_file_write(
  file: OpenFile,
  mm: MmStruct,
  buf: number,
  count: number,
  pos: number,
): Task<number> {
  return generic_perform_write(mm, file.mapping!, pages, buf, count, pos);
}

function* shmem_file_truncate(file: OpenFile, size: number): Task<number> {
  if (size < 0) return -EINVAL;
  yield* shmem_setattr(file.kernel, file.mapping!, size);
  return 0;
}

/** Holes alone: what else fallocate() does is not simulated. */
function* shmem_fallocate(file: OpenFile, mode: number, offset: number, length: number): Task<number> {
  if (mode !== (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)) return -EOPNOTSUPP;
  yield* shmem_punch_hole(file.kernel, file.mapping!, offset, length);
  return 0;
}

// biome-ignore lint/correctness/useYield: releases may sleep in other drivers.
function* shmem_file_release(file: OpenFile): Task {
  shmem_evict_inode(file.kernel, file.mapping!);
  file.mapping = null;
}

const source = (file: OpenFile): MappingSource => ({ file, ops: shmem_vm_ops });

const shmem_file_operations: FileOperations = {
  name: 'memfd',
  read: shmem_file_read,
  write: shmem_file_write,
  truncate: shmem_file_truncate,
  fallocate: shmem_fallocate,
  release: shmem_file_release,
  source,
};

/** A new memory file of `size` bytes, with one reference; it has no place in a directory. */
export function shmem_file_setup(files: FileTable, name: string, size: number): OpenFile {
  const file = new OpenFile(files, shmem_file_operations, `/${name} (deleted)`);
  file.mapping = files.kernel.newMapping('shmem', size);
  return file;
}
