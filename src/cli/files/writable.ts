// SPDX-License-Identifier: GPL-2.0-only
/** Which file a name leads to, how it is written, and whether it can be: asked before anybody works for it. */
import { accessSync, constants, fstatSync, lstatSync, readlinkSync, type Stats, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { cannotWrite, refuse } from './host-error.js';

/** As the kernel has it. */
const MAX_LINKS = 40;

export const statsOf = (path: string): Stats | undefined => statSync(path, { throwIfNoEntry: false });

/** Where a name leads, also one that leads to nothing yet. */
export function targetOf(path: string): string {
  let target = path;
  for (let links = 0; links < MAX_LINKS; links++) {
    if (!lstatSync(target, { throwIfNoEntry: false })?.isSymbolicLink()) return target;
    target = resolve(dirname(target), readlinkSync(target));
  }
  return refuse('ELOOP');
}

const isSame = (a: Stats, b: Stats): boolean => a.dev === b.dev && a.ino === b.ino;

/** Is it where the command prints? A file that a shell has opened stays the one that it is. */
function isOutput(stats: Stats): boolean {
  return [1, 2].some((fd) => {
    try {
      return isSame(fstatSync(fd), stats);
    } catch {
      return false;
    }
  });
}

/** How to open what is not replaced; undefined for what is. */
export function flagInPlace(stats: Stats | undefined): 'a' | 'w' | undefined {
  if (stats === undefined) return undefined;
  if (!stats.isFile()) return 'w';
  return isOutput(stats) ? 'a' : undefined;
}

function demandWritable(path: string): void {
  const stats = statsOf(path);
  if (stats?.isDirectory()) refuse('EISDIR');
  if (stats !== undefined) accessSync(path, constants.W_OK);
  if (flagInPlace(stats) !== undefined) return;
  const directory = dirname(targetOf(path));
  if (!statSync(directory).isDirectory()) refuse('ENOTDIR');
  accessSync(directory, constants.W_OK | constants.X_OK);
}

/** Throws UsageError or HostError where the file cannot be written. Nothing is made or changed. */
export function checkWritable(path: string, option: string): void {
  try {
    demandWritable(path);
  } catch (error) {
    throw cannotWrite(path, option, error);
  }
}
