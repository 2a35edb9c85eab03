// SPDX-License-Identifier: GPL-2.0-only
/**
 * A thread that simulates, so that the main one hears of signals whatever the simulated machine does. It tells plain data,
 * in order; what a signal leaves is what the main thread has heard.
 */
import { parentPort, Worker, workerData } from 'node:worker_threads';
import { UsageError } from '../sim/errors.js';

/** How the thread speaks. */
export interface Telling<News> {
  readonly tell: (news: News) => void;
  /** Wait until all that was told has been heard, and signals have had their turn. */
  readonly turn: () => Promise<void>;
}

/** A mistake of the user, which loses its class on the way. */
interface Mistake {
  readonly mistake: readonly [what: string, where: string | undefined];
}

interface Told<News> {
  readonly news: News;
}

type Message<News> = Told<News> | Mistake | { readonly turn: true };

/** Run the thread of `url` with `order`, until it ends. Throws what it throws, and what hearing of it throws. */
export async function elsewhere<News>(
  url: URL,
  order: unknown,
  { tell, turn }: Telling<News>,
): Promise<void> {
  const worker = new Worker(url, { workerData: order });
  const hear = async (message: Message<News>): Promise<void> => {
    if ('mistake' in message) throw new UsageError(...message.mistake);
    if ('news' in message) return tell(message.news);
    await turn();
    worker.postMessage('go');
  };
  try {
    await new Promise<void>((resolve, reject) => {
      worker.on('message', (message: Message<News>) => void hear(message).catch(reject));
      worker.on('error', reject);
      worker.on('exit', () => resolve());
    });
  } finally {
    await worker.terminate();
  }
}

/** In a module that is such a thread: do `work`. In any other thread, nothing. */
export async function whereOrdered<Order, News>(
  work: (order: Order, telling: Telling<News>) => Promise<void>,
): Promise<void> {
  if (parentPort === null) return;
  // As bin/hmm-sim.js does for the other thread.
  process.removeAllListeners('warning');
  const port = parentPort;
  const post = (message: Message<News>): void => port.postMessage(message);
  const turn = () =>
    new Promise<void>((resolve) => {
      port.once('message', () => resolve());
      post({ turn: true });
    });
  try {
    await work(workerData as Order, { tell: (news) => post({ news }), turn });
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    post({ mistake: [error.what, error.where] });
  }
  port.close();
}
