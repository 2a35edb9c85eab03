// SPDX-License-Identifier: GPL-2.0-only
/** Directories that commands make, and files there that only grow. */
import {
  appendFileSync,
  linkSync,
  mkdirSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { nameBeside, sweep } from './beside.js';
import { cannotWrite, HostError, reasonOf } from './host-error.js';

const isDirectory = (path: string): boolean =>
  statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;

/** One by one from above: mkdirSync() with `recursive` never returns where a parent exists and takes no directory. */
function makeWithParents(path: string, mode: number): void {
  if (isDirectory(path)) return;
  const parent = dirname(path);
  if (parent !== path) makeWithParents(parent, mode);
  makeOne(path, mode);
}

/** Somebody else may make it at the same time. */
function makeOne(path: string, mode: number): void {
  try {
    mkdirSync(path, { mode });
  } catch (error) {
    if (!isDirectory(path)) throw error;
  }
}

/** Throws UsageError or HostError when there can be none. */
export function makeDirectory(path: string, option: string, { parents = true, mode = 0o777 } = {}): void {
  try {
    if (parents) makeWithParents(path, mode);
    else makeOne(path, mode);
  } catch (error) {
    throw cannotWrite(path, option, error);
  }
}

/** Under its name a file has all of its text at once, where there are hard links. */
function linkOrCreate(beside: string, path: string, text: string): void {
  try {
    linkSync(beside, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw error;
    writeFileSync(path, text, { flag: 'wx' });
  }
}

/** Make a file that nobody else has made. Return: false where there is one. Throws UsageError or HostError. */
export function createFile(path: string, text: string, option: string): boolean {
  const beside = nameBeside(path);
  sweep(dirname(path));
  try {
    writeFileSync(beside, text);
    linkOrCreate(beside, path, text);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw cannotWrite(path, option, error);
  } finally {
    rmSync(beside, { force: true });
  }
}

/** Return: false where it is gone, or cannot be moved. */
export function moveFile(from: string, to: string): boolean {
  try {
    renameSync(from, to);
    return true;
  } catch {
    return false;
  }
}

/** Cut a file off. Throws HostError. */
export function cutFile(path: string, bytes: number, option: string): void {
  try {
    truncateSync(path, bytes);
  } catch (error) {
    throw new HostError(`cannot write ${path}: ${reasonOf(error)}`, option);
  }
}

/** Add text to the end of a file, in one write. Throws HostError. */
export function appendText(path: string, text: string, option: string, mode = 0o666): void {
  try {
    appendFileSync(path, text, { mode });
  } catch (error) {
    throw new HostError(`cannot write ${path}: ${reasonOf(error)}`, option);
  }
}
