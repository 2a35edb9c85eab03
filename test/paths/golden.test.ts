// SPDX-License-Identifier: GPL-2.0-only
/** The functions that real kernels entered in each step of its recordings (test/golden/traces) are entered here, in that order. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import t from 'tap';
import { tracedFunctions } from '../../src/generations/traced.js';
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

/**
 * Steps whose paths part, for reasons in docs/DIVERGENCES.md: where references of locked pages wait in a list of the
 * processor, and where the recording ends in the middle of a step.
 */
const PARTING: Readonly<Record<string, readonly string[]>> = {
  '6.12': [],
  '7.3': ['thpdev-105-0065', 'thpdev-105-0068', 'vma-105-0000', 'vma-105-0011'],
};

const STEPS: Readonly<Record<string, number>> = { '6.12': 5543, '7.3': 5106 };

for (const kernel of ['6.12', '7.3']) {
  t.test(`${kernel}: every recorded step takes the path that it took`, async (t) => {
    const documents = new Map(
      readdirSync(`${golden}${kernel}`)
        .flatMap((file) => load(unpacked(`${kernel}/${file}`), file, 'jsonl').documents)
        .map(({ document }) => [document.name, document]),
    );
    const setups = new Setups();
    let steps = 0;
    let parted = 0;
    const differs = new Set<string>();
    for (const { name, steps: real } of readReal(unpacked(`traces/${kernel}.jsonl.gz`), kernel)) {
      const document = documents.get(name)!;
      const setup = setups.of(document);
      const traced = tracedFunctions(setup.generation.version);
      for (const walked of walkScenario(bootMachine(setup), setup, document)) {
        const compared = compareStep(real[walked.index], walked, traced);
        if (compared === undefined) continue;
        steps++;
        if (compared.same) continue;
        parted++;
        differs.add(name);
      }
    }
    t.equal(steps, STEPS[kernel]);
    t.strictSame([...differs].sort(), PARTING[kernel]);
    t.ok(parted <= 14, `${parted} steps part`);
  });
}
