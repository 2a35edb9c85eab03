// SPDX-License-Identifier: GPL-2.0-only
/**
 * Preloaded into a command and its threads: the simulated kernel of the second call that a machine is asked for never comes
 * back, whatever the simulation thinks of it.
 */

import { isMainThread } from 'node:worker_threads';
import { Machine } from '../../dist/machine/machine.js';

const { spawn } = Machine.prototype;
let spawned = 0;

if (!isMainThread) {
  Machine.prototype.spawn = function (...args) {
    const handle = spawn.apply(this, args);
    if (++spawned === 2) {
      this.call = () => {
        for (;;);
      };
    }
    return handle;
  };
}
