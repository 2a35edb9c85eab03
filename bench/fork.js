// SPDX-License-Identifier: GPL-2.0-only
/**
 * A process with 1 GiB of populated memory forks: 1,000 children one after another, each of which writes one page and
 * exits; and 100 children that live at the same time. The peer of the forks is the bare bookkeeping: each page's entry
 * copied and its count raised, then both taken back.
 */
import { bareForks } from './lib/bare.js';
import { cpuSeconds, median, runScript } from './lib/measure.js';
import { GiB, PAGE } from './lib/memory.js';
import { bootParent } from './lib/parent.js';

const CHILDREN = 1000;
const PAGES = GiB / PAGE;

/** @param {ReturnType<typeof bootParent>} parent @param {number} children */
export function forkInTurn({ machine, process, addr, pages }, children) {
  machine.call(
    process,
    function* (sys) {
      for (let n = 0; n < children; n++) {
        const page = addr + ((n * 7919) % pages) * PAGE;
        const pid = yield* sys.fork(function* (child) {
          yield* child.tryStorePage(page, n);
          return 3;
        });
        const status = yield* sys.waitpid(pid);
        if (typeof status === 'number' || status.exitCode !== 3) throw new Error(`child ${n} failed`);
      }
    },
    Number.MAX_SAFE_INTEGER,
  );
}

/** Seconds that CHILDREN bare forks take. */
function barePeer() {
  const once = bareForks(PAGES);
  once();
  return CHILDREN * median(Array.from({ length: 21 }, () => cpuSeconds(once)));
}

/** @returns {Promise<import('./run.js').Row[]>} */
export async function run() {
  const parent = bootParent(GiB);
  forkInTurn(parent, 10);
  const forks = cpuSeconds(() => forkInTurn(parent, CHILDREN));
  const alone = await runScript('lib/parent.js', ['0']);
  const crowd = await runScript('lib/parent.js', ['100']);
  return [
    {
      figure: `1 GiB, ${CHILDREN} forks in turn`,
      value: forks,
      unit: 's',
      peer: 'bare counting',
      peerValue: barePeer(),
      atMost: 5,
    },
    {
      figure: '1 GiB, 100 children alive: peak memory',
      value: crowd.peakMB,
      unit: 'MB',
      peer: 'no children',
      peerValue: alone.peakMB,
      atMost: 1000,
    },
  ];
}
