// SPDX-License-Identifier: GPL-2.0-only
/** Copies of the source tree, for tests of what a change to it takes. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Test } from 'tap';

const root = fileURLToPath(new URL('..', import.meta.url));

/** A copy of the tree in the test's own directory. */
export function copyOf(t: Test, name: string): string {
  const copy = join(t.testdir(), name);
  mkdirSync(copy);
  for (const path of ['src', 'tsconfig.json', 'tsconfig.build.json', 'package.json']) {
    cpSync(join(root, path), join(copy, path), { recursive: true });
  }
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  return copy;
}

export function edit(copy: string, path: string, change: (text: string) => string): void {
  const file = join(copy, path);
  writeFileSync(file, change(readFileSync(file, 'utf8')));
}

/** Compile. Return: the files that the type checker complains of, with its first complaint of each. */
export function complaints(copy: string): Record<string, string> {
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  const { stdout } = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], {
    cwd: copy,
    encoding: 'utf8',
  });
  const found: Record<string, string> = {};
  for (const [, file, text] of stdout.matchAll(
    /^(\S+?)\(\d+,\d+\): error \w+: ([\s\S]*?)(?=^\S|$(?![\s\S]))/gm,
  )) {
    found[file!] ??= text!;
  }
  return found;
}

/** A module of the compiled copy. */
export function loadFrom(copy: string, path: string) {
  return import(pathToFileURL(join(copy, 'dist', path)).href);
}
