// SPDX-License-Identifier: GPL-2.0-only
/** The scenario files below a directory. */
import { closeSync, type Dirent, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { LIMITS } from '../scenario/limits.js';
import type { Mistake } from '../scenario/load.js';
import { syntaxOf } from '../scenario/syntax.js';
import { isRefusal } from './files/host-error.js';
import { type InputMistake, readErrorText } from './input.js';

/** More are no collection of scenarios, but somebody's disk. */
const MAX_ENTRIES = 200_000;

/** Nobody keeps scenarios there. */
const isForeign = (directory: string): boolean => directory === 'node_modules' || directory.startsWith('.');

/** The first bytes of a file; a larger one is told later to be too large. */
function beginning(path: string): Buffer {
  const fd = openSync(path, 'r');
  try {
    const bytes = Buffer.alloc(Math.min(statSync(path).size, LIMITS.bytes));
    return bytes.subarray(0, readSync(fd, bytes, 0, bytes.length, 0));
  } finally {
    closeSync(fd);
  }
}

/** JSON is many things; a scenario has steps. */
function hasSteps(path: string): boolean {
  let text = '';
  try {
    const bytes = beginning(path);
    const isGzip = bytes[0] === 0x1f && bytes[1] === 0x8b;
    text = (isGzip ? gunzipSync(bytes, { maxOutputLength: LIMITS.bytes }) : bytes).toString('utf8');
    const document: unknown = JSON.parse(text);
    return typeof document === 'object' && document !== null && 'steps' in document;
  } catch {
    // One that cannot be read, or is cut, may have been meant.
    return text === '' || text.includes('"steps"');
  }
}

const KINDS = [
  ['a FIFO', (entry: Dirent) => entry.isFIFO()],
  ['a socket', (entry: Dirent) => entry.isSocket()],
  ['a device', (entry: Dirent) => entry.isCharacterDevice() || entry.isBlockDevice()],
] as const;

export interface Walk {
  readonly files: string[];
  readonly mistakes: InputMistake[];
  /** Entries that look like scenarios and are no files. */
  readonly skipped: Mistake[];
}

class Walker implements Walk {
  readonly files: string[] = [];
  readonly mistakes: InputMistake[] = [];
  readonly skipped: Mistake[] = [];
  #entries = 0;

  constructor(
    readonly top: string,
    readonly most: number,
  ) {}

  walk(directory: string): void {
    for (const entry of this.#entriesOf(directory)) {
      if (++this.#entries > this.most) return;
      const path = join(directory, entry.name);
      if (!entry.isDirectory()) this.#take(path, entry);
      else if (!isForeign(entry.name)) this.walk(path);
    }
  }

  get isTooLarge(): boolean {
    return this.#entries > this.most;
  }

  #entriesOf(directory: string): Dirent[] {
    try {
      const entries = readdirSync(directory, { withFileTypes: true });
      return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
    } catch (error) {
      const refused = isRefusal(error) ? ({ refused: true } as const) : {};
      this.mistakes.push({ where: directory, message: readErrorText(error), ...refused });
      return [];
    }
  }

  #take(path: string, entry: Dirent): void {
    const syntax = syntaxOf(path);
    if (syntax === undefined) return;
    const kind = this.#kindOf(path, entry);
    if (kind !== undefined) this.skipped.push({ where: path, message: `skipped: ${kind}, not a file` });
    else if (syntax !== 'json' || hasSteps(path)) this.files.push(path);
  }

  /** What it is, when it is no file that can be read to its end. */
  #kindOf(path: string, entry: Dirent): string | undefined {
    const target = entry.isSymbolicLink() ? statSync(path, { throwIfNoEntry: false }) : entry;
    if (target === undefined) return undefined;
    if (target.isDirectory()) return 'a link to a directory';
    return KINDS.find(([, is]) => is(target as Dirent))?.[0];
  }
}

/** In the order of names. */
export function walkScenarios(directory: string, most = MAX_ENTRIES): Walk {
  const walker = new Walker(directory, most);
  walker.walk(directory);
  if (!walker.isTooLarge) return walker;
  const message = `expected at most ${most} files below a directory`;
  return { files: [], mistakes: [{ where: directory, message }], skipped: [] };
}
