// SPDX-License-Identifier: GPL-2.0-only
/** A worker thread of `run --jobs N`: parts of files in, then what became of their scenarios out. */
import { parentPort, workerData } from 'node:worker_threads';
import type { Part } from '../scenario/syntax.js';
import { MachinePool } from '../session/machine-pool.js';
import { type LoadedPart, type PartOptions, type PartRunner, partRunner, type Told } from './run-part.js';

/** What the thread begins with. */
export interface Start {
  readonly options: PartOptions;
  /** Two words: the part that is being run, from 1, and which of its scenarios; shared, for when the thread is lost. */
  readonly progress: Int32Array;
}

/** Load a part; run one that this worker has loaded; load and run one that another worker was lost with; or finish. */
export type Order =
  | { readonly index: number; readonly part?: Part }
  | { readonly index: number; readonly part: Part; readonly lost: readonly number[] }
  | typeof FINISH;

export const FINISH = 'finish';

export interface Answer {
  /** Absent where all is finished. */
  readonly index?: number;
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

/** Runs a part, telling where it is before each scenario begins. */
function* steadily(runner: PartRunner, progress: Int32Array, index: number, lost?: readonly number[]) {
  const all = runner.run(index, lost);
  progress[0] = index + 1;
  for (let place = 0; ; place++) {
    progress[1] = place;
    const { value, done } = all.next();
    if (done) break;
    yield orNull(value);
  }
  progress[0] = 0;
}

function obey(runner: PartRunner, progress: Int32Array, order: Order): Answer {
  if (order === FINISH) {
    runner.finish();
    return {};
  }
  const { index, part } = order;
  const lost = 'lost' in order ? order.lost : undefined;
  const loaded = part === undefined ? undefined : runner.load(index, part);
  if (loaded !== undefined && lost === undefined) return { index, loaded };
  return { index, told: [...steadily(runner, progress, index, lost)] };
}

if (parentPort !== null) {
  // As bin/hmm-sim.js does for the other thread.
  process.removeAllListeners('warning');
  const port = parentPort;
  const { options, progress } = workerData as Start;
  const runner = await partRunner(options, new MachinePool());
  port.on('message', (order: Order) => port.postMessage(obey(runner, progress, order)));
}
