// SPDX-License-Identifier: GPL-2.0-only
/** Choices of a generator, all from one seed. */
import { Prng } from '../sim/prng.js';

/** What can be chosen, and how often compared with the others. Not to be changed once it was thrown for. */
export type Weights<Name extends string> = Readonly<Partial<Record<Name, number>>>;

interface Entries {
  readonly entries: readonly (readonly [name: string, weight: number])[];
  readonly total: number;
}

const known = new WeakMap<object, Entries>();

function entriesOf(weights: Weights<string>): Entries {
  let found = known.get(weights);
  if (found === undefined) {
    const entries = Object.entries(weights) as [string, number][];
    found = { entries, total: entries.reduce((sum, [, weight]) => sum + weight, 0) };
    known.set(weights, found);
  }
  return found;
}

export class Dice {
  readonly #prng: Prng;

  constructor(seed: number) {
    this.#prng = new Prng(seed);
  }

  /** An integer in [0, bound). */
  below(bound: number): number {
    return this.#prng.below(bound);
  }

  /** An integer in [min, max]. */
  between(min: number, max: number): number {
    return min + this.#prng.below(max - min + 1);
  }

  /** True once in `of` times. */
  once(of: number): boolean {
    return this.#prng.below(of) === 0;
  }

  /** Any element of a list that is not empty. */
  pick<T>(list: readonly T[]): T {
    return list[this.#prng.below(list.length)]!;
  }

  /** A name as often as its weight says; weights are integers. */
  weighted<Name extends string>(weights: Weights<Name>): Name {
    const { entries, total } = entriesOf(weights);
    if (total === 0) throw new Error('no weight is positive');
    let rest = this.#prng.below(total);
    return entries.find(([, weight]) => (rest -= weight) < 0)![0] as Name;
  }
}
