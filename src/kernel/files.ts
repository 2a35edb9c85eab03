// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: fs/file.c: the descriptors of a process. Fidelity: simplified: no limit, no close-on-exec. */
import type { OpenFile } from '../fs/file.js';
import { note_refusal } from '../mm/reasons.js';
import type { Process } from './process.js';

/** The first three are stdin, stdout and stderr, which no file is behind. */
const FIRST_FD = 3;

/** Give `file` the lowest descriptor that is free. The process takes over the caller's reference. */
export function fd_install(process: Process, file: OpenFile): number {
  const { fds } = process;
  let fd = FIRST_FD;
  while (fds.has(fd)) fd++;
  fds.set(fd, file);
  return fd;
}

/** The file behind a descriptor; undefined, and told for `fn`, where there is none. */
export function fdget({ fds, ownMm }: Process, fd: number, fn: string): OpenFile | undefined {
  const file = fds.get(fd);
  if (file === undefined) note_refusal(ownMm.kernel, fn, 'fd-not-open');
  return file;
}

/** fork(): `child` has the same files open, with the same positions. */
export function copy_files(parent: Process, child: Process): void {
  for (const [fd, file] of parent.fds) {
    file.get_file();
    child.fds.set(fd, file);
  }
}

/** A descriptor of `file` is gone, and with it its reference. */
export function filp_close(file: OpenFile): void {
  file.f_op.flush?.(file);
  file.fput();
}

export function exit_files(process: Process): void {
  for (const file of process.fds.values()) filp_close(file);
  process.fds.clear();
}
