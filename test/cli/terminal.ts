// SPDX-License-Identifier: GPL-2.0-only
/** A command on a terminal that is none: util-linux's script(1) makes one. */
import { spawn, spawnSync } from 'node:child_process';

/** Whether the host has script(1) as util-linux has it. */
export const hasScript = spawnSync('script', ['-qec', 'true', '/dev/null']).status === 0;

export interface Ended {
  /** As a shell tells it: 128 and the signal's number. */
  readonly status: number | null;
  readonly output: string;
}

/** What moves the cursor and clears lines. */
const MOVES = new RegExp(`${String.fromCharCode(27)}\\[[0-9;?]*[A-Za-z]`, 'g');

export class OnTerminal {
  readonly #child;
  #output = '';
  #seen = 0;
  #wake: () => void = () => {};

  constructor(command: string, env: NodeJS.ProcessEnv = {}) {
    this.#child = spawn('script', ['-qec', command, '/dev/null'], { env: { ...process.env, ...env } });
    this.#child.stdout.on('data', (bytes: Buffer) => {
      this.#output += bytes.toString();
      this.#wake();
    });
  }

  /** Wait until that has been printed, behind what was waited for last. */
  async printed(text: string): Promise<void> {
    for (;;) {
      const at = this.#output.indexOf(text, this.#seen);
      if (at >= 0) {
        this.#seen = at + text.length;
        return;
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  keys(text: string): void {
    this.#child.stdin.write(text);
  }

  async end(): Promise<Ended> {
    const status = await new Promise<number | null>((resolve) => this.#child.on('close', resolve));
    return { status, output: this.#output.replaceAll(MOVES, '').replaceAll('\r', '') };
  }
}
