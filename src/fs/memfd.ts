// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: mm/memfd.c, tmpfs files: memory files that can be read, written, resized and mapped. */
import type { MappingSource } from '../mm/mmap.js';
import {
  shmem_evict_inode,
  shmem_get_folio,
  shmem_has,
  shmem_punch_hole,
  shmem_setattr,
  shmem_vm_ops,
} from '../mm/shmem.js';
import type { AddressSpace, MmStruct } from '../mm/types.js';
import { copy_from_user, copy_to_user } from '../mm/uaccess.js';
import { NO_PAGE } from '../sim/memmap.js';
import type { Task } from '../sim/task.js';
import { EFAULT, EINVAL, ENOMEM, ENOSPC, EOPNOTSUPP } from '../uapi/errno.js';
import { FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE } from '../uapi/fcntl.js';
import { PAGE_SIZE } from '../uapi/mman.js';
import { type FileOperations, type FileTable, OpenFile } from './file.js';

function mappingOf(file: OpenFile): AddressSpace {
  return file.mapping!;
}

function* shmem_file_read(
  file: OpenFile,
  mm: MmStruct,
  buf: number,
  count: number,
  pos: number,
): Task<number> {
  const k = mm.kernel;
  const mapping = mappingOf(file);
  const end = Math.min(pos + count, mapping.size);
  let done = 0;
  for (let at = pos; at < end; ) {
    const offset = at % PAGE_SIZE;
    const chunk = Math.min(PAGE_SIZE - offset, end - at);
    const index = Math.floor(at / PAGE_SIZE);
    const cached = shmem_has(mapping, index) ? yield* shmem_get_folio(k, mapping, index) : undefined;
    if (cached === NO_PAGE) return done > 0 ? done : -ENOMEM;
    // A hole reads as zeros without a page.
    const bytes = new Uint8Array(chunk);
    k.contents.readBytes(cached ?? k.zeroPage, offset, bytes, 0, chunk);
    if (!(yield* copy_to_user(mm, buf + done, bytes))) return done > 0 ? done : -EFAULT;
    done += chunk;
    at += chunk;
  }
  return done;
}

function* shmem_file_write(
  file: OpenFile,
  mm: MmStruct,
  buf: number,
  count: number,
  pos: number,
): Task<number> {
  const k = mm.kernel;
  const mapping = mappingOf(file);
  let done = 0;
  while (done < count) {
    const at = pos + done;
    const offset = at % PAGE_SIZE;
    const chunk = Math.min(PAGE_SIZE - offset, count - done);
    const bytes = yield* copy_from_user(mm, buf + done, chunk);
    if (bytes === null) return done > 0 ? done : -EFAULT;
    const page = yield* shmem_get_folio(k, mapping, Math.floor(at / PAGE_SIZE));
    if (page === NO_PAGE) return done > 0 ? done : -ENOSPC;
    k.contents.writeBytes(page, offset, bytes, 0, chunk);
    done += chunk;
    if (pos + done > mapping.size) mapping.size = pos + done;
  }
  return done;
}

function* shmem_file_truncate(file: OpenFile, size: number): Task<number> {
  if (size < 0) return -EINVAL;
  yield* shmem_setattr(file.kernel, mappingOf(file), size);
  return 0;
}

/** Holes alone: what else fallocate() does is not simulated. */
function* shmem_fallocate(file: OpenFile, mode: number, offset: number, length: number): Task<number> {
  if (mode !== (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)) return -EOPNOTSUPP;
  yield* shmem_punch_hole(file.kernel, mappingOf(file), offset, length);
  return 0;
}

// biome-ignore lint/correctness/useYield: releases may sleep in other drivers.
function* shmem_file_release(file: OpenFile): Task {
  shmem_evict_inode(file.kernel, mappingOf(file));
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
