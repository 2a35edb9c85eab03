// SPDX-License-Identifier: GPL-2.0-only
/** Boots machines for scenarios, and resets those that ended well for the next one of the same kind. */

import { Machine } from '../machine/machine.js';
import { type LoadableDriver, moduleNamed } from '../machine/registry.js';
import { KernelBug } from '../sim/errors.js';
import { errnoName } from '../uapi/errno.js';
import type { MachineApi } from '../user/api.js';
import { LoadFailed, LoadOopsed, type MachineSource } from './runner.js';
import type { MachineSetup } from './setup.js';

/** Load one module. Throws LoadOopsed or LoadFailed. */
function load(machine: Machine, { name, init }: LoadableDriver['module'], insert: () => number): void {
  let ret: number;
  try {
    ret = insert();
  } catch (error) {
    throw error instanceof KernelBug ? new LoadOopsed(error, [...machine.dmesg]) : error;
  }
  if (ret !== 0) throw new LoadFailed(name, init, errnoName(-ret), machine);
}

/** `machine` with what `setup` asks for, and then the drivers from outside of the tree. Throws LoadOopsed or LoadFailed. */
export function loadedAs(machine: Machine, { module, insmod }: MachineSetup): Machine {
  if (module !== null) {
    const { name, params } = module;
    load(machine, moduleNamed(name).module, () => machine.loadModule(name, params));
  }
  for (const { driver, params } of insmod) load(machine, driver.module, () => machine.insmod(driver, params));
  return machine;
}

/** A machine with the module loaded as `setup` asks. Throws LoadOopsed or LoadFailed when loading goes wrong. */
export function bootMachine(setup: MachineSetup): Machine {
  return loadedAs(Machine.bootAs(setup), setup);
}

/** One spare machine per setup; every scenario gets one as good as new. */
export class MachinePool implements MachineSource {
  readonly #spare = new Map<MachineSetup, Machine>();
  readonly #setups = new WeakMap<MachineApi, MachineSetup>();

  acquire(setup: MachineSetup): Machine {
    const spare = this.#spare.get(setup);
    if (spare === undefined) {
      const machine = bootMachine(setup);
      this.#setups.set(machine, setup);
      return machine;
    }
    this.#spare.delete(setup);
    spare.reset();
    return loadedAs(spare, setup);
  }

  /** Whatever state it is in: a reset forgets all of it. */
  release(machine: MachineApi): void {
    const setup = this.#setups.get(machine);
    if (setup !== undefined) this.#spare.set(setup, machine as Machine);
  }
}
