// SPDX-License-Identifier: GPL-2.0-only
/** Which changes of the kernel are behind a step that two kernels answer differently, as reports show it. */
import type { BehaviourName } from '../generations/behaviours/index.js';
import { type Change, changesBetween, whenText } from '../generations/differences.js';
import type { Generation } from '../generations/index.js';

/** Keys in the order of the report. */
type NamedChange = Pick<Change, 'behaviour' | 'source' | 'version' | 'by' | 'what'>;

/** The changes that, all together, make the answers equal; null where none that has a name here does. */
export interface NamedCause {
  readonly step: number;
  readonly changes: readonly NamedChange[] | null;
}

/** What was found, by name only. */
interface Found {
  readonly step: number;
  readonly behaviours: readonly BehaviourName[] | null;
}

export function namedCauses(found: readonly Found[], from: Generation, to: Generation): NamedCause[] {
  if (found.length === 0) return [];
  const changes = new Map(changesBetween(from, to).map((change) => [change.behaviour, change]));
  const named = (behaviour: BehaviourName): NamedChange => {
    const { source, version, by, what } = changes.get(behaviour)!;
    return { behaviour, source, version, ...(by ? { by } : {}), what };
  };
  return found.map(({ step, behaviours }) => ({ step, changes: behaviours?.map(named) ?? null }));
}

export function causeLines({ changes }: NamedCause): string[] {
  if (changes === null) return ['no change that is known here makes these equal'];
  return changes.map(
    ({ behaviour, source, what, ...when }) =>
      `because of ${behaviour} (${source}, ${whenText(when)}): ${what}`,
  );
}
