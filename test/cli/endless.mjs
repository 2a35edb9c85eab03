// SPDX-License-Identifier: GPL-2.0-only
/**
 * Preloaded into a command and its threads: the simulated kernel of the second call that a machine is asked for never comes
 * back, whatever the simulation thinks of it. A `signal` of the query is sent to the command when that begins, `after` says
 * which call it is; then, time passes by the second with each look at the clock: what is told now and then is told each time.
 */

import { isMainThread } from 'node:worker_threads';
import { Machine } from '../../dist/machine/machine.js';

const { spawn } = Machine.prototype;
let spawned = 0;
const query = new URL(import.meta.url).searchParams;
const signal = query.get('signal');
const last = Number(query.get('after') ?? 2);

if (!isMainThread) {
  let now = Date.now();
  if (signal !== null) Date.now = () => (now += 1000);
  Machine.prototype.spawn = function (...args) {
    const handle = spawn.apply(this, args);
    if (++spawned === last) {
      this.call = () => {
        if (signal !== null) process.kill(process.pid, signal);
        for (;;);
      };
    }
    return handle;
  };
}
