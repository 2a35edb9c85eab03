// SPDX-License-Identifier: GPL-2.0-only
/** Writes until all of it is written: a disk that fills up takes a part of it first, without an error. */
import { writeSync } from 'node:fs';

/** `position`: in the file; else where it ends. */
export function writeAll(fd: number, data: string | Uint8Array, position?: number): void {
  const bytes = typeof data === 'string' ? Buffer.from(data) : data;
  for (let at = 0; at < bytes.length; ) {
    const where = position === undefined ? null : position + at;
    at += writeSync(fd, bytes, at, bytes.length - at, where);
  }
}
