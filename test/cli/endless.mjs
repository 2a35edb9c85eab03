// SPDX-License-Identifier: GPL-2.0-only
/**
 * Preloaded into a command and its threads: the simulated kernel of the second call that a machine is asked for never comes
 * back, whatever the simulation thinks of it. In the query: a `signal` that is sent to the command when that begins; `after`,
 * which program's call it is; `calls`, which of that program's; `thread=main` where no other simulates;
 * `memory`, that it takes all there is; `tells`, what it writes to standard error when that begins. With a signal, time
 * passes by the second with each look at the clock: what is told now and then is told each time.
 */

import { writeSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';
import { Machine } from '../../bundle/machine/machine.js';

const { spawn } = Machine.prototype;
let spawned = 0;
const query = new URL(import.meta.url).searchParams;
const signal = query.get('signal');
const last = Number(query.get('after') ?? 2);
const takes = query.has('memory');
const calls = Number(query.get('calls') ?? 1);

if (isMainThread === (query.get('thread') === 'main')) {
  let now = Date.now();
  if (signal !== null) Date.now = () => (now += 1000);
  Machine.prototype.spawn = function (...args) {
    const handle = spawn.apply(this, args);
    if (++spawned === last) {
      let called = 0;
      const { call } = Machine.prototype;
      this.call = (...args) => {
        if (++called < calls) return call.apply(this, args);
        if (signal !== null) process.kill(process.pid, signal);
        if (query.has('tells')) writeSync(2, query.get('tells'));
        for (const taken = []; ; ) if (takes) taken.push(Array(1000).fill(0));
      };
    }
    return handle;
  };
}
