// SPDX-License-Identifier: GPL-2.0-only
import t from 'tap';
import { suiteOf } from '../../src/selftests/hmm-tests/suites.js';
import { selectTests } from '../../src/selftests/test_filter.js';

const names = (kernel: string): string[] => selectTests(suiteOf(kernel)!, []).map(({ name }) => name);

t.test('v5-generic has the 22 tests of its series', async (t) => {
  const hmm = [
    'open_close',
    'anon_read',
    'anon_read_prot',
    'anon_write',
    'anon_write_prot',
    'anon_write_child',
    'anon_write_child_shared',
    'anon_write_huge',
    'anon_write_hugetlbfs',
    'file_read',
    'file_write',
    'migrate',
    'migrate_fault',
    'migrate_shared',
    'migrate_multiple',
    'anon_read_multiple',
    'anon_teardown',
    'compound',
    'migrate_ping_pong',
  ];
  t.same(names('v5-generic'), [
    ...hmm.map((test) => `hmm.${test}`),
    'hmm2.migrate_mixed',
    'hmm2.snapshot',
    'hmm2.double_map',
  ]);
});

t.test(
  'v4-coherent: 25 tests in two variants, without the migrate_ping_pong of its commit message',
  async (t) => {
    const all = names('v4-coherent');
    t.equal(all.length, 50);
    t.same(all.slice(12, 22), [
      'hmm.hmm_device_private.migrate_fault',
      'hmm.hmm_device_private.migrate_shared',
      'hmm.hmm_device_private.migrate_multiple',
      'hmm.hmm_device_private.anon_read_multiple',
      'hmm.hmm_device_private.anon_teardown',
      'hmm.hmm_device_private.mixedmap',
      'hmm.hmm_device_private.compound',
      'hmm.hmm_device_private.exclusive',
      'hmm.hmm_device_private.exclusive_mprotect',
      'hmm.hmm_device_private.exclusive_cow',
    ]);
  },
);

t.test('the postings came with the older harness', async (t) => {
  for (const kernel of ['v5-generic', 'v4-coherent'])
    t.equal(suiteOf(kernel)!.style, suiteOf('6.1')!.style, kernel);
});

t.test('6.1 and 6.12 run the same tests under different harnesses', async (t) => {
  t.same(names('6.1'), names('6.12'));
  t.equal(names('6.12').length, 58);
  t.equal(suiteOf('6.1')!.style.skipStatus, 255);
  t.equal(suiteOf('6.12')!.style.skipStatus, 4);
});

t.test('7.3: 39 tests, the new ones behind those of 6.12', async (t) => {
  const [all, before] = [names('7.3'), names('6.12')];
  t.equal(all.length, 78);
  t.same(all.slice(0, 26), before.slice(0, 26));
  t.same(
    all.slice(26, 36).map((name) => name.split('.')[2]),
    [
      'migrate_anon_huge_empty',
      'migrate_anon_huge_zero',
      'migrate_anon_huge_free',
      'migrate_anon_huge_fault',
      'migrate_partial_unmap_fault',
      'migrate_remap_fault',
      'migrate_anon_huge_err',
      'migrate_anon_huge_zero_err',
      'benchmark_thp_migration',
      'userfaultfd_read',
    ],
  );
  const limits = selectTests(suiteOf('7.3')!, []).map((test) => [test.test, test.timeoutSeconds] as const);
  t.ok(limits.every(([test, limit]) => limit === (test === 'benchmark_thp_migration' ? 120 : 30)));
});

t.test('no suite for an unknown kernel', async (t) => {
  t.equal(suiteOf('5.8'), undefined);
});
