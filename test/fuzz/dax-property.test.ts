// SPDX-License-Identifier: GPL-2.0-only
/** Generated scenarios of DAX files under the checkers: no campaign draws the category, as other machines have no such devices. */
import t from 'tap';
import { generateScenario } from '../../src/fuzz/generate.js';
import { complaint, KERNELS, run } from './generated.js';

const SCENARIOS = 60;

for (const kernel of KERNELS) {
  t.test(`no checker fires in ${SCENARIOS} scenarios on ${kernel}`, (t) => {
    let mapped = 0;
    for (let seed = 1; seed <= SCENARIOS; seed++) {
      const document = generateScenario(seed, { kernel, category: 'dax' });
      const done = run(document, 'checked');
      t.equal(complaint(document, done), undefined, document.name);
      mapped += document.steps.filter((step) => step.op === 'mmap' && step.backing === 'dax').length;
    }
    t.ok(mapped > SCENARIOS / 2, 'most have a DAX file');
    t.end();
  });
}
