// SPDX-License-Identifier: GPL-2.0-only
/** What became of a scenario: its run against its expectations, as reports show it. */
import { sameResult } from '../scenario/compare.js';
import { foldedAnswer } from '../scenario/folded.js';
import type { ScenarioRun, StepResult } from '../scenario/result.js';
import type { ScenarioDocument, Step } from '../scenario/schema.js';
import { judge, type Unmet, unmetBeside, unmetText } from '../scenario/verdict.js';
import { oopsesIn, warningsIn } from '../user/kernel-log.js';
import type { KernelRun } from './scenario-json.js';
import { causeLines, type NamedCause } from './which-change.js';

/** Why a scenario failed; keys in the order of the report. */
export interface Failure {
  readonly file: string;
  readonly line: number;
  /** Index into `steps`, from 0; absent when the machine did not come up. */
  readonly step?: number;
  /** The step without its expectation. */
  readonly run?: Omit<Step, 'expect'>;
  readonly differs: string;
  readonly expected?: unknown;
  readonly actual?: unknown;
  /** What else is not as expected. */
  readonly also?: readonly string[];
}

/** A document, or a file, that is none: where, and what is wrong with it. */
export interface Invalid {
  readonly file: string;
  readonly line: number;
  readonly invalid: readonly string[];
}

/** A bug of ours that a scenario met: where that is, and what it says. */
export interface Internal {
  readonly file: string;
  readonly line: number;
  readonly internal: string;
}

export interface ScenarioOutcome {
  readonly name: string;
  /** Where the document stands. */
  readonly place?: { readonly file: string; readonly line: number };
  readonly failure?: Failure;
  readonly invalid?: Invalid;
  readonly internal?: Internal;
  /** Why it did not run. */
  readonly skipped?: string;
  /** Lines to show below the result. */
  readonly notes: readonly string[];
}

export interface ScenarioTotals {
  pass: number;
  fail: number;
  skip: number;
  /** Documents that are none, and bugs of ours. */
  error: number;
}

export type ScenarioVerdict = keyof ScenarioTotals;

export function verdictOf({ skipped, invalid, internal, failure }: ScenarioOutcome): ScenarioVerdict {
  if (skipped !== undefined) return 'skip';
  if (invalid !== undefined || internal !== undefined) return 'error';
  return failure === undefined ? 'pass' : 'fail';
}

interface Place {
  readonly file: string;
  readonly line: number;
  readonly document: ScenarioDocument;
}

function bare(step: Step): Omit<Step, 'expect'> {
  const { expect: _, ...fields } = step;
  return fields;
}

/** What the verdict leaves unmet, as reports show it; undefined when all is as expected. */
export function failureOf({ file, line, document }: Place, run: ScenarioRun): Failure | undefined {
  const unmet = judge(document, run);
  if (unmet === undefined) return undefined;
  const differs = unmetText(unmet, run.loadFailure?.reason);
  if (unmet.kind !== 'step') {
    const { expected, actual } = unmet;
    return { file, line, differs, ...(expected === undefined ? {} : { expected }), actual };
  }
  const taken = document.steps[unmet.step]!;
  return {
    file,
    line,
    step: unmet.step,
    run: bare(taken),
    differs,
    expected: taken.expect ?? {},
    actual: actualOf(run.results[unmet.step]),
    ...alsoOf(unmetBeside(unmet, document, run)),
  };
}

const actualOf = (result: StepResult | undefined) =>
  result === undefined ? undefined : foldedAnswer(result);

const MAX_ALSO = 50;

function alsoOf(others: readonly Unmet[]): Pick<Failure, 'also'> {
  if (others.length === 0) return {};
  const texts = others.slice(0, MAX_ALSO).map((other) => {
    return other.kind === 'step' ? `step ${other.step}: ${unmetText(other)}` : unmetText(other);
  });
  const more = others.length - texts.length;
  return { also: more === 0 ? texts : [...texts, `and ${more} more`] };
}

/**
 * What a run says even where nothing is expected of it: the functions that warn, unless the document lists them; and what
 * a driver from outside did wrong.
 */
export function warningLines({ warnings }: ScenarioDocument, { dmesg }: ScenarioRun): string[] {
  const warned =
    warnings === undefined ? [...new Set(warningsIn(dmesg))].map((fn) => `WARNING in ${fn}`) : [];
  return [...warned, ...oopsesIn(dmesg)];
}

/** Each step that answers differently on another kernel, its answers, and what is behind that. */
export function differenceLines(
  document: ScenarioDocument,
  { kernel, run }: KernelRun,
  { kernel: otherKernel, run: other }: KernelRun,
  causes: readonly NamedCause[] = [],
): string[] {
  const answer = (result: StepResult | undefined, { loadFailure }: ScenarioRun): string => {
    if (loadFailure !== undefined) return `no module (${loadFailure.ret ?? `oops in ${loadFailure.fn}`})`;
    return result === undefined ? 'not reached' : JSON.stringify(foldedAnswer(result));
  };
  return document.steps.flatMap((step, index) => {
    const [a, b] = [run.results[index], other.results[index]];
    if (sameResult(a, b)) return [];
    const head = `step ${index} ${JSON.stringify(bare(step))}`;
    const cause = causes.find((one) => one.step === index);
    const because = cause === undefined ? [] : causeLines(cause).map((line) => `  ${line}`);
    return [head, `  ${kernel}: ${answer(a, run)}`, `  ${otherKernel}: ${answer(b, other)}`, ...because];
  });
}
