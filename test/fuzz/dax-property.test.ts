// SPDX-License-Identifier: GPL-2.0-only
/** Generated scenarios of DAX files under the checkers: no campaign draws the category, as other machines have no such devices. */
import { forCategory } from './generated.js';

const SCENARIOS = 60;

forCategory('dax', SCENARIOS, (t, runs) => {
  const mapped = runs.flatMap(({ document }) =>
    document.steps.filter((step) => step.op === 'mmap' && step.backing === 'dax'),
  );
  t.ok(mapped.length > SCENARIOS / 2, 'most have a DAX file');
});
