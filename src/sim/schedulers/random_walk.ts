// SPDX-License-Identifier: GPL-2.0-only
import { Prng } from '../prng.js';
import type { Schedulable, Scheduler } from '../scheduler.js';

/** What tells the stream of choices from the stream of random data, so that a program's data is the seed's alone. */
const CHOICES = 0x5c4ed01e;

/** Picks any runnable task at every point, by the seed. */
export class RandomWalk implements Scheduler {
  private readonly data: Prng;
  private readonly choices: Prng;

  constructor(private readonly seed: number) {
    this.data = new Prng(seed);
    this.choices = new Prng(seed + CHOICES);
  }

  newExecution(): void {
    this.data.reseed(this.seed);
    this.choices.reseed(this.seed + CHOICES);
  }

  nextTask(runnable: readonly Schedulable[]): Schedulable {
    return runnable[this.choices.below(runnable.length)]!;
  }

  nextU64(): bigint {
    return this.data.nextU64();
  }

  atPoint(): boolean {
    return true;
  }
}
