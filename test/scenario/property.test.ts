// SPDX-License-Identifier: GPL-2.0-only
/** 20,000 generated scenarios: no internal error, only errnos that the kernel has, oopses only where it oopses. */
import t from 'tap';
import { complaint, forAll, KERNELS, run } from './generated.js';

const COUNT = 5000;

for (const kernel of KERNELS) {
  t.test(`${COUNT} scenarios on ${kernel}`, (t) => {
    let steps = 0;
    forAll(COUNT, kernel, (document) => {
      const observation = run(document, 'plain');
      steps += observation.results.length;
      const wrong = complaint(document, observation);
      if (wrong !== undefined) throw new Error(`${document.name}: ${wrong}`);
    });
    t.ok(steps > 15 * COUNT, 'scenarios have steps, and most of them are taken');
    t.end();
  });
}
