// SPDX-License-Identifier: GPL-2.0-only
/**
 * Who loads and runs the parts of `run`: this thread, or workers. Everything is loaded before anything runs, because
 * the plan and what is wrong with the files come before the first result.
 */
import { Worker } from 'node:worker_threads';
import type { Part } from '../scenario/syntax.js';
import type { MachineSource } from '../session/runner.js';
import type { LoadedPart, PartOptions, Told } from './run-part.js';
import { type Answer, FINISH, type Order, type Start } from './run-worker.js';

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
  /** `parts` answers the same each time. */
  load(parts: () => Iterable<SourcePart>): AsyncGenerator<SourceLoaded>;
  /** After load(). */
  run(): AsyncGenerator<SourceTold>;
  /** After run(), where all was taken. */
  finish(): Promise<void>;
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

/** One of several, who may be lost and replaced. */
class Seat {
  worker!: Worker;
  readonly progress = new Int32Array(new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT));
  #orders: Iterator<Order> = [][Symbol.iterator]();

  begin(orders: Iterable<Order>): void {
    this.#orders = orders[Symbol.iterator]();
    for (let i = 0; i < AHEAD; i++) this.feed();
  }

  feed(): void {
    const { value, done } = this.#orders.next();
    if (!done) this.worker.postMessage(value);
  }
}

const isOutOfMemory = (error: NodeJS.ErrnoException): boolean => error.code === 'ERR_WORKER_OUT_OF_MEMORY';

class Workers implements Crew {
  readonly #seats: Seat[];
  /** Who has which part. */
  readonly #owner: Seat[] = [];
  readonly #places: Pick<SourcePart, 'file' | 'source'>[] = [];
  /** The scenarios of each part, and its file. */
  readonly #parts: SourceLoaded[] = [];
  /** Answers that came before their turn. */
  readonly #arrived = new Map<number, Answer>();
  #again: () => Iterable<SourcePart> = () => [];
  /** Parts that have been run; undefined until parts are. */
  #ran: Set<number> | undefined;
  /** Scenarios that ended the thread that ran them, by part. */
  readonly #lost = new Map<number, number[]>();
  #finished = 0;
  #failure: Error | undefined;
  #wake: () => void = () => {};

  constructor(
    jobs: number,
    private readonly options: PartOptions,
  ) {
    this.#seats = Array.from({ length: jobs }, () => new Seat());
    for (const seat of this.#seats) this.#start(seat, options);
  }

  #start(seat: Seat, options: PartOptions): void {
    const start: Start = { options, progress: seat.progress };
    const worker = new Worker(new URL('./run-worker.js', import.meta.url), { workerData: start });
    seat.worker = worker;
    worker.on('message', (answer: Answer) => {
      this.#hear(seat, answer);
      this.#wake();
    });
    worker.on('error', (error: Error) => {
      if (!this.#isReplaced(seat, error)) this.#failure = error;
      this.#wake();
    });
  }

  #hear(seat: Seat, answer: Answer): void {
    const { index } = answer;
    if (index === undefined) {
      this.#finished++;
      return;
    }
    this.#ran?.add(index);
    this.#arrived.set(index, answer);
    seat.feed();
  }

  /** A scenario that takes all memory is the only one that fails: another worker does the rest. */
  #isReplaced(seat: Seat, error: Error): boolean {
    const [part = 0, place = 0] = seat.progress;
    if (!isOutOfMemory(error) || this.#ran === undefined || part === 0) return false;
    this.#lost.set(part - 1, [...(this.#lost.get(part - 1) ?? []), place]);
    seat.progress.fill(0);
    // A trace has one beginning.
    this.#start(seat, { ...this.options, trace: undefined });
    seat.begin(this.#ordersAgain(seat));
    return true;
  }

  *#partsFor(seat: Seat, parts: Iterator<SourcePart>): Generator<Order> {
    for (let { value, done } = parts.next(); !done; { value, done } = parts.next()) {
      const { source, ...part } = value as SourcePart;
      this.#places.push({ file: part.file, source });
      yield { index: this.#owner.push(seat) - 1, part };
    }
  }

  *#ordersOf(seat: Seat): Generator<Order> {
    for (const [index, owner] of this.#owner.entries()) if (owner === seat) yield { index };
  }

  *#ordersAgain(seat: Seat): Generator<Order> {
    let next = 0;
    for (const { source: _, ...part } of this.#again()) {
      const index = next++;
      if (this.#owner[index] !== seat || this.#ran!.has(index)) continue;
      yield { index, part, lost: this.#lost.get(index) ?? [] };
    }
  }

  async *load(parts: () => Iterable<SourcePart>): AsyncGenerator<SourceLoaded> {
    this.#again = parts;
    const all = parts()[Symbol.iterator]();
    for (const seat of this.#seats) seat.begin(this.#partsFor(seat, all));
    for (let index = 0; index < this.#places.length; index++) {
      const { loaded } = await this.#take(index);
      this.#parts.push({ ...loaded!, ...this.#places[index]! });
      yield this.#parts[index]!;
    }
  }

  async *run(): AsyncGenerator<SourceTold> {
    this.#ran = new Set();
    for (const seat of this.#seats) seat.begin(this.#ordersOf(seat));
    for (const [index, { names, lines, file, source }] of this.#parts.entries()) {
      const { told } = await this.#take(index);
      yield { source, told: told!.map((each, n) => each ?? passed(names[n]!, file, lines[n]!)) };
    }
  }

  async finish(): Promise<void> {
    for (const { worker } of this.#seats) worker.postMessage(FINISH);
    while (this.#finished < this.#seats.length) await this.#news();
  }

  async #take(index: number): Promise<Answer> {
    for (;;) {
      const answer = this.#arrived.get(index);
      if (answer !== undefined) {
        this.#arrived.delete(index);
        return answer;
      }
      await this.#news();
    }
  }

  async #news(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
  }

  async stop(): Promise<void> {
    await Promise.all(this.#seats.map(({ worker }) => worker.terminate()));
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
  return Here.crew(options, source);
}
