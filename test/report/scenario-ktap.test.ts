// SPDX-License-Identifier: GPL-2.0-only
import t from 'tap';
import { Parser } from 'tap-parser';
import { scenarioJsonLine } from '../../src/report/scenario-json.js';
import { scenarioEndLines, scenarioLines, scenarioPlanLines } from '../../src/report/scenario-ktap.js';
import { differenceLines, failureOf, warningLines } from '../../src/report/scenario-outcome.js';
import type { StepResult } from '../../src/scenario/result.js';
import type { ScenarioDocument } from '../../src/scenario/schema.js';

const document: ScenarioDocument = {
  name: 'pins #1',
  steps: [
    { op: 'exit' },
    {
      op: 'ioctl',
      cmd: 'SNAPSHOT',
      fd: 'd0',
      region: 'r0',
      page: 0,
      pages: 2,
      expect: { ret: 0, perm: ['DEV_PRIVATE_LOCAL|WRITE', 'WRITE'] },
    },
  ],
};
const place = { file: 'pins.yaml', line: 3, document };
const run = (...results: StepResult[]) => ({ results, loadFailure: undefined, dmesg: [] });
const snapshot = { ret: 0, cpages: 2, faults: 0, perm: ['DEV_PRIVATE_LOCAL|WRITE', 'READ'] } as const;

t.test('a failing scenario shows the step, what was expected and what came', (t) => {
  const failure = failureOf(place, run({ ret: 0 }, snapshot));
  t.strictSame(scenarioLines(2, { name: document.name, failure, notes: ['a note'] }), [
    'not ok 2 pins \\#1',
    '  ---',
    '  file: pins.yaml',
    '  line: 3',
    '  step: 1',
    '  run: { op: ioctl, cmd: SNAPSHOT, fd: d0, region: r0, page: 0, pages: 2 }',
    `  differs: 'perm[1]: expected "WRITE", got "READ"'`,
    '  expected: { ret: 0, perm: [ DEV_PRIVATE_LOCAL|WRITE, WRITE ] }',
    '  actual: { ret: 0, cpages: 2, faults: 0, perm: [ DEV_PRIVATE_LOCAL|WRITE, READ ] }',
    '  ...',
    '# a note',
  ]);
  t.equal(
    failureOf(place, run({ ret: 0 }, { ...snapshot, perm: ['DEV_PRIVATE_LOCAL|WRITE', 'WRITE'] })),
    undefined,
  );
  t.end();
});

t.test('every step that differs is told, and then the log', (t) => {
  const steps = [
    { op: 'exit', expect: { ret: 0 } },
    { op: 'exit', expect: { ret: 0 } },
    { op: 'exit' },
    { op: 'exit', expect: { ret: 0 } },
  ] as const;
  const long = { ...place, document: { name: 'long', dmesg: ['loaded'], steps: [...steps] } };
  const results = run({ ret: 'EINVAL' }, { ret: 0 }, { ret: 'ENOMEM' }, { hang: 'do_exit' });
  const failure = failureOf(long, results);
  t.match(failure, { step: 0, differs: 'ret: expected 0, got "EINVAL"' });
  const also = ['step 3: hang: expected nothing, got "do_exit"', 'dmesg: expected "loaded"'];
  t.strictSame(failure?.also, also);
  t.strictSame(scenarioLines(1, { name: 'long', failure, notes: [] }).slice(-4), [
    '  also:',
    `    - 'step 3: hang: expected nothing, got "do_exit"'`,
    `    - 'dmesg: expected "loaded"'`,
    '  ...',
  ]);
  const many = { ...long, document: { name: 'many', steps: Array.from({ length: 60 }, () => steps[0]) } };
  const all = failureOf(many, run(...many.document.steps.map(() => ({ ret: 'EINVAL' }))))?.also;
  t.equal(all?.length, 51);
  t.equal(all?.at(-1), 'and 9 more');
  t.end();
});

t.test('functions that warn are told where a document does not say which do', (t) => {
  const warned = { ...run(), dmesg: ['WARNING: f: x', 'a line', 'WARNING: g: y', 'WARNING: f: x'] };
  t.strictSame(warningLines(document, warned), ['WARNING in f', 'WARNING in g']);
  t.strictSame(warningLines({ ...document, warnings: ['f', 'g', 'f'] }, warned), []);
  t.end();
});

t.test('an oops where nothing was expected, and one while the module loads', (t) => {
  t.match(failureOf(place, run({ oops: 'do_exit' })), {
    step: 0,
    differs: 'oops: expected nothing, got "do_exit"',
    expected: {},
    actual: { oops: 'do_exit' },
  });
  const loadFailure = { fn: 'dmirror_allocate_chunk', reason: 'NULL resource' };
  t.strictSame(failureOf(place, { ...run(), loadFailure }), {
    file: 'pins.yaml',
    line: 3,
    differs: 'the kernel oopsed while it loaded the module: NULL resource',
    actual: { oops: 'dmirror_allocate_chunk' },
  });
  t.end();
});

t.test('what loading the module is expected to do', (t) => {
  const failed = { fn: 'hmm_dmirror_init', reason: 'modprobe answered ENOMEM', ret: 'ENOMEM' };
  const oopsed = { fn: 'dmirror_allocate_chunk', reason: 'NULL resource' };
  const expecting = (load?: { ret?: 0 | string; oops?: string }) => ({
    ...place,
    document: { ...document, steps: [], ...(load === undefined ? {} : { load }) },
  });
  t.equal(
    failureOf(expecting(), { ...run(), loadFailure: failed })?.differs,
    'load: expected {"ret":0}, got {"ret":"ENOMEM"}',
  );
  t.equal(failureOf(expecting({ ret: 'ENOMEM' }), { ...run(), loadFailure: failed }), undefined);
  t.equal(failureOf(expecting({ oops: oopsed.fn }), { ...run(), loadFailure: oopsed }), undefined);
  t.match(failureOf(expecting({ oops: oopsed.fn }), { ...run(), loadFailure: failed }), {
    differs: 'load: expected {"oops":"dmirror_allocate_chunk"}, got {"ret":"ENOMEM"}',
    expected: { oops: 'dmirror_allocate_chunk' },
    actual: { ret: 'ENOMEM' },
  });
  t.equal(
    failureOf(expecting({ ret: 'ENOMEM' }), run())?.differs,
    'load: expected {"ret":"ENOMEM"}, got {"ret":0}',
  );
  t.equal(failureOf(expecting({ ret: 0 }), run()), undefined);
  t.end();
});

t.test('texts that the kernel log has to have, and functions that warn', (t) => {
  const dmesg = ['test_hmm: loaded', 'WARNING: zap_pte_range: the VMA is not anonymous', 'WARNING: f: x: y'];
  const expecting = (log: { dmesg?: string[]; warnings?: string[] }) =>
    failureOf({ ...place, document: { ...document, steps: [], ...log } }, { ...run(), dmesg });
  t.equal(expecting({}), undefined);
  t.equal(expecting({ dmesg: ['hmm: load', 'the VMA'], warnings: ['zap_pte_range', 'f'] }), undefined);
  t.match(expecting({ dmesg: ['loaded', 'BUG'] }), { differs: 'dmesg: expected "BUG"', actual: dmesg });
  t.match(expecting({ warnings: [] }), {
    differs: 'warnings: expected [], got ["zap_pte_range","f"]',
    expected: [],
    actual: ['zap_pte_range', 'f'],
  });
  t.end();
});

t.test('tap-parser reads it all', (t) => {
  const failure = failureOf(place, run({ ret: 0 }, snapshot));
  const lines = [
    ...scenarioPlanLines(3),
    ...scenarioLines(1, { name: 'a', notes: [] }),
    ...scenarioLines(2, { name: document.name, failure, notes: [] }),
    ...scenarioLines(3, { name: 'c', skipped: 'an earlier scenario failed (--bail)', notes: [] }),
    ...scenarioEndLines({ pass: 1, fail: 1, skip: 1, error: 0 }),
  ];
  t.equal(lines.at(-1), '# Totals: pass:1 fail:1 xfail:0 xpass:0 skip:1 error:0');
  const failures: unknown[] = [];
  const parser = new Parser((results) => {
    t.match(results, { count: 3, pass: 2, fail: 1, skip: 1, bailout: false, plan: { start: 1, end: 3 } });
    t.match(failures, [{ name: 'pins #1', diag: { step: 1, expected: { ret: 0 }, actual: snapshot } }]);
    t.end();
  });
  parser.on('assert', (result) => {
    if (!result.ok) failures.push(result);
  });
  parser.on('extra', (text: string) => t.fail(`not TAP: ${text}`));
  parser.end(`${lines.join('\n')}\n`);
});

t.test('differences between kernels, step by step', (t) => {
  const lines = differenceLines(
    document,
    { kernel: '6.12', run: run({ ret: 0 }, { ret: 0 }) },
    { kernel: '6.1', run: run({ ret: 0 }, { ret: 'EBADF' }) },
  );
  t.strictSame(lines, [
    'step 1 {"op":"ioctl","cmd":"SNAPSHOT","fd":"d0","region":"r0","page":0,"pages":2}',
    '  6.12: {"ret":0}',
    '  6.1: {"ret":"EBADF"}',
  ]);
  const loadFailure = { fn: 'f', reason: 'r' };
  const dead = differenceLines(
    document,
    { kernel: '6.12', run: run({ oops: 'g' }) },
    { kernel: 'v5-generic', run: { ...run(), loadFailure } },
  );
  t.strictSame(dead, ['step 0 {"op":"exit"}', '  6.12: {"oops":"g"}', '  v5-generic: no module (oops in f)']);
  t.end();
});

t.test('JSON lines', (t) => {
  const primary = { kernel: '6.12', run: { ...run({ ret: 0 }), dmesg: ['hello'] } };
  t.equal(
    scenarioJsonLine('a', primary, { dmesg: false, verdict: 'pass' }),
    '{"version":1,"name":"a","kernel":"6.12","results":[{"ret":0}],"verdict":"pass"}',
  );
  t.strictSame(
    JSON.parse(
      scenarioJsonLine('a', primary, { dmesg: true, verdict: 'fail', other: { kernel: '6.1', run: run() } }),
    ),
    {
      version: 1,
      name: 'a',
      kernel: '6.12',
      results: [{ ret: 0 }],
      dmesg: ['hello'],
      against: { kernel: '6.1', results: [], dmesg: [] },
      verdict: 'fail',
    },
  );
  t.end();
});
