// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: fs/ext4/file.c: files on a disk that have no name (O_TMPFILE). Fidelity: simplified: no journal, no quota. */
import {
  ext4_da_write_begin,
  ext4_evict_inode,
  ext4_file_vm_ops,
  ext4_punch_hole,
  ext4_setattr,
} from '../mm/ext4.js';
import { type FilePages, filemap_get_page, filemap_read, generic_perform_write } from '../mm/filemap.js';
import type { MappingSource } from '../mm/mmap.js';
import type { MmStruct } from '../mm/types.js';
import type { Task } from '../sim/task.js';
import { EINVAL, ENOMEM, EOPNOTSUPP } from '../uapi/errno.js';
import { FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE } from '../uapi/fcntl.js';
import { type FileOperations, type FileTable, OpenFile } from './file.js';

const pages: FilePages = {
  read: filemap_get_page,
  write: ext4_da_write_begin,
  unreadable: -ENOMEM,
  unwritable: -ENOMEM,
};

function ext4_file_read(file: OpenFile, mm: MmStruct, buf: number, count: number, pos: number): Task<number> {
  return filemap_read(mm, file, pages, buf, count, pos);
}

function ext4_file_write(
  file: OpenFile,
  mm: MmStruct,
  buf: number,
  count: number,
  pos: number,
): Task<number> {
  return generic_perform_write(mm, file.mapping!, pages, buf, count, pos);
}

function* ext4_file_truncate(file: OpenFile, size: number): Task<number> {
  if (size < 0) return -EINVAL;
  yield* ext4_setattr(file.kernel, file.mapping!, size);
  return 0;
}

/** Holes alone: what else fallocate() does is not simulated. */
function* ext4_fallocate(file: OpenFile, mode: number, offset: number, length: number): Task<number> {
  if (mode !== (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)) return -EOPNOTSUPP;
  yield* ext4_punch_hole(file.kernel, file.mapping!, offset, length);
  return 0;
}

// biome-ignore lint/correctness/useYield: releases may sleep in other drivers.
function* ext4_release_file(file: OpenFile): Task {
  ext4_evict_inode(file.kernel, file.mapping!);
  file.mapping = null;
}

const source = (file: OpenFile): MappingSource => ({ file, ops: ext4_file_vm_ops });

const ext4_file_operations: FileOperations = {
  name: 'ext4',
  read: ext4_file_read,
  write: ext4_file_write,
  truncate: ext4_file_truncate,
  fallocate: ext4_fallocate,
  release: ext4_release_file,
  source,
};

/** A new empty file below /var/tmp, with one reference; it has no place in a directory. Source: fs/ext4/namei.c. */
export function ext4_tmpfile(files: FileTable): OpenFile {
  const file = new OpenFile(files, ext4_file_operations, '/var/tmp/#1 (deleted)');
  file.mapping = files.kernel.newMapping('ext4', 0);
  return file;
}
