// SPDX-License-Identifier: GPL-2.0-only
/**
 * Which tests have to run before one on the same machine, so that it shows what the log has of it. What a test leaves
 * there, device memory above all, is what the next one finds.
 */
import type { SuiteSymptoms, SymptomShown } from '../generations/bugs/suite-symptoms.js';
import type { MachineDescription } from '../machine/description.js';
import { hmmTests } from '../selftests/hmm-tests/suites.js';
import { minimized } from '../session/minimized.js';
import { type Case, machineOfCase, symptomsShown } from './triage-conditions.js';
import { measure } from './triage-measure.js';

/** Tests that were found to be needed, and the test that needed them. */
interface Found {
  readonly earlier: readonly string[];
  readonly test: string;
}

/** By the machine: what one test needs, others may need as well. */
const found = new Map<string, Found[]>();

/** What the test shows after these. */
function showsAfter(machine: MachineDescription, test: string, earlier: readonly string[]): string[] {
  const filters = [...earlier, test].map((name) => ({ option: 'r', name }) as const);
  const { tests } = measure(machine, filters);
  return tests.filter(({ name }) => name === test).flatMap(symptomsShown);
}

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
    const showed = showsAfter(this.machine, this.test, earlier);
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

interface OfTest extends Case {
  readonly test: string;
  /** What was measured to be enough. */
  readonly earlier?: readonly string[];
}

/** The least tests that make the test show all of `wanted`; undefined when none do. */
export function earlierTests(of: OfTest, wanted: readonly string[]): readonly string[] | undefined {
  const { kernel, condition, bug, has, test } = of;
  const key = JSON.stringify([kernel, condition, bug, has]);
  const known = found.get(key) ?? [];
  const measured = of.earlier === undefined ? [] : [{ earlier: of.earlier, test }];
  const earlier = new Search(machineOfCase(of), test, wanted).least([...measured, ...known]);
  if (earlier !== undefined && !known.some((one) => one.earlier.join() === earlier.join()))
    found.set(key, [...known, { earlier, test }]);
  return earlier;
}

/** Tests by what has to run before each, so that it shows the symptom that it shows within the suite. */
function afterWhat(
  of: Case,
  { says, tests }: SymptomShown,
  alone: (test: string) => readonly string[],
): SymptomShown['after'] {
  const groups = new Map<string, { tests: string[]; earlier: readonly string[] }>();
  for (const test of tests) {
    if (alone(test).includes(says)) continue;
    const earlier = earlierTests({ ...of, test }, [says]);
    if (earlier === undefined) throw new Error(`${test} shows "${says}" within the suite only`);
    const group = groups.get(earlier.join()) ?? { tests: [], earlier };
    groups.set(earlier.join(), group);
    group.tests.push(test);
  }
  return groups.size === 0 ? undefined : [...groups.values()];
}

/** The row, with what those of its tests need that do not show alone what they show within the suite. */
export function withEarlier(of: Case, row: SuiteSymptoms): SuiteSymptoms {
  const machine = machineOfCase(of);
  const known = new Map<string, readonly string[]>();
  const alone = (test: string): readonly string[] => {
    const shows = known.get(test) ?? showsAfter(machine, test, []);
    known.set(test, shows);
    return shows;
  };
  const shows = row.shows.map((shown) => {
    const after = afterWhat(of, shown, alone);
    return after === undefined ? shown : { ...shown, after };
  });
  return { ...row, shows };
}
