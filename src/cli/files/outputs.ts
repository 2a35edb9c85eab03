// SPDX-License-Identifier: GPL-2.0-only
/** What a command writes is nothing that it reads, and no two of its files are one: told before any is opened. */
import { fstatSync, type Stats, statSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { UsageError } from '../../sim/errors.js';
import { targetOf } from './writable.js';

/** An option, and the file that it names. */
export type OutputFile = readonly [option: string, path: string | undefined];

const STDIN = '-';

function statsOf(path: string): Stats | undefined {
  try {
    return path === STDIN ? fstatSync(0) : statSync(path);
  } catch {
    return undefined;
  }
}

/** A file that is not there yet goes by its directory. */
function newFileOf(path: string): string | undefined {
  try {
    const target = resolve(targetOf(path));
    const { dev, ino } = statSync(dirname(target));
    return `${dev}:${ino}/${basename(target)}`;
  } catch {
    return undefined;
  }
}

/** What is the same for all names of a file; undefined for devices, and for what cannot be. */
function identityOf(path: string): string | undefined {
  const stats = statsOf(path);
  if (stats === undefined) return newFileOf(path);
  return stats.isFile() || stats.isDirectory() ? `${stats.dev}:${stats.ino}` : undefined;
}

function readAs(path: string, input: string | undefined): string | undefined {
  if (input === undefined) return undefined;
  if (input === path) return 'is read, too';
  return `is ${input === STDIN ? 'standard input' : input}, which is read`;
}

/** `inputs` are called only where there is an output. Throws UsageError. */
export function checkOutputs(outputs: readonly OutputFile[], inputs: () => readonly string[]): void {
  const given = outputs.flatMap(([option, path]) => (path === undefined ? [] : [[option, path] as const]));
  if (given.length === 0) return;
  const inputOf = new Map<string, string>();
  const outputOf = new Map<string, string>();
  for (const input of inputs()) {
    const identity = identityOf(input);
    if (identity !== undefined) inputOf.set(identity, input);
  }
  for (const [option, path] of given) {
    if (path === STDIN) throw new UsageError('expected a file, got "-" (./- is a file of that name)', option);
    const identity = identityOf(path);
    if (identity === undefined) continue;
    const other = outputOf.get(identity);
    const why = other === undefined ? readAs(path, inputOf.get(identity)) : `is the file of ${other}, too`;
    if (why !== undefined) throw new UsageError(`${path} ${why}: name another file`, option);
    outputOf.set(identity, option);
  }
}
