// SPDX-License-Identifier: GPL-2.0-only
/** Boots machines for scenarios. */

import type { Machine, MachineOptions } from '../user/machine.js';
import * as user from '../user/machine.js';
import type { MachineSource } from './runner.js';
import type { MachineSetup } from './setup.js';

// The machine's class has not landed yet; until then only its type is known here.
const { Machine: MachineClass } = user as unknown as { Machine: { boot(options: MachineOptions): Machine } };

/** A machine with the module loaded as `setup` asks. Throws KernelBug when loading oopses. */
export function bootMachine(setup: MachineSetup): Machine {
  const machine = MachineClass.boot(setup.options);
  if (setup.moduleParams !== null) {
    const ret = machine.loadModule('test_hmm', setup.moduleParams);
    if (ret < 0) throw new Error(`loading test_hmm failed with ${ret}`);
  }
  return machine;
}

/** A fresh machine for every scenario. */
export class MachinePool implements MachineSource {
  acquire(setup: MachineSetup): Machine {
    return bootMachine(setup);
  }

  release(): void {}
}
