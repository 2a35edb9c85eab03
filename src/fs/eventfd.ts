// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: fs/eventfd.c. Fidelity: simplified: no semaphores. */
import type { MmStruct } from '../mm/types.js';
import { copy_from_user, copy_to_user } from '../mm/uaccess.js';
import { putU64, u64At } from '../sim/bytes.js';
import type { Task } from '../sim/task.js';
import { EAGAIN, EFAULT, EINVAL } from '../uapi/errno.js';
import { POLLIN, POLLOUT } from '../uapi/poll.js';
import { type FileOperations, type FileTable, OpenFile } from './file.js';

const BYTES = 8;

interface EventfdCtx {
  count: number;
}

const ctxOf = (file: OpenFile): EventfdCtx => file.private_data as EventfdCtx;

/** Take the count, once there is one. Return: bytes, or -errno. Context: may sleep. */
function* eventfd_read(
  nonblock: boolean,
  file: OpenFile,
  mm: MmStruct,
  buf: number,
  length: number,
): Task<number> {
  if (length < BYTES) return -EINVAL;
  const ctx = ctxOf(file);
  while (ctx.count === 0) {
    if (nonblock) return -EAGAIN;
    yield* file.kernel.pollers.sleep(file.kernel.executor, 'eventfd_read');
  }
  const bytes = new Uint8Array(BYTES);
  putU64(bytes, 0, ctx.count);
  ctx.count = 0;
  return (yield* copy_to_user(mm, buf, bytes)) ? BYTES : -EFAULT;
}

/** Add to the count, and wake who waits for it. Return: bytes, or -errno. */
function* eventfd_write(file: OpenFile, mm: MmStruct, buf: number, length: number): Task<number> {
  if (length < BYTES) return -EINVAL;
  const bytes = yield* copy_from_user(mm, buf, BYTES);
  if (bytes === null) return -EFAULT;
  ctxOf(file).count += u64At(bytes, 0);
  file.kernel.pollers.wakeAll(file.kernel.executor);
  return BYTES;
}

const fopsOf = (nonblock: boolean): FileOperations => ({
  name: 'eventfd',
  read: (file, mm, buf, length) => eventfd_read(nonblock, file, mm, buf, length),
  write: eventfd_write,
  poll: (file) => POLLOUT | (ctxOf(file).count > 0 ? POLLIN : 0),
});

const blocking_fops = fopsOf(false);
const nonblocking_fops = fopsOf(true);

/** A new eventfd with that count. */
export function new_eventfd(files: FileTable, count: number, nonblock: boolean): OpenFile {
  const file = new OpenFile(files, nonblock ? nonblocking_fops : blocking_fops, 'anon_inode:[eventfd]');
  file.private_data = { count } satisfies EventfdCtx;
  return file;
}
