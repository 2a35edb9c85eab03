// SPDX-License-Identifier: GPL-2.0-only
/**
 * Files are written beside and renamed: under its name a file is always whole, the old one or the new one, whatever ends
 * the process or fills the disk. Mode, owner and symbolic links stay. What is no regular file is written as it is.
 */
import {
  closeSync,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  openSync,
  renameSync,
  rmSync,
  type Stats,
} from 'node:fs';
import { dirname } from 'node:path';
import { nameBeside, sweep } from './beside.js';
import { HostError, reasonOf } from './host-error.js';
import { checkWritable, flagInPlace, statsOf, targetOf } from './writable.js';
import { writeAll } from './write-all.js';

const PERMISSIONS = 0o7777;

/** Names beside files, to be taken away when the process ends in between. */
const unfinished = new Set<string>();

process.on('exit', () => {
  for (const path of unfinished) rmSync(path, { force: true });
});

/** As the file was that it replaces; who may not give it away keeps it. */
function takeAfter(fd: number, old: Stats): void {
  const now = fstatSync(fd);
  if (now.uid !== old.uid || now.gid !== old.gid) {
    try {
      fchownSync(fd, old.uid, old.gid);
    } catch {
      // Only root gives files away.
    }
  }
  fchmodSync(fd, old.mode & PERMISSIONS);
}

/** A file that is being written. */
export class SafeFile {
  readonly #target: string;
  /** The name beside it; undefined for what is written in place. */
  readonly #beside: string | undefined;
  readonly #old: Stats | undefined;
  #fd = -1;

  /** Throws UsageError or HostError. */
  constructor(
    readonly path: string,
    readonly option: string,
    /** Of a file that is not there yet. */
    newMode = 0o666,
  ) {
    checkWritable(path, option);
    this.#old = statsOf(path);
    const inPlace = flagInPlace(this.#old);
    this.#target = inPlace === undefined ? targetOf(path) : path;
    this.#beside = inPlace === undefined ? nameBeside(this.#target) : undefined;
    const mode = this.#old === undefined ? newMode : this.#old.mode & 0o666;
    if (this.#beside !== undefined) sweep(dirname(this.#beside));
    this.#attempt(() => {
      this.#fd = openSync(this.#beside ?? path, inPlace ?? 'wx', mode);
      if (this.#beside !== undefined) unfinished.add(this.#beside);
    });
  }

  /** For who writes it in another thread. */
  get fd(): number {
    return this.#fd;
  }

  append(data: string | Buffer): void {
    this.#attempt(() => writeAll(this.#fd, data));
  }

  /** Write over what it begins with; only a file that is written beside has its begin still. */
  replaceHead(data: Uint8Array): void {
    this.#attempt(() => writeAll(this.#fd, data, 0));
  }

  /** It is whole: give it its name. */
  commit(): void {
    this.#attempt(() => {
      if (this.#beside !== undefined) {
        if (this.#old !== undefined) takeAfter(this.#fd, this.#old);
        // Else a machine that loses its power may keep the name and lose what is under it.
        fsyncSync(this.#fd);
      }
      this.#close();
      if (this.#beside === undefined) return;
      renameSync(this.#beside, this.#target);
      unfinished.delete(this.#beside);
    });
  }

  /** Leave what was there before. */
  abandon(): void {
    this.#close();
    if (this.#beside === undefined || !unfinished.delete(this.#beside)) return;
    rmSync(this.#beside, { force: true });
  }

  #close(): void {
    if (this.#fd < 0) return;
    const fd = this.#fd;
    this.#fd = -1;
    closeSync(fd);
  }

  #attempt(write: () => void): void {
    try {
      write();
    } catch (error) {
      this.abandon();
      throw new HostError(`cannot write ${this.path}: ${reasonOf(error)}`, this.option);
    }
  }
}

/** Write a whole file. Throws UsageError or HostError; then what was there before still is. */
export function replaceFile(path: string, data: string | Buffer, option: string, newMode = 0o666): void {
  const file = new SafeFile(path, option, newMode);
  file.append(data);
  file.commit();
}
