// SPDX-License-Identifier: GPL-2.0-only
/** Bugs by what somebody has of one. */
import t from 'tap';
import { bugs } from '../../src/generations/bugs/index.js';
import { leftOutBugs } from '../../src/generations/bugs/left-out.js';
import { suiteSymptoms } from '../../src/generations/bugs/suite-symptoms.js';
import { findBugs, isOnSwitch, nearMiss } from '../../src/triage/bug-search.js';
import { testsThatSee } from '../../src/triage/bug-tests.js';

const found = (query: string) =>
  findBugs(query).map(({ bug }) => (isOnSwitch(bug) ? bug.id : bug.title.split(' ').slice(0, 3).join(' ')));

t.test('by what names it', async (t) => {
  t.strictSame(found('CVE-2026-46280'), ['stale-mirror-after-close']);
  t.strictSame(found('cve-2026-90391'), ['dead-mirror-loop']);
  t.strictSame(found('see 2025-21861'), ['freed-page-on-lru']);
  t.strictSame(found('CVE-2025-22034'), ['exclusive-hugetlb']);
  t.strictSame(found('424ff62'), ['dead-mirror-loop']);
  t.strictSame(found('8A295DBBAF7292C582A40CE469C326F472D51F66'), ['foreign-private-refused']);
  t.strictSame(found('424ff6'), [], 'six digits are no commit');
});

t.test('every CVE, commit and function that is known finds its bug', async (t) => {
  for (const bug of [...bugs, ...leftOutBugs]) {
    const { fix, functions } = bug;
    for (const text of [fix.cve, fix.commit, ...functions].filter((text) => text !== undefined))
      t.ok(
        findBugs(text).some((one) => one.bug === bug),
        `${text}: ${bug.title}`,
      );
  }
});

t.test('what has a switch is not left out', async (t) => {
  const cves = bugs.map(({ fix }) => fix.cve).filter((cve) => cve !== undefined);
  t.strictSame(
    leftOutBugs.filter(({ fix }) => fix.cve !== undefined && cves.includes(fix.cve)),
    [],
  );
});

t.test('by a function of an oops or WARN', async (t) => {
  t.equal(
    found('BUG: unable to handle kernel paging request in dmirror_do_read')[0],
    'own-private-page-mirrored',
  );
  t.equal(found('INFO: task hung in dmirror_do_read')[0], 'dead-mirror-loop');
  t.equal(found('kasan: use-after-free read in DMIRROR_DEVMEM_FAULT')[0], 'stale-mirror-after-close');
  t.strictSame(found('[   12.3] WARNING: CPU: 0 PID: 77 at mm/memory.c:1400 zap_pte_range+0x12a/0x9f0'), [
    'spurious-zap-warning',
  ]);
  t.ok(
    found('RIP: 0010:dmirror_fops_unlocked_ioctl+0x3/0x4').includes('own-private-page-mirrored'),
    'inlined',
  );
});

t.test('by an assertion', async (t) => {
  const line = '# hmm-tests.c:1770:double_map:Expected ret (-14) == 0 (0)';
  // The second one has it in other tests.
  const both = ['foreign-private-refused', 'ioctl-4-collision'];
  t.strictSame(found(line), both);
  t.strictSame(found(`2026-01-02T03:04:05Z # ${line.toUpperCase().slice(2)}`), both);
  t.strictSame(found('Expected ret (-16) == 0 (0)'), ['exclusive-thp-tail', 'ioctl-4-collision']);
  t.equal(found('compound:Expected ret (-16) == 0 (0)')[0], 'ioctl-4-collision');
});

t.test('each assertion that a bug makes a test print finds the bug', async (t) => {
  for (const { bug, shows } of suiteSymptoms) {
    for (const { says } of shows)
      if (bug !== undefined && says.startsWith('Expected'))
        t.ok(found(says).includes(bug), `${bug}: ${says}`);
  }
});

t.test('by words', async (t) => {
  t.equal(found('NPAGES overflow')[0], 'npages-overflow');
  t.equal(found('dirty-bit-lots')[0], 'dirty-bit-lost');
  t.equal(found('hmm2.snapshot')[0], 'generic-forced-private');
  t.equal(found('hugetlb exclusive')[0], 'exclusive-hugetlb');
  t.strictSame(found('xyzzy'), []);
  t.strictSame(found('the 12'), []);
});

t.test('what was meant', async (t) => {
  t.equal(nearMiss('dmirror_do_raed'), ' (did you mean "dmirror_do_read"?)');
  t.equal(nearMiss('CVE-2026-46281'), ' (did you mean "CVE-2026-46280"?)');
  t.equal(nearMiss('CVE-2019-11111'), '');
});

t.test('the tests that see a bug, by kernels', async (t) => {
  t.strictSame(testsThatSee('generic-forced-private'), [
    { tests: ['hmm2.snapshot'], kernels: ['v5-generic'], huge: false, warns: false },
  ]);
  t.strictSame(testsThatSee('spurious-zap-warning'), [
    {
      tests: ['hmm.hmm_device_private.migrate_file_private'],
      kernels: ['6.1', '6.12', '7.3'],
      huge: false,
      warns: true,
    },
  ]);
  const exclusive = testsThatSee('exclusive-thp-tail');
  t.strictSame(
    exclusive.map(({ tests, kernels, huge }) => [tests.length, kernels, huge]),
    [[6, ['v4-coherent', '6.1', '6.12'], true]],
  );
  t.strictSame(testsThatSee('dead-mirror-loop'), []);
});
