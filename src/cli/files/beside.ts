// SPDX-License-Identifier: GPL-2.0-only
/**
 * Names beside files, for what is not whole yet, and the taking away of those that a killed process has left: only names of
 * our own making, of this host, whose process is gone.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { beginOf, lives } from './processes.js';

const NAME = /^\..{0,8}\.hmm-sim-([0-9a-f]{12})-([1-9]\d{0,8})-(\d*)-\d+\.tmp$/su;

/** What `read` answers; empty where the host has no such thing. */
function orNothing(read: () => string): string {
  try {
    return read();
  } catch {
    return '';
  }
}

let host: string | undefined;

/** Where a pid is whose: of another host, or in another container, it is another process. */
function thisHost(): string {
  host ??= createHash('sha256')
    .update(
      [
        hostname(),
        orNothing(() => readFileSync('/etc/machine-id', 'utf8')),
        orNothing(() => readlinkSync('/proc/self/ns/pid')),
      ].join('\n'),
    )
    .digest('hex')
    .slice(0, 12);
  return host;
}

let count = 0;

/** Short, for the longest name to have one beside it; no scenario's name. */
export function nameBeside(target: string): string {
  const { pid } = process;
  const writer = `${thisHost()}-${pid}-${beginOf(pid)}-${count++}`;
  return join(dirname(target), `.${[...basename(target)].slice(0, 8).join('')}.hmm-sim-${writer}.tmp`);
}

/** Is it a name of nameBeside(), in a process of this host that is gone? */
function isStale(name: string): boolean {
  const [, where, pid, begin] = NAME.exec(name) ?? [];
  return where === thisHost() && !lives(Number(pid), begin!);
}

const swept = new Set<string>();

/** Take away what killed processes have left in a directory; once for each. What cannot be, stays. */
export function sweep(directory: string): void {
  if (swept.has(directory)) return;
  swept.add(directory);
  try {
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      if (entry.isFile() && isStale(entry.name)) rmSync(join(directory, entry.name), { force: true });
    }
  } catch {
    // What is to be written there says what is wrong.
  }
}
