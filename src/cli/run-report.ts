// SPDX-License-Identifier: GPL-2.0-only
/** What `run` tells of its scenarios as they come: KTAP or JSON lines, and what --junit and --update write at the end. */
import { type JunitCase, junitText } from '../report/junit.js';
import { bailOutLines, TAP_HEADER } from '../report/ktap.js';
import { bailOutJsonLine, scenarioReasonLine } from '../report/scenario-json.js';
import { ScenarioCases } from '../report/scenario-junit.js';
import { scenarioEndLines, scenarioLines, scenarioPlanLines } from '../report/scenario-ktap.js';
import { type ScenarioOutcome, type ScenarioTotals, verdictOf } from '../report/scenario-outcome.js';
import type { Mistake } from '../scenario/load.js';
import type { JudgedUpdate } from '../scenario/update.js';
import { isTellable } from './files/host-error.js';
import { annotationLine, inActions } from './github.js';
import { fewLines } from './limit-options.js';
import { Progress } from './progress.js';
import type { RunOptions } from './run.js';
import type { Told } from './run-part.js';
import { type TextFile, updateFile } from './text-files.js';

/** Where output goes; lines come without their newline. */
export interface Output {
  out(line: string): void;
  err(line: string): void;
}

const countOf = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;

export class RunReport {
  readonly totals: ScenarioTotals = { pass: 0, fail: 0, skip: 0, error: 0 };
  readonly #junit = new ScenarioCases();
  readonly #updates: JudgedUpdate[][] = [];
  #number = 0;
  /** Failures that no update settles. */
  #left = 0;
  #files: readonly TextFile[] = [];
  #progress: Progress | undefined;
  #bailedOut: string | undefined;
  readonly #bugs: NonNullable<Told['bug']>[] = [];
  #unwritten = 0;
  /** Finds steps in the texts of files, where annotations are wanted. */
  #stepLine: ((text: string, step: number) => number) | undefined;

  constructor(
    readonly options: RunOptions,
    readonly output: Output,
    private readonly keepsJunit: boolean,
  ) {}

  /** Scenarios told of. */
  get count(): number {
    return this.#number;
  }

  get failed(): boolean {
    return this.totals.fail + this.totals.error > 0;
  }

  /** Is anything wrong that the documents will not expect from now on? */
  get failsStill(): boolean {
    return this.#left > 0;
  }

  /** The first bug of ours that a scenario met. */
  get bug(): Error | undefined {
    const [first, ...others] = this.#bugs;
    if (first === undefined) return undefined;
    const error = new Error(`${first.message}${others.length === 0 ? '' : ` (and ${others.length} more)`}`);
    error.stack = first.stack;
    return error;
  }

  /** Are there documents that should have been updated, and were not? */
  get leftUnwritten(): boolean {
    return this.#unwritten > 0;
  }

  /** Before anything is read: whoever waits sees that there is somebody. */
  header(): void {
    this.#print([TAP_HEADER]);
  }

  mistakes(mistakes: readonly Mistake[]): void {
    for (const line of fewLines(mistakes)) this.output.err(line);
  }

  async begin(count: number, files: readonly TextFile[]): Promise<void> {
    this.#files = files;
    if (inActions()) this.#stepLine = (await import('../scenario/load-yaml.js')).stepLine;
    this.#progress = new Progress('scenarios', count);
    this.#print(scenarioPlanLines(count).slice(1));
  }

  /** `file` is an index into the files. */
  finished(file: number, { outcome, json, update, bug }: Told): void {
    if (bug !== undefined) this.#bugs.push(bug);
    if (json !== undefined) this.output.out(json);
    this.#tell(outcome, update?.settles);
    this.#annotate(outcome, this.#files[file]);
    if (update !== undefined) (this.#updates[file] ??= []).push(update);
  }

  /** An argument that could not be read. */
  unreadable({ where, message }: Mistake): void {
    const outcome = { name: where, invalid: { file: where, line: 1, invalid: [message] }, notes: [] };
    if (this.options.json) this.output.out(scenarioReasonLine(where, 'error', [message]));
    this.#tell({ ...outcome, place: { file: where, line: 1 } });
    this.#annotate(outcome, undefined);
  }

  skipped(name: string, reason: string): void {
    if (this.options.json) this.output.out(scenarioReasonLine(name, 'skip', [reason]));
    this.#tell({ name, skipped: reason, notes: [] });
  }

  async end(files: readonly TextFile[]): Promise<void> {
    this.#print(scenarioEndLines(this.totals));
    if (this.options.update) this.output.err(await this.#update(files));
  }

  /** Writes what can be written. Return: what was updated, in a line. */
  async #update(files: readonly TextFile[]): Promise<string> {
    const { updateText } = await import('../scenario/update.js');
    let [changed, written] = [0, 0];
    for (const [index, file] of files.entries()) {
      const updates = this.#updates[index];
      if (updates === undefined) continue;
      const updated = updateText(file.text, file.syntax, updates);
      if (updated !== file.text) {
        if (!(await this.#write(file, updated))) continue;
        written++;
      }
      changed += updates.filter(({ changes }) => changes).length;
    }
    const left = this.#left === 0 ? '' : `; ${countOf(this.#left, 'failure')} cannot be expected`;
    const not = this.#unwritten === 0 ? '' : `; ${countOf(this.#unwritten, 'file')} not written`;
    return `updated ${changed} of ${countOf(this.#number, 'scenario')}, in ${countOf(written, 'file')}${left}${not}`;
  }

  /** Return: false, and why is told, where the file is as it was. */
  async #write(file: TextFile, text: string): Promise<boolean> {
    try {
      await updateFile(file, text, this.options.maxSize);
      return true;
    } catch (error) {
      if (!isTellable(error)) throw error;
      this.output.err(`hmm-sim: not updated: ${(error as Error).message}`);
      this.#unwritten++;
      return false;
    }
  }

  /** The run cannot go on; no reader may take what there is for all of it. */
  bailOut(reason: string): void {
    if (this.options.list) return;
    this.#bailedOut = reason;
    const lines = this.options.json ? [bailOutJsonLine(reason)] : bailOutLines(reason);
    lines.forEach(this.output.out);
  }

  junit(): string {
    const kernel = this.options.kernel ?? 'as the documents say';
    const properties = { kernel, seed: this.options.seed ?? 0 };
    const bailedOut = this.#bailedOut === undefined ? {} : { bailedOut: this.#bailedOut };
    const cases: readonly JunitCase[] = this.#junit.cases;
    return junitText(cases, { name: 'hmm-sim run', properties, ...bailedOut });
  }

  /** At the step that failed; the lines of JSON Lines have one each. Nothing is looked for where nobody is told. */
  #annotate({ name, failure, invalid, internal }: ScenarioOutcome, from: TextFile | undefined): void {
    const wrong = failure ?? invalid ?? internal;
    if (wrong === undefined || !inActions()) return;
    const { file } = wrong;
    const step = failure?.step;
    const found =
      step === undefined || from === undefined || from.syntax === 'jsonl'
        ? undefined
        : this.#stepLine?.(from.text, step);
    const message =
      (internal === undefined ? invalid?.invalid.join('\n') : `internal error: ${internal.internal}`) ??
      `${step === undefined ? '' : `step ${step}: `}${failure!.differs}`;
    this.output.err(annotationLine({ file, line: found ?? wrong.line, title: name, message }));
  }

  #print(lines: readonly string[]): void {
    if (this.options.json) return;
    for (const line of lines) this.output.out(line);
  }

  #tell(outcome: ScenarioOutcome, settled = false): void {
    const verdict = verdictOf(outcome);
    this.totals[verdict]++;
    if (!settled && (verdict === 'fail' || verdict === 'error')) this.#left++;
    const lines = scenarioLines(++this.#number, outcome);
    this.#print(lines);
    this.#progress?.at(this.#number);
    if (this.keepsJunit) this.#junit.add(outcome, lines.slice(1));
  }
}
