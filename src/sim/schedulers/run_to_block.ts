// SPDX-License-Identifier: GPL-2.0-only
import { Prng } from '../prng.js';
import type { Schedulable, Scheduler } from '../scheduler.js';

/** Runs a task until it blocks or its time slice is over, then the one that waits longest. Passes over all points. */
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
