// SPDX-License-Identifier: GPL-2.0-only
/** Generated scenarios with huge pages of files, under the checkers. */
import { forCategory } from './generated.js';

forCategory('hugefile', 60, (t, runs) => {
  const collapsed = runs.filter(({ document, observation }) =>
    document.steps.some(
      (step, i) =>
        step.op === 'madvise' &&
        step.advice === 'collapse' &&
        step.pages >= 512 &&
        observation.results[i]?.ret === 0,
    ),
  );
  if (runs[0]?.document.kernel?.startsWith('v')) t.equal(collapsed.length, 0, 'there is no MADV_COLLAPSE');
  else t.ok(collapsed.length > 5, 'some are collapsed');
});
