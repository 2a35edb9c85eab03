// SPDX-License-Identifier: GPL-2.0-only
/** The recorded scenarios break no invariant, leave nothing behind, and answer as they do unchecked. */
import { readdirSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import t from 'tap';
import type { Machine } from '../../src/machine/machine.js';
import { failureOf } from '../../src/report/scenario-outcome.js';
import { load } from '../../src/scenario/load.js';
import { fatalKey } from '../../src/scenario/result.js';
import { MachinePool } from '../../src/session/machine-pool.js';
import { Setups } from '../../src/session/setup.js';
import { InvariantViolation } from '../../src/sim/errors.js';
import { resultsOf } from '../session/results.js';

const GOLDEN = 'test/golden';
/** Every other scenario, to be quick; `hmm-sim run --check test/golden/*` takes all. */
const STRIDE = 2;

function leakOf(machine: Machine): string {
  try {
    machine.leakCheck();
    return '';
  } catch (error) {
    if (error instanceof InvariantViolation) return error.message;
    throw error;
  }
}

for (const kernel of ['6.1', '6.12', '7.3']) {
  const setups = new Setups({ check: true });
  const machines = new MachinePool();
  t.test(kernel, (t) => {
    for (const name of readdirSync(`${GOLDEN}/${kernel}`)) {
      const file = `${GOLDEN}/${kernel}/${name}`;
      const all = load(gunzipSync(readFileSync(file)).toString(), file, 'jsonl').documents;
      const documents = all.filter((_, n) => n % STRIDE === 0);
      const found: string[] = [];
      for (const place of documents) {
        const { document } = place;
        const setup = setups.of(document);
        const machine = machines.acquire(setup);
        const results = resultsOf(machine, document, setup.generation);
        const failure = failureOf(place, { results, loadFailure: undefined, dmesg: [] });
        if (failure !== undefined) found.push(`${document.name}, step ${failure.step}: ${failure.differs}`);
        if (results.every((result) => fatalKey(result) === undefined)) {
          const leak = leakOf(machine);
          if (leak !== '') found.push(`${document.name}: ${leak}`);
        }
        machines.release(machine);
      }
      t.strictSame(found, [], `${documents.length} scenarios of ${name}`);
    }
    t.end();
  });
}
