// SPDX-License-Identifier: GPL-2.0-only
/** The thread of `shrink`: it finds what to keep, then makes the scenario smaller. */
import { oracleOf } from '../fuzz/campaign.js';
import { goalFor, holdsWhereSound, type Laboratory } from '../fuzz/goals.js';
import type { MachineBlock, ScenarioDocument } from '../scenario/schema.js';
import { writeYaml } from '../scenario/update.js';
import { MachinePool } from '../session/machine-pool.js';
import { Setups } from '../session/setup.js';
import { whereOrdered } from './elsewhere.js';
import { loadDrivers } from './insmod.js';
import { shrinkTowards, tidy } from './shrinking.js';

export interface ShrinkOrder {
  /** As the user named it. */
  readonly file: string;
  readonly document: ScenarioDocument;
  /** The machine without what the command line says is wrong with it, if it says so. */
  readonly sound: MachineBlock | undefined;
  readonly condition: string | undefined;
  readonly notEqualTo: string | undefined;
  readonly check: boolean;
  /** Of a scenario that was made up. */
  readonly category: string | undefined;
  /** Drivers from outside of the tree. */
  readonly insmod: readonly string[];
}

/** The smallest so far. */
export interface ShrinkNews {
  /** What it shows: told once, at the beginning. */
  readonly goal?: string;
  readonly steps: number;
  readonly runs: number;
  /** As it is written. */
  readonly text: string;
}

/** Of a document that goes as it says where nothing is wrong, so does whatever is left of it. */
function soundly(lab: Laboratory, { document, sound }: ShrinkOrder): Laboratory {
  if (sound === undefined) return lab;
  const { bugs: _, fixes: __, ...machine } = document.machine ?? {};
  const { bugs, fixes } = sound;
  const own = {
    ...machine,
    ...(bugs === undefined ? {} : { bugs }),
    ...(fixes === undefined ? {} : { fixes }),
  };
  const strict = { ...lab, sound: (smaller: ScenarioDocument) => ({ ...smaller, machine: own }) };
  return holdsWhereSound(strict, document) ? strict : lab;
}

async function laboratory(order: ShrinkOrder): Promise<Laboratory> {
  const { condition, notEqualTo } = order;
  const check = order.check || condition === 'checker';
  const insmod = await loadDrivers(order.insmod);
  const plain = {
    source: new MachinePool(),
    setups: new Setups({ check, insmod }),
    ...oracleOf(order.category),
  };
  const lab = soundly(plain, order);
  if (notEqualTo === undefined) return lab;
  const setups = new Setups({ kernel: notEqualTo, check, insmod });
  return { ...lab, other: { setups, document: (document) => document } };
}

function asText(
  { name, kernel, source, steps, ...rest }: ScenarioDocument,
  file: string,
  from: number,
): string {
  const told = `shrunk from ${file}, ${from} steps: ${source}`;
  return writeYaml({ name, kernel, source: told, ...rest, steps });
}

await whereOrdered<ShrinkOrder, ShrinkNews>(async (order, { tell, turn }) => {
  const { file, document } = order;
  const goal = goalFor(await laboratory(order), document, order.condition);
  const told = (small: ScenarioDocument, runs: number): ShrinkNews => {
    return { steps: small.steps.length, runs, text: asText(small, file, document.steps.length) };
  };
  tell({ ...told(tidy(goal.finish(goal.document)), 0), goal: goal.text });
  await turn();
  const found = await shrinkTowards(goal, {
    limit: Number.POSITIVE_INFINITY,
    async progress({ runs, best }) {
      tell(told(tidy(goal.finish(best)), runs));
      await turn();
    },
  });
  tell(told(found.document, found.runs));
});
