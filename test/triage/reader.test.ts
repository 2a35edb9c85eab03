// SPDX-License-Identifier: GPL-2.0-only
/** What the reader makes of a log, whatever lies around its lines. */
import t from 'tap';
import { triageLines } from '../../src/report/triage-text.js';
import { judge } from '../../src/triage/judge.js';
import { LineReader, MAX_LINE } from '../../src/triage/lines.js';
import { LogReader } from '../../src/triage/reader.js';
import { tapLine } from '../../src/triage/tap.js';
import { unwrap } from '../../src/triage/unwrap.js';
import { readLog } from './log-text.js';

const esc = String.fromCharCode(27);

t.test('lines, in pieces of any size', async (t) => {
  const text = `a\r\n\r\n${'x'.repeat(MAX_LINE + 5)}\n${'y'.repeat(74)}=\nz =3D 1\nend`;
  for (const size of [1, 7, text.length]) {
    const lines: [string, number, boolean][] = [];
    const reader = new LineReader(({ text, number, cut }) => lines.push([text, number, cut]));
    for (let at = 0; at < text.length; at += size) reader.push(text.slice(at, at + size));
    reader.end();
    t.strictSame(
      lines,
      [
        ['a', 1, false],
        ['', 2, false],
        ['x'.repeat(MAX_LINE), 3, true],
        [`${'y'.repeat(74)}z = 1`, 5, false],
        ['end', 6, true],
      ],
      `pieces of ${size}`,
    );
  }
});

t.test('wrappings', async (t) => {
  const wrapped: readonly [string, string][] = [
    ['2024-05-01T12:34:56.1234567Z # ok 1 a', '# ok 1 a'],
    ['2024-05-01T12:34:56.123456Z 01O ok 1 a', 'ok 1 a'],
    ['2024-05-01T12:34:56 <4>[   12.345678][  T123] WARNING: x', 'WARNING: x'],
    ['[   12.345678] [ C0] WARNING: x', 'WARNING: x'],
    ['Nov 28 08:13:50 host kernel: [   12.345678] WARNING: x', 'WARNING: x'],
    ['2024-05-01T12:34:56+0000 host hmm.sh[99]: not ok 2 b', 'not ok 2 b'],
    ['kern  :warn  : [  123.456789] WARNING: x', 'WARNING: x'],
    [`${esc}[0;32mok 1 a${esc}[0m`, 'ok 1 a'],
    ['[32mok 1 a[0m', 'ok 1 a'],
    ['- {"dt": "2024-05-01T12:34:56.1", "lvl": "target", "msg": "not ok 1 \\"a\\""}', 'not ok 1 "a"'],
    ["- {dt: '2024-05-01T12:34:56.1', lvl: target, msg: '# it''s'}", "# it's"],
    ['> > ok 1 a', 'ok 1 a'],
    ['console.log:17:not ok 1 a', 'not ok 1 a'],
    ['hmm tests\tRun ./suite.sh\t\ufeff2024-05-01T12:34:56.1234567Z not ok 1 a', 'not ok 1 a'],
    ['hmm\tUNKNOWN STEP\t2024-05-01T12:34:56.1234567Z # # ok 1 a', '# # ok 1 a'],
    ['test-1  | ok 1 a', 'ok 1 a'],
    ['[PASS]', '[PASS]'],
    ['[mm] x', '[mm] x'],
    ['12:34:56 ok 1 a', 'ok 1 a'],
  ];
  for (const [line, text] of wrapped) t.equal(unwrap(line), text, line);
});

t.test('lines of KTAP, nested', async (t) => {
  t.strictSame(tapLine('# # not ok 22 hmm.hmm_device_private.exclusive'), {
    kind: 'result',
    ok: false,
    number: 22,
    name: 'hmm.hmm_device_private.exclusive',
    directive: '',
    reason: '',
  });
  t.strictSame(tapLine('ok 27 # SKIP DEVICE_COHERENT not available'), {
    kind: 'result',
    ok: true,
    number: 27,
    name: '',
    directive: 'SKIP',
    reason: 'DEVICE_COHERENT not available',
  });
  t.strictSame(tapLine('# # # hmm-tests.c:1817:exclusive:Expected ret (-16) == 0 (0)'), {
    kind: 'assertion',
    file: 'hmm-tests.c',
    line: 1817,
    test: 'exclusive',
    text: 'Expected ret (-16) == 0 (0)',
  });
  t.strictSame(tapLine('# Totals: pass:1 fail:2 xfail:3 xpass:4 skip:5 error:6'), {
    kind: 'totals',
    pass: 4,
    fail: 12,
    skip: 5,
  });
  t.equal(tapLine('okay 1 this is prose'), undefined);
});

t.test('two kernels, a report between the lines, a cut end', async (t) => {
  const log = readLog(`[    0.000000] Linux version 6.1.192-1 (x) #1 SMP
# Starting 58 tests from 5 test cases.
#  RUN           hmm.hmm_device_private.migrate ...
[   12.000001] ------------[ cut here ]------------
[   12.000002] WARNING: CPU: 1 PID: 77 at mm/memory.c:1400 zap_pte_range+0x1/0x2
[   12.000003] RIP: 0010:zap_pte_range+0x1/0x2
[   12.000004] Call Trace:
[   12.000005]  unmap_page_range+0x3/0x4
[   12.000006] ---[ end trace 0000000000000000 ]---
#            OK  hmm.hmm_device_private.migrate
ok 12 hmm.hmm_device_private.migrate
[    0.000000] Linux version 6.12.117 (x) #1 SMP
#  RUN           hmm.hmm_device_private.exclusive ...
# hmm-tests.c:1817:exclusive:Expected ret (-16) == 0 (0)
# exclusive: Test termi`);
  t.strictSame(log.kernels, ['6.1.192-1', '6.12.117']);
  const [first, second] = log.runs;
  t.equal(log.runs.length, 2);
  t.strictSame([first!.kernel, first!.plan, first!.cases], ['6.1.192-1', 58, 5]);
  const [migrate] = first!.tests;
  t.strictSame(
    [migrate!.name, migrate!.status, migrate!.number],
    ['hmm.hmm_device_private.migrate', 'pass', 12],
  );
  const [report] = migrate!.reports;
  t.strictSame(
    [report!.title, report!.fn, report!.at, report!.frames, report!.incomplete],
    ['WARNING in zap_pte_range', 'zap_pte_range', 'mm/memory.c:1400', ['unmap_page_range'], false],
  );
  t.strictSame(
    second!.tests.map(({ name, status, failures }) => [name, status, failures]),
    [['hmm.hmm_device_private.exclusive', 'running', 1]],
  );
  t.equal(log.cutEnd, true);
});

t.test('a hundred thousand lines are not kept', async (t) => {
  const reader = new LogReader();
  for (let i = 1; i <= 100_000; i++)
    reader.push(`# hmm-tests.c:970:migrate:Expected ptr[i] (0) == i (${i})\n`);
  const { runs } = reader.end();
  const [test] = runs[0]!.tests;
  t.strictSame(
    [test!.name, test!.status, test!.failures, test!.zeros, test!.assertions.length],
    ['migrate', 'fail', 100_000, 100_000, 20],
  );
});

t.test('what ends a test of the simulated kernel, alone in its line', async (t) => {
  const endings: readonly [string, string | undefined][] = [
    ['Kernel oops in try_to_migrate_one: no pfn', 'oops in try_to_migrate_one'],
    ['Hung in folio_wait: nobody wakes it', 'INFO: task hung in folio_wait'],
    ['Invariant violated: refcount: page 3 has 2', undefined],
    ['Test terminated by timeout', undefined],
  ];
  for (const [text, title] of endings) {
    // Nothing else in the line is looked for.
    const log = readLog(
      `#  RUN           hmm.hmm_device_private.migrate ...\n# migrate: ${text}\nnot ok 1 hmm.hmm_device_private.migrate\n`,
    );
    const [test] = log.runs[0]!.tests;
    t.strictSame([test!.status, test!.death], ['fail', text]);
    const reports = title === undefined ? [] : [[title, false]];
    t.strictSame(
      test!.reports.map((report) => [report.title, report.incomplete]),
      reports,
    );
  }
});

t.test('hundreds of reports of one test are folded, and not kept', async (t) => {
  const warnings = Array.from({ length: 300 }, () => '# WARNING: zap_pte_range: the VMA is not anonymous');
  const lines = ['#  RUN           hmm.hmm_device_private.migrate ...', ...warnings];
  const log = readLog([...lines, 'ok 1 hmm.hmm_device_private.migrate\n'].join('\n'));
  const [test] = log.runs[0]!.tests;
  t.strictSame([test!.reports.length, test!.moreReports], [100, 200]);
  const told = triageLines('a', judge(log)).filter((line) => /^ {2}(?:kernel|note)/.test(line));
  t.strictSame(told, [
    '  kernel    WARNING in zap_pte_range, 100 times',
    '  note      200 more reports of the kernel followed',
  ]);
});
