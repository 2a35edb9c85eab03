// SPDX-License-Identifier: GPL-2.0-only
/** Generated scenarios in which memory blocks go out of use, and come back, under the checkers. */
import { forCategory } from './generated.js';

forCategory('hotplug', 60, (t, runs) => {
  const taken = runs.flatMap(({ document, observation }) =>
    observation.results.filter((_, index) => document.steps[index]!.op === 'offline'),
  );
  const emptied = taken.filter(({ ret }) => ret === 0).length;
  const busy = taken.filter(({ ret }) => ret === 'EBUSY').length;
  const waiting = taken.filter(({ waits }) => waits === 'offline_pages').length;
  t.ok(emptied > 10, `blocks are out of use: ${emptied}`);
  t.ok(busy > 0, `what a driver has is in the way: ${busy}`);
  // The first gup_test keeps no pins.
  const pins = runs[0]!.document.kernel !== 'v5-generic';
  t.ok(waiting > 0 || !pins, `somebody holds what lies there: ${waiting}`);
});
