// SPDX-License-Identifier: GPL-2.0-only
/** Who runs next. A scheduler is the only thing that decides between runnable tasks. */
import { Prng } from './prng.js';

/** What a scheduler sees of a task. */
export interface Schedulable {
  readonly id: number;
  readonly name: string;
}

export interface Scheduler {
  /** A new run begins: forget what was learnt in the last one. */
  newExecution(): void;
  /** One of `runnable` (never empty, in the order of their waking). `current` ran last and may be among them. */
  nextTask(runnable: readonly Schedulable[], current: Schedulable | null): Schedulable;
  nextU64(): bigint;
}

/** Runs a task until it blocks or its time slice is over, then the one that waits longest. */
export class RunToBlock implements Scheduler {
  private readonly prng: Prng;

  constructor(private readonly seed: number) {
    this.prng = new Prng(seed);
  }

  newExecution(): void {
    this.prng.reseed(this.seed);
  }

  nextTask(runnable: readonly Schedulable[]): Schedulable {
    return runnable[0]!;
  }

  nextU64(): bigint {
    return this.prng.nextU64();
  }
}

/** Picks any runnable task at every chance, by the seed. */
export class RandomWalk implements Scheduler {
  private readonly prng: Prng;

  constructor(private readonly seed: number) {
    this.prng = new Prng(seed);
  }

  newExecution(): void {
    this.prng.reseed(this.seed);
  }

  nextTask(runnable: readonly Schedulable[]): Schedulable {
    return runnable[this.prng.below(runnable.length)]!;
  }

  nextU64(): bigint {
    return this.prng.nextU64();
  }
}
