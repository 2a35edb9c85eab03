// SPDX-License-Identifier: GPL-2.0-only
/** Generated scenarios in which the hardware loses pages, under the checkers: of memory, of files, and of the swap cache. */
import { forCategory } from './generated.js';

forCategory('hwpoison', 60, (t, runs) => {
  const taken = runs.flatMap(({ document, observation }) =>
    observation.results.map((result, index) => ({ step: document.steps[index]!, result })),
  );
  const advised = (advice: string, ret: string | 0): number =>
    taken.filter(({ step, result }) => step.op === 'madvise' && step.advice === advice && result.ret === ret)
      .length;
  const lost = advised('hwpoison', 0) + advised('hwpoison', 'ESRCH');
  t.ok(lost > 10, `pages are lost: ${lost}`);
  t.ok(advised('soft_offline', 0) > 5, `pages move before they are: ${advised('soft_offline', 0)}`);
  const met = taken.filter(({ result }) => result.pages?.includes('SIGBUS')).length;
  t.ok(met > 0, `who comes for one is told: ${met}`);
});
