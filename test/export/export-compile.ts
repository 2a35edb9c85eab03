// SPDX-License-Identifier: GPL-2.0-only
/** Exports scenarios, compiles them with this machine's C compiler, and runs them. */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ExportOptions, exportC } from '../../src/export/export-c.js';
import { load } from '../../src/scenario/load.js';
import type { ScenarioDocument } from '../../src/scenario/schema.js';
import { Setups } from '../../src/session/setup.js';

const STUB = fileURLToPath(new URL('export_c_stub.c', import.meta.url));
const WARNINGS = ['-Wall', '-Wextra', '-Werror'];

/** What the shorthand of the tests is missing. */
export function documentOf(text: string): ScenarioDocument {
  const { documents, mistakes } = load(text, 'test', 'yaml');
  if (mistakes.length > 0) throw new Error(mistakes.map(({ message }) => message).join('\n'));
  return documents[0]!.document;
}

export function program(documents: readonly ScenarioDocument[], options: ExportOptions): string {
  const setups = new Setups();
  return exportC(
    documents.map((document) => ({ document, setup: setups.of(document) })),
    options,
  );
}

export interface Compiled {
  /** What the compiler complains about. */
  readonly errors: string;
  readonly path: string;
}

/** Compile into `directory`; the name of the stub's log is `log` there. */
export function compile(
  directory: string,
  text: string,
  { stub = false, flags = ['-O2'] }: { stub?: boolean; flags?: readonly string[] } = {},
): Compiled {
  const source = join(directory, 'export.c');
  const path = join(directory, 'export');
  writeFileSync(source, text);
  const args = [...WARNINGS, ...flags, '-o', path, source, ...(stub ? [STUB] : [])];
  const { stderr } = spawnSync('cc', args, { encoding: 'utf8' });
  return { errors: stderr, path };
}

export interface ProgramRun {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Calls that the stub saw. */
  readonly calls: string[];
}

export function execute(
  directory: string,
  args: readonly string[],
  env: Record<string, string> = {},
): ProgramRun {
  const log = join(directory, 'log');
  const kmsg = join(directory, 'kmsg');
  writeFileSync(log, '');
  writeFileSync(kmsg, '');
  const { status, stdout, stderr } = spawnSync(join(directory, 'export'), args, {
    encoding: 'utf8',
    env: { STUB_LOG: log, STUB_KMSG: kmsg, ...env },
    timeout: 20_000,
  });
  const calls = readFileSync(log, 'utf8').split('\n').slice(0, -1);
  return { status, stdout, stderr, calls };
}
