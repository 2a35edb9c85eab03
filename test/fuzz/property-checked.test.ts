// SPDX-License-Identifier: GPL-2.0-only
/** Generated scenarios under the checkers, a leak check at their end; and the same seed has the same answers. */
import t from 'tap';
import { generateScenario } from '../../src/fuzz/generate.js';
import { complaint, forAll, KERNELS, run } from './generated.js';

const CHECKED = 500;
const TWICE = 250;

for (const kernel of KERNELS) {
  t.test(`no checker fires in ${CHECKED} scenarios on ${kernel}`, (t) => {
    let checked = 0;
    forAll(CHECKED, kernel, (document) => {
      const wrong = complaint(document, run(document, 'checked'));
      if (wrong !== undefined) throw new Error(`${document.name}: ${wrong}`);
      checked++;
    });
    t.equal(checked, CHECKED);
    t.end();
  });

  t.test(`${TWICE} seeds answer the same twice on ${kernel}, checkers or not`, (t) => {
    forAll(TWICE, kernel, (document) => {
      const seed = Number(document.name.split('-').at(-1));
      const again = generateScenario(seed, { kernel });
      const [first, second] = [run(document, 'plain'), run(again, 'checked')];
      // A checker that ends the run says so instead of the answer.
      const said = second.end?.kind === 'checker' ? second.results.slice(0, -1) : second.results;
      const heard = second.end?.kind === 'checker' ? first.results.slice(0, said.length) : first.results;
      const bytes = JSON.stringify([document, heard]);
      if (bytes !== JSON.stringify([again, said])) throw new Error(`${document.name} differs`);
    });
    t.pass('the same bytes');
    t.end();
  });
}
