// SPDX-License-Identifier: GPL-2.0-only
/** A process with populated memory. `node bench/lib/parent.js N` prints the peak memory when it has N children. */
import { bootMachine, mapBuffer } from './machine.js';
import { GiB, PAGE, wordOf } from './memory.js';

/** @param {number} bytes */
export function bootParent(bytes) {
  const machine = bootMachine(bytes + 4 * GiB);
  const process = machine.spawn('parent');
  const pages = bytes / PAGE;
  const addr = machine.call(
    process,
    function* (sys) {
      const start = yield* mapBuffer(sys, bytes);
      for (let n = 0; n < pages; n++) yield* sys.tryStorePage(start + n * PAGE, wordOf(n));
      return start;
    },
    Number.MAX_SAFE_INTEGER,
  );
  return { machine, process, addr, pages };
}

/** @param {number} children */
function crowd(children) {
  const { machine, process, addr } = bootParent(GiB);
  for (let n = 0; n < children; n++) {
    const pid = machine.call(process, (sys) => sys.fork());
    const child = machine.process(pid);
    if (child === undefined) throw new Error(`fork ${n} failed: ${pid}`);
    machine.call(child, (sys) => sys.tryStorePage(addr + n * PAGE, n));
  }
  return globalThis.process.resourceUsage().maxRSS / 1000;
}

if (process.argv[1]?.endsWith('parent.js')) {
  const peakMB = crowd(Number(process.argv[2]));
  process.stdout.write(`${JSON.stringify({ peakMB })}\n`);
}
