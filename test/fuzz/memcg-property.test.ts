// SPDX-License-Identifier: GPL-2.0-only
/** Generated scenarios of memory cgroups under the checkers: no campaign draws the category. */
import t from 'tap';
import { generateScenario } from '../../src/fuzz/generate.js';
import { complaint, KERNELS, run } from './generated.js';

const SCENARIOS = 60;

for (const kernel of KERNELS) {
  t.test(`no checker fires in ${SCENARIOS} scenarios on ${kernel}`, (t) => {
    let charged = 0;
    let reached = 0;
    for (let seed = 1; seed <= SCENARIOS; seed++) {
      const document = generateScenario(seed, { kernel, category: 'memcg' });
      const done = run(document, 'checked');
      t.equal(complaint(document, done), undefined, document.name);
      for (const { answer = '' } of done.results) {
        if (/anon \d/.test(answer)) charged++;
        if (/max \d/.test(answer)) reached++;
      }
    }
    t.ok(charged > 0, `pages are charged: ${charged}`);
    t.ok(reached > 0, `a limit is reached: ${reached}`);
    t.end();
  });
}
