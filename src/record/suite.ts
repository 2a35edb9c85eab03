// SPDX-License-Identifier: GPL-2.0-only
/** Records the tests of a suite while the harness runs them, each as a document. */
import type { MachineDescription } from '../machine/description.js';
import { Machine } from '../machine/machine.js';
import type { ScenarioDocument } from '../scenario/schema.js';
import type { ResultEvent, TestName } from '../selftests/events.js';
import { hmmTests } from '../selftests/hmm-tests/suites.js';
import { test_harness_run } from '../selftests/kselftest_harness.js';
import type { Hang } from '../sim/errors.js';
import type { MachineApi } from '../user/api.js';
import { recordedDocument } from './document.js';
import { machineBlock } from './machine-block.js';
import { Recorder } from './recorder.js';

/** To be told before and after each test; fits the harness's observer. */
export class SuiteRecorder {
  readonly #block: ScenarioDocument['machine'] & {};
  #recorder: Recorder | undefined;
  #load = 0;

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

  after(machine: MachineApi, { name }: TestName, _result?: ResultEvent, hang?: Hang): void {
    if (!(machine instanceof Machine) || this.#recorder === undefined) return;
    machine.newProgram = null;
    if (hang !== undefined) this.#recorder.hung(hang);
    const thpAlways = this.description.thp === 'always';
    const recording = { name, machine: this.#block, thpAlways, load: this.#load };
    this.recorded(recordedDocument(this.#recorder, recording));
  }
}

/** A test of the kernel's suite, recorded on a machine of its own. Context: there is such a test. */
export function recordedTest(name: string, description: MachineDescription): ScenarioDocument {
  const documents: ScenarioDocument[] = [];
  const observer = new SuiteRecorder(description, (document) => documents.push(document));
  const { generation, module } = description;
  const machine = (): Machine => {
    const booted = Machine.bootAs(description);
    if (module !== null) observer.loaded(booted.loadModule(module.name, module.params));
    return booted;
  };
  const filters = [{ option: 'r', name } as const];
  const run = test_harness_run({
    suite: hmmTests(generation),
    filters,
    machine,
    observer,
    onEvent: () => {},
  });
  for (const _ of run);
  return documents[0]!;
}
