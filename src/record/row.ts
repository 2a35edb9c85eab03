// SPDX-License-Identifier: GPL-2.0-only
/** Records tests that run one after another on one machine as one document: what a test leaves behind, the next one finds. */
import type { MachineDescription } from '../machine/description.js';
import { Machine } from '../machine/machine.js';
import type { ScenarioDocument } from '../scenario/schema.js';
import type { ResultEvent, TestName } from '../selftests/events.js';
import type { Hang } from '../sim/errors.js';
import type { MachineApi } from '../user/api.js';
import { recordedDocument } from './document.js';
import { machineBlock } from './machine-block.js';
import { Recorder } from './recorder.js';

/** To be told before and after each test; fits the harness's observer. */
export class RowRecorder {
  readonly #block: ScenarioDocument['machine'] & {};
  #recorder: Recorder;
  #machine: Machine | undefined;
  #tests: string[] = [];
  #load = 0;

  constructor(
    private readonly description: MachineDescription,
    private readonly recorded: (document: ScenarioDocument) => void,
  ) {
    this.#block = machineBlock(description);
    this.#recorder = new Recorder(description.generation, true);
  }

  /** What modprobe answered; 0 unless told. */
  loaded(ret: number): void {
    this.#load = ret;
  }

  before(machine: MachineApi, { name }: TestName): void {
    if (!(machine instanceof Machine)) return;
    if (this.#machine !== machine) {
      // Nothing of what was before is there any more.
      this.#recorder = new Recorder(this.description.generation, true);
      this.#tests = [];
      this.#machine = machine;
    }
    if (this.#recorder.drafts.some(({ expect }) => expect?.oops !== undefined)) {
      // A scenario ends where the kernel dies.
      this.#recorder.unsaid.add('the tests after its oops');
      return;
    }
    this.#tests.push(name);
    machine.newProgram = this.#recorder.program;
  }

  after(machine: MachineApi, _test: TestName, _result?: ResultEvent, hang?: Hang): void {
    if (!(machine instanceof Machine)) return;
    machine.newProgram = null;
    if (hang !== undefined) this.#recorder.hung(hang);
  }

  /** All tests have run. */
  end(): void {
    const name = this.#tests.at(-1);
    if (name === undefined) return;
    const thpAlways = this.description.thp === 'always';
    const recording = { name, tests: this.#tests, machine: this.#block, thpAlways, load: this.#load };
    this.recorded(recordedDocument(this.#recorder, recording));
  }
}
