// SPDX-License-Identifier: GPL-2.0-only
/** The thread of `fuzz`: it makes scenarios up, runs them, and shrinks what they find. */
import { type CampaignPlan, laboratoryOf, scenarioOf, seedOf } from '../fuzz/campaign.js';
import { type Finding, sortOf } from '../fuzz/findings.js';
import { findingsOf, goalOf, type Laboratory } from '../fuzz/goals.js';
import type { Insmod } from '../machine/registry.js';
import type { ScenarioDocument } from '../scenario/schema.js';
import { writeYaml } from '../scenario/update.js';
import { MachinePool } from '../session/machine-pool.js';
import { type Telling, whereOrdered } from './elsewhere.js';
import { type Entry, fileOf, type State } from './fuzz-journal.js';
import { loadDrivers } from './insmod.js';
import { shrinkTowards } from './shrinking.js';

export interface FuzzOrder {
  readonly plan: CampaignPlan;
  /** Where an earlier campaign ended, and the sorts that it found. */
  readonly state: State;
  readonly known: readonly string[];
  /** Scenarios to be done in the end, and when to stop before that. */
  readonly share: number;
  readonly end: number;
  /** Are findings shrunk, to be written? */
  readonly shrinks: boolean;
}

export type FuzzNews =
  | { readonly found: Entry; readonly scenario: string }
  | { readonly state: State; readonly keep: boolean }
  | { readonly showing: string };

/** Milliseconds after which signals have their turn. */
const TURN_MS = 100;

/** Scenarios between two lines of the journal: what a kill loses, and has to be run again. */
const STRIDE = 64;

/** Runs that shrinking one finding may take. */
const SHRINK_LIMIT = 3000;

class Fuzzer {
  readonly #lab: Laboratory;
  readonly #known: Set<string>;
  readonly #counts: Map<string, number>;
  #done: number;

  constructor(
    readonly order: FuzzOrder,
    readonly telling: Telling<FuzzNews>,
    readonly insmod: readonly Insmod[],
  ) {
    this.#lab = laboratoryOf(new MachinePool(), order.plan, insmod);
    this.#known = new Set(order.known);
    this.#counts = new Map(Object.entries(order.state.counts));
    this.#done = order.state.done;
  }

  async run(): Promise<void> {
    const { plan, share, end } = this.order;
    let due = 0;
    while (this.#done < share && Date.now() < end) {
      await this.#scenario(seedOf(plan, this.#done));
      this.#done++;
      const keep = this.#done % STRIDE === 0;
      if (!keep && Date.now() < due) continue;
      due = Date.now() + TURN_MS;
      this.#tellState(keep);
      await this.telling.turn();
    }
    this.#tellState(true);
  }

  #tellState(keep: boolean): void {
    this.telling.tell({ state: { done: this.#done, counts: Object.fromEntries(this.#counts) }, keep });
  }

  async #scenario(seed: number): Promise<void> {
    const document = scenarioOf(this.order.plan, seed, this.insmod);
    const findings = findingsOf(this.#lab, document);
    for (const finding of findings) {
      const sort = sortOf(finding);
      if (this.#known.has(sort)) continue;
      this.#known.add(sort);
      await this.#tellFinding(finding, document, seed);
    }
    // Counted once all of them are told: an interrupt before that runs the scenario again.
    for (const sort of findings.map(sortOf)) this.#counts.set(sort, (this.#counts.get(sort) ?? 0) + 1);
  }

  async #tellFinding(finding: Finding, document: ScenarioDocument, seed: number): Promise<void> {
    const { tell, turn } = this.telling;
    const sort = sortOf(finding);
    const goal = goalOf(this.#lab, document, finding);
    if (!this.order.shrinks) {
      tell({ found: { sort, text: goal.text, seed, steps: document.steps.length, file: '' }, scenario: '' });
      return;
    }
    const small = await shrinkTowards(goal, {
      limit: SHRINK_LIMIT,
      async progress({ best }) {
        tell({ showing: `${goal.text}: ${best.steps.length} steps` });
        await turn();
      },
    });
    const { name: _, kernel, source, steps, ...rest } = small.document;
    const from = `found by fuzz, seed ${seed}, ${document.steps.length} steps: ${source}`;
    const file = fileOf(sort);
    const scenario = writeYaml({ name: sort, kernel, source: from, ...rest, steps });
    tell({ found: { sort, text: goal.text, seed, steps: steps.length, file }, scenario });
  }
}

await whereOrdered<FuzzOrder, FuzzNews>(async (order, telling) => {
  await new Fuzzer(order, telling, await loadDrivers(order.plan.insmod)).run();
});
