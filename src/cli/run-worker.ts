// SPDX-License-Identifier: GPL-2.0-only
/** A worker thread of `run --jobs N`: batches of documents in, their results out. */
import { parentPort, workerData } from 'node:worker_threads';
import { MachinePool } from '../scenario/machine-pool.js';
import type { ScenarioDocument } from '../scenario/schema.js';
import { type JobOptions, type JobResult, makeJob } from './run-job.js';

export interface Batch {
  readonly index: number;
  readonly documents: readonly ScenarioDocument[];
}

export interface BatchResult {
  readonly index: number;
  readonly results: JobResult[];
}

if (parentPort !== null) {
  const port = parentPort;
  const job = makeJob(new MachinePool(), workerData as JobOptions);
  port.on('message', ({ index, documents }: Batch) => {
    const answer: BatchResult = { index, results: documents.map(job) };
    port.postMessage(answer);
  });
}
