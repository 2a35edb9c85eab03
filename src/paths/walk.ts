// SPDX-License-Identifier: GPL-2.0-only
/** Takes a scenario's steps, and notes which functions each enters, about which page, and why something was not done. */
import type { Machine } from '../machine/machine.js';
import { reasonText } from '../machine/reasons.js';
import { isOwnMemory, placeOf } from '../scenario/actor.js';
import type { ScenarioDocument, Step } from '../scenario/schema.js';
import { Session } from '../session/session.js';
import type { MachineSetup } from '../session/setup.js';

export interface Entered {
  readonly fn: string;
  /** "r0[3]", where it is about memory of the scenario. */
  readonly page?: string;
  /** Why something was not done, said since the function before. */
  readonly why?: string;
}

export interface WalkedStep {
  readonly index: number;
  readonly step: Step;
  readonly entered: readonly Entered[];
}

function pageText(addr: number | undefined): string | undefined {
  const place = addr === undefined ? undefined : placeOf(addr);
  return place === undefined ? undefined : `r${place.region}[${place.page}]`;
}

/** Listens to one machine. What programs do with memory of their own, and not the scenario's, is not told. */
export class PathWatch {
  #entered: Entered[] = [];
  #why: string | undefined;

  constructor(machine: Machine) {
    machine.kernel.functions = { entered: (fn, addr) => this.#enter(fn, addr) };
    machine.trace = {
      emit: ({ reason }) => {
        if (reason !== undefined) this.#why = reasonText(reason);
      },
    };
  }

  #enter(fn: string, addr: number | undefined): void {
    if (addr !== undefined && isOwnMemory(addr)) return;
    const page = pageText(addr);
    this.#entered.push({
      fn,
      ...(page === undefined ? {} : { page }),
      ...(this.#why === undefined ? {} : { why: this.#why }),
    });
    this.#why = undefined;
  }

  /** What was entered since the last time. */
  take(): readonly Entered[] {
    const entered = this.#entered;
    this.#entered = [];
    this.#why = undefined;
    return entered;
  }
}

/** Context: a fresh machine with the module loaded. */
export function* walkScenario(
  machine: Machine,
  setup: MachineSetup,
  document: ScenarioDocument,
): Generator<WalkedStep> {
  const session = new Session(machine, setup.generation);
  const watch = new PathWatch(machine);
  for (const { index, step } of session.takeAll(document.steps)) {
    yield { index, step, entered: watch.take() };
  }
}
