// SPDX-License-Identifier: GPL-2.0-only
/** Scenario results for machines: one JSON document a line. */
import { foldedAnswer } from '../scenario/folded.js';
import type { ScenarioRun } from '../scenario/result.js';
import type { NamedCause } from './which-change.js';

/** Raised whenever a consumer of the lines would have to change. */
const SCENARIO_JSON_VERSION = 1;

export interface KernelRun {
  readonly kernel: string;
  readonly run: ScenarioRun;
}

export interface ScenarioJsonOptions {
  /** The same scenario on the kernel of --against. */
  readonly other?: (KernelRun & { readonly causes?: readonly NamedCause[] }) | undefined;
  readonly dmesg: boolean;
  readonly verdict: 'pass' | 'fail';
}

function answers({ kernel, run }: KernelRun, dmesg: boolean): object {
  return {
    kernel,
    results: run.results.map(foldedAnswer),
    ...(run.loadFailure === undefined ? {} : { loadFailure: run.loadFailure }),
    ...(dmesg ? { dmesg: run.dmesg } : {}),
  };
}

/** What became of a scenario that did not run to its end: invalid, or out of time. */
export function scenarioReasonLine(
  name: string,
  verdict: 'error' | 'fail' | 'skip',
  reasons: readonly string[],
): string {
  return JSON.stringify({ version: SCENARIO_JSON_VERSION, name, verdict, reasons });
}

/** The last line of a run that ended before its end. */
export function bailOutJsonLine(reason: string): string {
  return JSON.stringify({ version: SCENARIO_JSON_VERSION, bailedOut: reason });
}

/** One line, without its newline. */
export function scenarioJsonLine(name: string, primary: KernelRun, options: ScenarioJsonOptions): string {
  const { other } = options;
  const causes = other?.causes === undefined ? {} : { causes: other.causes };
  const against = other === undefined ? {} : { against: { ...answers(other, options.dmesg), ...causes } };
  return JSON.stringify({
    version: SCENARIO_JSON_VERSION,
    name,
    ...answers(primary, options.dmesg),
    ...against,
    verdict: options.verdict,
  });
}
