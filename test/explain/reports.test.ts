// SPDX-License-Identifier: GPL-2.0-only
/** Public reports as documents: they answer, and are explained, as their comments say. */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { explainScenario } from '../../src/explain/explain.js';
import { lockLines } from '../../src/explain/locks.js';
import { load } from '../../src/scenario/load.js';
import type { ScenarioDocument, Step } from '../../src/scenario/schema.js';
import { judge } from '../../src/scenario/verdict.js';
import { MachinePool } from '../../src/session/machine-pool.js';
import { runOn } from '../../src/session/runner.js';
import { Setups } from '../../src/session/setup.js';
import { describe, explained } from './lines.js';

const setups = new Setups();
const machines = new MachinePool();

function report(name: string): ScenarioDocument {
  const file = `test/fixtures/reports/${name}.yaml`;
  return load(readFileSync(file, 'utf8'), file, 'yaml').documents[0]!.document;
}

t.test('what they answer', async (t) => {
  const right = [
    '01-exclusive-hugetlb',
    '05-subpage-of-private-entry',
    '06b-load-log',
    '07-hugetlb-fault-in-walk',
    '14-child-faults-shared-page',
    '15-dontfork',
    '18-cpu-touch-has-no-signal',
  ];
  for (const name of right) {
    const document = report(name);
    t.equal(judge(document, runOn(machines, setups.of(document), document)), undefined, name);
  }
  const document = report('06-steps-after-a-failed-load');
  t.same(runOn(machines, setups.of(document), document).results[0], { ret: 'ENOENT' });
});

t.test('what is told of them', async (t) => {
  t.equal(
    explained({ ...report('01-exclusive-hugetlb'), kernel: '6.1' }, 3).at(-1),
    '  r0[0]  stays  make_device_exclusive_range  hugetlb page',
  );
  t.same(explained(report('15-dontfork'), 9).slice(1), [
    '  r0[0]  SIGSEGV  bad_area_nosemaphore  no VMA',
    '  r0[1]  SIGSEGV  bad_area_nosemaphore  no VMA',
  ]);
  t.equal(
    explained(report('18-cpu-touch-has-no-signal'), 4).at(-1),
    '  r0[0]  loaded  dmirror_devmem_fault  brought back from hmm_dmirror0: system pfn 0x103',
  );
});

t.test('which locks a fault of a huge page has where it may sleep', async (t) => {
  const document = report('07-hugetlb-fault-in-walk');
  const locksOf = (one: ScenarioDocument): string[] =>
    describe(one, (machine, setup) =>
      [...explainScenario(machine, setup, one, { locks: true })].map(({ locks }) => lockLines(locks)),
    );
  const first = '  locks  p0 may sleep in hugetlb_fault for hugetlb_fault_mutex; holds mmap_lock (read)';
  t.same(locksOf(document), [first]);
  const own = { region: 'r0', page: 0, pages: 1 } as const;
  const steps: Step[] = [
    ...document.steps.slice(0, 2),
    { ...own, op: 'store', word: 1 },
    { op: 'fork', child: 'p1' },
    { ...own, op: 'store', word: 2 },
  ];
  const invalidate = '  locks  p0 may sleep in dmirror_interval_invalidate for hmm_dmirror0 mutex; holds';
  t.same(locksOf({ ...document, steps }), [
    first,
    `${invalidate} mmap_lock (write)`,
    first,
    `${invalidate} mmap_lock (read), hugetlb_fault_mutex, a page lock`,
  ]);
});
