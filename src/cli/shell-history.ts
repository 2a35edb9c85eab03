// SPDX-License-Identifier: GPL-2.0-only
/** Lines of earlier sessions, in a file of the user's state directory; none where that cannot be written. */
import { readFileSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import { appendText, makeDirectory } from './files/directory.js';
import { replaceFile } from './files/safe-file.js';

/** Lines that are kept. */
export const HISTORY_LINES = 1000;

const OPTION = 'history';

/** No file of ours is larger; another is not read. */
const HISTORY_BYTES = 2 ** 20;

/** As the XDG base directories have it: relative paths do not count. */
export function historyPath(env: Readonly<Record<string, string | undefined>>, home = homedir()): string {
  const { XDG_STATE_HOME: state = '' } = env;
  return join(isAbsolute(state) ? state : join(home, '.local', 'state'), 'hmm-sim', 'history');
}

export class History {
  readonly #path: string;
  #lines: string[];

  constructor(path: string) {
    this.#path = path;
    this.#lines = readLines(path);
  }

  /** The newest first, as readline has them. */
  get newestFirst(): string[] {
    return this.#lines.toReversed();
  }

  add(line: string): void {
    if (line.trim() === '' || line === this.#lines.at(-1)) return;
    this.#lines.push(line);
    if (this.#lines.length > 2 * HISTORY_LINES) this.#write();
    else quietly(() => appendText(this.#path, `${line}\n`, OPTION, 0o600), this.#path);
  }

  /** Leaves only as much as is kept. */
  close(): void {
    if (this.#lines.length > HISTORY_LINES) this.#write();
  }

  #write(): void {
    this.#lines = this.#lines.slice(-HISTORY_LINES);
    quietly(() => replaceFile(this.#path, `${this.#lines.join('\n')}\n`, OPTION, 0o600), this.#path);
  }
}

function readLines(path: string): string[] {
  try {
    if (statSync(path).size > HISTORY_BYTES) return [];
    const lines = readFileSync(path, 'utf8').split('\n');
    return lines.filter((line) => line !== '').slice(-HISTORY_LINES);
  } catch {
    return [];
  }
}

/** A session is no worse for a history that cannot be kept. */
function quietly(write: () => void, path: string): void {
  try {
    makeDirectory(dirname(path), OPTION, { mode: 0o700 });
    write();
  } catch {
    // Nothing is kept.
  }
}
