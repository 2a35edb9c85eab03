// SPDX-License-Identifier: GPL-2.0-only
/** Writes until all of it is written: a disk that fills up takes a part of it first, without an error. */
import { writeSync } from 'node:fs';

export function writeAll(fd: number, data: string | Buffer): void {
  const bytes = Buffer.from(data);
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
}
