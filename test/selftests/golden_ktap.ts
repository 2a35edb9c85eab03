// SPDX-License-Identifier: GPL-2.0-only
/** What real kernels printed (test/golden/ktap), in the form in which our output is compared with it. */
import { readFileSync } from 'node:fs';

export interface GoldenRun {
  /** stdout, with source places reduced to "FILE", and measured figures to "N". */
  readonly stdout: string[];
  readonly stderr: string[];
  readonly exitCode: number;
}

const isStderr = (line: string): boolean => line.startsWith('could not open hmm dmirror driver');

/** "# hmm-tests.c:142:" and "# hmm-tests/fixtures.ts:60:" say the same of different sources; ours names the C line, too. */
export function withoutPlace(line: string): string {
  return line
    .replace(/^# hmm-tests(?:\.c|\/\w+\.[jt]s):\d+:/, '# FILE:')
    .replace(/^(# FILE:.*) \(hmm-tests\.c:\d+\)$/, '$1');
}

/** The benchmark's figures are of one machine and one run. */
export function withoutFigures(line: string): string {
  return /^[SD]\S+ +(?:Migration|Throughput) +\|/.test(line) ? line.replace(/-?\d+\.\d+/g, 'N') : line;
}

export function goldenRun(name: string): GoldenRun {
  const text = readFileSync(new URL(`../golden/ktap/${name}.txt`, import.meta.url), 'utf8');
  const lines = text.trimEnd().split('\n');
  const exit = /^@@EXIT (\d+)$/.exec(lines.pop()!)!;
  return {
    stdout: lines
      .filter((line) => !isStderr(line))
      .map(withoutPlace)
      .map(withoutFigures),
    stderr: lines.filter(isStderr),
    exitCode: Number(exit[1]),
  };
}
