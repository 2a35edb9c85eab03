// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: fs/sync.c, and the call of mm/msync.c: files go to their disks. Fidelity: simplified: there is no metadata to write. */
import type { OpenFile } from '../../fs/file.js';
import { file_check_and_advance_wb_err } from '../../mm/filemap_errors.js';
import { EVERYTHING } from '../../mm/filemap_pages.js';
import { do_msync } from '../../mm/msync.js';
import { filemap_fdatawait_range } from '../../mm/page_writeback.js';
import { done, type Task } from '../../sim/task.js';
import { EBADF, EINVAL, ESPIPE } from '../../uapi/errno.js';
import {
  SYNC_FILE_RANGE_WAIT_AFTER,
  SYNC_FILE_RANGE_WAIT_BEFORE,
  SYNC_FILE_RANGE_WRITE,
} from '../../uapi/fcntl.js';
import { PAGE_SIZE } from '../../uapi/mman.js';
import { fdget } from '../files.js';
import type { Process } from '../process.js';

const EVERY_FLAG = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;

/** Return: 0, -EBADF, -EINVAL for what is no file, or what the file answers. */
export function sys_fsync(process: Process, fd: number): Task<number> {
  const file = fdget(process, fd, 'do_fsync');
  return file === undefined ? done(-EBADF) : file.vfs_fsync_range(0, EVERYTHING);
}

export function sys_msync(process: Process, start: number, len: number, flags: number): Task<number> {
  return do_msync(process.ownMm, start, len, flags);
}

/**
 * Start to write pages of a file, or wait for them, by `flags`; `nbytes` 0: up to the end.
 * Return: 0, -EBADF, -EINVAL, -ESPIPE for what is no file, -EIO for what was lost of it.
 */
export function* sys_sync_file_range(
  process: Process,
  fd: number,
  offset: number,
  nbytes: number,
  flags: number,
): Task<number> {
  const file = fdget(process, fd, 'ksys_sync_file_range');
  if (file === undefined) return -EBADF;
  if ((flags & ~EVERY_FLAG) !== 0 || offset < 0 || nbytes < 0) return -EINVAL;
  if (file.mapping === null) return -ESPIPE;
  const first = Math.floor(offset / PAGE_SIZE);
  const end = nbytes === 0 ? EVERYTHING : Math.ceil((offset + nbytes) / PAGE_SIZE);
  if ((flags & SYNC_FILE_RANGE_WAIT_BEFORE) !== 0) {
    const err = yield* wait(file, first, end);
    if (err !== 0) return err;
  }
  if ((flags & SYNC_FILE_RANGE_WRITE) !== 0) {
    const mode = flags === EVERY_FLAG ? 'WB_SYNC_ALL' : 'WB_SYNC_NONE';
    const { mapping, kernel } = file;
    if (mapping.a_ops !== null) yield* mapping.a_ops.writepages(kernel, mapping, first, end, mode);
  }
  return (flags & SYNC_FILE_RANGE_WAIT_AFTER) === 0 ? 0 : yield* wait(file, first, end);
}

/** file_fdatawait_range(). Return: 0, or -errno where something of the file was lost. */
function* wait(file: OpenFile, first: number, end: number): Task<number> {
  yield* filemap_fdatawait_range(file.kernel, file.mapping!, first, end);
  return file_check_and_advance_wb_err(file);
}
