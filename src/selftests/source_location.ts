// SPDX-License-Identifier: GPL-2.0-only
/** Finds the line of a test's source that a stack trace stands in, also when compiled code runs. */
import { SourceMap } from 'node:module';
import type { Location } from './events.js';

/** Reads a file that lies beside the compiled code (a source map); undefined when there is none. */
export type ReadText = (path: string) => string | undefined;

interface Frame {
  readonly path: string;
  readonly line: number;
  readonly column: number;
}

/** Code that asserts on behalf of a test: the harness, and what the tests share. The line that counts is a caller's. */
const library = /\/selftests\/(?:[a-z_]+|hmm-tests\/(?:helpers|words|device_type))\.[jt]s$/;

/** The innermost frame outside of the library. */
function findFrame(stack: string): Frame | undefined {
  for (const line of stack.split('\n')) {
    const match = /^\s+at (?:.*\()?((?:file:\/\/)?\/.*?):(\d+):(\d+)\)?$/.exec(line);
    if (match === null) continue;
    const path = match[1]!.startsWith('file://') ? decodeURIComponent(match[1]!.slice(7)) : match[1]!;
    if (!library.test(path)) return { path, line: Number(match[2]), column: Number(match[3]) };
  }
  return undefined;
}

/** "hmm-tests/migrate.ts" of a path below hmm-tests/, else the last part of the path. */
export function shownFile(path: string): string {
  const parts = path.split('/');
  const from = parts.lastIndexOf('hmm-tests');
  return parts.slice(from < 0 ? -1 : from).join('/');
}

function mapped(frame: Frame, map: string): Location | undefined {
  const entry = new SourceMap(JSON.parse(map)).findEntry(frame.line - 1, frame.column - 1);
  if (!('originalLine' in entry)) return undefined;
  return { file: shownFile(frame.path.replace(/\.js$/, '.ts')), line: entry.originalLine + 1 };
}

/**
 * The place of the assertion whose stack trace this is.
 *
 * Return: the line of the TypeScript source when the code is run from it, or when a source map can be read;
 * otherwise the line of the compiled file.
 */
export function locate(stack: string, readText?: ReadText): Location {
  const frame = findFrame(stack);
  if (frame === undefined) return { file: 'unknown', line: 0 };
  const map = frame.path.endsWith('.js') ? readText?.(`${frame.path}.map`) : undefined;
  const plain = { file: shownFile(frame.path), line: frame.line };
  return map === undefined ? plain : (mapped(frame, map) ?? plain);
}

/** The stack of the caller, deep enough to reach a test through helpers. */
export function captureStack(): string {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 50;
  const { stack } = new Error();
  Error.stackTraceLimit = limit;
  return stack ?? '';
}
