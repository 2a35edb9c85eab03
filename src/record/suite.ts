// SPDX-License-Identifier: GPL-2.0-only
/** Records the tests of a suite while the harness runs them, each as a document. */

import type { MachineDescription } from '../machine/description.js';
import { Machine } from '../machine/machine.js';
import type { ScenarioDocument } from '../scenario/schema.js';
import type { MachineApi } from '../user/api.js';
import { recordedDocument } from './document.js';
import { machineBlock } from './machine-block.js';
import { Recorder } from './recorder.js';

/** To be told before and after each test; fits the harness's observer. */
export class SuiteRecorder {
  readonly #block: ScenarioDocument['machine'] & {};
  #recorder: Recorder | undefined;
  #load = 0;

  /** Throws UsageError for a machine that no document can ask for. */
  constructor(
    private readonly description: MachineDescription,
    private readonly recorded: (document: ScenarioDocument) => void,
  ) {
    this.#block = machineBlock(description);
  }

  /** What modprobe answered; 0 unless told. */
  loaded(ret: number): void {
    this.#load = ret;
  }

  before(machine: MachineApi): void {
    if (!(machine instanceof Machine)) return;
    this.#recorder = new Recorder(this.description.generation);
    machine.newProgram = this.#recorder.program;
  }

  after(machine: MachineApi, { name }: { readonly name: string }): void {
    if (!(machine instanceof Machine) || this.#recorder === undefined) return;
    machine.newProgram = null;
    const thpAlways = this.description.thp === 'always';
    const recording = { name, machine: this.#block, thpAlways, load: this.#load };
    this.recorded(recordedDocument(this.#recorder, recording));
  }
}
