// SPDX-License-Identifier: GPL-2.0-only
/** What no recording shows, but the kernel's sources say: migration, exclusive access and their invalidations. */
import { readdirSync, readFileSync } from 'node:fs';
import t from 'tap';
import { failureOf } from '../../src/report/scenario-outcome.js';
import { load } from '../../src/scenario/load.js';
import { MachinePool } from '../../src/scenario/machine-pool.js';
import { runOn } from '../../src/scenario/runner.js';
import { Setups } from '../../src/scenario/setup.js';

const DIRECTORY = 'test/unrecorded/device';

for (const name of readdirSync(DIRECTORY)) {
  t.test(name, (t) => {
    const file = `${DIRECTORY}/${name}`;
    const { documents, mistakes } = load(readFileSync(file, 'utf8'), file, 'yaml');
    t.strictSame(mistakes, []);
    const place = documents[0]!;
    const { kernel } = place.document;
    for (const id of kernel === undefined ? ['6.12', '6.1'] : [kernel]) {
      const setup = new Setups({ kernel: id, check: true }).of(place.document);
      t.strictSame(failureOf(place, runOn(new MachinePool(), setup, place.document)), undefined, id);
    }
    t.end();
  });
}
