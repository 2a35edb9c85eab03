// SPDX-License-Identifier: GPL-2.0-only
/** Generated scenarios on little memory and some swap, under the checkers: direct reclaim and the OOM killer. */
import t from 'tap';
import { generateScenario } from '../../src/fuzz/generate.js';
import { complaint, KERNELS, run } from './generated.js';

const SCENARIOS = 25;

for (const kernel of KERNELS) {
  t.test(`no checker fires in ${SCENARIOS} scenarios on ${kernel}`, (t) => {
    let gone = 0;
    for (let seed = 1; seed <= SCENARIOS; seed++) {
      const document = generateScenario(seed, { kernel, category: 'reclaim' });
      const done = run(document, 'checked');
      t.equal(complaint(document, done), undefined, document.name);
      if (JSON.stringify(done.results).includes('"S"')) gone++;
    }
    t.ok(gone > 2, 'pages are on the swap device');
    t.end();
  });
}
