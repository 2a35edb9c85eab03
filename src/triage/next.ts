// SPDX-License-Identifier: GPL-2.0-only
/** The commands that go on from a test that shows the symptom: to its least scenario, or to the whole test as one. */
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
  const record = `hmm-sim smoke --kernel ${kernel}${machineArguments(condition)} -r ${test} --record ${file}.yaml`;
  if (bug === undefined || has || !PLAIN.has(condition)) return [record];
  return [record, `hmm-sim shrink suite:${test} --kernel ${kernel} --bug ${bug} --out ${file}-least.yaml`];
}
