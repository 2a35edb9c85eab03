// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: fs/open.c, read_write.c, ioctl.c, mm/memfd.c. Fidelity: simplified: files are devices, /proc files, memory
 * files, files without a name on a disk and those of DAX file systems; nobody checks access modes or negative offsets, and what a file does not do, only it answers.
 */
import { ext4_tmpfile } from '../../fs/ext4.js';
import { type FileOperations, OpenFile } from '../../fs/file.js';
import { shmem_file_setup } from '../../fs/memfd.js';
import { new_userfaultfd } from '../../fs/userfaultfd.js';
import { done, type Task } from '../../sim/task.js';
import { EBADF, EINVAL, EISDIR, ENAMETOOLONG, ENODEV, ENOENT, ENOTTY, ESPIPE } from '../../uapi/errno.js';
import { F_GETFL, F_SETFL } from '../../uapi/fcntl.js';
import { O_CLOEXEC, O_DIRECT, O_NONBLOCK, O_TMPFILE, SEEK_CUR, SEEK_END } from '../../uapi/mman.js';
import { PATH_MAX } from '../../uapi/syscalls.js';
import { UFFD_USER_MODE_ONLY } from '../../uapi/userfaultfd.js';
import { fd_install, fdget, filp_close } from '../files.js';
import type { Process } from '../process.js';
import { mounted } from './mount.js';
import { user_string } from './strings.js';
import type { SyscallArg } from './types.js';

/** A memfd's name in /proc, "memfd:" and the NUL included, fits NAME_MAX. */
const MFD_NAME_MAX = 250;

/** Paths are absolute: `dfd` does not matter. Return: the descriptor, -ENOENT, -EISDIR, or what the file answers. */
export function* sys_openat(
  process: Process,
  _dfd: number,
  filename: SyscallArg,
  flags: number,
): Task<number> {
  const path = yield* user_string(process, filename, PATH_MAX, -ENAMETOOLONG);
  if (typeof path === 'number') return path;
  const { services } = process;
  if ((flags & O_TMPFILE) === O_TMPFILE) {
    if (path === '/var/tmp') return fd_install(process, ext4_tmpfile(services.files));
    return path === '/tmp' ? fd_install(process, shmem_file_setup(services.files, 'tmp/#1', 0)) : -ENOENT;
  }
  const there = mounted(process, path);
  if (there !== undefined) {
    const file = there.fs.open(services.files, there.name, flags);
    return typeof file === 'number' ? file : fd_install(process, file);
  }
  const f_op = services.lookup(path);
  if (f_op === undefined) return path === '/tmp' || path === '/var/tmp' ? -EISDIR : -ENOENT;
  return yield* open_device(process, path, f_op);
}

function* open_device(process: Process, path: string, f_op: FileOperations): Task<number> {
  const file = new OpenFile(process.services.files, f_op, path);
  const err = f_op.open === undefined ? 0 : yield* f_op.open(file, process.ownMm);
  return err !== 0 ? err : fd_install(process, file);
}

export function* sys_memfd_create(process: Process, uname: SyscallArg): Task<number> {
  const name = yield* user_string(process, uname, MFD_NAME_MAX, -EINVAL);
  if (typeof name === 'number') return name;
  return fd_install(process, shmem_file_setup(process.services.files, `memfd:${name}`, 0));
}

/** Return: the descriptor, -EINVAL for unknown flags. */
export function sys_userfaultfd(process: Process, flags: number): Task<number> {
  if ((flags & ~(O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY)) !== 0) return done(-EINVAL);
  return done(
    fd_install(process, new_userfaultfd(process.services.files, process.ownMm, (flags & O_NONBLOCK) !== 0)),
  );
}

export function sys_close(process: Process, fd: number): Task<number> {
  const file = fdget(process, fd, '__x64_sys_close');
  if (file === undefined) return done(-EBADF);
  process.fds.delete(fd);
  filp_close(file);
  return done(0);
}

export function* sys_read(process: Process, fd: number, buf: number, count: number): Task<number> {
  const file = fdget(process, fd, 'ksys_read');
  if (file?.f_op.read === undefined) return file === undefined ? -EBADF : -EINVAL;
  const bytes = yield* file.f_op.read(file, process.ownMm, buf, count, file.f_pos);
  if (bytes > 0) file.f_pos += bytes;
  return bytes;
}

export function* sys_write(process: Process, fd: number, buf: number, count: number): Task<number> {
  const file = fdget(process, fd, 'ksys_write');
  if (file?.f_op.write === undefined) return file === undefined ? -EBADF : -EINVAL;
  const bytes = yield* file.f_op.write(file, process.ownMm, buf, count, file.f_pos);
  if (bytes > 0) file.f_pos += bytes;
  return bytes;
}

export function sys_pread64(
  process: Process,
  fd: number,
  buf: number,
  count: number,
  pos: number,
): Task<number> {
  const file = fdget(process, fd, 'ksys_pread64');
  if (file?.f_op.read === undefined) return done(file === undefined ? -EBADF : -ESPIPE);
  return file.f_op.read(file, process.ownMm, buf, count, pos);
}

export function sys_pwrite64(
  process: Process,
  fd: number,
  buf: number,
  count: number,
  pos: number,
): Task<number> {
  const file = fdget(process, fd, 'ksys_pwrite64');
  if (file?.f_op.write === undefined) return done(file === undefined ? -EBADF : -ESPIPE);
  return file.f_op.write(file, process.ownMm, buf, count, pos);
}

export function sys_lseek(process: Process, fd: number, offset: number, whence: number): Task<number> {
  const file = fdget(process, fd, 'ksys_lseek');
  if (file === undefined) return done(-EBADF);
  const size = file.mapping?.size ?? 0;
  const base = whence === SEEK_CUR ? file.f_pos : whence === SEEK_END ? size : 0;
  if (base + offset < 0) return done(-EINVAL);
  file.f_pos = base + offset;
  return done(file.f_pos);
}

export function sys_ftruncate(process: Process, fd: number, length: number): Task<number> {
  const file = fdget(process, fd, 'do_sys_ftruncate');
  if (file === undefined) return done(-EBADF);
  if (file.f_op.truncate === undefined) return done(-EINVAL);
  return file.f_op.truncate(file, length);
}

/** Return: 0, -EBADF, -EINVAL, -ENODEV for what is no file, or what the file answers. */
export function sys_fallocate(
  process: Process,
  fd: number,
  mode: number,
  offset: number,
  length: number,
): Task<number> {
  const file = fdget(process, fd, 'ksys_fallocate');
  if (file === undefined) return done(-EBADF);
  if (offset < 0 || length <= 0) return done(-EINVAL);
  if (file.f_op.fallocate === undefined) return done(-ENODEV);
  return file.f_op.fallocate(file, mode, offset, length);
}

/** Of the flags of a file, O_DIRECT can be changed. Return: 0, the flags, -EBADF, -EINVAL for other commands. */
export function sys_fcntl(process: Process, fd: number, cmd: number, arg: number): Task<number> {
  const file = fdget(process, fd, '__x64_sys_fcntl');
  if (file === undefined) return done(-EBADF);
  if (cmd === F_GETFL) return done(file.f_flags);
  if (cmd !== F_SETFL) return done(-EINVAL);
  file.f_flags = arg & O_DIRECT;
  return done(0);
}

/** `arg` is a user address; the struct there has the size that the request number encodes. */
export function* sys_ioctl(process: Process, fd: number, cmd: number, arg: number): Task<number> {
  const file = fdget(process, fd, '__x64_sys_ioctl');
  if (file === undefined) return -EBADF;
  if (file.f_op.unlocked_ioctl === undefined) return -ENOTTY;
  file.get_file();
  const ret = yield* file.f_op.unlocked_ioctl(file, process.ownMm, cmd, arg);
  file.fput();
  return ret;
}
