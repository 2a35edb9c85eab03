// SPDX-License-Identifier: GPL-2.0-only
/** Shrinks a scenario to its end. */
import { type Interesting, shrink } from '../../src/fuzz/shrink.js';
import type { ScenarioDocument } from '../../src/scenario/schema.js';

export function shrunk(document: ScenarioDocument, interesting: Interesting) {
  const progress = shrink(document, interesting);
  for (let next = progress.next(); ; next = progress.next()) if (next.done) return next.value;
}
