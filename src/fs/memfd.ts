// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: mm/memfd.c, tmpfs files: memory files that can be read, written, resized and mapped. */
import type { Kernel } from '../mm/kernel.js';
import {
  shmem_evict_inode,
  shmem_get_folio,
  shmem_has,
  shmem_punch_hole,
  shmem_setattr,
  shmem_vm_ops,
  shmem_write_end,
} from '../mm/shmem.js';
import type { MappableFile } from '../mm/types.js';
import type { Page } from '../sim/memmap.js';
import { done, type Task } from '../sim/task.js';
import { ENOMEM, ENOSPC } from '../uapi/errno.js';
import { type FileTable, OpenFile } from './file.js';
import { PagedFileOperations } from './paged_file.js';

/** A hole reads as zeros without a page. */
function readPage(k: Kernel, { mapping }: MappableFile, index: number): Task<Page | null> {
  return shmem_has(mapping!, index) ? shmem_get_folio(k, mapping!, index) : done(null);
}

const shmem_file_operations = new PagedFileOperations({
  name: 'memfd',
  pages: {
    read: readPage,
    write: shmem_get_folio,
    wrote: shmem_write_end,
    unreadable: -ENOMEM,
    unwritable: -ENOSPC,
  },
  vm_ops: shmem_vm_ops,
  direct: false,
  setattr: shmem_setattr,
  punch_hole: shmem_punch_hole,
  evict: shmem_evict_inode,
});

/** A new memory file of `size` bytes, with one reference; it has no place in a directory. */
export function shmem_file_setup(files: FileTable, name: string, size: number): OpenFile {
  const file = new OpenFile(files, shmem_file_operations, `/${name} (deleted)`);
  file.mapping = files.kernel.newMapping('shmem', size);
  return file;
}
