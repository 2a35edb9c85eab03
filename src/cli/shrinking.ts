// SPDX-License-Identifier: GPL-2.0-only
/** Shrinks a scenario towards a goal while the world goes on: progress on a terminal, a limit, Ctrl-C. */
import type { Goal } from '../fuzz/goals.js';
import { type Progress, shrink } from '../fuzz/shrink.js';
import type { ScenarioDocument } from '../scenario/schema.js';

/** Milliseconds between two looks at the world. */
const STRIDE = 100;

export interface Watch {
  /** Now and then, with the best so far. */
  progress(progress: Progress): Promise<void>;
  /** Runs after which the best so far is good enough. */
  readonly limit: number;
}

/** Return: the smallest scenario found, as the goal finishes it, and the runs that it took. */
export async function shrinkTowards(
  goal: Goal,
  watch: Watch,
): Promise<{ document: ScenarioDocument; runs: number }> {
  const steps = shrink(goal.document, goal.interesting);
  let last = { runs: 0, best: goal.document };
  let due = Date.now() + STRIDE;
  for (let next = steps.next(); ; next = steps.next()) {
    last = next.value;
    if (next.done || last.runs >= watch.limit) break;
    if (Date.now() < due) continue;
    await watch.progress(last);
    due = Date.now() + STRIDE;
  }
  return { document: tidy(goal.finish(last.best)), runs: last.runs };
}

/** Without what goes without saying: a lone process needs no name. */
export function tidy(document: ScenarioDocument): ScenarioDocument {
  const steps = document.steps;
  if (steps.some((step) => (step.as ?? 'p0') !== 'p0' || step.op === 'fork')) return document;
  return { ...document, steps: steps.map(({ as: _, ...step }) => step) };
}
