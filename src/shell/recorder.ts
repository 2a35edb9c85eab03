// SPDX-License-Identifier: GPL-2.0-only
/** Keeps the steps of a session with their results, as a document that expects them. */
import { writtenAnswer } from '../scenario/folded.js';
import { expecting } from '../scenario/read.js';
import type { StepResult } from '../scenario/result.js';
import type { MachineBlock, ScenarioDocument, Step } from '../scenario/schema.js';
import { writeYaml } from '../scenario/update.js';

export interface RecorderOptions {
  /** Of the document that the session goes on from. */
  readonly name?: string;
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

/** "deep/er.yaml" is "er". */
function nameOf(file: string): string | undefined {
  return /([^/\\]+?)(?:\.(?:ya?ml|gz))*$/.exec(file)?.[1];
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

  #head(file = ''): Omit<ScenarioDocument, 'steps'> {
    const { name = nameOf(file) ?? 'session', kernel, machine, load } = this.options;
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

  /** What `save` writes into `file`, in the words that were typed. */
  text(file: string): string {
    const kept = this.#kept.map((each) => ({ ...each, result: writtenAnswer(each.result) }));
    const steps = kept.map(({ step, result }) => ({ ...step, expect: result }) as Step);
    const written = kept.map(({ written, result }) => expecting(written, result as Step['expect']));
    return writeYaml({ ...this.#head(file), steps }, written);
  }
}
