// SPDX-License-Identifier: GPL-2.0-only
/** Logs as strangers keep them: in JSON, in pages, behind daemons' names, of other machines. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { readLogFile } from '../../src/cli/log-files.js';
import { judge } from '../../src/triage/judge.js';
import { LogReader } from '../../src/triage/reader.js';
import { readLog } from './log-text.js';

const TEST = 'hmm.hmm_device_private.migrate';
const esc = String.fromCharCode(27);

const lines = [
  'Linux version 6.12.117 (build@host) #1 SMP',
  'TAP version 13',
  '1..58',
  '# Starting 58 tests from 4 test cases.',
  '#  RUN           hmm.hmm_device_private.open_close ...',
  '#            OK  hmm.hmm_device_private.open_close',
  'ok 1 hmm.hmm_device_private.open_close',
  `#  RUN           ${TEST} ...`,
  '# hmm-tests.c:942:migrate:Expected ret (-16) == 0 (0)',
  '# migrate: Test terminated by assertion',
  `#          FAIL  ${TEST}`,
  `not ok 10 ${TEST}`,
  '# FAILED: 57 / 58 tests passed.',
  '# Totals: pass:57 fail:1 xfail:0 xpass:0 skip:0 error:0',
];

const each = (wrap: (line: string, i: number) => string): string => `${lines.map(wrap).join('\n')}\n`;

const html = (line: string): string =>
  line.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('=', '&#61;');

const wrapped: Readonly<Record<string, string>> = {
  'journalctl -o json': each((text) => JSON.stringify({ _HOSTNAME: 'x', MESSAGE: text, PRIORITY: '6' })),
  'journalctl -o json, bytes': each((text) =>
    JSON.stringify({ MESSAGE: [...Buffer.from(`${esc}[36m${text}${esc}[0m`)], PRIORITY: '6' }),
  ),
  "a container's JSON": each((text) => JSON.stringify({ log: `${text}\n`, stream: 'stdout', time: 'x' })),
  'an excerpt in JSON': JSON.stringify(
    { tests: [{ status: 'FAIL', log_excerpt: lines.join('\n') }] },
    null,
    1,
  ),
  'all in one line of JSON': JSON.stringify({ log_excerpt: lines.join('\n'), status: 'FAIL' }),
  'a page': `<pre>\n${each((text) => `<span class="line" id='l'>${html(text)}</span><br/>`)}</pre>\n`,
  'dmesg -T': each((text) => `[Sat Nov 28 13:56:56 2026] ${text}`),
  'kmsg of systemd': each((text, i) => `[    ${i}.123456] run_vmtests.sh[812]: ${text}`),
  Azure: each((text) => `2026-11-28T13:56:56.1234567Z ##[debug]${text}`),
  'a clock with its zone': each((text) => `2026-11-28 13:56:56 UTC ${text}`),
};

const findingsOf = (text: string) =>
  judge(readLog(text)).runs.flatMap(({ fit, counts, findings }) => {
    const failed = findings.map(({ name, assertion }) => `${name}: ${assertion}`);
    return { generation: fit.here.id, kernel: fit.kernel, counts, failed };
  });

const expected = [
  {
    generation: '6.12',
    kernel: '6.12.117',
    counts: { pass: 57, fail: 1, skip: 0, missing: 0 },
    failed: [`${TEST}: Expected ret (-16) == 0 (0)`],
  },
];

t.test('the same in every wrapping', async (t) => {
  for (const [name, text] of Object.entries(wrapped)) t.match(findingsOf(text), expected, name);
});

t.test('an excerpt as long as KCIDB has it', async (t) => {
  const filler = Array.from({ length: 300 }, (_, i) => `${'x'.repeat(40)} ${i}`);
  const text = `{\n "log_excerpt": ${JSON.stringify([...lines.slice(0, 8), ...filler, ...lines.slice(8)].join('\n'))}\n}\n`;
  t.ok(text.length > 12_000);
  t.match(findingsOf(text), expected);
});

t.test('UTF-16, as PowerShell redirects', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'utf16-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const path = join(directory, 'log.txt');
  writeFileSync(path, Buffer.from(`\ufeff${lines.join('\r\n')}\r\n`, 'utf16le'));
  const reader = new LogReader();
  await readLogFile(path, (text) => reader.push(text));
  const { runs } = judge(reader.end());
  t.strictSame(
    runs.flatMap(({ findings }) => findings.map(({ name }) => name)),
    [TEST],
  );
});

/** Title, function and whether the report is whole. */
const reportsOf = (text: string) =>
  judge(readLog(text)).reports.flatMap(({ reports }) =>
    reports.map(({ title, incomplete }) => [title, incomplete]),
  );

t.test('oopses of other machines', async (t) => {
  const s390 = `Unable to handle kernel pointer dereference in virtual kernel address space
Failing address: 0000000000000000 TEID: 0000000000000483
Oops: 0004 ilc:3 [#1] SMP
CPU: 1 UID: 0 PID: 810 Comm: hmm-tests Not tainted 6.12.117 #1
Krnl PSW : 0704c00180000000 000003ff80123456 (dmirror_do_read+0x5e/0x120 [test_hmm])
Call Trace:
 [<000003ff80123456>] dmirror_read+0x5e/0x120 [test_hmm]
Last Breaking-Event-Address:
`;
  const powerpc = (first: string) => `${first}
Faulting instruction address: 0xc008000001234560
Oops: Kernel access of bad area, sig: 11 [#1]
CPU: 4 UID: 0 PID: 3 Comm: hmm-tests Not tainted 6.12.117 #1
NIP:  c008000001234560 LR: c008000001234550 CTR: 0
NIP [c008000001234560] dmirror_devmem_fault+0x60/0x100 [test_hmm]
Call Trace:
[c000000012345678] [c008000001234560] dmirror_devmem_fault+0x60/0x100 [test_hmm]
---[ end trace 0000000000000000 ]---
`;
  const arm64 = `Unable to handle kernel paging request at virtual address ffffc00000000000
Mem abort info:
Internal error: Oops: 0000000096000006 [#1] SMP
CPU: 3 UID: 0 PID: 900 Comm: hmm-tests Not tainted 6.12.117-64k #1
pc : dmirror_do_read+0x5c/0xf0 [test_hmm]
lr : dmirror_read+0x100/0x1b0 [test_hmm]
Call trace:
 dmirror_do_read+0x5c/0xf0 [test_hmm] (P)
---[ end trace 0000000000000000 ]---
`;
  t.strictSame(reportsOf(s390), [
    ['BUG: unable to handle kernel pointer dereference in dmirror_do_read', false],
  ]);
  t.strictSame(reportsOf(powerpc('BUG: Kernel NULL pointer dereference on read at 0x00000000')), [
    ['BUG: unable to handle kernel NULL pointer dereference in dmirror_devmem_fault', false],
  ]);
  t.strictSame(reportsOf(powerpc('BUG: Unable to handle kernel data access on read at 0xc00c000000000000')), [
    ['BUG: unable to handle kernel paging request in dmirror_devmem_fault', false],
  ]);
  t.strictSame(reportsOf(arm64), [['BUG: unable to handle kernel paging request in dmirror_do_read', false]]);
});

t.test('logs of other suites only', async (t) => {
  const text = `TAP version 13
1..2
# selftests: net: tls
# # Starting 200 tests from 6 test cases.
# #  RUN           tls.12_aes_gcm.send ...
# # tls.c:100:send:Expected ret (-1) == 0 (0)
# # send: Test failed
# not ok 1 tls.12_aes_gcm.send
# # FAILED: 199 / 200 tests passed.
# # Totals: pass:199 fail:1 xfail:0 xpass:0 skip:0 error:0
not ok 1 selftests: net: tls # exit=1
ok 2 selftests: net: bind
`;
  const { runs, suite, reports, others, log } = judge(readLog(text));
  t.strictSame([runs, suite, reports, others], [[], undefined, [], []]);
  t.strictSame(log.others, { pass: 1, fail: 2, skip: 0 });
});

t.test('cut in the middle of a name, or of what an assertion says', async (t) => {
  const whole = lines.join('\n');
  const cut = (end: string) => judge(readLog(whole.slice(0, whole.indexOf(end) + end.length))).runs;
  const told = (end: string) =>
    cut(end).map(({ counts, findings }) => [
      counts,
      findings.filter(({ status }) => status === 'FAIL').map(({ name, assertion }) => [name, assertion]),
    ]);
  const none = { pass: 1, fail: 0, skip: 0, missing: 57 };
  t.strictSame(told('RUN           hmm.hmm_device_private.mig'), [[none, []]], 'of a test that began');
  t.strictSame(told('OK  hmm.hmm_device_private.open_'), [[none, []]], 'of a test that passed');
  t.strictSame(told('not ok 10 hmm.hmm_dev'), [
    [{ ...none, fail: 1, missing: 56 }, [[TEST, 'Expected ret (-16) == 0 (0)']]],
  ]);
  const [run] = cut('migrate:Expected ret (-');
  const [finding] = run!.findings;
  t.equal(finding!.assertion, 'Expected ret (-...');
  t.strictSame(finding!.symptoms, ['fails'], 'which compares with nothing');
});

t.test('UTF-16 without a mark', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'strangers-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const file = join(directory, 'a.log');
  writeFileSync(
    file,
    Buffer.from(
      each((text) => text),
      'utf16le',
    ),
  );
  const reader = new LogReader();
  await readLogFile(file, (text) => reader.push(text));
  t.equal(judge(reader.end()).runs[0]!.counts.fail, 1);
});
