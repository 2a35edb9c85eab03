// SPDX-License-Identifier: GPL-2.0-only
/** A worker thread of `run --jobs N`: parts of files in, then what became of their scenarios out. */
import { parentPort, workerData } from 'node:worker_threads';
import type { Part } from '../scenario/syntax.js';
import { MachinePool } from '../session/machine-pool.js';
import { type LoadedPart, type PartOptions, PartRunner, type Told } from './run-part.js';

/** Load a part, or run one that this worker has loaded. */
export interface Order {
  readonly index: number;
  readonly part?: Part;
}

export interface Answer {
  readonly index: number;
  readonly loaded?: LoadedPart;
  /** null for a scenario that passed, of which there is nothing else to tell: most do, and null costs nothing to send. */
  readonly told?: (Told | null)[];
}

function orNull(told: Told): Told | null {
  const { outcome, json, update, bug } = told;
  const { failure, invalid, notes } = outcome;
  const plain = failure === undefined && invalid === undefined && notes.length === 0;
  return plain && json === undefined && update === undefined && bug === undefined ? null : told;
}

if (parentPort !== null) {
  // As bin/hmm-sim.js does for the other thread.
  process.removeAllListeners('warning');
  const port = parentPort;
  const runner = new PartRunner(new MachinePool(), workerData as PartOptions);
  port.on('message', ({ index, part }: Order) => {
    const answer: Answer =
      part === undefined
        ? { index, told: Array.from(runner.run(index), orNull) }
        : { index, loaded: runner.load(index, part) };
    port.postMessage(answer);
  });
}
