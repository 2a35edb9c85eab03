// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: fs/namespace.c, fs/namei.c: file systems on devices, and names in them. Fidelity: simplified: -o dax alone, and directories of cgroups. */
import { mount_dax } from '../../fs/dax.js';
import type { Task } from '../../sim/task.js';
import { EINVAL, ENAMETOOLONG, ENODEV, ENOENT, ENOTBLK } from '../../uapi/errno.js';
import { DAX_TYPES } from '../../uapi/pmem.js';
import { PATH_MAX } from '../../uapi/syscalls.js';
import type { Process } from '../process.js';
import { user_string } from './strings.js';
import type { SyscallArg } from './types.js';

/** The names of file systems and their options are shorter than a page. */
const OPTIONS_MAX = 4096;

/** The place of a path in a file system that is mounted; undefined where none is. */
export function mounted(process: Process, path: string) {
  const at = path.lastIndexOf('/');
  const fs = process.services.files.mounts.get(path.slice(0, at));
  return fs === undefined ? undefined : { fs, name: path.slice(at + 1) };
}

/** Return: 0, -ENOENT, -ENOTBLK for what has no memory to map, -ENODEV for an unknown type, -EINVAL, -EBUSY. */
export function* sys_mount(
  process: Process,
  dev: SyscallArg,
  dir: SyscallArg,
  fstype: SyscallArg,
  _flags: number,
  data: SyscallArg,
): Task<number> {
  const source = yield* user_string(process, dev, PATH_MAX, -ENAMETOOLONG);
  const path = yield* user_string(process, dir, PATH_MAX, -ENAMETOOLONG);
  const name = yield* user_string(process, fstype, OPTIONS_MAX, -EINVAL);
  const options = yield* user_string(process, data, OPTIONS_MAX, -EINVAL);
  for (const text of [source, path, name, options]) if (typeof text === 'number') return text;
  const f_op = process.services.lookup(source as string);
  if (f_op === undefined) return -ENOENT;
  const type = DAX_TYPES.find((known) => known === name);
  if (type === undefined) return -ENODEV;
  if (f_op.dax_device === undefined) return -ENOTBLK;
  if (options !== 'dax') return -EINVAL;
  return mount_dax(process.services.files, f_op.dax_device, path as string, type);
}

/** Return: 0, -EINVAL where nothing is mounted, -EBUSY while a file there is open or mapped. */
export function* sys_umount2(process: Process, dir: SyscallArg): Task<number> {
  const path = yield* user_string(process, dir, PATH_MAX, -ENAMETOOLONG);
  if (typeof path === 'number') return path;
  const { mounts } = process.services.files;
  const fs = mounts.get(path);
  if (fs === undefined) return -EINVAL;
  const ret = yield* fs.umount();
  if (ret === 0) mounts.delete(path);
  return ret;
}

/** Directories are cgroups: what they answer, or -ENOENT. */
export function* sys_mkdir(process: Process, pathname: SyscallArg): Task<number> {
  const path = yield* user_string(process, pathname, PATH_MAX, -ENAMETOOLONG);
  return typeof path === 'number' ? path : process.services.files.cgroups.mkdir(path);
}

/** The same. */
export function* sys_rmdir(process: Process, pathname: SyscallArg): Task<number> {
  const path = yield* user_string(process, pathname, PATH_MAX, -ENAMETOOLONG);
  return typeof path === 'number' ? path : process.services.files.cgroups.rmdir(path);
}

/** Return: 0, -ENOENT. */
export function* sys_unlink(process: Process, filename: SyscallArg): Task<number> {
  const path = yield* user_string(process, filename, PATH_MAX, -ENAMETOOLONG);
  if (typeof path === 'number') return path;
  const there = mounted(process, path);
  return there === undefined ? -ENOENT : yield* there.fs.unlink(there.name);
}
