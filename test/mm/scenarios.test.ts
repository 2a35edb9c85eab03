// SPDX-License-Identifier: GPL-2.0-only
/** Small scenarios whose answers follow from one function of the kernel each: their `source` names it. */
import { readdirSync, readFileSync } from 'node:fs';
import t from 'tap';
import { failureOf } from '../../src/report/scenario-outcome.js';
import { load } from '../../src/scenario/load.js';
import { MachinePool } from '../../src/scenario/machine-pool.js';
import { runOn } from '../../src/scenario/runner.js';
import { Setups } from '../../src/scenario/setup.js';

const SCENARIOS = 'test/mm/scenarios';

const setups = new Setups();
const machines = new MachinePool();

for (const name of readdirSync(SCENARIOS).sort()) {
  t.test(name, (t) => {
    const file = `${SCENARIOS}/${name}`;
    const { documents, mistakes } = load(readFileSync(file, 'utf8'), file, 'yaml');
    t.strictSame(mistakes, []);
    t.equal(documents.length, 1);
    for (const place of documents) {
      const { document } = place;
      t.equal(`${document.name}.yaml`, name);
      t.type(document.source, 'string', 'a scenario says which function decides');
      const failure = failureOf(place, runOn(machines, setups.of(document), document));
      t.equal(failure?.differs, undefined);
    }
    t.end();
  });
}
