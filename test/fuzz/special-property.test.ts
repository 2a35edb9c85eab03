// SPDX-License-Identifier: GPL-2.0-only
/** Generated scenarios with pages of the kernel in programs, under the checkers: they never migrate. */
import type { StepResult } from '../../src/scenario/result.js';
import type { Step } from '../../src/scenario/schema.js';
import { forCategory } from './generated.js';

/** Steps that may put something else into a region. */
const REMAPS = /^(?:mmap|mremap|munmap|fork|map_vdso)$/;

/** What migrations of a region answer from the vdso's mapping on, until anything is mapped or unmapped. */
function migrations(steps: readonly Step[], results: readonly StepResult[]): StepResult[] {
  const found: StepResult[] = [];
  for (const [at, step] of steps.entries()) {
    if (step.op !== 'map_vdso' || results[at]?.ret !== 0) continue;
    // Where something is mapped already, it goes elsewhere.
    if (steps.slice(0, at).some((one) => JSON.stringify(one).includes(`"${step.region}"`))) continue;
    for (let n = at + 1; n < results.length && !REMAPS.test(steps[n]!.op); n++) {
      const later = steps[n]!;
      if (later.op !== 'ioctl' || !/^MIGRATE/.test(later.cmd) || later.region !== step.region) continue;
      if (later.as === step.as && (later.pages ?? 0) > 0) found.push(results[n]!);
    }
  }
  return found;
}

forCategory('special', 60, (t, runs) => {
  const answers = runs.flatMap(({ document, observation }) =>
    migrations(document.steps, observation.results),
  );
  for (const { ret, cpages = 0, oops } of answers)
    if (oops === undefined) t.same([ret === 0, cpages], [false, 0]);
  t.ok(answers.length > 0, `somebody tries: ${answers.length}`);
});
