// SPDX-License-Identifier: GPL-2.0-only
/**
 * What a test may want of the host and not find there: the only reasons to skip one. What the project lacks is a
 * failure; test/habits.test.ts looks after that.
 */
import { spawnSync } from 'node:child_process';
import { bin, execute, nobody } from './cli/hmm-sim.js';

type Lack =
  | 'there is no C compiler (cc) here'
  | 'there is no Chromium that runs here'
  | 'there is no prove here'
  | 'there is no perf here'
  | 'there is no trace-cmd here'
  | 'there is no fish here'
  | 'there is no zsh here'
  | 'there is no script(1) of util-linux here'
  | 'others than root may not read this tree';

const succeeds = (command: string, ...args: string[]): boolean =>
  spawnSync(command, args, { timeout: 20_000 }).status === 0;

const unless = (there: boolean, why: Lack): Lack | false => (there ? false : why);

export const noCompiler = (): Lack | false =>
  unless(succeeds('cc', '--version'), 'there is no C compiler (cc) here');

export const noProve = (): Lack | false => unless(succeeds('prove', '--version'), 'there is no prove here');

export const noPerf = (): Lack | false => unless(succeeds('perf', '--version'), 'there is no perf here');

export const noTraceCmd = (): Lack | false =>
  // Its status tells nothing: it has none of success for such a question.
  unless(spawnSync('trace-cmd', ['--version']).error === undefined, 'there is no trace-cmd here');

export const CHROMIUM_OPTIONS = ['--headless', '--no-sandbox', '--disable-gpu'];

/** The name of a Chromium that can show a page here, or undefined. */
export function findChromium(): string | undefined {
  const names = [process.env.CHROME_BIN, 'chromium', 'chromium-browser', 'google-chrome'];
  return names.find(
    (name) => name !== undefined && succeeds(name, ...CHROMIUM_OPTIONS, '--dump-dom', 'about:blank'),
  );
}

export const noChromium = (): Lack | false =>
  unless(findChromium() !== undefined, 'there is no Chromium that runs here');

export const noFish = (): Lack | false => unless(succeeds('fish', '-c', 'true'), 'there is no fish here');

export const noZsh = (): Lack | false => unless(succeeds('zsh', '-c', 'true'), 'there is no zsh here');

/** BSD's takes other arguments. */
export const noScript = (): Lack | false =>
  unless(
    /util-linux/.test(spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout ?? ''),
    'there is no script(1) of util-linux here',
  );

/** Whether `nobody` may read this tree: a checkout below /root, say, is root's alone. */
export const noNobody = (): Lack | false =>
  unless(
    execute(process.execPath, [bin, '--version'], nobody).status === 0,
    'others than root may not read this tree',
  );
