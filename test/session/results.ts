// SPDX-License-Identifier: GPL-2.0-only
/** The results of a document's steps on a machine that the test has booted. */
import type { Generation } from '../../src/generations/index.js';
import type { StepResult } from '../../src/scenario/result.js';
import type { ScenarioDocument } from '../../src/scenario/schema.js';
import { Session } from '../../src/session/session.js';
import type { MachineApi } from '../../src/user/api.js';

export function resultsOf(
  machine: MachineApi,
  document: ScenarioDocument,
  generation: Generation,
): StepResult[] {
  return [...new Session(machine, generation).takeAll(document.steps)].map(({ result }) => result);
}
