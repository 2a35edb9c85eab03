// SPDX-License-Identifier: GPL-2.0-only
/** 28,000 generated scenarios: no internal error, only errnos that the kernel has, oopses only where it oopses. */
import t from 'tap';
import { complaint, forAll, KERNELS, run } from './generated.js';

const COUNTS = { '7.3': 8000, '6.12': 8000, '6.1': 8000, 'v4-coherent': 2000, 'v5-generic': 2000 };

for (const kernel of KERNELS) {
  const count = COUNTS[kernel];
  t.test(`${count} scenarios on ${kernel}`, (t) => {
    let steps = 0;
    forAll(count, kernel, (document) => {
      const observation = run(document, 'plain');
      steps += observation.results.length;
      const wrong = complaint(document, observation);
      if (wrong !== undefined) throw new Error(`${document.name}: ${wrong}`);
    });
    t.ok(steps > 15 * count, 'scenarios have steps, and most of them are taken');
    t.end();
  });
}
