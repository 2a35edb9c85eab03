// SPDX-License-Identifier: GPL-2.0-only
/** Every test of every suite, recorded, passes as a document; and fails with a bug where the suite does. */
import t from 'tap';
import { bugs, hasBug } from '../../src/generations/bugs/index.js';
import { suiteSymptoms } from '../../src/generations/bugs/suite-symptoms.js';
import { generations } from '../../src/generations/index.js';
import type { TestFilter } from '../../src/selftests/test_filter.js';
import { FAILURES, kernelOf } from '../selftests/suite_bugs.js';
import { ADDRESSES, type Recorded, record, unmet } from './recorded.js';

const TESTS: Readonly<Record<string, number>> = {
  'rfc-cdm': 52,
  'hmm-v25': 56,
  'v5-generic': 22,
  'v4-coherent': 50,
  '6.1': 58,
  '6.12': 58,
  '7.3': 76,
};

/** Its documents have more pages than documents may without --max-size. */
const WITHOUT_BENCHMARK: readonly TestFilter[] = [{ option: 'T', name: 'benchmark_thp_migration' }];

const conditionOf = (addresses: readonly number[]): string => (addresses.length === 0 ? 'private' : 'spm');

/** By kernel and condition. */
const suites = new Map<string, Map<string, Recorded>>();

const ownSuites = generations.filter(({ testModule }) => testModule === undefined);

for (const { id } of generations) {
  for (const addresses of ADDRESSES) {
    t.test(`${id}, spm: [${addresses}]`, async (t) => {
      const recorded = record(id, addresses, {}, WITHOUT_BENCHMARK);
      suites.set(`${id} ${conditionOf(addresses)}`, recorded);
      t.equal(recorded.size, TESTS[id]);
      t.strictSame(unmet(recorded), {});
    });
  }
}

/** Some with threads, several processes, random data, and both devices. */
const INTERLEAVED = /migrate_multiple|double_map|exclusive_cow|anon_write|hmm_cow_in_device|fault/;

t.test('tasks that take turns at random', async (t) => {
  for (const seed of [1, 2]) {
    const filters = [...suites.get('6.12 spm')!.keys()]
      .filter((name) => INTERLEAVED.test(name))
      .map((name): TestFilter => ({ option: 'r', name }));
    const recorded = record('6.12', ADDRESSES[1]!, { schedule: 'random', seed }, filters);
    t.equal(recorded.size, 22);
    t.match(recorded.values().next().value!.document.machine, { seed, schedule: 'random' });
    t.strictSame(unmet(recorded), {}, `seed ${seed}`);
  }
});

t.test('recorded with a bug, all is as it went', async (t) => {
  for (const [id, names] of Object.entries(FAILURES)) {
    const filters = names.map((name): TestFilter => ({ option: 'r', name }));
    const recorded = record(kernelOf(id), ADDRESSES[1]!, { bugs: [id] }, filters);
    t.strictSame([...recorded.keys()].sort(), [...names].sort());
    t.strictSame(unmet(recorded), {}, id);
  }
});

/** What `smoke --bug` was measured to make of the suite: test/triage/symptoms.test.ts measures rows of it again. */
function failing(kernel: string, condition: string, bug: string): Set<string> {
  const row = suiteSymptoms.find(
    (row) => row.kernel === kernel && row.condition === condition && row.bug === bug,
  );
  const shows = row?.shows.filter(({ says }) => !says.startsWith('warns: ')) ?? [];
  return new Set(shows.flatMap(({ tests }) => tests));
}

/** `smoke -r NAME --bug BUG`: a recording begins on a machine that no other test has used before. */
function failsAlone(kernel: string, addresses: readonly number[], bug: string, name: string): boolean {
  return record(kernel, addresses, { bugs: [bug] }, [{ option: 'r', name }]).get(name)!.code === 1;
}

const LOAD_FAILS = 'load: expected {"ret":0}, got {"ret":"ENOMEM"}';

for (const generation of ownSuites) {
  // Only there do special purpose memory's tests replace those of private memory.
  const machines = generation.id === 'v5-generic' ? ADDRESSES : ADDRESSES.slice(1);
  for (const addresses of machines) {
    const condition = conditionOf(addresses);
    t.test(`with a bug, what the suite sees fails: ${generation.id}, ${condition}`, async (t) => {
      const suite = suites.get(`${generation.id} ${condition}`)!;
      for (const { id } of bugs.filter((bug) => !hasBug(generation, bug))) {
        const found = unmet(suite, { bugs: [id] });
        if (Object.values(found).includes(LOAD_FAILS)) {
          t.strictSame([Object.keys(found).length, new Set(Object.values(found)).size], [suite.size, 1], id);
          continue;
        }
        const wanted = failing(generation.id, condition, id);
        const otherwise = [...suite.keys()].filter((name) => wanted.has(name) !== name in found);
        for (const name of otherwise)
          t.equal(name in found, failsAlone(generation.id, addresses, id, name), `${id} ${name}`);
        t.ok(otherwise.length < 6, `${id}: ${otherwise}`);
      }
    });
  }
}
