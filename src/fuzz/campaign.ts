// SPDX-License-Identifier: GPL-2.0-only
/** A fuzzing campaign: scenarios of consecutive seeds, and what there is to find in them, one of each sort. */

import { bugById, hasBug } from '../generations/bugs/index.js';
import { generationById } from '../generations/index.js';
import type { ProfileName } from '../machine/profiles.js';
import type { Insmod } from '../machine/registry.js';
import type { MachineBlock, ScenarioDocument } from '../scenario/schema.js';
import type { MachineSource } from '../session/runner.js';
import { Setups } from '../session/setup.js';
import { ALLOCATOR, onApu, RACE } from './allocator.js';
import { generateScenario } from './generate.js';
import type { Laboratory, OtherMachine } from './goals.js';
import { forDrivers } from './outside.js';
import { SECURE } from './secure-guest.js';
import { holdsInModel } from './secure-model.js';

/** Everything that decides what a campaign finds. */
export interface CampaignPlan {
  readonly kernel: string;
  /** Of the machines, where that is none of no name. */
  readonly profile?: ProfileName;
  /** All scenarios are of this one; by default of any that has a share. */
  readonly category?: string;
  /** The kernel whose answers are compared. */
  readonly against?: string;
  /** Historical bugs of the machine; what it shows without them as well is no finding. */
  readonly bugs?: readonly string[];
  readonly check: boolean;
  /** Drivers from outside of the tree, as the command line names them. */
  readonly insmod?: readonly string[];
  /** Of the first scenario. */
  readonly seed: number;
  /** This part of so many, from 1. */
  readonly shard: readonly [index: number, of: number];
}

/** The scenario on a machine without bugs, or with those fixed, too, that the kernel has. */
function without(document: ScenarioDocument, fixes: readonly string[]): ScenarioDocument {
  if (document.machine === undefined) return document;
  const { bugs: _, fixes: fixed = [], ...machine } = document.machine;
  const all = [...fixed, ...fixes];
  return { ...document, machine: all.length === 0 ? machine : { ...machine, fixes: all } };
}

/** The machine with bugs; those of the scenario's own fixes are not fixed then. */
function withBugs(machine: MachineBlock | undefined, bugs: readonly string[]): MachineBlock {
  const { fixes = [], ...rest } = machine ?? {};
  const left = fixes.filter((id) => !bugs.includes(id));
  return { ...rest, ...(left.length === 0 ? {} : { fixes: left }), bugs: [...bugs] };
}

/** The same machine without the bugs (fixed where the kernel has them), or another kernel; undefined when there is nothing to compare with. */
function otherOf(
  { kernel, against, bugs, check }: CampaignPlan,
  insmod: readonly Insmod[],
): OtherMachine | undefined {
  if (against === undefined && bugs === undefined) return undefined;
  const id = against ?? kernel;
  const fixes = (bugs ?? []).filter((bug) => hasBug(generationById(id)!, bugById(bug, '--bug')));
  return {
    setups: new Setups({ kernel: id, check, insmod }),
    document: (document) => without(document, fixes),
    excuses: bugs !== undefined,
  };
}

/** What tells whether an expectation of a smaller scenario of the category is one still. */
export function oracleOf(category: string | undefined): Pick<Laboratory, 'sound' | 'holds'> {
  if (category === ALLOCATOR || category === RACE) return { sound: onApu };
  return category === SECURE ? { holds: holdsInModel } : {};
}

/** `insmod`: the drivers of the plan. */
export function laboratoryOf(
  source: MachineSource,
  plan: CampaignPlan,
  insmod: readonly Insmod[] = [],
): Laboratory {
  const other = otherOf(plan, insmod);
  return {
    source,
    setups: new Setups({ check: plan.check, insmod }),
    ...(other === undefined ? {} : { other }),
    ...oracleOf(plan.category),
  };
}

/** How many of the first `count` scenarios of the campaign fall to its shard. */
export function shareOf({ shard: [index, of] }: CampaignPlan, count: number): number {
  return Math.max(0, Math.ceil((count - index + 1) / of));
}

/** The seed of the shard's n-th scenario, from 0. */
export function seedOf({ seed, shard: [index, of] }: CampaignPlan, n: number): number {
  return seed + index - 1 + n * of;
}

export function scenarioOf(
  { kernel, profile, category, bugs }: CampaignPlan,
  seed: number,
  insmod: readonly Insmod[] = [],
): ScenarioDocument {
  const generated = generateScenario(seed, { kernel, ...(category === undefined ? {} : { category }) });
  const document = forDrivers(generated, seed, insmod, generationById(kernel)!);
  if (profile === undefined && bugs === undefined) return document;
  const machine = { ...(profile === undefined ? {} : { profile }), ...document.machine };
  return { ...document, machine: bugs === undefined ? machine : withBugs(machine, bugs) };
}
