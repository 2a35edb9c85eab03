// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: fs/ext4/file.c: files on a disk that have no name (O_TMPFILE). Fidelity: simplified: no journal, no quota. */
import {
  ext4_da_aops,
  ext4_da_write_begin,
  ext4_evict_inode,
  ext4_file_vm_ops,
  ext4_punch_hole,
  ext4_setattr,
  ext4_sync_file,
} from '../mm/ext4.js';
import { filemap_get_page } from '../mm/filemap.js';
import { ENOMEM } from '../uapi/errno.js';
import { type FileTable, OpenFile } from './file.js';
import { PagedFileOperations } from './paged_file.js';

const ext4_file_operations = new PagedFileOperations({
  name: 'ext4',
  pages: { read: filemap_get_page, write: ext4_da_write_begin, unreadable: -ENOMEM, unwritable: -ENOMEM },
  vm_ops: ext4_file_vm_ops,
  direct: true,
  setattr: ext4_setattr,
  punch_hole: ext4_punch_hole,
  fsync: ext4_sync_file,
  evict: ext4_evict_inode,
});

/** A new empty file below /var/tmp, with one reference; it has no place in a directory. Source: fs/ext4/namei.c. */
export function ext4_tmpfile(files: FileTable): OpenFile {
  const file = new OpenFile(files, ext4_file_operations, '/var/tmp/#1 (deleted)');
  file.mapping = files.kernel.newMapping('ext4', 0);
  file.mapping.a_ops = ext4_da_aops;
  return file;
}
