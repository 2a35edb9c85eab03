// SPDX-License-Identifier: GPL-2.0-only
/** The verdict on a document, which everybody shares: what is unmet first, as data and as one line. */
import t from 'tap';
import type { ScenarioRun } from '../../src/scenario/result.js';
import type { ScenarioDocument } from '../../src/scenario/schema.js';
import { judge, unmetText } from '../../src/scenario/verdict.js';

const document: ScenarioDocument = {
  name: 'a',
  steps: [
    { op: 'unpin', expect: { ret: 'EINVAL' } },
    { op: 'load', region: 'r0', page: 0, pages: 2, expect: { pages: [1, 2] } },
  ],
};
const run: ScenarioRun = {
  results: [{ ret: 'EINVAL' }, { pages: [1, 2] }],
  loadFailure: undefined,
  dmesg: ['test_hmm: loaded', 'WARNING: zap_pte_range: an entry'],
};

t.test('a document that expects what came has nothing unmet', (t) => {
  t.equal(judge(document, run), undefined);
  t.equal(
    judge({ ...document, load: { ret: 0 }, dmesg: ['loaded'], warnings: ['zap_pte_range'] }, run),
    undefined,
  );
  t.end();
});

t.test('steps come before the log, and loading before both', (t) => {
  const wrong = { ...run, results: [{ ret: 'EINVAL' }, { pages: [1, 3] }] };
  const strict = { ...document, warnings: [], dmesg: ['nobody wrote this'] };
  t.strictSame(judge(strict, wrong), { kind: 'step', step: 1, key: 'pages[1]', expected: 2, actual: 3 });
  t.equal(unmetText(judge(strict, wrong)!), 'pages[1]: expected 2, got 3');
  t.strictSame(judge(strict, run), { kind: 'dmesg', expected: 'nobody wrote this', actual: run.dmesg });
  t.equal(unmetText(judge(strict, run)!), 'dmesg: expected "nobody wrote this"');
  const warned = judge({ ...document, warnings: [] }, run)!;
  t.strictSame(warned, { kind: 'warnings', expected: [], actual: ['zap_pte_range'] });
  t.equal(unmetText(warned), 'warnings: expected [], got ["zap_pte_range"]');
  const load = judge({ ...strict, load: { oops: 'f' } }, wrong)!;
  t.strictSame(load, { kind: 'load', expected: { oops: 'f' }, actual: { ret: 0 } });
  t.equal(unmetText(load), 'load: expected {"oops":"f"}, got {"ret":0}');
  t.end();
});

t.test('texts of the kernel log are looked for in their order', (t) => {
  const dmesg = ['added 1', 'added 2', 'loaded'];
  const unmet = (...texts: string[]) => judge({ ...document, dmesg: texts }, { ...run, dmesg });
  t.equal(unmet('added 1', 'added 2', 'loaded'), undefined);
  t.equal(unmet('added', 'ed 1'), undefined, 'two texts of one line');
  t.strictSame(unmet('added 2', 'added 1'), { kind: 'dmesg', expected: 'added 1', actual: dmesg });
  t.strictSame(unmet('never', 'added 1'), { kind: 'dmesg', expected: 'never', actual: dmesg });
  t.end();
});

t.test('a module that does not load', (t) => {
  const failed = { results: [], dmesg: [], loadFailure: { fn: 'f', reason: 'because', ret: 'ENOMEM' } };
  t.strictSame(judge(document, failed), { kind: 'load', expected: undefined, actual: { ret: 'ENOMEM' } });
  t.equal(unmetText(judge(document, failed)!), 'load: expected {"ret":0}, got {"ret":"ENOMEM"}');
  t.equal(judge({ ...document, load: { ret: 'ENOMEM' } }, failed), undefined);
  const died = { results: [], dmesg: [], loadFailure: { fn: 'f', reason: 'because' } };
  t.strictSame(judge(document, died), { kind: 'load', expected: undefined, actual: { oops: 'f' } });
  t.equal(
    unmetText(judge(document, died)!, 'because'),
    'the kernel oopsed while it loaded the module: because',
  );
  t.equal(judge({ ...document, load: { oops: 'f' } }, died), undefined);
  t.strictSame(judge({ ...document, load: { oops: 'g' } }, died)?.kind, 'load');
  t.end();
});
