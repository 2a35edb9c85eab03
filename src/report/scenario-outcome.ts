// SPDX-License-Identifier: GPL-2.0-only
/** What became of a scenario: its run against its expectations, as reports show it. */
import { compareScenario, sameResult } from '../scenario/compare.js';
import { type StepResult, warningsIn } from '../scenario/result.js';
import type { ScenarioDocument, Step } from '../scenario/schema.js';
import type { ScenarioRun } from '../session/runner.js';

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
  readonly actual: unknown;
}

export interface ScenarioOutcome {
  readonly name: string;
  readonly failure?: Failure;
  /** Why it did not run. */
  readonly skipped?: string;
  /** Lines to show below the result. */
  readonly notes: readonly string[];
}

export interface ScenarioTotals {
  pass: number;
  fail: number;
  skip: number;
}

interface Place {
  readonly file: string;
  readonly line: number;
  readonly document: ScenarioDocument;
}

const show = (value: unknown): string => (value === undefined ? 'nothing' : JSON.stringify(value));

function bare(step: Step): Omit<Step, 'expect'> {
  const { expect: _, ...fields } = step;
  return fields;
}

type Unexpected = Pick<Failure, 'differs' | 'expected' | 'actual'>;

/** Loading the module did not go as the document says, or well where it says nothing. */
function loadDifference({ load }: ScenarioDocument, { loadFailure }: ScenarioRun): Unexpected | undefined {
  if (loadFailure === undefined) {
    if (load?.oops === undefined && (load?.ret ?? 0) === 0) return undefined;
    return { differs: `load: expected ${show(load)}, got {"ret":0}`, expected: load, actual: { ret: 0 } };
  }
  const { fn, reason, ret } = loadFailure;
  const actual = ret === undefined ? { oops: fn } : { ret };
  if (load?.oops === actual.oops && load?.ret === actual.ret) return undefined;
  const expected = load === undefined ? {} : { expected: load };
  if (ret !== undefined) {
    return {
      differs: `load: expected ${show(load ?? { ret: 0 })}, got ${show(actual)}`,
      ...expected,
      actual,
    };
  }
  return { differs: `the kernel oopsed while it loaded the module: ${reason}`, ...expected, actual };
}

/** What the kernel log lacks, or warns of beyond what the document says. */
function logDifference({ dmesg, warnings }: ScenarioDocument, run: ScenarioRun): Unexpected | undefined {
  const missing = dmesg?.find((text) => !run.dmesg.some((line) => line.includes(text)));
  if (missing !== undefined) {
    return { differs: `dmesg: expected ${show(missing)}`, expected: missing, actual: run.dmesg };
  }
  if (warnings === undefined) return undefined;
  const actual = warningsIn(run.dmesg);
  if (show(warnings) === show(actual)) return undefined;
  return { differs: `warnings: expected ${show(warnings)}, got ${show(actual)}`, expected: warnings, actual };
}

/** The first thing in `run` that is not as the document expects; undefined when all is. */
export function failureOf({ file, line, document }: Place, run: ScenarioRun): Failure | undefined {
  const load = loadDifference(document, run);
  if (load !== undefined) return { file, line, ...load };
  const difference = compareScenario(document, run.results);
  if (difference === null) {
    const log = logDifference(document, run);
    return log === undefined ? undefined : { file, line, ...log };
  }
  const { step, key, expected, actual } = difference;
  const taken = document.steps[step]!;
  return {
    file,
    line,
    step,
    run: bare(taken),
    differs: `${key}: expected ${show(expected)}, got ${show(actual)}`,
    expected: taken.expect ?? {},
    actual: run.results[step],
  };
}

/** One line for each step that answers differently on another kernel. */
export function differenceLines(
  document: ScenarioDocument,
  [kernel, run]: readonly [string, ScenarioRun],
  [otherKernel, other]: readonly [string, ScenarioRun],
): string[] {
  const answer = (result: StepResult | undefined, { loadFailure }: ScenarioRun): string => {
    if (loadFailure !== undefined) return `no module (${loadFailure.ret ?? `oops in ${loadFailure.fn}`})`;
    return result === undefined ? 'not reached' : JSON.stringify(result);
  };
  return document.steps.flatMap((step, index) => {
    const [a, b] = [run.results[index], other.results[index]];
    if (sameResult(a, b)) return [];
    const head = `step ${index} ${JSON.stringify(bare(step))}`;
    return [head, `  ${kernel}: ${answer(a, run)}`, `  ${otherKernel}: ${answer(b, other)}`];
  });
}
