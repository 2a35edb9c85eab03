// SPDX-License-Identifier: GPL-2.0-only
/** The shell as somebody at a terminal has it: script(1) makes one, and types what is written to it. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { noScript } from '../host.js';
import { bin } from './hmm-sim.js';

/** What moves the cursor, clears lines, or chooses how keys are sent. */
const MOVES = new RegExp(`${String.fromCharCode(27)}\\[[?0-9;]*[A-Za-z]`, 'g');

const [CTRL_C, CTRL_D, UP] = ['\x03', '\x04', '\x1b[A'];

/** A command on a terminal of its own, 100 columns wide. */
class Terminal {
  #shown = '';
  /** How much of it was waited for already. */
  #seen = 0;
  #wake = () => {};
  readonly #script: ChildProcessWithoutNullStreams;
  readonly #ended: Promise<number | null>;

  constructor(home: string, ...nodeArgs: readonly string[]) {
    const words = [process.execPath, ...nodeArgs].map((word) => `'${word}'`).join(' ');
    const env = { PATH: process.env.PATH, TERM: 'xterm', HOME: home, XDG_STATE_HOME: join(home, 'state') };
    this.#script = spawn('script', ['-qec', `stty cols 100 rows 40; exec ${words}`, '/dev/null'], { env });
    this.#script.stdout.on('data', (piece: Buffer) => {
      this.#shown += piece.toString();
      this.#wake();
    });
    this.#ended = new Promise((resolve) => {
      this.#script.on('close', (status) => {
        resolve(status);
        this.#wake();
      });
    });
  }

  press(keys: string): void {
    this.#script.stdin.write(keys);
  }

  /** Waits for as long as it takes. Return: what was shown since, up to the text and with it. */
  async shows(text: string): Promise<string> {
    let over = false;
    void this.#ended.then(() => {
      over = true;
    });
    for (;;) {
      const shown = this.#shown.replaceAll(MOVES, '').replaceAll('\r', '');
      const at = shown.indexOf(text, this.#seen);
      if (at >= 0) {
        const since = shown.slice(this.#seen, at + text.length);
        this.#seen = at + text.length;
        return since;
      }
      if (over) throw new Error(`ended without "${text}": ${shown.slice(this.#seen)}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Types a line, and waits for its answer and the prompt after that. Return: all that was shown. */
  async line(text: string, prompt = 'p0> '): Promise<string> {
    this.press(`${text}\r`);
    const echo = await this.shows('\n');
    return echo + (await this.shows(prompt));
  }

  status(): Promise<number | null> {
    return this.#ended;
  }
}

const SHELL = [bin, 'shell', '--kernel', '6.12'];

t.test('prompt, answers, completion, Ctrl-C, Ctrl-D, history', { skip: noScript() }, async (t) => {
  const home = t.testdir();
  const shell = new Terminal(home, ...SHELL);
  t.equal(await shell.shows('p0> '), 'hmm-sim shell: "help" lists the commands\np0> ');
  t.match(await shell.line('mmap r0 1'), /^mmap r0 1\n\{ ret: 0 \}\np0> $/);
  t.match(await shell.line('store r0 5'), /\{ pages: \[ ok \] \}\np0> $/);

  // A tab that comes with other keys is taken for pasted.
  shell.press('unpi');
  await shell.shows('unpi');
  shell.press('\t');
  await shell.shows('n');
  shell.press(CTRL_C);
  await shell.shows('^C\n');
  await shell.shows('p0> ');
  shell.press('load r');
  await shell.shows('load r');
  shell.press('\t');
  await shell.shows('0');
  t.equal(await shell.line(''), '\n{ pages: [ 5 ] }\np0> ', 'nothing is left of what was cleared');
  shell.press(UP);
  await shell.shows('load r0');
  t.equal(await shell.line(''), '\n{ pages: [ 5 ] }\np0> ');
  t.match(await shell.line('fork p1'), /\{ ret: 0 \}\np0> $/);
  t.match(await shell.line('as p1', 'p1> '), /p1> $/);

  shell.press(CTRL_D);
  t.equal(await shell.status(), 0);
  t.equal(
    readFileSync(join(home, 'state/hmm-sim/history'), 'utf8'),
    'mmap r0 1\nstore r0 5\nload r0\nfork p1\nas p1\n',
  );

  const again = new Terminal(home, ...SHELL);
  await again.shows('p0> ');
  again.press(UP);
  await again.shows('as p1');
  again.press(UP);
  await again.shows('fork p1');
  again.press(CTRL_C);
  await again.shows('p0> ');
  again.press('quit\r');
  t.equal(await again.status(), 0);
});

t.test('Ctrl-C ends a step that takes too long', { skip: noScript() }, async (t) => {
  const preload = new URL('endless.mjs?thread=main&after=1&calls=3&tells=endless', import.meta.url).href;
  const shell = new Terminal(t.testdir(), '--import', preload, ...SHELL);
  await shell.shows('p0> ');
  await shell.line('mmap r0 1');
  shell.press('store r0 5\r');
  await shell.shows('endless');
  shell.press(CTRL_C);
  t.equal(await shell.shows('p0> '), '^C\n# interrupted; the session is as it was before\np0> ');
  t.match(await shell.line('store r0 6'), /\{ pages: \[ ok \] \}\np0> $/);
  shell.press(CTRL_D);
  t.equal(await shell.status(), 0);
});
