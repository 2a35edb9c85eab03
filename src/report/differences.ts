// SPDX-License-Identifier: GPL-2.0-only
/** In what two kernels differ, for people (Markdown) and for machines. */
import { type Change, changesBetween, whenText } from '../generations/differences.js';
import type { Generation } from '../generations/index.js';

/** Raised whenever a consumer of the document would have to change. */
const DIFFERENCES_VERSION = 1;

type Witness = NonNullable<Change['witness']>;

/**
 * Arguments of `run`: a document that passes on the kernel of the witness, and not with this behaviour alone the other way
 * round; undefined where no step of a scenario shows it.
 */
function scenarioOf(witness: Witness): string | undefined {
  if ('scenario' in witness) return `test/${witness.scenario}.yaml`;
  if (!('recording' in witness)) return undefined;
  const { kernel, recording } = witness;
  return `test/golden/${kernel}/${recording.split('-', 1)[0]}.jsonl.gz --name ${recording}`;
}

function witnessText(witness: Witness): string {
  if ('recording' in witness) return `recording ${witness.recording} of ${witness.kernel}`;
  if ('scenario' in witness) return `${witness.scenario} on ${witness.kernel}`;
  return `program "${witness.program}" (test/generations/programs.ts) on ${witness.kernel}`;
}

const valueText = (value: boolean | number): string =>
  typeof value === 'number' ? String(value) : value ? 'yes' : 'no';

function changeLines(change: Change, a: Generation, b: Generation): string[] {
  const { behaviour, source, what, from, to, witness } = change;
  const scenario = witness === undefined ? undefined : scenarioOf(witness);
  return [
    `- **${behaviour}** (${source}, ${whenText(change)}): ${what}`,
    `  - ${a.id}: ${valueText(from)}; ${b.id}: ${valueText(to)}`,
    ...(witness === undefined ? [] : [`  - witness: ${witnessText(witness)}`]),
    scenario === undefined
      ? '  - no step of a scenario shows it'
      : `  - scenario: \`hmm-sim run ${scenario}\``,
  ];
}

/** Markdown, in lines. */
export function differencesLines(a: Generation, b: Generation): string[] {
  const changes = changesBetween(a, b);
  const count = changes.length === 1 ? '1 behaviour' : `${changes.length} behaviours`;
  return [`## ${a.id} and ${b.id}: ${count}`, '', ...changes.flatMap((change) => changeLines(change, a, b))];
}

/** One document, without its newline. */
export function differencesJson(a: Generation, b: Generation): string {
  const changes = changesBetween(a, b).map(({ witness, ...change }) => {
    const scenario = witness === undefined ? undefined : scenarioOf(witness);
    return { ...change, witness, scenario };
  });
  return JSON.stringify({ version: DIFFERENCES_VERSION, kernels: [a.id, b.id], changes });
}
