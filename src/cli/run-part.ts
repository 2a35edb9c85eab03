// SPDX-License-Identifier: GPL-2.0-only
/** What `run` does with a part of a file, in whichever thread: load it, then run its scenarios and judge them. */
import { type KernelRun, scenarioJsonLine, scenarioReasonLine } from '../report/scenario-json.js';
import {
  differenceLines,
  failureOf,
  type ScenarioOutcome,
  verdictOf,
  warningLines,
} from '../report/scenario-outcome.js';
import { type NamedCause, namedCauses } from '../report/which-change.js';
import type { Limits } from '../scenario/limits.js';
import { type LoadedDocument, loadPart, type Mistake } from '../scenario/load.js';
import type { ScenarioRun } from '../scenario/result.js';
import type { ScenarioDocument } from '../scenario/schema.js';
import type { Part } from '../scenario/syntax.js';
import { changes, type JudgedUpdate, withResults } from '../scenario/update.js';
import { judge } from '../scenario/verdict.js';
import { type MachineSource, runOn } from '../session/runner.js';
import { type MachineSetup, type Overrides, Setups } from '../session/setup.js';
import { WhichChange } from '../session/which-change.js';
import { TimedOut, UsageError } from '../sim/errors.js';
import { isTakenBack } from './bug-options.js';
import { guarded } from './guard.js';
import { loadDrivers } from './insmod.js';
import { namePattern } from './name-pattern.js';
import { LockNotes } from './run-locks.js';
import type { TraceOrder, Tracing } from './trace-file.js';

/** The options of `run` that decide what is run and what is told of it. */
export interface PartOptions {
  readonly overrides: Overrides;
  readonly against?: string;
  readonly name?: string;
  readonly json?: boolean;
  readonly dmesg?: boolean;
  readonly locks?: boolean;
  readonly update?: boolean;
  readonly limits?: Limits | undefined;
  /** Drivers from outside of the tree: FILE, or FILE,NAME=VALUE ... */
  readonly insmod?: readonly string[] | undefined;
  /** Seconds on the host that a scenario may take. */
  readonly timeout?: number | undefined;
  /** Run nothing behind the first failure. */
  readonly bail?: boolean | undefined;
  /** The files that machines are traced into. */
  readonly trace?: TraceOrder | undefined;
}

/** What a part has for this run. */
export interface LoadedPart {
  /** The scenarios that will run. */
  readonly names: string[];
  /** Where each begins. */
  readonly lines: number[];
  /** Those that will run, each once, without those of documents whose own bugs and fixes the command line takes back. */
  readonly kernels: string[];
  readonly mistakes: Mistake[];
}

/** A scenario that has run. */
export interface Told {
  readonly outcome: ScenarioOutcome;
  readonly json?: string;
  /** Absent when no document can expect what the run answered. */
  readonly update?: JudgedUpdate;
  /** A bug of ours that it met; its stack is kept as text, because errors cross threads without a cause. */
  readonly bug?: { readonly message: string; readonly stack: string };
}

/** A document that is to run, and the machine that it wants. */
interface Selected {
  readonly loaded: LoadedDocument;
  readonly setup: MachineSetup;
}

/** A document on the kernel of --against, and what is behind each step that differs. */
interface Against {
  readonly kernel: string;
  readonly run: ScenarioRun;
  readonly causes: readonly NamedCause[];
}

/** A document that cannot run: its line, and why not. */
interface Refused {
  readonly line: number;
  readonly reasons: string[];
}

/** The documents that the mistakes are in: one a line of JSON Lines, one a file of anything else. */
function refusedOf({ file, syntax }: Part, mistakes: readonly Mistake[]): Refused[] {
  const refused = new Map<number, string[]>();
  for (const { where, message } of mistakes) {
    const place = where.slice(file.length + 1);
    const line = syntax === 'jsonl' ? Number.parseInt(place, 10) : 1;
    const reasons = refused.get(line) ?? [];
    reasons.push(syntax === 'jsonl' ? message : `${place}: ${message}`);
    refused.set(line, reasons);
  }
  return [...refused].map(([line, reasons]) => ({ line, reasons }));
}

type Place = Omit<Part, 'text'>;

/** A part until it runs: as it was loaded, or to be loaded once more. */
interface Kept {
  readonly part: Place;
  readonly selected?: (Selected | Refused)[];
  readonly text?: Buffer;
}

/** Characters of which a runner keeps the documents: they take several times as much. */
const MAX_KEPT = 64 << 20;

const lineOf = (each: Selected | Refused): number => ('loaded' in each ? each.loaded.line : each.line);

/** Can a document expect what this run answered? */
function isRecording({ loadFailure, results }: ScenarioRun): boolean {
  return loadFailure === undefined && !results.some(({ violation }) => violation !== undefined);
}

function updateOf({ document, line }: LoadedDocument, run: ScenarioRun, kernel: string): JudgedUpdate {
  const updated = withResults(document, run.results, kernel);
  const settles = judge(updated, run) === undefined;
  return { line, document: updated, changes: changes(document, updated), settles };
}

/** What a document is called; one that cannot be read, by its place. */
function nameOf({ file, syntax }: Place, each: Selected | Refused): string {
  if ('loaded' in each) return each.loaded.document.name;
  return syntax === 'jsonl' ? `${file}:${each.line}` : file;
}

/** No stack tells where. */
const OUT_OF_MEMORY = { message: 'ran out of memory' };

const isRed = (outcome: ScenarioOutcome): boolean => ['fail', 'error'].includes(verdictOf(outcome));

/** A runner that traces its machines where that is asked for. Tracing is loaded only then. */
export async function partRunner(asked: PartOptions, source: MachineSource): Promise<PartRunner> {
  const insmod = await loadDrivers(asked.insmod);
  const options = { ...asked, overrides: { ...asked.overrides, insmod } };
  if (options.trace === undefined) return new PartRunner(source, options);
  const { Tracing, TracingSource } = await import('./trace-file.js');
  const tracing = new Tracing(options.trace);
  return new PartRunner(new TracingSource(source, tracing), options, tracing);
}

export class PartRunner {
  readonly #setups: Setups;
  readonly #others: Setups | undefined;
  readonly #whichChange = new WhichChange();
  readonly #matches: (name: string) => boolean;
  readonly #loaded = new Map<number, Kept>();
  /** Characters that were loaded. */
  #length = 0;
  #bailed = false;

  constructor(
    readonly source: MachineSource,
    readonly options: PartOptions,
    private readonly tracing?: Tracing,
  ) {
    const { overrides, against, name } = options;
    this.#setups = new Setups(overrides);
    this.#others = against === undefined ? undefined : new Setups({ ...overrides, kernel: against });
    this.#matches = namePattern(name);
  }

  /** Keeps what it loads until `run(index)`; of very much, the text. */
  load(index: number, part: Part): LoadedPart {
    const { selected, mistakes } = this.#select(part);
    this.#length += part.text.length;
    const { text, ...rest } = part;
    const kept = this.#length > MAX_KEPT ? { text: Buffer.from(text) } : { selected };
    this.#loaded.set(index, { part: rest, ...kept });
    const { bugs, fixes } = this.options.overrides;
    const switches = { bug: bugs, fix: fixes };
    const kernels = selected.flatMap((each) => {
      if (!('setup' in each) || isTakenBack(each.loaded.document, switches)) return [];
      return [each.setup.generation.id];
    });
    return {
      names: selected.map((each) => nameOf(part, each)),
      lines: selected.map(lineOf),
      kernels: [...new Set(kernels)],
      mistakes,
    };
  }

  /** The part's scenarios in order, and what is wrong with others. */
  #select(part: Part): { selected: (Selected | Refused)[]; mistakes: Mistake[] } {
    const { documents, mistakes } = loadPart(part, this.options.limits);
    const selected: (Selected | Refused)[] = refusedOf(part, mistakes);
    for (const loaded of documents) {
      if (!this.#matches(loaded.document.name)) continue;
      try {
        selected.push({ loaded, setup: this.#setups.of(loaded.document) });
      } catch (error) {
        if (!(error instanceof UsageError)) throw error;
        const message = `machine: ${error.message}`;
        mistakes.push({ where: `${loaded.file}:${loaded.line}`, message });
        selected.push({ line: loaded.line, reasons: [message] });
      }
    }
    selected.sort((a, b) => lineOf(a) - lineOf(b));
    return { selected, mistakes };
  }

  /**
   * Runs the part's scenarios as they are taken, and forgets the part. `lost` are the places of those that ended the thread
   * that ran them.
   */
  *run(index: number, lost: readonly number[] = []): Generator<Told> {
    const { part, text, selected } = this.#loaded.get(index)!;
    this.#loaded.delete(index);
    const all = selected ?? this.#select({ ...part, text: text!.toString('utf8') }).selected;
    for (const [place, each] of all.entries()) {
      if (this.#bailed) return;
      const told = this.#toldOf(part, each, lost.includes(place));
      this.#bailed = this.options.bail === true && isRed(told.outcome);
      yield told;
    }
  }

  #toldOf(part: Place, each: Selected | Refused, isLost: boolean): Told {
    if (!('loaded' in each)) return this.#refused(part, each);
    return isLost ? this.#internal(each, OUT_OF_MEMORY) : this.#take(each);
  }

  /** No scenario comes any more. */
  finish(): void {
    this.tracing?.end();
  }

  #take(each: Selected): Told {
    const { document } = each.loaded;
    const { timeout, locks } = this.options;
    const watch = locks ? new LockNotes() : undefined;
    try {
      const both = () => {
        const run = runOn(this.source, each.setup, document, watch);
        return { run, against: this.#against(each, run) };
      };
      const { run, against } = timeout === undefined ? both() : guarded(both, timeout);
      return this.#tell(each, run, against, watch?.notes);
    } catch (error) {
      if (error instanceof TimedOut) return this.#abandoned(each, error.message);
      return this.#internal(each, error instanceof Error ? error : new Error(String(error)));
    }
  }

  #against({ loaded: { document }, setup }: Selected, { results }: ScenarioRun): Against | undefined {
    const other = this.#others?.of(document);
    if (other === undefined) return undefined;
    const run = runOn(this.source, other, document);
    const { generation } = other;
    const causes = this.#whichChange.of(document, setup, results, { generation, results: run.results });
    return { kernel: generation.id, run, causes: namedCauses(causes, setup.generation, generation) };
  }

  #abandoned({ loaded: { document, file, line } }: Selected, differs: string): Told {
    const { name } = document;
    const outcome = { name, place: { file, line }, failure: { file, line, differs }, notes: [] };
    return this.options.json ? { outcome, json: scenarioReasonLine(name, 'fail', [differs]) } : { outcome };
  }

  /** The others run all the same: each has a machine of its own. */
  #internal(
    { loaded: { document, file, line } }: Selected,
    { message, stack = '' }: Pick<Error, 'message' | 'stack'>,
  ): Told {
    const { name } = document;
    const internal = { file, line, internal: message };
    const told = {
      outcome: { name, place: { file, line }, internal, notes: [] },
      bug: { message: `scenario "${name}": ${message}`, stack },
    };
    const reasons = [`internal error: ${message}`];
    return this.options.json ? { ...told, json: scenarioReasonLine(name, 'error', reasons) } : told;
  }

  #refused(part: Place, refused: Refused): Told {
    const { file } = part;
    const { line, reasons } = refused;
    const name = nameOf(part, refused);
    const invalid = { file, line, invalid: reasons };
    const outcome = { name, place: { file, line }, invalid, notes: [] };
    return this.options.json ? { outcome, json: scenarioReasonLine(name, 'error', reasons) } : { outcome };
  }

  #tell(
    { loaded, setup }: Selected,
    run: ScenarioRun,
    against: Against | undefined,
    locks: readonly string[] = [],
  ): Told {
    const { json, update } = this.options;
    const { document, file, line } = loaded;
    const kernel = setup.generation.id;
    const failure = failureOf(loaded, run);
    const verdict = failure === undefined ? 'pass' : 'fail';
    const notes = [...this.#notes(document, { kernel, run }, against), ...locks];
    return {
      outcome: {
        name: document.name,
        place: { file, line },
        notes,
        ...(failure === undefined ? {} : { failure }),
      },
      ...(json ? { json: this.#jsonLine(document, { kernel, run }, against, verdict) } : {}),
      ...(update && isRecording(run) ? { update: updateOf(loaded, run, kernel) } : {}),
    };
  }

  #notes(document: ScenarioDocument, primary: KernelRun, against: Against | undefined): string[] {
    const differences =
      against === undefined ? [] : differenceLines(document, primary, against, against.causes);
    const notes = [...warningLines(document, primary.run), ...differences];
    return this.options.dmesg ? [...notes, ...primary.run.dmesg.map((line) => `dmesg: ${line}`)] : notes;
  }

  #jsonLine(
    { name }: ScenarioDocument,
    primary: KernelRun,
    other: Against | undefined,
    verdict: 'pass' | 'fail',
  ): string {
    return scenarioJsonLine(name, primary, { other, dmesg: this.options.dmesg ?? false, verdict });
  }
}
