// SPDX-License-Identifier: GPL-2.0-only
/** What `run` does with a part of a file, in whichever thread: load it, then run its scenarios and judge them. */
import { scenarioJsonLine } from '../report/scenario-json.js';
import {
  differenceLines,
  failureOf,
  type ScenarioOutcome,
  warningLines,
} from '../report/scenario-outcome.js';
import { type LoadedDocument, loadPart, type Mistake, type Part } from '../scenario/load.js';
import type { ScenarioRun } from '../scenario/result.js';
import type { ScenarioDocument } from '../scenario/schema.js';
import { type Update, withResults } from '../scenario/update.js';
import { type MachineSource, runOn } from '../session/runner.js';
import { type MachineSetup, type Overrides, Setups } from '../session/setup.js';
import { UsageError } from '../sim/errors.js';
import { namePattern } from './name-pattern.js';

/** The options of `run` that decide what is run and what is told of it. */
export interface PartOptions {
  readonly overrides: Overrides;
  readonly against?: string;
  readonly name?: string;
  readonly json?: boolean;
  readonly dmesg?: boolean;
  readonly update?: boolean;
}

/** What a part has for this run. */
export interface LoadedPart {
  /** The scenarios that will run. */
  readonly names: string[];
  readonly mistakes: Mistake[];
}

/** A scenario that has run. */
export interface Told {
  readonly outcome: ScenarioOutcome;
  readonly json?: string;
  /** Absent when no document can expect what the run answered. */
  readonly update?: Update;
}

/** A document that is to run, and the machine that it wants. */
interface Selected {
  readonly loaded: LoadedDocument;
  readonly setup: MachineSetup;
}

/** The error with the scenario's name; its stack is kept as text, because errors cross threads without a cause. */
function named(error: unknown, name: string): Error {
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  const result = new Error(`scenario "${name}": ${message}`);
  result.stack = stack;
  return result;
}

/** Can a document expect what this run answered? */
function isRecording({ loadFailure, results }: ScenarioRun): boolean {
  return loadFailure === undefined && !results.some(({ violation }) => violation !== undefined);
}

export class PartRunner {
  readonly #setups: Setups;
  readonly #others: Setups | undefined;
  readonly #matches: (name: string) => boolean;
  readonly #loaded = new Map<number, Selected[]>();

  constructor(
    readonly source: MachineSource,
    readonly options: PartOptions,
  ) {
    const { overrides, against, name } = options;
    this.#setups = new Setups(overrides);
    this.#others = against === undefined ? undefined : new Setups({ ...overrides, kernel: against });
    this.#matches = namePattern(name);
  }

  /** Keeps what it loads until `run(index)`. */
  load(index: number, part: Part): LoadedPart {
    const { documents, mistakes } = loadPart(part);
    const selected: Selected[] = [];
    for (const loaded of documents) {
      if (!this.#matches(loaded.document.name)) continue;
      try {
        selected.push({ loaded, setup: this.#setups.of(loaded.document) });
      } catch (error) {
        if (!(error instanceof UsageError)) throw error;
        mistakes.push({ where: `${loaded.file}:${loaded.line}`, message: `machine: ${error.message}` });
      }
    }
    this.#loaded.set(index, selected);
    return { names: selected.map(({ loaded }) => loaded.document.name), mistakes };
  }

  /** Runs the part's scenarios as they are taken, and forgets the part. */
  *run(index: number): Generator<Told> {
    const selected = this.#loaded.get(index) ?? [];
    this.#loaded.delete(index);
    for (const each of selected) {
      const { document } = each.loaded;
      try {
        const other = this.#others?.of(document);
        const run = runOn(this.source, each.setup, document);
        yield this.#tell(each, run, other && runOn(this.source, other, document));
      } catch (error) {
        throw named(error, document.name);
      }
    }
  }

  #tell({ loaded, setup }: Selected, run: ScenarioRun, other: ScenarioRun | undefined): Told {
    const { json, update } = this.options;
    const { document, line } = loaded;
    const kernel = setup.generation.id;
    const failure = failureOf(loaded, run);
    const notes = this.#notes(document, [kernel, run], other);
    return {
      outcome: { name: document.name, notes, ...(failure === undefined ? {} : { failure }) },
      ...(json ? { json: this.#jsonLine(document, { kernel, run }, other) } : {}),
      ...(update && isRecording(run)
        ? { update: { line, document: withResults(document, run.results, kernel) } }
        : {}),
    };
  }

  #notes(
    document: ScenarioDocument,
    primary: readonly [string, ScenarioRun],
    other: ScenarioRun | undefined,
  ): string[] {
    const { against, dmesg } = this.options;
    const differences =
      other === undefined || against === undefined
        ? []
        : differenceLines(document, primary, [against, other]);
    const notes = [...warningLines(document, primary[1]), ...differences];
    return dmesg ? [...notes, ...primary[1].dmesg.map((line) => `dmesg: ${line}`)] : notes;
  }

  #jsonLine(
    { name }: ScenarioDocument,
    primary: { kernel: string; run: ScenarioRun },
    other: ScenarioRun | undefined,
  ): string {
    const { against, dmesg } = this.options;
    const second = other === undefined || against === undefined ? undefined : { kernel: against, run: other };
    return scenarioJsonLine(name, primary, { other: second, dmesg: dmesg ?? false });
  }
}
