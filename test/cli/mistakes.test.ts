// SPDX-License-Identifier: GPL-2.0-only
/** Of very many mistakes, every command that reads documents tells ten, and how many more there are. */
import { join } from 'node:path';
import t from 'tap';
import { hmmSim } from './hmm-sim.js';

const file = join(t.testdir({ 'a.jsonl': '{}\n'.repeat(13) }), 'a.jsonl');
const line = (n: number): string =>
  n % 2 === 0
    ? `${file}:${n / 2 + 1}: name: missing key "name", expected a name: one line of 1 to 200 characters`
    : `${file}:${(n + 1) / 2}: steps: missing key "steps", expected a list`;
const ten = Array.from({ length: 10 }, (_, n) => line(n));

for (const [name, ...args] of [['show'], ['explain'], ['shrink'], ['export', '--c', '-']]) {
  t.test(name!, async (t) => {
    const { status, stdout, stderr } = hmmSim(name!, file, ...args);
    t.equal(status, 64);
    t.equal(stdout, '');
    const told =
      name === 'export' ? [...ten, 'and 16 more'] : [...ten.slice(0, 9), `hmm-sim: ${ten[9]}, and 16 more`];
    t.strictSame(stderr.trimEnd().split('\n'), told);
  });
}
