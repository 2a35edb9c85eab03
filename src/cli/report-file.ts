// SPDX-License-Identifier: GPL-2.0-only
/** A report that is written at the end, into a file that is known from the start to be writable. */
import { closeSync, openSync, writeFileSync } from 'node:fs';
import { UsageError } from '../sim/errors.js';

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'no such directory',
  ENOTDIR: 'not in a directory',
  EEXIST: 'there is a file of that name',
  EISDIR: 'a directory',
  EACCES: 'permission denied',
  EROFS: 'a read-only file system',
};

/** Why a file that the user named cannot be written. */
export function cannotWrite(path: string, option: string, error: unknown): UsageError {
  const { code, message } = error as NodeJS.ErrnoException;
  return new UsageError(`cannot write ${path}: ${reasons[code ?? ''] ?? message}`, option);
}

export class ReportFile {
  private fd: number;

  /** Opens, and thereby empties, the file. Throws UsageError when it cannot. */
  constructor(
    readonly path: string,
    readonly option: string,
  ) {
    try {
      this.fd = openSync(path, 'w');
    } catch (error) {
      throw cannotWrite(path, option, error);
    }
  }

  /** Write the report and close the file; later calls do nothing. */
  write(text: string): void {
    if (this.fd < 0) return;
    try {
      writeFileSync(this.fd, text);
      closeSync(this.fd);
    } catch (error) {
      throw new UsageError(`cannot write ${this.path}: ${(error as Error).message}`, this.option);
    } finally {
      this.fd = -1;
    }
  }
}
