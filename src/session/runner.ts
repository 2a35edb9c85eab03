// SPDX-License-Identifier: GPL-2.0-only
/** Runs scenario documents, each on a machine that nothing else has touched. */
import type { ScenarioRun, StepResult } from '../scenario/result.js';
import type { ScenarioDocument } from '../scenario/schema.js';
import { KernelBug } from '../sim/errors.js';
import type { MachineApi as Machine } from '../user/api.js';
import { Session, type TakenStep } from './session.js';
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

/** modprobe failed: whose, in which function, its errno, and the machine, which lives on without the module. */
export class LoadFailed extends Error {
  constructor(
    module: string,
    readonly fn: string,
    readonly ret: string,
    readonly machine: Machine,
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
  const { fn, ret, machine } = error;
  return { loadFailure: { fn, reason: `modprobe answered ${ret}`, ret }, dmesg: [...machine.dmesg] };
}

/** A machine for the steps of a document. */
export interface Acquired {
  readonly machine: Machine;
  /** How loading the module failed, as the document says that it does: the machine is without it. */
  readonly loadFailure: ScenarioRun['loadFailure'];
}

/** Throws LoadOopsed, and LoadFailed where the document does not expect that. */
export function acquireFor(
  source: Pick<MachineSource, 'acquire'>,
  setup: MachineSetup,
  document: ScenarioDocument,
): Acquired {
  try {
    return { machine: source.acquire(setup, document.name), loadFailure: undefined };
  } catch (error) {
    if (!(error instanceof LoadFailed) || document.load?.ret !== error.ret) throw error;
    return { machine: error.machine, loadFailure: loadFailureOf(error).loadFailure };
  }
}

/** Who looks on while a document runs. */
export interface RunObserver {
  begins(machine: Machine): void;
  took(taken: TakenStep): void;
}

/** Run `document` on a machine from `source`. */
export function runOn(
  source: MachineSource,
  setup: MachineSetup,
  document: ScenarioDocument,
  observer?: RunObserver,
): ScenarioRun {
  let acquired: Acquired;
  try {
    acquired = acquireFor(source, setup, document);
  } catch (error) {
    return { results: [], ...loadFailureOf(error) };
  }
  const { machine, loadFailure } = acquired;
  let usable = false;
  try {
    const session = new Session(machine, setup.generation);
    const results: StepResult[] = [];
    observer?.begins(machine);
    for (const taken of session.takeAll(document.steps)) {
      results.push(taken.result);
      observer?.took(taken);
    }
    usable = session.fatal === undefined;
    return { results, loadFailure, dmesg: [...machine.dmesg] };
  } finally {
    source.release(machine, usable);
  }
}
