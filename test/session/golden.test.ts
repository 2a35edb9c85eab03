// SPDX-License-Identifier: GPL-2.0-only
/** The recorded answers of real kernels: every scenario, every key. */
import { readdirSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import t from 'tap';
import { failureOf } from '../../src/report/scenario-outcome.js';
import { load } from '../../src/scenario/load.js';
import { MachinePool } from '../../src/session/machine-pool.js';
import { runOn } from '../../src/session/runner.js';
import { Setups } from '../../src/session/setup.js';

const GOLDEN = 'test/golden';
/** Failures shown in full for each file; the others are counted. */
const SHOWN = 5;

for (const kernel of ['6.1', '6.12', '7.3']) {
  for (const name of readdirSync(`${GOLDEN}/${kernel}`)) {
    t.test(`${kernel}/${name}`, (t) => {
      const file = `${GOLDEN}/${kernel}/${name}`;
      const { documents, mistakes } = load(gunzipSync(readFileSync(file)).toString(), file, 'jsonl');
      t.strictSame(mistakes, []);
      t.ok(documents.length >= 16, 'a recording has at least 16 scenarios');

      const setups = new Setups();
      const machines = new MachinePool();
      let failed = 0;
      for (const place of documents) {
        const failure = failureOf(place, runOn(machines, setups.of(place.document), place.document));
        if (failure === undefined || ++failed > SHOWN) continue;
        const { step, differs, expected, actual } = failure;
        t.fail(`${place.document.name}, step ${step}: ${differs}`, { wanted: expected, found: actual });
      }
      t.equal(failed, 0, `${documents.length} scenarios answer as ${kernel} did`);
      t.end();
    });
  }
}
