// SPDX-License-Identifier: GPL-2.0-only
/** No benchmark may cost 30 % more, in multiples of its peer, than bench/ratios.json says (see bench/guard.js). */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import t from 'tap';

interface Guarded {
  readonly name: string;
  readonly ratio: number;
  readonly limit: number;
}

const root = new URL('../../', import.meta.url);

t.test('the benchmarks cost no more than they did', async (t) => {
  const committed = JSON.parse(readFileSync(new URL('bench/ratios.json', root), 'utf8')) as Record<
    string,
    number
  >;
  const output = execFileSync(process.execPath, ['bench/guard.js'], { cwd: root, encoding: 'utf8' });
  const results = JSON.parse(output) as Guarded[];
  t.same(
    results.map(({ name }) => name),
    Object.keys(committed),
  );
  for (const { name, ratio, limit } of results) {
    t.equal(limit, committed[name]! * 1.3);
    t.ok(ratio <= limit, `${name}: ${ratio.toFixed(2)} times its peer, at most ${limit.toFixed(2)}`);
  }
});
