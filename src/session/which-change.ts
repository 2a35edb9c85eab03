// SPDX-License-Identifier: GPL-2.0-only
/**
 * Which change did it: the least set of behaviours by which a kernel answers a step as another kernel does. Nobody writes
 * that down: behaviours are flipped, and the document is run again.
 */
import type { BehaviourName, Behaviours } from '../generations/behaviours/index.js';
import { askedBehaviours, differingBehaviours, withBehaviours } from '../generations/differences.js';
import type { Generation } from '../generations/index.js';
import { Machine } from '../machine/machine.js';
import { sameResult } from '../scenario/compare.js';
import type { StepResult } from '../scenario/result.js';
import type { ScenarioDocument } from '../scenario/schema.js';
import type { MachineApi } from '../user/api.js';
import { loadedAs } from './machine-pool.js';
import { minimized } from './minimized.js';
import { type MachineSource, type RunObserver, runOn } from './runner.js';
import type { MachineSetup } from './setup.js';

/** Of one step that differs. */
export interface StepCause {
  readonly step: number;
  /** The least set found; null where no set of behaviours makes the answers equal. */
  readonly behaviours: readonly BehaviourName[] | null;
}

/** Sets of two that are tried, for a step that needs more than one. */
const MOST_PAIRS = 300;

type Names = readonly BehaviourName[];

/** Machines of one layout, one after the other: each kernel takes the memory of the one before it. */
class Kernels implements MachineSource {
  #spare: Machine | undefined;

  acquire(setup: MachineSetup): MachineApi {
    const spare = this.#spare;
    this.#spare = undefined;
    if (spare?.description.physical !== setup.physical) return loadedAs(Machine.bootAs(setup), setup);
    spare.reset(setup);
    return loadedAs(spare, setup);
  }

  release(machine: MachineApi): void {
    this.#spare = machine as Machine;
  }
}

/** Behaviours that a run asked for, and how many of them by the end of each step. */
interface Asked {
  readonly names: Names;
  readonly counts: readonly number[];
}

/** A document on the kernels between two. */
class Between {
  readonly #answers = new Map<string, readonly StepResult[]>();
  readonly #differing: Names;

  constructor(
    readonly source: MachineSource,
    readonly document: ScenarioDocument,
    readonly setup: MachineSetup,
    readonly other: Generation,
  ) {
    this.#differing = differingBehaviours(setup.generation, other);
  }

  #values(names: Names): Partial<Behaviours> {
    return Object.fromEntries(names.map((name) => [name, this.other.behaviours[name]]));
  }

  /** What is neither kernel may do what no kernel does, and end in a way that is no answer. */
  #run(generation: Generation, observer?: RunObserver): readonly StepResult[] {
    try {
      return runOn(this.source, { ...this.setup, generation }, this.document, observer).results;
    } catch {
      return [];
    }
  }

  /** With these as the other kernel has them. */
  answers(names: Names): readonly StepResult[] {
    const key = this.#differing.filter((name) => names.includes(name)).join();
    let answers = this.#answers.get(key);
    if (answers === undefined) {
      answers = this.#run(withBehaviours(this.setup.generation, this.#values(names)));
      this.#answers.set(key, answers);
    }
    return answers;
  }

  /** The behaviours in which the two differ that are asked for with none of them flipped, or with all. */
  asked(all: boolean): Asked {
    const asked = new Set<BehaviourName>();
    const counts: number[] = [];
    const observer = { begins: () => {}, took: () => void counts.push(asked.size) };
    this.#run(
      askedBehaviours(this.setup.generation, this.#values(all ? this.#differing : []), asked),
      observer,
    );
    return { names: [...asked], counts };
  }

  /** Of those, the ones until a step ends. */
  askedUntil({ names, counts }: Asked, step: number): Names {
    const known = new Set(names.slice(0, counts[step] ?? names.length));
    return this.#differing.filter((name) => known.has(name));
  }
}

function* pairsOf(names: Names): Generator<Names> {
  for (const [n, one] of names.entries()) for (const two of names.slice(n + 1)) yield [one, two];
}

/** A set of one or two that is smaller than `found` and holds, too; else `found`. */
function smaller(found: Names, candidates: Names, holds: (names: Names) => boolean): Names {
  if (found.length < 2) return found;
  const one = candidates.find((name) => holds([name]));
  if (one !== undefined) return [one];
  if (found.length < 3) return found;
  let tries = MOST_PAIRS;
  for (const pair of pairsOf(candidates)) {
    if (tries-- === 0) break;
    if (holds(pair)) return pair;
  }
  return found;
}

/** Tells of documents which behaviours are behind their answers. Machines are its own. */
export class WhichChange {
  readonly #kernels = new Kernels();

  /**
   * The causes of all steps that `other` answered otherwise than `results` of `setup`, in their order. A behaviour that a
   * run did not ask for by the end of a step is not behind its answer, so that what the other kernel asked for is enough.
   */
  of(
    document: ScenarioDocument,
    setup: MachineSetup,
    results: readonly StepResult[],
    other: { readonly generation: Generation; readonly results: readonly StepResult[] },
  ): StepCause[] {
    const steps = document.steps.flatMap((_, n) => (sameResult(results[n], other.results[n]) ? [] : [n]));
    if (steps.length === 0) return [];
    const between = new Between(this.#kernels, document, setup, other.generation);
    const [own, others] = [between.asked(false), between.asked(true)];
    const found: Names[] = [];
    return steps.map((step) => {
      const holds = (names: Names) => sameResult(between.answers(names)[step], other.results[step]);
      const start = between.askedUntil(others, step);
      if (!holds(start)) return { step, behaviours: null };
      const known = found.find(holds);
      const least = minimized(known ?? start, holds);
      const asked = new Set([...between.askedUntil(own, step), ...start]);
      const behaviours = smaller(least, [...asked], holds);
      if (!found.includes(behaviours)) found.push(behaviours);
      return { step, behaviours };
    });
  }
}
