// SPDX-License-Identifier: GPL-2.0-only
/** Public reports as documents: they answer, and are explained, as their comments say. */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { explainScenario } from '../../src/explain/explain.js';
import { followedLines, followPage } from '../../src/explain/follow.js';
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
    '02-exclusive-unreclaimable',
    '05-subpage-of-private-entry',
    '06b-load-log',
    '07-hugetlb-fault-in-walk',
    '08-ppc64-huge-private',
    '11-physical-limit',
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

t.test('a huge private entry is replaced though it is not present', async (t) => {
  const document = report('08-ppc64-huge-private');
  const followed = { process: 'p0', region: 'r0', page: 0 };
  const lines = describe(document, (machine, setup) =>
    [...followPage(machine, setup, document, followed)].map(followedLines),
  );
  const told = lines.filter((line) => line.includes('set_migration_pmd'));
  const was = '  tell set_migration_pmd  set_pmd_migration_entry  present=';
  t.same(told, [`${was}1`, `${was}0`], 'to the device, and back');
});

t.test('with the bug that was reported', async (t) => {
  const withBug = (bug: string, document: ScenarioDocument) =>
    runOn(machines, new Setups({ bugs: [bug] }).of(document), document).results.at(-1);
  t.match(withBug('exclusive-hugetlb', report('01-exclusive-hugetlb')), { oops: 'huge_pte_alloc' });
  // An entry that is the page's only one goes in migrate_vma_collect_pmd(); after a fork two are for try_to_migrate().
  const document = report('05-subpage-of-private-entry');
  t.same(withBug('private-subpage-from-entry', document), { pages: [5] });
  const load = document.steps.at(-1)!;
  const forked: Step[] = [...document.steps.slice(0, -1), { op: 'fork', child: 'p1' }, load];
  t.match(withBug('private-subpage-from-entry', { ...document, steps: forked }), {
    oops: 'try_to_migrate_one',
  });
});

t.test('a page that somebody has locked', async (t) => {
  const own = { region: 'r0', page: 0, pages: 2 } as const;
  const steps: Step[] = [
    { op: 'open', fd: 'd0', device: 0 },
    { op: 'mmap', region: 'r0', pages: 2, prot: 'rw', share: 'private', backing: 'anon' },
    { ...own, op: 'store', word: 1 },
    { op: 'lock', region: 'r0', page: 1, pages: 1 },
    { ...own, op: 'ioctl', cmd: 'EXCLUSIVE', fd: 'd0' },
    { ...own, op: 'ioctl', cmd: 'MIGRATE_TO_DEV', fd: 'd0' },
  ];
  for (const kernel of ['6.1', '6.12'] as const) {
    const document: ScenarioDocument = { name: '03-exclusive-ebusy', kernel, steps };
    const { results } = runOn(machines, setups.of(document), document);
    t.same(results.slice(4), [{ ret: 'EBUSY' }, { ret: 'ENOENT' }]);
    t.equal(
      explained(document, 4).at(-1),
      '  r0[1]  stays      make_device_exclusive_range  page is locked, held by page_holder p0',
    );
    t.equal(
      explained(document, 5).at(-1),
      '  r0[1]  stays  migrate_vma_collect_pmd  page locked by somebody else, held by page_holder p0',
    );
  }
  // There it waits for the lock, which nobody here gives back.
  const waits: ScenarioDocument = { name: '03-exclusive-ebusy', kernel: '7.3', steps };
  t.same(runOn(machines, setups.of(waits), waits).results[4], { hang: 'make_device_exclusive' });
});

const locksOf = (one: ScenarioDocument): string[] =>
  describe(one, (machine, setup) =>
    [...explainScenario(machine, setup, one, { locks: true })].map(({ locks }) => lockLines(locks)),
  );

t.test('which locks a fault of a huge page has where it may sleep', async (t) => {
  const document = report('07-hugetlb-fault-in-walk');
  const may = (where: string, lock: string, ...holds: string[]): string =>
    `  locks  p0 may sleep in ${where} for ${lock}; holds ${holds.join(', ')}`;
  const [mm, mutex, lock] = ['mmap_lock (read)', 'hugetlb_fault_mutex', 'resv_map rw_sema'];
  const held = `${lock} (read)`;
  const walk = may('walk_hugetlb_range', lock, mm);
  const fault = [may('hugetlb_fault', mutex, mm), may('hugetlb_fault', lock, mm, mutex)];
  // Where no table is near, 6.12 faults in the midst of the walk, with its lock: twice the same.
  const inHole = [walk, may('hugetlb_fault', mutex, mm, held), may('hugetlb_fault', lock, mm, held, mutex)];
  t.same(locksOf(document), inHole);
  t.same(locksOf({ ...document, kernel: '6.1' }), fault);
  t.same(locksOf({ ...document, kernel: '7.3' }), [walk, ...fault]);
  t.same(locksOf({ ...document, kernel: 'v4-coherent' }), [fault[0]]);
  // Of an entry the walk gives its lock back first, and takes it again.
  const [open, map, write] = document.steps;
  const own = { region: 'r0', page: 0, pages: 1 } as const;
  const beside: Step[] = [
    open!,
    { ...(map as Extract<Step, { op: 'mmap' }>), pages: 1024 },
    { ...own, op: 'store', page: 512, word: 1 },
    write!,
  ];
  t.same(locksOf({ ...document, steps: beside }).slice(2), [
    walk,
    ...fault,
    may('hmm_vma_walk_hugetlb_entry', lock, mm),
  ]);
  const steps: Step[] = [
    open!,
    map!,
    { ...own, op: 'store', word: 1 },
    { op: 'fork', child: 'p1' },
    { ...own, op: 'store', word: 2 },
    { op: 'munmap', region: 'r0', page: 0, pages: 512 },
  ];
  const [invalidate, dmirror] = ['dmirror_interval_invalidate', 'hmm_dmirror0 mutex'];
  const writing = 'mmap_lock (write)';
  t.same(locksOf({ ...document, steps }), [
    ...fault,
    may(invalidate, dmirror, writing),
    ...fault,
    may(invalidate, dmirror, mm, mutex, held, 'a page lock'),
    may(invalidate, dmirror, writing),
    may('unmap_vmas', lock, writing),
  ]);
});

t.test('which locks a shared mapping of huge pages has', async (t) => {
  const document = report('07-hugetlb-fault-in-walk');
  const [open, map] = document.steps;
  const steps: Step[] = [
    open!,
    { ...(map as Extract<Step, { op: 'mmap' }>), share: 'shared' },
    { op: 'store', region: 'r0', page: 0, pages: 1, word: 1 },
    { op: 'madvise', region: 'r0', page: 0, pages: 512, advice: 'dontneed' },
  ];
  const told = locksOf({ ...document, steps });
  t.match(told.join('\n'), /in hugetlb_fault for vma_lock; holds mmap_lock \(read\), hugetlb_fault_mutex/);
  t.match(told.join('\n'), /in zap_page_range_single for vma_lock; holds mmap_lock \(read\)/);
  t.match(
    told.join('\n'),
    /in dmirror_interval_invalidate for .*; holds mmap_lock \(read\), vma_lock \(write\)/,
  );
});
