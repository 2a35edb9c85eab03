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
  let huge = 0;
  for (const { document, observation } of runs) {
    const ofPool = new Map<string, boolean>();
    for (const [index, step] of document.steps.entries()) {
      const { ret } = observation.results[index] ?? {};
      if (step.op === 'mmap' && ret === 0) ofPool.set(step.region, step.backing === 'hugetlb');
      if (step.op === 'madvise' && step.advice === 'hwpoison' && (ret === 0 || ret === 'ESRCH'))
        if (ofPool.get(step.region) === true) huge++;
    }
  }
  t.ok(huge > 0, `huge pages of the pool are lost: ${huge}`);
  t.ok(advised('soft_offline', 0) > 5, `pages move before they are: ${advised('soft_offline', 0)}`);
  const met = taken.filter(({ result }) => result.pages?.includes('SIGBUS')).length;
  t.ok(met > 0, `who comes for one is told: ${met}`);
});
