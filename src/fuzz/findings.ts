// SPDX-License-Identifier: GPL-2.0-only
/** Runs a scenario whatever happens, and tells what there is to find in it. */

import { Machine } from '../machine/machine.js';
import { sameResult } from '../scenario/compare.js';
import type { ScenarioRun, StepResult } from '../scenario/result.js';
import type { ScenarioDocument } from '../scenario/schema.js';
import { definitionOf } from '../scenario/steps/index.js';
import { judge } from '../scenario/verdict.js';
import {
  type Acquired,
  acquireFor,
  LoadFailed,
  loadFailureOf,
  type MachineSource,
} from '../session/runner.js';
import { Session } from '../session/session.js';
import type { MachineSetup } from '../session/setup.js';
import { Hang, InvariantViolation, KernelBug } from '../sim/errors.js';
import { sourceName } from '../sim/function-name.js';
import type { MachineApi } from '../user/api.js';
import { warningsIn } from '../user/kernel-log.js';

/** What is worth a scenario of its own. Two findings are the same if kind, function and detail are. */
export interface Finding {
  readonly kind: 'oops' | 'hang' | 'load' | 'checker' | 'internal' | 'divergence' | 'expectation' | 'warning';
  /** The kernel function that died or answered, the checker, or the function of ours that threw. */
  readonly fn: string;
  /** The key of the result that differs. */
  readonly detail?: string;
  /** For people: the report's reason, or both answers. */
  readonly reason: string;
  /** Index into `steps`; -1 while the module was loaded, their number when all was over. */
  readonly step: number;
}

/** A run, and how the machine ended. */
export interface Observation extends ScenarioRun {
  /** How the machine ended, if it did not live on. */
  readonly end: Finding | undefined;
}

/** "divergence-dmirror_snapshot-perm": the name of all findings of one sort. */
export function sortOf({ kind, fn, detail }: Finding): string {
  return [kind, fn, detail].filter((part) => part !== undefined).join('-');
}

/** The function on top of a stack, which names an internal error better than its message. */
function thrower(error: unknown): string {
  const stack = error instanceof Error ? (error.stack ?? '') : '';
  return sourceName(/^ +at (?:async )?(?:new )?([^\s(]+) \(/m.exec(stack)?.[1] ?? 'unknown');
}

/** A violation reads "checker: what it found". */
function violation(text: string, step: number): Finding {
  return { kind: 'checker', fn: text.split(':', 1)[0]!, reason: text, step };
}

function ending(fatal: NonNullable<Session['fatal']>, step: number): Finding {
  if (fatal instanceof InvariantViolation) return violation(fatal.message, step);
  const { reason } = fatal;
  if (fatal instanceof Hang) return { kind: 'hang', fn: fatal.where, reason, step };
  return { kind: 'oops', fn: fatal.fn, reason, step };
}

function unexpected(error: unknown, step: number): Finding {
  if (error instanceof KernelBug || error instanceof Hang || error instanceof InvariantViolation) {
    return ending(error, step);
  }
  if (error instanceof LoadFailed) {
    return { kind: 'load', fn: error.fn, detail: error.ret, reason: error.message, step };
  }
  const reason = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return { kind: 'internal', fn: thrower(error), reason, step };
}

/** Take the steps, adding to `results`; then kill whoever lives, and with checkers on see that nothing is left. */
function run(
  machine: MachineApi,
  { generation }: MachineSetup,
  { steps }: ScenarioDocument,
  results: StepResult[],
): Finding | undefined {
  const session = new Session(machine, generation);
  for (const { result } of session.takeAll(steps)) results.push(result);
  if (session.fatal !== undefined) return ending(session.fatal, results.length - 1);
  if (machine instanceof Machine && machine.checking) machine.leakCheck();
  return undefined;
}

/** Run `document` to its end, or to the machine's. Never throws. */
export function observe(source: MachineSource, setup: MachineSetup, document: ScenarioDocument): Observation {
  const results: StepResult[] = [];
  let acquired: Acquired;
  try {
    acquired = acquireFor(source, setup, document);
  } catch (error) {
    const end = unexpected(error, -1);
    if (end.kind === 'internal') return { results, end, loadFailure: undefined, dmesg: [] };
    return { results, end, ...loadFailureOf(error) };
  }
  const { machine, loadFailure } = acquired;
  let end: Finding | undefined;
  try {
    end = run(machine, setup, document, results);
  } catch (error) {
    end = unexpected(error, results.length);
  }
  const dmesg = [...machine.dmesg];
  source.release(machine, end === undefined);
  return { results, end, loadFailure, dmesg };
}

function keysOf(a: StepResult, b: StepResult): string[] {
  const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])] as (keyof StepResult)[];
  return keys.filter((key) => JSON.stringify(a[key]) !== JSON.stringify(b[key]));
}

function divergence(step: number, fn: string, a: StepResult, b: StepResult): Finding {
  const keys = keysOf(a, b);
  // The rest of an answer that one of the kernels did not live to give says nothing.
  const detail = keys.find((key) => key === 'oops' || key === 'hang') ?? keys[0]!;
  return { kind: 'divergence', fn, detail, reason: `${JSON.stringify(a)}, not ${JSON.stringify(b)}`, step };
}

/**
 * The first step of each sort that two kernels answer differently. Later ones may follow from the first, or be
 * differences of their own: shrinking them tells. A violation is no answer.
 */
export function divergencesOf(document: ScenarioDocument, a: Observation, b: Observation): Finding[] {
  const found = new Map<string, Finding>();
  for (const [step, taken] of document.steps.entries()) {
    const [left, right] = [a.results[step], b.results[step]];
    if (left === undefined || right === undefined) break;
    if (left.violation !== undefined || right.violation !== undefined) break;
    if (sameResult(left, right)) continue;
    const finding = divergence(step, definitionOf(taken).answers(taken).fn, left, right);
    if (!found.has(sortOf(finding))) found.set(sortOf(finding), finding);
  }
  return [...found.values()];
}

/** The first step that answers otherwise than the document expects, where the machine lived on. */
export function unmetOf(document: ScenarioDocument, run: Observation): Finding | undefined {
  const unmet = run.end === undefined ? judge(document, run) : undefined;
  if (unmet?.kind !== 'step') return undefined;
  const { step, expected, actual } = unmet;
  const taken = document.steps[step]!;
  const { fn } = definitionOf(taken).answers(taken);
  const key = keyOf(unmet.key);
  const reason = `${key} ${JSON.stringify(actual)}, not ${JSON.stringify(expected)}`;
  return { kind: 'expectation', fn, detail: key, reason, step };
}

/** "pages", of "pages[3]". */
export const keyOf = (place: string): string => place.replace(/\[\d+\]$/, '');

/** Warnings of functions that do not warn on the other machine. */
export function warningsOf(a: Observation, b: Observation): Finding[] {
  const known = warningsIn(b.dmesg);
  const fns = new Set(warningsIn(a.dmesg).filter((fn) => !known.includes(fn)));
  return [...fns].map((fn) => ({
    kind: 'warning',
    fn,
    reason: 'the other machine does not',
    step: a.results.length,
  }));
}
