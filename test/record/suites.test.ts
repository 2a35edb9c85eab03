// SPDX-License-Identifier: GPL-2.0-only
/** Every test of every suite, recorded, passes as a document; and fails with a bug where the suite does. */
import t from 'tap';
import { bugs } from '../../src/generations/bugs/index.js';
import { generations } from '../../src/generations/index.js';
import type { TestFilter } from '../../src/selftests/test_filter.js';
import { FAILURES, kernelOf } from '../selftests/suite_bugs.js';
import { ADDRESSES, type Recorded, record, unmet } from './recorded.js';

const TESTS: Readonly<Record<string, number>> = {
  'v5-generic': 22,
  'v4-coherent': 50,
  '6.1': 58,
  '6.12': 58,
  '7.3': 76,
};

/** Its documents have more pages than documents may without --max-size. */
const WITHOUT_BENCHMARK: readonly TestFilter[] = [{ option: 'T', name: 'benchmark_thp_migration' }];

/** By kernel, with special purpose memory. */
const suites = new Map<string, Map<string, Recorded>>();

for (const { id } of generations) {
  for (const addresses of ADDRESSES) {
    t.test(`${id}, spm: [${addresses}]`, async (t) => {
      const recorded = record(id, addresses, {}, WITHOUT_BENCHMARK);
      suites.set(id, recorded);
      t.equal(recorded.size, TESTS[id]);
      t.strictSame(unmet(recorded), {});
    });
  }
}

/** Some with threads, several processes, random data, and both devices. */
const INTERLEAVED = /migrate_multiple|double_map|exclusive_cow|anon_write|hmm_cow_in_device|fault/;

t.test('tasks that take turns at random', async (t) => {
  for (const seed of [1, 2]) {
    const filters = [...suites.get('6.12')!.keys()]
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

t.test('with a bug, what the suite sees fails', async (t) => {
  for (const { id } of bugs) {
    const found = unmet(suites.get(kernelOf(id))!, { bugs: [id] });
    if (id === 'coherent-minor-unset') {
      const said = new Set(Object.values(found));
      t.strictSame([...said], ['load: expected {"ret":0}, got {"ret":"ENOMEM"}'], id);
      continue;
    }
    t.strictSame(Object.keys(found), FAILURES[id] ?? [], id);
  }
});
