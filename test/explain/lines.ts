// SPDX-License-Identifier: GPL-2.0-only
/** A document explained, for tests: the lines of its steps. */
import { explainedLines, explainScenario } from '../../src/explain/explain.js';
import type { Machine } from '../../src/machine/machine.js';
import type { ScenarioDocument } from '../../src/scenario/schema.js';
import { MachinePool } from '../../src/session/machine-pool.js';
import { type MachineSetup, Setups } from '../../src/session/setup.js';

const setups = new Setups();
const machines = new MachinePool();

type Describe = (machine: Machine, setup: MachineSetup) => Iterable<string[]>;

/** What `lines` makes of the document on a machine of its own. */
export function describe(document: ScenarioDocument, lines: Describe): string[] {
  const setup = setups.of(document);
  const machine = machines.acquire(setup) as Machine;
  const described = [...lines(machine, setup)].flat();
  machines.release(machine);
  return described;
}

/** What explain prints of all steps, or of one. */
export function explained(document: ScenarioDocument, step?: number): string[] {
  const options = step === undefined ? {} : { step };
  return describe(document, (machine, setup) =>
    [...explainScenario(machine, setup, document, options)].map(explainedLines),
  );
}
