// SPDX-License-Identifier: GPL-2.0-only
/** Runs the built command as users do. */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));
export const bin = `${root}bin/hmm-sim.js`;

export interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export function execute(
  command: string,
  args: readonly string[],
  options: { cwd?: string; input?: string; env?: NodeJS.ProcessEnv; uid?: number; gid?: number } = {},
): Ran {
  const unset = { FORCE_COLOR: undefined, NODE_OPTIONS: undefined, GITHUB_ACTIONS: undefined };
  const env = {
    ...process.env,
    ...unset,
    ...(options.uid === undefined ? {} : notesOfOthers()),
    ...options.env,
  };
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8', ...options, env });
  return { status, stdout, stderr };
}

let roomForNotes: string | undefined;

/** Tap has every process write down what it loaded, when it ends: another user's may not do that in this tree. */
function notesOfOthers(): NodeJS.ProcessEnv {
  if (roomForNotes === undefined) {
    const room = mkdtempSync(join(tmpdir(), 'hmm-sim-notes-'));
    chmodSync(room, 0o777);
    process.on('exit', () => rmSync(room, { recursive: true, force: true }));
    roomForNotes = room;
  }
  return { _TAPJS_PROCESSINFO_CWD_: roomForNotes };
}

export function hmmSim(...args: readonly string[]): Ran {
  return execute(process.execPath, [bin, ...args]);
}

/** Who may not do all, as root may; nothing where this is nobody who may all. */
export const nobody = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};

/** When it first writes `text` to stdout, stderr or the end of a file; Ctrl-C is SIGINT. */
export type Interrupt = string | { readonly text: string; readonly signal: NodeJS.Signals };

/** The command, with a signal sent to it. */
export function interruptedAt(interrupt: Interrupt, ...args: readonly string[]): Ran {
  const { text, signal } = typeof interrupt === 'string' ? { text: interrupt, signal: 'SIGINT' } : interrupt;
  const query = `text=${encodeURIComponent(text)}&signal=${signal}`;
  const preload = new URL(`interrupt_at.mjs?${query}`, import.meta.url);
  return execute(process.execPath, ['--import', preload.href, bin, ...args]);
}

/** Where and how a call of node:fs goes wrong: see fault_at.mjs. */
export interface Fault {
  readonly at?: number;
  readonly how?: string;
  readonly only?: string;
  readonly path?: string;
  readonly count?: string;
}

/** The command, on a host where something goes wrong. */
export function faulty(fault: Fault, ...args: readonly string[]): Ran {
  const query = new URLSearchParams(
    Object.entries(fault).map(([key, value]): [string, string] => [key, String(value)]),
  );
  const preload = new URL(`fault_at.mjs?${query}`, import.meta.url);
  return execute(process.execPath, ['--import', preload.href, bin, ...args]);
}
