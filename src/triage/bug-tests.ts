// SPDX-License-Identifier: GPL-2.0-only
/** Which tests of the suite see a bug, by what was measured. */
import { suiteSymptoms } from '../generations/bugs/suite-symptoms.js';

export interface SeenBy {
  readonly tests: readonly string[];
  readonly kernels: readonly string[];
  /** Only where transparent huge pages are set to "always". */
  readonly huge: boolean;
  /** They pass, and the kernel warns. */
  readonly warns: boolean;
}

const HUGE = 'thp-always';

/** By kernels that have the same tests. */
export function testsThatSee(bug: string): SeenBy[] {
  const groups = new Map<string, { tests: Set<string>; huge: boolean; warns: boolean }>();
  const kernels = new Map<string, string[]>();
  for (const { kernel, condition, shows, bug: of } of suiteSymptoms) {
    if (of !== bug) continue;
    for (const { says, tests } of shows) {
      const [huge, warns] = [condition === HUGE, says.startsWith('warns: ')];
      const key = `${kernel} ${huge} ${warns}`;
      const group = groups.get(key) ?? { tests: new Set(), huge, warns };
      for (const test of tests) group.tests.add(test);
      groups.set(key, group);
    }
  }
  // What fails is told before what only warns, and what needs huge pages only where it is more.
  const seen = new Map<string, SeenBy>();
  const done = new Map<string, Set<string>>();
  const sorted = [...groups].sort(([, a], [, b]) => rank(a) - rank(b));
  for (const [key, { tests, huge, warns }] of sorted) {
    const kernel = key.split(' ')[0]!;
    const told = done.get(kernel) ?? new Set();
    const fresh = [...tests].filter((test) => !told.has(test));
    for (const test of fresh) told.add(test);
    done.set(kernel, told);
    if (fresh.length === 0) continue;
    const same = `${huge} ${warns} ${fresh.join()}`;
    const list = kernels.get(same) ?? [];
    list.push(kernel);
    kernels.set(same, list);
    seen.set(same, { tests: fresh, kernels: list, huge, warns });
  }
  return [...seen.values()];
}

const rank = ({ huge, warns }: { huge: boolean; warns: boolean }): number => Number(warns) + 2 * Number(huge);
