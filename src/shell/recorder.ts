// SPDX-License-Identifier: GPL-2.0-only
/** Keeps the steps of a session with their results, as a document that expects them. */
import { expecting } from '../scenario/read.js';
import type { StepResult } from '../scenario/result.js';
import type { MachineBlock, ScenarioDocument, Step } from '../scenario/schema.js';
import { writeYaml } from '../scenario/update.js';

export interface RecorderOptions {
  readonly name: string;
  readonly kernel: string;
  readonly machine?: MachineBlock | undefined;
  /** How the module is to load, where a document says so. */
  readonly load?: ScenarioDocument['load'];
}

export interface Taken {
  readonly step: Step;
  /** As it was typed, or stands in the document that it comes from. */
  readonly written: unknown;
  readonly result: StepResult;
}

export class Recorder {
  #taken: Taken[] = [];

  constructor(private readonly options: RecorderOptions) {}

  /** All steps, those included that no document can expect. */
  get taken(): readonly Taken[] {
    return this.#taken;
  }

  /** Steps that a document has. A violation is our mistake, nothing for a document to expect. */
  get #kept(): readonly Taken[] {
    return this.#taken.filter(({ result }) => result.violation === undefined);
  }

  get length(): number {
    return this.#kept.length;
  }

  add(step: Step, written: unknown, result: StepResult): void {
    this.#taken.push({ step, written, result });
  }

  clear(): void {
    this.#taken = [];
  }

  #head(): Omit<ScenarioDocument, 'steps'> {
    const { name, kernel, machine, load } = this.options;
    const head = { name, kernel: kernel as ScenarioDocument['kernel'], source: `simulated: ${kernel}` };
    return {
      ...head,
      ...(machine === undefined ? {} : { machine }),
      ...(load === undefined ? {} : { load }),
    };
  }

  /** All that was done, for whoever does it again. */
  document(): ScenarioDocument {
    const steps = this.#taken.map(({ step: { expect: _, ...step } }) => step as Step);
    return { ...this.#head(), steps };
  }

  /** What `save` writes, in the words that were typed. */
  text(): string {
    const kept = this.#kept;
    const steps = kept.map(({ step, result }) => ({ ...step, expect: result }) as Step);
    const written = kept.map(({ written, result }) => expecting(written, result as Step['expect']));
    return writeYaml({ ...this.#head(), steps }, written);
  }
}
