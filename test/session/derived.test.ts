// SPDX-License-Identifier: GPL-2.0-only
/**
 * Scenarios whose answers follow from one function of the kernel each, which their `source` names: what no recording
 * shows, but the sources say. Those without a kernel answer alike on 6.12 and 6.1.
 */
import { readdirSync, readFileSync } from 'node:fs';
import t from 'tap';
import { failureOf } from '../../src/report/scenario-outcome.js';
import { load } from '../../src/scenario/load.js';
import { MachinePool } from '../../src/session/machine-pool.js';
import { runOn } from '../../src/session/runner.js';
import { Setups } from '../../src/session/setup.js';

const DERIVED = 'test/derived';

for (const name of readdirSync(DERIVED).sort()) {
  t.test(name, (t) => {
    const file = `${DERIVED}/${name}`;
    const { documents, mistakes } = load(readFileSync(file, 'utf8'), file, 'yaml');
    t.strictSame(mistakes, []);
    const place = documents[0]!;
    const { document } = place;
    t.equal(`${document.name}.yaml`, name);
    t.type(document.source, 'string', 'a scenario says which function decides');
    for (const kernel of document.kernel === undefined ? ['6.12', '6.1'] : [document.kernel]) {
      // What a bug does, the checkers may find.
      const check = document.machine?.bugs === undefined;
      const setup = new Setups({ kernel, check }).of(document);
      t.strictSame(failureOf(place, runOn(new MachinePool(), setup, document)), undefined, kernel);
    }
    t.end();
  });
}
