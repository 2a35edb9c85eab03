// SPDX-License-Identifier: GPL-2.0-only
/** No benchmark may cost 30 % more, in multiples of its peer, than bench/ratios.json says (see bench/guard.js). */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { execute, root } from '../cli/hmm-sim.js';

interface Guarded {
  readonly name: string;
  readonly ratio: number;
  readonly limit: number;
}

t.test('the benchmarks cost no more than they did', async (t) => {
  const committed = JSON.parse(readFileSync(`${root}bench/ratios.json`, 'utf8')) as Record<string, number>;
  // Without what the test runner loads into every node that it sees start: with that, migration may take five times as long.
  const { stdout } = execute('env', ['-u', 'NODE_OPTIONS', process.execPath, 'bench/guard.js'], {
    cwd: root,
  });
  const results = JSON.parse(stdout) as Guarded[];
  t.same(
    results.map(({ name }) => name),
    Object.keys(committed),
  );
  for (const { name, ratio, limit } of results) {
    t.equal(limit, committed[name]! * 1.3);
    t.ok(ratio <= limit, `${name}: ${ratio.toFixed(2)} times its peer, at most ${limit.toFixed(2)}`);
  }
});
