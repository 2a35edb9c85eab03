// SPDX-License-Identifier: GPL-2.0-only
/** The verdict on a document: the first thing in a run that is not as the document expects. */

import { warningsIn } from '../user/kernel-log.js';
import { compareScenario, differencesOf } from './compare.js';
import type { ScenarioRun } from './result.js';
import type { ScenarioDocument } from './schema.js';

/** What is not as expected, as data. */
export type Unmet =
  /** Loading the module did not go as the document says, or well where it says nothing. */
  | { readonly kind: 'load'; readonly expected: ScenarioDocument['load']; readonly actual: LoadResult }
  /** A key of a step's answer; of a list, the place in it is in the key. */
  | {
      readonly kind: 'step';
      readonly step: number;
      readonly key: string;
      readonly expected: unknown;
      readonly actual: unknown;
    }
  /** A text that no line of the kernel log has, or none after the texts before it. */
  | { readonly kind: 'dmesg'; readonly expected: string; readonly actual: readonly string[] }
  /** The functions that warn are others. */
  | { readonly kind: 'warnings'; readonly expected: readonly string[]; readonly actual: readonly string[] };

export type LoadResult = { readonly ret: 0 | string } | { readonly oops: string };

function unmetLoad({ load }: ScenarioDocument, { loadFailure }: ScenarioRun): Unmet | undefined {
  if (loadFailure === undefined) {
    if (load?.oops === undefined && (load?.ret ?? 0) === 0) return undefined;
    return { kind: 'load', expected: load, actual: { ret: 0 } };
  }
  const { fn, ret } = loadFailure;
  if (load?.oops === (ret === undefined ? fn : undefined) && load?.ret === ret) return undefined;
  return { kind: 'load', expected: load, actual: ret === undefined ? { oops: fn } : { ret } };
}

/** The first text that no line has, from the line of the text before it on. */
function missingText(texts: readonly string[], log: readonly string[]): string | undefined {
  let at = 0;
  return texts.find((text) => {
    const found = log.findIndex((line, i) => i >= at && line.includes(text));
    at = found;
    return found < 0;
  });
}

/** What the kernel log does not say as the document expects. */
export function unmetLog(
  { dmesg, warnings }: ScenarioDocument,
  run: Pick<ScenarioRun, 'dmesg'>,
): Unmet | undefined {
  const missing = missingText(dmesg ?? [], run.dmesg);
  if (missing !== undefined) return { kind: 'dmesg', expected: missing, actual: run.dmesg };
  if (warnings === undefined) return undefined;
  const actual = warningsIn(run.dmesg);
  const same = warnings.length === actual.length && warnings.every((fn, i) => fn === actual[i]);
  return same ? undefined : { kind: 'warnings', expected: warnings, actual };
}

/** Undefined when all is as expected. After a module that failed to load as expected, steps were taken without it. */
export function judge(document: ScenarioDocument, run: ScenarioRun): Unmet | undefined {
  const load = unmetLoad(document, run);
  if (load !== undefined) return load;
  const difference = compareScenario(document, run.results);
  return difference === null ? unmetLog(document, run) : { kind: 'step', ...difference };
}

/** Whatever is not as expected beside what judge() found, if that is a step: other steps, then the log. */
export function unmetBeside(first: Unmet, document: ScenarioDocument, run: ScenarioRun): Unmet[] {
  if (first.kind !== 'step') return [];
  const steps = differencesOf(document, run.results).map((one): Unmet => ({ kind: 'step', ...one }));
  const log = unmetLog(document, run);
  return [...steps.slice(1), ...(log === undefined ? [] : [log])];
}

const show = (value: unknown): string => (value === undefined ? 'nothing' : JSON.stringify(value));

/** What differs, in one line. `reason` is that of the oops while the module loaded. */
export function unmetText(unmet: Unmet, reason?: string): string {
  switch (unmet.kind) {
    case 'load':
      if ('oops' in unmet.actual) return `the kernel oopsed while it loaded the module: ${reason}`;
      if (unmet.actual.ret === 0) return `load: expected ${show(unmet.expected)}, got {"ret":0}`;
      return `load: expected ${show(unmet.expected ?? { ret: 0 })}, got ${show(unmet.actual)}`;
    case 'step':
      return `${unmet.key}: expected ${show(unmet.expected)}, got ${show(unmet.actual)}`;
    case 'dmesg':
      return `dmesg: expected ${show(unmet.expected)}`;
    case 'warnings':
      return `warnings: expected ${show(unmet.expected)}, got ${show(unmet.actual)}`;
  }
}
