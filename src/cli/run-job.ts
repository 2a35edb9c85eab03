// SPDX-License-Identifier: GPL-2.0-only
/** What one scenario of `run` takes: a run, and another on the kernel of --against. */
import { type MachineSource, runOn, type ScenarioRun } from '../scenario/runner.js';
import type { ScenarioDocument } from '../scenario/schema.js';
import { type Overrides, Setups } from '../scenario/setup.js';

export interface JobOptions {
  readonly overrides: Overrides;
  readonly against?: string;
}

export interface JobResult {
  readonly run: ScenarioRun;
  /** On the kernel of --against. */
  readonly other?: ScenarioRun;
}

export type Job = (document: ScenarioDocument) => JobResult;

/** The error with the scenario's name; its stack is kept as text, because errors cross threads without a cause. */
function named(error: unknown, name: string): Error {
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  const result = new Error(`scenario "${name}": ${message}`);
  result.stack = stack;
  return result;
}

export function makeJob(source: MachineSource, { overrides, against }: JobOptions): Job {
  const setups = new Setups(overrides);
  const others = against === undefined ? undefined : new Setups({ ...overrides, kernel: against });
  return (document) => {
    try {
      const run = runOn(source, setups.of(document), document);
      return others === undefined ? { run } : { run, other: runOn(source, others.of(document), document) };
    } catch (error) {
      throw named(error, document.name);
    }
  };
}
