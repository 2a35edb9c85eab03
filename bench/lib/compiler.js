// SPDX-License-Identifier: GPL-2.0-only
/**
 * The peer of a whole command: TypeScript's compiler, which checks its own declarations of ES2022. Like a command it is
 * much code that runs little, branches and allocates; a bare loop fares otherwise from one processor to the next.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const tsc = fileURLToPath(new URL('../../node_modules/typescript/lib/tsc.js', import.meta.url));

/**
 * Lends `body` the arguments of node that run the compiler.
 *
 * @template T
 * @param {(args: readonly string[]) => Promise<T>} body
 * @returns {Promise<T>}
 */
export async function withCompiler(body) {
  const directory = mkdtempSync(join(tmpdir(), 'hmm-sim-compiler-'));
  try {
    const file = join(directory, 'one.ts');
    writeFileSync(file, 'export const one: number = 1;\n');
    const lib = [
      '--target',
      'es2022',
      '--lib',
      'es2022',
      '--skipLibCheck',
      'false',
      '--typeRoots',
      directory,
    ];
    return await body([tsc, '--noEmit', '--strict', ...lib, file]);
  } finally {
    rmSync(directory, { recursive: true });
  }
}
