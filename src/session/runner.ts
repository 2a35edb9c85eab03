// SPDX-License-Identifier: GPL-2.0-only
/** Runs scenario documents, each on a machine that nothing else has touched. */
import type { ScenarioRun, StepResult } from '../scenario/result.js';
import type { ScenarioDocument } from '../scenario/schema.js';
import { KernelBug } from '../sim/errors.js';
import type { MachineApi as Machine } from '../user/api.js';
import { Session } from './session.js';
import type { MachineSetup } from './setup.js';

/** Where machines come from, and where they go when a scenario is done with them. */
export interface MachineSource {
  /**
   * A machine as after boot and modprobe, for the scenario `name`.
   * Throws LoadOopsed when loading the module oopses, LoadFailed when it fails.
   */
  acquire(setup: MachineSetup, name: string): Machine;
  /** `usable` is false after an oops, a hang or an internal error. */
  release(machine: Machine, usable: boolean): void;
}

/** modprobe failed: whose, in which function, its errno, and the kernel log. */
export class LoadFailed extends Error {
  constructor(
    module: string,
    readonly fn: string,
    readonly ret: string,
    readonly dmesg: readonly string[],
  ) {
    super(`loading ${module} failed with ${ret}`);
    this.name = 'LoadFailed';
  }
}

/** The kernel oopsed in modprobe: where, why, and the kernel log up to there. */
export class LoadOopsed extends KernelBug {
  constructor(
    { fn, reason }: KernelBug,
    readonly dmesg: readonly string[],
  ) {
    super(fn, reason);
    this.name = 'LoadOopsed';
  }
}

/** Throws what is no failure of the simulated kernel while it loaded the module. */
export function loadFailureOf(error: unknown): Pick<ScenarioRun, 'loadFailure' | 'dmesg'> {
  if (error instanceof KernelBug) {
    const { fn, reason } = error;
    return { loadFailure: { fn, reason }, dmesg: error instanceof LoadOopsed ? error.dmesg : [] };
  }
  if (!(error instanceof LoadFailed)) throw error;
  const { fn, ret, dmesg } = error;
  return { loadFailure: { fn, reason: `modprobe answered ${ret}`, ret }, dmesg };
}

/** Run `document` on a machine from `source`. */
export function runOn(source: MachineSource, setup: MachineSetup, document: ScenarioDocument): ScenarioRun {
  let machine: Machine;
  try {
    machine = source.acquire(setup, document.name);
  } catch (error) {
    return { results: [], ...loadFailureOf(error) };
  }
  let usable = false;
  try {
    const session = new Session(machine, setup.generation);
    const results: StepResult[] = [];
    for (const { result } of session.takeAll(document.steps)) results.push(result);
    usable = session.fatal === undefined;
    return { results, loadFailure: undefined, dmesg: [...machine.dmesg] };
  } finally {
    source.release(machine, usable);
  }
}
