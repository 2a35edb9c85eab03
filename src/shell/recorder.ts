// SPDX-License-Identifier: GPL-2.0-only
/** Keeps the steps of a session with their results, as a document that expects them. */
import type { StepResult } from '../scenario/result.js';
import type { MachineBlock, ScenarioDocument, Step } from '../scenario/schema.js';

export interface RecorderOptions {
  readonly name: string;
  readonly kernel: string;
  readonly machine?: MachineBlock;
}

export class Recorder {
  readonly #steps: Step[] = [];

  constructor(private readonly options: RecorderOptions) {}

  get length(): number {
    return this.#steps.length;
  }

  add(step: Step, result: StepResult): void {
    this.#steps.push({ ...step, expect: result } as Step);
  }

  clear(): void {
    this.#steps.length = 0;
  }

  document(): ScenarioDocument {
    const { name, kernel, machine } = this.options;
    const source = `simulated: ${kernel}`;
    const head = { name, kernel, source };
    return { ...head, ...(machine === undefined ? {} : { machine }), steps: [...this.#steps] };
  }
}
