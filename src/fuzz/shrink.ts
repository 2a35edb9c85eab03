// SPDX-License-Identifier: GPL-2.0-only
/** Delta debugging of scenarios: the least that still shows what is interesting. Deterministic; knows no clock. */
import { processesOf } from '../scenario/names.js';
import { isPeopled } from '../scenario/presence.js';
import type { ScenarioDocument } from '../scenario/schema.js';
import {
  cutPages,
  documentOf,
  type Move,
  mergeFds,
  mergeProcesses,
  mergeRegions,
  simplifyMachine,
  simplifySteps,
  type Trial,
  trialOf,
} from './shrink-moves.js';

/** Does `document` still show it? `ids` has the index that each of its steps had at first. */
export type Interesting = (document: ScenarioDocument, ids: readonly number[]) => boolean;

export interface Progress {
  /** Scenarios run so far. */
  readonly runs: number;
  /** The smallest that is interesting so far. */
  readonly best: ScenarioDocument;
}

/** In this order: each leaves less to do for the next. */
const MOVES: readonly Move[] = [
  cutPages,
  mergeProcesses,
  mergeRegions,
  mergeFds,
  simplifySteps,
  simplifyMachine,
];

class Shrinker {
  #runs = 0;
  #best: Trial;
  readonly #tried = new Set<string>();

  constructor(
    document: ScenarioDocument,
    readonly interesting: Interesting,
  ) {
    this.#best = trialOf(document);
  }

  get progress(): Progress {
    return { runs: this.#runs, best: documentOf(this.#best) };
  }

  *run(): Generator<Progress, void> {
    for (;;) {
      const before = this.#best;
      yield* this.#dropStrangers();
      yield* this.#dropSteps();
      for (const move of MOVES) yield* this.#exhaust(move);
      if (this.#best === before) return;
    }
  }

  /** Is `trial` interesting? Then it is the best from now on. */
  #accepts(trial: Trial): boolean {
    const document = documentOf(trial);
    // Nobody can mean what no process of the document does, and no file may say it.
    if (!isPeopled(document.steps) && isPeopled(documentOf(this.#best).steps)) return false;
    const key = JSON.stringify(document);
    // What was tried before was refused, or has led to where we are.
    if (this.#tried.has(key)) return false;
    this.#tried.add(key);
    this.#runs++;
    const ids = trial.items.map(({ id }) => id);
    if (!this.interesting(document, ids)) return false;
    this.#best = trial;
    return true;
  }

  /** Steps of processes that never were: they do nothing. */
  *#dropStrangers(): Generator<Progress, void> {
    const there = processesOf(this.#best.items.map(({ step }) => step));
    const items = this.#best.items.filter(({ step }) => there.has(step.as ?? 'p0'));
    if (items.length === this.#best.items.length) return;
    this.#accepts({ ...this.#best, items });
    yield this.progress;
  }

  /** Half of the steps, a quarter ..., one by one: whatever can go, from the end. */
  *#dropSteps(): Generator<Progress, void> {
    let size = Math.max(1, this.#best.items.length >> 1);
    for (;;) {
      let dropped = false;
      for (let to = this.#best.items.length; to > 0; to -= size) {
        const from = Math.max(0, to - size);
        const items = this.#best.items.filter((_, index) => index < from || index >= to);
        dropped = this.#accepts({ ...this.#best, items }) || dropped;
        yield this.progress;
      }
      if (size === 1 && !dropped) return;
      size = Math.max(1, size >> 1);
    }
  }

  /** Follow a move as long as it leads anywhere. */
  *#exhaust(move: Move): Generator<Progress, void> {
    for (;;) {
      let moved = false;
      for (const trial of move(this.#best)) {
        moved = this.#accepts(trial);
        yield this.progress;
        if (moved) break;
      }
      if (!moved) return;
    }
  }
}

/**
 * Make `document`, which is interesting, smaller and smaller. Yields after every run, so that the caller can look at
 * the clock, show progress, or stop with the best so far.
 */
export function* shrink(document: ScenarioDocument, interesting: Interesting): Generator<Progress, Progress> {
  const shrinker = new Shrinker(document, interesting);
  yield* shrinker.run();
  return shrinker.progress;
}
