// SPDX-License-Identifier: GPL-2.0-only
/** What the world refuses: a full disk, a file that may not be read. One line, and an exit status of its own. */
import { UsageError } from '../../sim/errors.js';

/** `where` is a file or an option. */
export class HostError extends Error {
  constructor(
    readonly what: string,
    readonly where?: string,
  ) {
    super(where === undefined ? what : `${where}: ${what}`);
    this.name = 'HostError';
  }
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'no such directory',
  ENOTDIR: 'not in a directory',
  EEXIST: 'there is a file of that name',
  EISDIR: 'a directory',
  ENAMETOOLONG: 'the name is too long',
  ELOOP: 'symbolic links that lead in a circle',
  EACCES: 'permission denied',
  EPERM: 'not permitted',
  EROFS: 'a read-only file system',
  ENOSPC: 'no space left on the device',
  EDQUOT: 'the disk quota is used up',
  EFBIG: 'larger than a file may be',
  EIO: 'input/output error',
  EBUSY: 'in use',
  EMFILE: 'too many open files',
  ENXIO: 'no such device, or nobody reads from it',
};

/** What is wrong with a name that the user gave, and not with the world. */
const MISTAKEN = new Set(['ENOENT', 'ENOTDIR', 'EISDIR', 'EEXIST', 'ENAMETOOLONG', 'ELOOP']);

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException | null)?.code ?? '';

/** The error of a system call, in words. */
export function reasonOf(error: unknown): string {
  return reasons[codeOf(error)] ?? (error instanceof Error ? error.message : String(error));
}

/** Why a file that the user named cannot be written; told before anything runs. */
export function cannotWrite(path: string, option: string, error: unknown): UsageError | HostError {
  const what = `cannot write ${path}: ${reasonOf(error)}`;
  return MISTAKEN.has(codeOf(error)) ? new UsageError(what, option) : new HostError(what, option);
}

/** Did the world refuse what the user named, and is there nothing wrong with the name? */
export function isRefusal(error: unknown): boolean {
  return isSystemError(error) && !MISTAKEN.has(codeOf(error));
}

/** Is it the answer of a system call? */
export function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error && /^E[A-Z0-9]+$/.test(codeOf(error));
}

/** What is told in one line: whoever runs the command can do something about it. */
export function isTellable(error: unknown): boolean {
  return error instanceof UsageError || error instanceof HostError || isSystemError(error);
}

/** Throws a plain system error with the code, as the call that was not made would have. */
export function refuse(code: string): never {
  throw Object.assign(new Error(reasons[code]), { code });
}
