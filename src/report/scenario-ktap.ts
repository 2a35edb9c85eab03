// SPDX-License-Identifier: GPL-2.0-only
/** Scenario results as KTAP: one test a scenario, and a YAML block that says what a failing one answered. */
import { stringify } from 'yaml';
import { printable } from '../sim/printable.js';
import { TAP_HEADER, totalsLine } from './ktap.js';
import type { Failure, Internal, Invalid, ScenarioOutcome, ScenarioTotals } from './scenario-outcome.js';

/** `#` would begin a directive in a TAP description. */
function description(name: string): string {
  return name.replaceAll('\\', '\\\\').replaceAll('#', '\\#');
}

/** The value with its strings printable: YAML itself would break lines in them. */
function printableWithin(value: unknown): unknown {
  if (typeof value === 'string') return printable(value);
  if (Array.isArray(value)) return value.map(printableWithin);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, printableWithin(inner)]));
}

/** Values in one line each, what else differs in a list, in the TAP 13 block that stands indented under a result. */
function yamlBlock(diagnostic: Failure | ((Invalid | Internal) & { also?: never })): string[] {
  const inLine = (value: unknown): string =>
    stringify(printableWithin(value), { collectionStyle: 'flow', lineWidth: 0 }).trimEnd();
  const { also, ...first } = diagnostic;
  const lines = Object.entries(first).map(([key, value]) => `  ${key}: ${inLine(value)}`);
  const others = also === undefined ? [] : ['  also:', ...also.map((text) => `    - ${inLine(text)}`)];
  return ['  ---', ...lines, ...others, '  ...'];
}

export function scenarioPlanLines(count: number): string[] {
  return [TAP_HEADER, `1..${count}`];
}

/** The lines of one scenario; `number` counts from 1. */
export function scenarioLines(number: number, outcome: ScenarioOutcome): string[] {
  return rawLines(number, outcome).map(printable);
}

function rawLines(number: number, outcome: ScenarioOutcome): string[] {
  const name = description(outcome.name);
  const notes = outcome.notes.map((note) => `# ${note}`);
  if (outcome.skipped !== undefined) return [`ok ${number} ${name} # SKIP ${outcome.skipped}`];
  if (outcome.invalid !== undefined) return [`not ok ${number} ${name}`, ...yamlBlock(outcome.invalid)];
  if (outcome.internal !== undefined) return [`not ok ${number} ${name}`, ...yamlBlock(outcome.internal)];
  if (outcome.failure === undefined) return [`ok ${number} ${name}`, ...notes];
  return [`not ok ${number} ${name}`, ...yamlBlock(outcome.failure), ...notes];
}

export function scenarioEndLines({ pass, fail, skip, error }: ScenarioTotals): string[] {
  return [totalsLine({ pass, fail, skip }, error)];
}
