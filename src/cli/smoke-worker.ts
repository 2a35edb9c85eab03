// SPDX-License-Identifier: GPL-2.0-only
/** The thread that `smoke` runs its tests in, so that the other one hears of signals whatever the simulated machine does. */
import { parentPort, Worker, workerData } from 'node:worker_threads';
import { UsageError } from '../sim/errors.js';
import { machineOf } from './flagged-machine.js';
import type { MachineFlags } from './machine-options.js';
import { type SmokeNews, type SmokeOptions, smokeTests } from './smoke-tests.js';

/** What a thread needs for a run: plain data. */
export interface SmokeOrder {
  readonly addresses: readonly string[];
  readonly flags: MachineFlags;
  readonly options: SmokeOptions;
}

/** A mistake of the user, which loses its class on the way. */
interface Mistake {
  readonly mistake: readonly [what: string, where: string | undefined];
}

type Message = SmokeNews | Mistake | { readonly turn: true };

/** Run the tests elsewhere. They wait where `turn` is awaited. */
export function smokeElsewhere(
  order: SmokeOrder,
  { tell, turn }: { tell: (news: SmokeNews) => void; turn: () => Promise<void> },
): Promise<void> {
  const worker = new Worker(new URL(import.meta.url), { workerData: order });
  return new Promise((resolve, reject) => {
    worker.on('message', async (message: Message) => {
      if ('mistake' in message) return reject(new UsageError(...message.mistake));
      if (!('turn' in message)) return tell(message);
      await turn();
      worker.postMessage('go');
    });
    worker.on('error', reject);
    worker.on('exit', () => resolve());
  });
}

if (parentPort !== null) {
  // As bin/hmm-sim.js does for the other thread.
  process.removeAllListeners('warning');
  const port = parentPort;
  const { addresses, flags, options } = workerData as SmokeOrder;
  const turn = () =>
    new Promise<void>((resolve) => {
      port.once('message', () => resolve());
      port.postMessage({ turn: true });
    });
  const tell = (news: SmokeNews) => port.postMessage(news);
  try {
    await smokeTests({ description: machineOf(addresses, flags), ...options, tell, turn });
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    port.postMessage({ mistake: [error.what, error.where] } satisfies Mistake);
  }
  port.close();
}
