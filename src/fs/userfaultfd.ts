// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: fs/userfaultfd.c: the file of a userfaultfd, its requests, and the faults that are read from it. Fidelity:
 * simplified: of the features only UFFD_FEATURE_SIGBUS, so that faults are the only events.
 */
import { MMAP_MIN_ADDR, mmput, TASK_SIZE } from '../mm/mmap.js';
import {
  type MmStruct,
  type UserfaultfdCtx,
  type UserfaultWait,
  VM_UFFD_MISSING,
  VM_UFFD_WP,
} from '../mm/types.js';
import { copy_from_user, copy_to_user } from '../mm/uaccess.js';
import {
  mfill_atomic,
  mwriteprotect_range,
  userfaultfd_register_range,
  userfaultfd_release_all,
  userfaultfd_unregister_range,
} from '../mm/userfaultfd.js';
import { wake_userfault } from '../mm/userfaultfd_k.js';
import { putU64, u64At } from '../sim/bytes.js';
import type { Task } from '../sim/task.js';
import { EAGAIN, EFAULT, EINVAL, ENOMEM, ENOTTY, ESRCH } from '../uapi/errno.js';
import { PAGE_SIZE } from '../uapi/mman.js';
import { POLLERR, POLLIN } from '../uapi/poll.js';
import * as uffd from '../uapi/userfaultfd.js';
import { type FileOperations, type FileTable, OpenFile } from './file.js';

const ctxOf = (file: OpenFile): UserfaultfdCtx => file.private_data as UserfaultfdCtx;

function validate_range(start: number, len: number): number {
  if (start % PAGE_SIZE !== 0 || len % PAGE_SIZE !== 0 || len === 0) return -EINVAL;
  if (start < MMAP_MIN_ADDR || start >= TASK_SIZE || len > TASK_SIZE - start) return -EINVAL;
  return 0;
}

/** The fields of the struct at `arg`; null when it cannot be read. */
function* fieldsAt(mm: MmStruct, arg: number, count: number): Task<number[] | null> {
  const bytes = yield* copy_from_user(mm, arg, count * 8);
  return bytes === null ? null : Array.from({ length: count }, (_, i) => u64At(bytes, 8 * i));
}

function* put_u64(mm: MmStruct, addr: number, value: number): Task<boolean> {
  const bytes = new Uint8Array(8);
  putU64(bytes, 0, value < 0 ? BigInt.asUintN(64, BigInt(value)) : value);
  return yield* copy_to_user(mm, addr, bytes);
}

function* userfaultfd_api(ctx: UserfaultfdCtx, current: MmStruct, arg: number): Task<number> {
  const fields = yield* fieldsAt(current, arg, 2);
  if (fields === null) return -EFAULT;
  const [api, features] = fields as [number, number];
  if (api !== uffd.UFFD_API || (features & ~uffd.UFFD_FEATURE_SIGBUS) !== 0 || ctx.known) return -EINVAL;
  ctx.known = true;
  ctx.features = features;
  return (yield* put_u64(current, arg + 8, uffd.UFFD_FEATURE_SIGBUS)) ? 0 : -EFAULT;
}

/** Do `work` with the memory that the file has, if that lives; otherwise nothing. Return: what it answers, or `gone`. */
function* whileAlive<T>({ mm }: UserfaultfdCtx, gone: T, work: () => Task<T>): Task<T> {
  if (!mm.kernel.mmget_not_zero(mm)) return gone;
  const ret = yield* work();
  yield* mmput(mm);
  return ret;
}

function* locked<T>({ mmap_lock }: MmStruct, where: string, change: () => Task<T>): Task<T> {
  yield* mmap_lock.down_write(where);
  const ret = yield* change();
  mmap_lock.up_write();
  return ret;
}

/** The same, under its mmap_lock, for write. */
function changing<T>(ctx: UserfaultfdCtx, gone: T, where: string, change: () => Task<T>): Task<T> {
  return whileAlive(ctx, gone, () => locked(ctx.mm, where, change));
}

function* userfaultfd_register(ctx: UserfaultfdCtx, current: MmStruct, arg: number): Task<number> {
  const fields = yield* fieldsAt(current, arg, 3);
  if (fields === null) return -EFAULT;
  const [start, len, mode] = fields as [number, number, number];
  const known = uffd.UFFDIO_REGISTER_MODE_MISSING | uffd.UFFDIO_REGISTER_MODE_WP;
  if (mode === 0 || (mode & ~known) !== 0) return -EINVAL;
  const err = validate_range(start, len);
  if (err !== 0) return err;
  const vm_flags =
    ((mode & uffd.UFFDIO_REGISTER_MODE_MISSING) !== 0 ? VM_UFFD_MISSING : 0) |
    ((mode & uffd.UFFDIO_REGISTER_MODE_WP) !== 0 ? VM_UFFD_WP : 0);
  return yield* changing(ctx, -ENOMEM, 'userfaultfd_register', () =>
    userfaultfd_register_range(ctx, start, start + len, vm_flags),
  );
}

function* userfaultfd_unregister(ctx: UserfaultfdCtx, current: MmStruct, arg: number): Task<number> {
  const fields = yield* fieldsAt(current, arg, 2);
  if (fields === null) return -EFAULT;
  const [start, len] = fields as [number, number];
  const err = validate_range(start, len);
  if (err !== 0) return err;
  const ret = yield* changing(ctx, -ENOMEM, 'userfaultfd_unregister', () =>
    userfaultfd_unregister_range(ctx.mm, start, start + len),
  );
  if (ret === 0) wake_userfault(ctx, start, len);
  return ret;
}

interface Fill {
  readonly start: number;
  readonly len: number;
  /** Address of the source; null: zeros. */
  readonly src: number | null;
  readonly wp: boolean;
  readonly wakes: boolean;
  /** Where the struct says how far the kernel came. */
  readonly result: number;
}

function* fill(ctx: UserfaultfdCtx, current: MmStruct, filled: Fill): Task<number> {
  const { start, len, src, wp, wakes, result } = filled;
  const source = src === null ? null : { mm: current, addr: src };
  const ret = yield* whileAlive(ctx, -ESRCH, () => mfill_atomic(ctx, start, len, source, wp));
  // Of memory that is gone the struct says nothing.
  if (ret === -ESRCH) return ret;
  if (!(yield* put_u64(current, result, ret))) return -EFAULT;
  if (ret < 0) return ret;
  if (wakes) wake_userfault(ctx, start, ret);
  return ret === len ? 0 : -EAGAIN;
}

function* userfaultfd_copy(ctx: UserfaultfdCtx, current: MmStruct, arg: number): Task<number> {
  const fields = yield* fieldsAt(current, arg, 4);
  if (fields === null) return -EFAULT;
  const [start, src, len, mode] = fields as [number, number, number, number];
  const err = validate_range(src - (src % PAGE_SIZE), len) || validate_range(start, len);
  if (err !== 0) return err;
  if ((mode & ~(uffd.UFFDIO_COPY_MODE_DONTWAKE | uffd.UFFDIO_COPY_MODE_WP)) !== 0) return -EINVAL;
  const wp = (mode & uffd.UFFDIO_COPY_MODE_WP) !== 0;
  const wakes = (mode & uffd.UFFDIO_COPY_MODE_DONTWAKE) === 0;
  return yield* fill(ctx, current, { start, len, src, wp, wakes, result: arg + uffd.COPY_RESULT });
}

function* userfaultfd_zeropage(ctx: UserfaultfdCtx, current: MmStruct, arg: number): Task<number> {
  const fields = yield* fieldsAt(current, arg, 3);
  if (fields === null) return -EFAULT;
  const [start, len, mode] = fields as [number, number, number];
  const err = validate_range(start, len);
  if (err !== 0) return err;
  if ((mode & ~uffd.UFFDIO_ZEROPAGE_MODE_DONTWAKE) !== 0) return -EINVAL;
  const wakes = mode === 0;
  const result = arg + uffd.ZEROPAGE_RESULT;
  return yield* fill(ctx, current, { start, len, src: null, wp: false, wakes, result });
}

function* userfaultfd_writeprotect(ctx: UserfaultfdCtx, current: MmStruct, arg: number): Task<number> {
  const fields = yield* fieldsAt(current, arg, 3);
  if (fields === null) return -EFAULT;
  const [start, len, mode] = fields as [number, number, number];
  const err = validate_range(start, len);
  if (err !== 0) return err;
  const both = uffd.UFFDIO_WRITEPROTECT_MODE_WP | uffd.UFFDIO_WRITEPROTECT_MODE_DONTWAKE;
  if ((mode & ~both) !== 0 || mode === both) return -EINVAL;
  const enable = (mode & uffd.UFFDIO_WRITEPROTECT_MODE_WP) !== 0;
  const ret = yield* whileAlive(ctx, -ESRCH, () => mwriteprotect_range(ctx.mm, start, len, enable));
  if (ret === 0 && mode === 0) wake_userfault(ctx, start, len);
  return ret;
}

const REQUESTS = new Map([
  [uffd.UFFDIO_REGISTER, userfaultfd_register],
  [uffd.UFFDIO_UNREGISTER, userfaultfd_unregister],
  [uffd.UFFDIO_COPY, userfaultfd_copy],
  [uffd.UFFDIO_ZEROPAGE, userfaultfd_zeropage],
  [uffd.UFFDIO_WRITEPROTECT, userfaultfd_writeprotect],
]);

function* userfaultfd_ioctl(file: OpenFile, mm: MmStruct, cmd: number, arg: number): Task<number> {
  const ctx = ctxOf(file);
  if (cmd === uffd.UFFDIO_API) return yield* userfaultfd_api(ctx, mm, arg);
  if (!ctx.known) return -EINVAL;
  const request = REQUESTS.get(cmd);
  return request === undefined ? -ENOTTY : yield* request(ctx, mm, arg);
}

function* userfaultfd_release(file: OpenFile): Task {
  const ctx = ctxOf(file);
  yield* changing(ctx, undefined, 'userfaultfd_release', () => userfaultfd_release_all(ctx));
  wake_userfault(ctx, 0, Number.POSITIVE_INFINITY);
  file.kernel.mmdrop(ctx.mm);
}

/** struct uffd_msg of a fault. */
function messageOf(wait: UserfaultWait): Uint8Array {
  const bytes = new Uint8Array(uffd.UFFD_MSG.size);
  bytes[0] = uffd.UFFD_EVENT_PAGEFAULT;
  putU64(bytes, uffd.UFFD_MSG.flags, wait.flags);
  putU64(bytes, uffd.UFFD_MSG.address, wait.address);
  return bytes;
}

const pending = ({ waits }: UserfaultfdCtx): UserfaultWait | undefined =>
  waits.find(({ read, woken }) => !read && !woken);

/** As many faults as there are, and as there is room for. Return: bytes, -EINVAL, -EAGAIN, -EFAULT. */
function* userfaultfd_read(
  nonblock: boolean,
  file: OpenFile,
  mm: MmStruct,
  buf: number,
  count: number,
): Task<number> {
  const ctx = ctxOf(file);
  const { size } = uffd.UFFD_MSG;
  const { pollers, executor } = file.kernel;
  if (!ctx.known) return -EINVAL;
  let bytes = 0;
  while (bytes + size <= count) {
    const wait = pending(ctx);
    if (wait !== undefined) {
      wait.read = true;
      if (!(yield* copy_to_user(mm, buf + bytes, messageOf(wait)))) return bytes === 0 ? -EFAULT : bytes;
      bytes += size;
    } else if (bytes > 0) {
      break;
    } else if (nonblock) {
      return -EAGAIN;
    } else {
      yield* pollers.sleep(executor, 'userfaultfd_read');
    }
  }
  return bytes === 0 ? -EINVAL : bytes;
}

/** A userfaultfd that blocks is none that can be polled. */
function userfaultfd_poll(nonblock: boolean, file: OpenFile): number {
  const ctx = ctxOf(file);
  if (!ctx.known || !nonblock) return POLLERR;
  return pending(ctx) === undefined ? 0 : POLLIN;
}

const fopsOf = (nonblock: boolean): FileOperations => ({
  name: 'userfaultfd',
  unlocked_ioctl: userfaultfd_ioctl,
  release: userfaultfd_release,
  read: (file, mm, buf, count) => userfaultfd_read(nonblock, file, mm, buf, count),
  poll: (file) => userfaultfd_poll(nonblock, file),
});

const blocking_fops = fopsOf(false);
const nonblocking_fops = fopsOf(true);

/** A new userfaultfd of this address space, which it keeps whoever comes to hold the file. */
export function new_userfaultfd(files: FileTable, mm: MmStruct, nonblock: boolean): OpenFile {
  const file = new OpenFile(files, nonblock ? nonblocking_fops : blocking_fops, 'anon_inode:[userfaultfd]');
  mm.mm_count++;
  const ctx: UserfaultfdCtx = { mm, known: false, features: 0, waits: [] };
  file.private_data = ctx;
  return file;
}
