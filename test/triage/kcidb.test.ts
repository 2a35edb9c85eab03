// SPDX-License-Identifier: GPL-2.0-only
/** `triage --json` prints what KernelCI's KCIDB takes; corpus.test.ts checks the corpus itself. */
import { readdirSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import t from 'tap';
import { kcidbText } from '../../src/report/triage-kcidb.js';
import { judge } from '../../src/triage/judge.js';
import { kcidbMistakes } from './kcidb.js';
import { readLog } from './log-text.js';

const logs = new URL('../logs/', import.meta.url);

const documentOf = (text: string, name = 'a.log') => kcidbText([{ name, verdict: judge(readLog(text)) }]);

interface Entry {
  readonly id: string;
  readonly log_excerpt?: string;
}

const testsOf = (text: string) => (JSON.parse(text) as { tests: Entry[] }).tests;

t.test('the schema refuses what KCIDB refuses', async (t) => {
  const [test] = [{ build_id: 'ci:1', id: 'ci:2', origin: 'ci', path: 'a.b', status: 'PASS', misc: {} }];
  const version = { major: 5, minor: 3 };
  const mistakes = (tests: object[], rest = { version }) => kcidbMistakes(JSON.stringify({ ...rest, tests }));
  t.strictSame(mistakes([test]), []);
  for (const wrong of [
    { id: 'nothing before it' },
    { origin: 'CI' },
    { status: 'OK' },
    { path: 'a b' },
    { log_excerpt: 'x'.repeat(16_385) },
    { log_excerpt: '\0' },
    { misc: { a: [null] } },
    { number: {} },
    { unknown: 1 },
  ])
    t.equal(mistakes([{ ...test, ...wrong }]).length, 1, JSON.stringify(wrong).slice(0, 40));
  t.equal(mistakes([test], { version: { major: 4, minor: 3 } }).length, 1);
  t.strictSame(mistakes([test, test]), ['tests: ids are not unique']);
});

t.test('logs that are kept here', async (t) => {
  for (const name of readdirSync(logs)) {
    const bytes = readFileSync(new URL(name, logs));
    t.strictSame(
      kcidbMistakes(documentOf((name.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString())),
      [],
      name,
    );
  }
});

t.test('names and lines that nobody expects', async (t) => {
  const lines = [
    '#  RUN           hmm.hmm_device_private.migrate ...',
    ...Array.from({ length: 2000 }, () => `# hmm-tests.c:991:migrate:Expected \u{1f600}\0 (0) == 0 (1)`),
    'not ok 1 hmm.hmm_device_private.migrate',
    'not ok 2 hmm.x y/\u00e9',
    'BUG: unable to handle page fault for address: ffffea0fffffffc8',
    'RIP: 0010:dmirror_do_read+0x61/0xe0 [test_hmm]',
  ].join('\n');
  const text = documentOf(lines, 'logs of\nMay/\0.log');
  t.strictSame(kcidbMistakes(text), []);
  for (const { log_excerpt: excerpt = '' } of testsOf(text))
    t.equal(excerpt, Buffer.from(excerpt).toString(), 'no half of a character at the end');
  t.ok(testsOf(text).every(({ id }) => id.startsWith('hmm_sim:logs of May/ .log:')));
});
