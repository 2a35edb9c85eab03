// SPDX-License-Identifier: GPL-2.0-only
/** Runs many scenarios, here or in worker threads, and yields their results in the order of the documents. */
import { Worker } from 'node:worker_threads';
import type { MachineSource } from '../scenario/runner.js';
import type { ScenarioDocument } from '../scenario/schema.js';
import { type JobOptions, type JobResult, makeJob } from './run-job.js';
import type { Batch, BatchResult } from './run-worker.js';
import { breathe } from './terminal.js';

const BATCH = 16;

async function* runHere(
  documents: readonly ScenarioDocument[],
  options: JobOptions,
  source: MachineSource,
): AsyncGenerator<JobResult> {
  const job = makeJob(source, options);
  for (const [index, document] of documents.entries()) {
    if (index % BATCH === 0) await breathe();
    yield job(document);
  }
}

/** Hands batches to workers as they become free, and keeps what came early until its turn. */
class Workers {
  readonly #workers: Worker[];
  readonly #arrived = new Map<number, JobResult[]>();
  #next = 0;
  #failure: Error | undefined;
  #wake: () => void = () => {};

  constructor(
    readonly batches: readonly Batch[],
    jobs: number,
    options: JobOptions,
  ) {
    const count = Math.min(jobs, batches.length);
    this.#workers = Array.from({ length: count }, () => this.#start(options));
  }

  #start(options: JobOptions): Worker {
    const worker = new Worker(new URL('./run-worker.js', import.meta.url), { workerData: options });
    worker.on('message', ({ index, results }: BatchResult) => {
      this.#arrived.set(index, results);
      this.#feed(worker);
      this.#wake();
    });
    worker.on('error', (error: Error) => {
      this.#failure = error;
      this.#wake();
    });
    this.#feed(worker);
    return worker;
  }

  #feed(worker: Worker): void {
    const batch = this.batches[this.#next++];
    if (batch !== undefined) worker.postMessage(batch);
  }

  async take(index: number): Promise<JobResult[]> {
    for (;;) {
      const results = this.#arrived.get(index);
      if (results !== undefined) {
        this.#arrived.delete(index);
        return results;
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

function batchesOf(documents: readonly ScenarioDocument[]): Batch[] {
  const batches: Batch[] = [];
  for (let start = 0; start < documents.length; start += BATCH) {
    batches.push({ index: batches.length, documents: documents.slice(start, start + BATCH) });
  }
  return batches;
}

async function* runInWorkers(
  documents: readonly ScenarioDocument[],
  options: JobOptions,
  jobs: number,
): AsyncGenerator<JobResult> {
  const workers = new Workers(batchesOf(documents), jobs, options);
  try {
    for (const { index } of workers.batches) yield* await workers.take(index);
  } finally {
    await workers.stop();
  }
}

/** One result a document, in their order, whatever `jobs` is. `source` has the machines of this thread. */
export function runDocuments(
  documents: readonly ScenarioDocument[],
  options: JobOptions,
  jobs: number,
  source: MachineSource,
): AsyncGenerator<JobResult> {
  return jobs > 1 ? runInWorkers(documents, options, jobs) : runHere(documents, options, source);
}
