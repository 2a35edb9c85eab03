// SPDX-License-Identifier: GPL-2.0-only
/** What hides results, what conditions show, and signatures. */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { isTold, judge } from '../../src/triage/judge.js';
import { recordings } from './corpus.js';
import { readLog } from './log-text.js';
import { wrappings } from './wrappings.js';

const lines = (name: string) => recordings.find((one) => one.name === name)!.lines;
const judged = (text: string) => judge(readLog(text));

t.test('what scripts hide', async (t) => {
  const wrap = wrappings['kselftest runner']!;
  const [failed] = judged(wrap(lines('6.12-thp-always'))).runs;
  t.strictSame(failed!.masked, [
    {
      id: 'failures',
      text: '"[PASS]", "ok 1 bash ./test_hmm.sh smoke", "SUMMARY: PASS=1 SKIP=0 FAIL=0" over 6 "not ok" of the suite: the inner results count',
    },
  ]);
  t.strictSame(judged(wrap(lines('6.12-spm'))).runs[0]!.masked, []);
  t.strictSame(
    judged(lines('6.1-private').join('\n')).runs[0]!.masked.map(({ text }) => text),
    ['29 tests were skipped, and are counted as passed'],
  );
  const silent = judged(`# running bash ./test_hmm.sh smoke
# ./test_hmm.sh: You must have the following enabled in your kernel:
# CONFIG_TEST_HMM=m
# [PASS]
ok 1 test_hmm.sh
`);
  t.strictSame(
    [silent.suite!.status, silent.suite!.condition!.id, silent.suite!.masked.map(({ id }) => id)],
    ['SKIP', 'no-module', ['skip']],
  );
});

t.test('exit statuses are results of no test', async (t) => {
  const others = { pass: 0, fail: 0, skip: 0 };
  const golden = (name: string) => readFileSync(`test/golden/ktap/${name}.txt`, 'utf8');
  const run = judged(golden('6.12-thp-always'));
  t.strictSame([run.log.others, run.runs[0]!.run.exit], [others, 1]);
  for (const [name, text] of [
    ['6.12-list', 'hmm-tests listed its tests, and ran no test'],
    ['6.12-help', 'hmm-tests printed its help, and ran no test'],
  ] as const) {
    t.match(golden(name), '@@EXIT 4');
    const { log, suite } = judged(golden(name));
    t.strictSame([log.others, suite!.status, suite!.text], [others, 'SKIP', text]);
  }
  t.notOk(isTold(judged('##[error]Process completed with exit code 2.\n')));
});

t.test('stores that are lost', async (t) => {
  const test = (name: string, n: number) => `#  RUN           ${name} ...
${Array.from({ length: 3 }, (_, i) => `# hmm-tests.c:980:migrate:Expected ptr[i] (0) == i (${i + 1})`).join('\n')}
#          FAIL  ${name}
not ok ${n} ${name}
`;
  const of = (name: string) => judged(test(name, 1)).runs[0]!.findings[0]!.condition?.id;
  t.equal(of('hmm.hmm_device_coherent.migrate'), 'spm-without-memory');
  t.equal(of('hmm.hmm_device_private.migrate'), undefined);
});

t.test('only totals', async (t) => {
  const { runs } = judged(
    '# FAILED: 52 / 58 tests passed.\n# Totals: pass:52 fail:6 xfail:0 xpass:0 skip:0 error:0\n',
  );
  const [run] = runs;
  t.strictSame(run!.counts, { pass: 52, fail: 6, skip: 0, missing: 0 });
  t.strictSame(
    run!.findings.map(({ status, failures, notes }) => [status, failures, notes]),
    [['FAIL', 6, ['6 more failed, of which the log has only the count']]],
  );
});

t.test('a log that ends in a test', async (t) => {
  const cut = lines('6.12-spm').slice(0, 40);
  const [run] = judged(cut.join('\n')).runs;
  t.equal(run!.status, 'MISS');
  const [running] = run!.findings;
  t.strictSame(
    [running!.status, run!.counts.missing, run!.counts.pass],
    ['MISS', 58 - run!.counts.pass, run!.counts.pass],
  );
});

t.test('the same failure has the same signature in every log', async (t) => {
  const signatures = Object.values(wrappings).map((wrap) => {
    const [run] = judged(wrap(lines('6.12-thp-always'))).runs;
    return run!.findings.map(({ signature }) => signature);
  });
  for (const each of signatures) t.strictSame(each, signatures[0]);
  t.equal(new Set(signatures[0]).size, 6);
  const [foreign] = judged(
    'not ok 2 hmm.exclusive\n# hmm-tests.c:1:exclusive:Expected ret (-16) == 0 (0)\n',
  ).runs;
  t.equal(foreign!.findings.length, 1);
});
