// SPDX-License-Identifier: GPL-2.0-only
/** Generated scenarios in which huge pages move as a whole, under the checkers. */
import { forCategory } from './generated.js';

forCategory('hugemove', 60, (t, runs) => {
  const moved = runs.flatMap(({ document, observation }) =>
    document.steps.filter((step, i) => step.op === 'mremap' && observation.results[i]?.ret === 0),
  );
  t.ok(moved.length > 20, 'many move');
});
