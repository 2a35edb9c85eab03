// SPDX-License-Identifier: GPL-2.0-only
/** The functions that a real 6.12 entered in each step of its recordings (test/golden/traces) are entered here, in that order. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import t from 'tap';
import { compareStep } from '../../src/paths/compare.js';
import { walkScenario } from '../../src/paths/walk.js';
import { load } from '../../src/scenario/load.js';
import { bootMachine } from '../../src/session/machine-pool.js';
import { Setups } from '../../src/session/setup.js';
import { readReal } from './read-real.js';

const golden = fileURLToPath(new URL('../golden/', import.meta.url));
const unpacked = (path: string): string => {
  const bytes = readFileSync(`${golden}${path}`);
  return (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString();
};

const documents = new Map(
  readdirSync(`${golden}6.12`)
    .flatMap((file) => load(unpacked(`6.12/${file}`), file, 'jsonl').documents)
    .map(({ document }) => [document.name, document]),
);

t.test('6.12: every recorded step takes the path that it took', async (t) => {
  const setups = new Setups();
  let steps = 0;
  const differs: string[] = [];
  for (const { name, steps: real } of readReal(unpacked('traces/6.12.jsonl.gz'), '6.12')) {
    const document = documents.get(name)!;
    const setup = setups.of(document);
    for (const walked of walkScenario(bootMachine(setup), setup, document)) {
      const compared = compareStep(real[walked.index], walked);
      if (compared === undefined) continue;
      steps++;
      if (!compared.same) differs.push(`${name} ${walked.index}`);
    }
  }
  t.equal(steps, 5543);
  t.strictSame(differs, []);
});
