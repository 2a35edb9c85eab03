// SPDX-License-Identifier: GPL-2.0-only
/** Runs the built command as users do. */
import { spawnSync } from 'node:child_process';
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
  options: { cwd?: string; input?: string } = {},
): Ran {
  const env = { ...process.env, FORCE_COLOR: undefined, NODE_OPTIONS: undefined };
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8', env, ...options });
  return { status, stdout, stderr };
}

export function hmmSim(...args: readonly string[]): Ran {
  return execute(process.execPath, [bin, ...args]);
}

/** The command, with Ctrl-C pressed when it first writes `text` to stdout, stderr or the end of a file. */
export function interruptedAt(text: string, ...args: readonly string[]): Ran {
  const preload = new URL(`interrupt_at.mjs?${encodeURIComponent(text)}`, import.meta.url);
  return execute(process.execPath, ['--import', preload.href, bin, ...args]);
}
