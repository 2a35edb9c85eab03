// SPDX-License-Identifier: GPL-2.0-only
/**
 * The commands that go on from a test that shows the symptom: to the whole test as a scenario, to the least of it, to
 * what it does, and to a C program for a real kernel.
 */
import { machineArguments } from './machines.js';
import { shortName } from './run-builder.js';
import type { Candidate } from './verdict.js';

/** Machines that `shrink suite:TEST` has by itself. */
const PLAIN: ReadonlySet<string> = new Set(['private', 'spm']);

/** Return: arguments of hmm-sim, ready to be pasted; none where the symptom is no test's. */
export function nextCommands({ test, bug, has, kernel, condition }: Candidate): string[] {
  // A module that does not load leaves nothing to record.
  if (test === undefined || condition === 'no-module') return [];
  const file = shortName(test);
  // Recorded as it should be, so that the bug is what is wrong.
  const fix = bug !== undefined && has ? ` --fix ${bug}` : '';
  const machine = `--kernel ${kernel}${machineArguments(condition)}`;
  const record = `hmm-sim smoke ${machine}${fix} -r ${test} --record ${file}.yaml`;
  if (bug === undefined) return [record, ...onwards(file, file)];
  const what = has || !PLAIN.has(condition) ? `${file}.yaml` : `suite:${test} --kernel ${kernel}`;
  const shrink = `hmm-sim shrink ${what} --bug ${bug} --out ${file}-least.yaml`;
  return [record, shrink, ...onwards(`${file}-least`, file)];
}

const onwards = (scenario: string, program: string): string[] => [
  `hmm-sim explain ${scenario}.yaml`,
  `hmm-sim export ${scenario}.yaml --expect --c ${program}.c`,
];
