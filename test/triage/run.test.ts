// SPDX-License-Identifier: GPL-2.0-only
/** --run claims what it has seen, down to the values, and nothing else. */
import t from 'tap';
import { runCandidate } from '../../src/cli/triage-run.js';
import { judge } from '../../src/triage/judge.js';
import { readLog } from './log-text.js';

const failing = (says: string) => `Linux version 6.12.117 (x) #1
# Starting 58 tests from 4 test cases.
#  RUN           hmm.hmm_device_private.mixedmap ...
# hmm-tests.c:1510:mixedmap:${says}
# mixedmap: Test terminated by assertion
#          FAIL  hmm.hmm_device_private.mixedmap
not ok 20 hmm.hmm_device_private.mixedmap
# FAILED: 57 / 58 tests passed.
# Totals: pass:57 fail:1 xfail:0 xpass:0 skip:0 error:0
`;

const findingOf = (text: string) => {
  const { runs, reports } = judge(readLog(text));
  return [...runs.flatMap(({ findings }) => findings), ...reports][0]!;
};

t.test('the same assertion with the same values', async (t) => {
  const finding = findingOf(failing('Expected m[0] (255) == HMM_DMIRROR_PROT_READ (1)'));
  const [first] = finding.candidates;
  t.strictSame([first!.bug, first!.exact], ['mixedmap-rejected', true]);
  t.strictSame(runCandidate(finding, first!), {
    same: true,
    showed: ['Expected m[0] (255) == HMM_DMIRROR_PROT_READ (1)'],
  });
});

t.test('what shows only after another test is run after it', async (t) => {
  const test = 'hmm.hmm_device_private.migrate_multiple';
  const before = 'hmm.hmm_device_private.migrate_release';
  const finding = findingOf(`Linux version 6.12.117 (x) #1
#  RUN           ${test} ...
# hmm-tests.c:1220:migrate_multiple:Expected ret (-2) == 0 (0)
# migrate_multiple: Test terminated by assertion
not ok 17 ${test}
`);
  const inverted = finding.candidates.find(({ bug }) => bug === 'chunk-result-inverted')!;
  t.strictSame(
    [inverted.earlier, inverted.why, inverted.exact],
    [[before], 'here it makes this test show just this, after what migrate_release left', true],
  );
  const machine = inverted.condition === 'spm' ? ' 0x100000000 0x140000000' : '';
  t.equal(
    inverted.command,
    `hmm-sim smoke --kernel 6.12${machine} -r ${before} -r ${test} --bug chunk-result-inverted`,
  );
  t.strictSame(runCandidate(finding, inverted), { same: true, showed: [], earlier: [before] });
});

t.test('other values are another symptom', async (t) => {
  const finding = findingOf(failing('Expected m[0] (254) == HMM_DMIRROR_PROT_READ (1)'));
  t.equal(finding.here, 'hmm.hmm_device_private.mixedmap');
  t.strictSame(
    finding.candidates.map((candidate) => runCandidate(finding, candidate)),
    [{ same: false, showed: [] }],
  );
});

t.test('a bare "not ok" is never claimed', async (t) => {
  const finding = findingOf('not ok 20 hmm.hmm_device_private.mixedmap\n');
  t.equal(finding.candidates[0]!.bug, 'mixedmap-rejected');
  t.strictSame(
    finding.candidates.map((candidate) => runCandidate(finding, candidate).same),
    finding.candidates.map(() => false),
  );
});

t.test('an oops without a test, by its function', async (t) => {
  const finding = findingOf(`BUG: unable to handle page fault for address: ffffea0fffffffc8
CPU: 0 UID: 0 PID: 77 Comm: repro Not tainted 6.12.117 #1
RIP: 0010:dmirror_do_read+0x61/0xe0 [test_hmm]
---[ end trace 0000000000000000 ]---
`);
  t.equal(finding.reports[0]!.title, 'BUG: unable to handle kernel paging request in dmirror_do_read');
  const [first] = finding.candidates;
  t.strictSame(
    [first!.bug, first!.has, first!.command],
    ['own-private-page-mirrored', true, 'hmm-sim run test/bugs/own-private-page-mirrored.yaml'],
  );
  t.strictSame(runCandidate(finding, first!), { same: true, showed: ['oopses: dmirror_do_read'] });
});
