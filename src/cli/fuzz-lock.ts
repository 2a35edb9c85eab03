// SPDX-License-Identifier: GPL-2.0-only
/**
 * Who is at a campaign: a file with pid and host. That of a process that is gone is taken over; whether one of another
 * host is gone nobody knows here, and whoever does takes the file away.
 */
import { readFileSync, rmSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { UsageError } from '../sim/errors.js';
import { nameBeside } from './files/beside.js';
import { createFile, moveFile } from './files/directory.js';
import { beginOf, lives } from './files/processes.js';

const NAME = 'campaign.lock';

function textAt(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

interface Owner {
  readonly pid: number;
  readonly begin: string;
  readonly host: string;
}

function ownerIn(text: string): Owner | undefined {
  const [, pid, begin, host] = /^([1-9]\d{0,8}) (\d*) ([\w.-]+)\n$/.exec(text) ?? [];
  return pid === undefined ? undefined : { pid: Number(pid), begin: begin!, host: host! };
}

/** Of this host, and gone; or what somebody who was killed did not finish. */
function isStale(text: string): boolean {
  if (text === '') return true;
  const owner = ownerIn(text);
  return owner !== undefined && owner.host === hostname() && !lives(owner.pid, owner.begin);
}

export class CampaignLock {
  readonly #path: string;
  readonly #leave = () => rmSync(this.#path, { force: true });

  /** Throws UsageError when somebody else is at it. */
  constructor(readonly directory: string) {
    this.#path = join(directory, NAME);
    if (!this.#take()) {
      this.#clear();
      if (!this.#take()) throw this.#taken(textAt(this.#path) ?? '');
    }
    process.on('exit', this.#leave);
  }

  release(): void {
    process.off('exit', this.#leave);
    this.#leave();
  }

  #take(): boolean {
    const { pid } = process;
    return createFile(this.#path, `${pid} ${beginOf(pid)} ${hostname()}\n`, '--out');
  }

  /** Take a stale lock away. Throws UsageError for another. */
  #clear(): void {
    const text = textAt(this.#path);
    if (text === undefined) return;
    if (!isStale(text)) throw this.#taken(text);
    const aside = nameBeside(this.#path);
    if (!moveFile(this.#path, aside)) return;
    // Somebody else may have been faster, and this is theirs.
    if (textAt(aside) === text) rmSync(aside, { force: true });
    else moveFile(aside, this.#path);
  }

  #taken(text: string): UsageError {
    const owner = ownerIn(text);
    const who = owner === undefined ? 'another process' : `process ${owner.pid} on ${owner.host}`;
    return new UsageError(`${this.directory} is in use by ${who}, as ${this.#path} says`, '--out');
  }
}
