// SPDX-License-Identifier: GPL-2.0-only
/**
 * The commands that go on from a test that shows the symptom: to the whole test as a scenario, to the least of it, to
 * what it does, and to a C program for a real kernel.
 */
import { errnoName } from '../uapi/errno.js';
import { machineArguments } from './machines.js';
import { shortName } from './run-builder.js';
import type { Candidate } from './verdict.js';

/** Machines that `shrink suite:TEST` has by itself. */
const PLAIN: ReadonlySet<string> = new Set(['private', 'spm']);

const only = (tests: readonly string[]): string => tests.map((test) => ` -r ${test}`).join('');

export function smokeCommand(
  kernel: string,
  condition: string,
  tests: readonly string[],
  bug?: string,
): string {
  return `hmm-sim smoke --kernel ${kernel}${machineArguments(condition)}${only(tests)}${bug === undefined ? '' : ` --bug ${bug}`}`;
}

/** What the candidate's command is where its test shows the symptom only after `earlier` ones. Context: it has a test. */
export function commandAfter(
  { kernel, condition, bug, has, test }: Candidate,
  earlier: readonly string[],
): string {
  return smokeCommand(kernel, condition, [...earlier, test!], has ? undefined : bug);
}

/** What the scenario keeps to show the symptom, as shrink takes it; undefined where no step of it answers that. */
function kept(symptoms: readonly string[]): string | undefined {
  for (const text of symptoms) {
    if (text.startsWith('oopses: ')) return 'oops';
    if (text.startsWith('hangs: ')) return 'hang';
    const [, error] = /\(-(\d+)\) == 0 \(0\)$/.exec(text) ?? [];
    if (error !== undefined) return `ret == ${errnoName(Number(error))}`;
    const [, key, value] = /^Expected buffer->(cpages|faults) \((\d+)\) == /.exec(text) ?? [];
    if (key !== undefined) return `${key} == ${value}`;
  }
  return undefined;
}

/** Return: arguments of hmm-sim, ready to be pasted; none where the symptom is no test's. */
export function nextCommands(
  candidate: Candidate,
  symptoms: readonly string[],
  earlier: readonly string[] = [],
): string[] {
  const { test, bug, has, kernel, condition } = candidate;
  // A module that does not load leaves nothing to record.
  if (test === undefined || condition === 'no-module') return [];
  const file = shortName(test);
  // Recorded as it should be, so that the bug is what is wrong.
  const fix = bug !== undefined && has ? ` --fix ${bug}` : '';
  const machine = `--kernel ${kernel}${machineArguments(condition)}`;
  const record = `hmm-sim smoke ${machine}${fix}${only([...earlier, test])} --record ${file}.yaml`;
  if (bug === undefined) {
    const keep = kept(symptoms);
    if (keep === undefined) return [record, ...onwards(file, file)];
    const least = `hmm-sim shrink ${file}.yaml --while '${keep}' --out ${file}-least.yaml`;
    return [record, least, ...onwards(`${file}-least`, file)];
  }
  const alone = earlier.length === 0 && !has && PLAIN.has(condition);
  const what = alone ? `suite:${test} --kernel ${kernel}` : `${file}.yaml`;
  const shrink = `hmm-sim shrink ${what} --bug ${bug} --out ${file}-least.yaml`;
  return [record, shrink, ...onwards(`${file}-least`, file)];
}

const onwards = (scenario: string, program: string): string[] => [
  `hmm-sim explain ${scenario}.yaml`,
  `hmm-sim export ${scenario}.yaml --expect --c ${program}.c`,
];
