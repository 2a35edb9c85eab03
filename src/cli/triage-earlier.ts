// SPDX-License-Identifier: GPL-2.0-only
/**
 * `triage --run`: which tests have to run before one on the same machine, so that it shows what the log has of it. What a
 * test leaves there, device memory above all, is what the next one finds.
 */
import type { MachineDescription } from '../machine/description.js';
import { hmmTests } from '../selftests/hmm-tests/suites.js';
import { minimized } from '../session/minimized.js';
import type { Candidate } from '../triage/verdict.js';
import { machineOfCase, symptomsShown } from './triage-conditions.js';
import { measure } from './triage-measure.js';

/** Tests that were found to be needed, and the test that needed them. */
interface Found {
  readonly earlier: readonly string[];
  readonly test: string;
}

/** By the machine: what one test needs, others may need as well. */
const found = new Map<string, Found[]>();

class Search {
  /** All tests before it, in their order. */
  readonly before: readonly string[];
  /** Those of them that are no benchmarks, which take long. */
  readonly quick: readonly string[];

  constructor(
    private readonly machine: MachineDescription,
    private readonly test: string,
    private readonly wanted: readonly string[],
  ) {
    const { fixtures, timed = [] } = hmmTests(machine.generation);
    const instances = fixtures.flatMap(({ instances }) => instances);
    const before = instances.slice(
      0,
      instances.findIndex(({ name }) => name === test),
    );
    this.before = before.map(({ name }) => name);
    this.quick = before.filter(({ test }) => !timed.includes(test)).map(({ name }) => name);
  }

  /** Does the test show it, after these? */
  readonly shows = (earlier: readonly string[]): boolean => {
    const filters = [...earlier, this.test].map((name) => ({ option: 'r', name }) as const);
    const { tests } = measure(this.machine, filters);
    const showed = tests.filter(({ name }) => name === this.test).flatMap(symptomsShown);
    return this.wanted.every((text) => showed.includes(text));
  };

  least(known: readonly Found[]): readonly string[] | undefined {
    for (const { earlier, test } of known) {
      for (const tests of [earlier, [...earlier, test]]) {
        if (tests.every((name) => this.before.includes(name)) && this.shows(tests)) return tests;
      }
    }
    const lists = this.quick.length < this.before.length ? [this.quick, this.before] : [this.before];
    const enough = lists.find(this.shows);
    return enough === undefined ? undefined : minimized(enough, this.shows);
  }
}

/** The least tests that make the candidate's show all of `wanted`; undefined when none do. */
export function earlierTests(
  candidate: Candidate & { readonly test: string },
  wanted: readonly string[],
): readonly string[] | undefined {
  const { kernel, condition, bug, has, test } = candidate;
  const key = JSON.stringify([kernel, condition, bug, has]);
  const known = found.get(key) ?? [];
  const earlier = new Search(machineOfCase(candidate), test, wanted).least(known);
  if (earlier !== undefined && !known.some((one) => one.earlier.join() === earlier.join()))
    found.set(key, [...known, { earlier, test }]);
  return earlier;
}
