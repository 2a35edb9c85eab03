// SPDX-License-Identifier: GPL-2.0-only
/**
 * Who loads and runs the parts of `run`: this thread, or workers. Everything is loaded before anything runs, because
 * the plan and what is wrong with the files come before the first result.
 */
import { Worker } from 'node:worker_threads';
import type { Part } from '../scenario/syntax.js';
import type { MachineSource } from '../session/runner.js';
import type { LoadedPart, PartOptions, Told } from './run-part.js';
import type { Answer, Order } from './run-worker.js';

/** A part of the run's `source`-th file. */
export interface SourcePart extends Part {
  readonly source: number;
}

export type SourceLoaded = LoadedPart & Pick<SourcePart, 'file' | 'source'>;

export interface SourceTold {
  readonly source: number;
  readonly told: Iterable<Told>;
}

/** Both generators answer once for each part, in their order, whoever is ready first. */
export interface Crew {
  load(parts: Iterable<SourcePart>): AsyncGenerator<SourceLoaded>;
  /** After load(). */
  run(): AsyncGenerator<SourceTold>;
  stop(): Promise<void>;
}

/** A message costs as much as a scenario. */
const MAX_LINES = 64;
/** Parts for each worker, so that all end at about the same time. */
const PARTS_A_WORKER = 16;

/** How many lines of JSON Lines make a part, when there are `lines` in all. */
export function linesAPart(lines: number, jobs: number): number {
  return Math.min(MAX_LINES, Math.ceil(lines / (jobs * PARTS_A_WORKER)));
}

/** Orders that each worker holds, so that it never waits for the next one. */
const AHEAD = 2;

/** A scenario of which there is nothing else to tell. */
function passed(name: string, file: string, line: number): Told {
  return { outcome: { name, place: { file, line }, notes: [] } };
}

class Workers implements Crew {
  readonly #workers: Worker[];
  /** Which worker has which part. */
  readonly #owner: Worker[] = [];
  /** The scenarios of each part, and its file. */
  readonly #parts: SourceLoaded[] = [];
  /** Answers that came before their turn. */
  readonly #arrived = new Map<number, Answer>();
  #nextOrder: (worker: Worker) => Order | undefined = () => undefined;
  #failure: Error | undefined;
  #wake: () => void = () => {};

  constructor(jobs: number, options: PartOptions) {
    this.#workers = Array.from({ length: jobs }, () => this.#start(options));
  }

  #start(options: PartOptions): Worker {
    const worker = new Worker(new URL('./run-worker.js', import.meta.url), { workerData: options });
    worker.on('message', (answer: Answer) => {
      this.#arrived.set(answer.index, answer);
      this.#feed(worker);
      this.#wake();
    });
    worker.on('error', (error: Error) => {
      this.#failure = error;
      this.#wake();
    });
    return worker;
  }

  #feed(worker: Worker): void {
    const order = this.#nextOrder(worker);
    if (order !== undefined) worker.postMessage(order);
  }

  #begin(nextOrder: (worker: Worker) => Order | undefined): void {
    this.#nextOrder = nextOrder;
    for (let i = 0; i < AHEAD; i++) for (const worker of this.#workers) this.#feed(worker);
  }

  async *load(parts: Iterable<SourcePart>): AsyncGenerator<SourceLoaded> {
    const next = parts[Symbol.iterator]();
    const places: Pick<SourcePart, 'file' | 'source'>[] = [];
    this.#begin((worker) => {
      const { value, done } = next.next();
      if (done) return undefined;
      const { source, ...part } = value;
      places.push({ file: part.file, source });
      return { index: this.#owner.push(worker) - 1, part };
    });
    for (let index = 0; index < places.length; index++) {
      const { loaded } = await this.#take(index);
      this.#parts.push({ ...loaded!, ...places[index]! });
      yield this.#parts[index]!;
    }
  }

  async *run(): AsyncGenerator<SourceTold> {
    const parts = new Map(this.#workers.map((worker) => [worker, [] as number[]]));
    for (const [index, worker] of this.#owner.entries()) parts.get(worker)!.push(index);
    const iterators = new Map([...parts].map(([worker, indices]) => [worker, indices.values()]));
    this.#begin((worker) => {
      const next = iterators.get(worker)!.next();
      return next.done ? undefined : { index: next.value };
    });
    for (const [index, { names, lines, file, source }] of this.#parts.entries()) {
      const { told } = await this.#take(index);
      yield { source, told: told!.map((each, n) => each ?? passed(names[n]!, file, lines[n]!)) };
    }
  }

  async #take(index: number): Promise<Answer> {
    for (;;) {
      const answer = this.#arrived.get(index);
      if (answer !== undefined) {
        this.#arrived.delete(index);
        return answer;
      }
      if (this.#failure !== undefined) throw this.#failure;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }
}

/**
 * Workers start at once, and are ready when the files have been read. Even one is better than none: this thread hears of
 * signals, whatever the simulated machine does. Machines of `source` run in this thread.
 */
export async function crewOf(
  jobs: number,
  options: PartOptions,
  source: MachineSource | undefined,
): Promise<Crew> {
  if (source === undefined) return new Workers(jobs, options);
  const { Here } = await import('./run-here.js');
  return new Here(options, source);
}
