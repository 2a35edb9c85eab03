// SPDX-License-Identifier: GPL-2.0-only
import t from 'tap';
import { jsonReport } from '../../src/report/json.js';
import { junitXml } from '../../src/report/junit.js';
import { bailOutLines } from '../../src/report/ktap.js';
import { atOnce, type Body, runSuite, suiteOfBodies } from '../selftests/run.js';

const info = { suite: 'hmm-tests', kernel: '6.12', seed: 7 };

/** One test of each outcome; the failure's texts need escaping. */
const bodies: Readonly<Record<string, Body>> = {
  *good(c) {
    yield* c.sys.nanosleep(1_500_000_000);
  },
  bad: atOnce((c) => c.EXPECT_STREQ('<a & "b">', 'c\u0001')),
  left: atOnce((c) => c.SKIP('not <here>')),
};

const { recorder } = runSuite(suiteOfBodies({ tests: bodies }));
const place = recorder.tests[1]!.log[0]!.location!;

t.test('JUnit', async (t) => {
  const counts = 'tests="3" failures="1" errors="0" skipped="1" time="1.500000000"';
  const text = `reports.test.ts:${place.line}:bad:Expected '&lt;a &amp; &quot;b&quot;&gt;' == 'c\\u0001'.`;
  t.same(junitXml(recorder, info).split('\n'), [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites ${counts}>`,
    `  <testsuite name="hmm-tests" ${counts}>`,
    '    <properties>',
    '      <property name="kernel" value="6.12"/>',
    '      <property name="seed" value="7"/>',
    '    </properties>',
    '    <testcase classname="fix" name="good" time="1.500000000"/>',
    `    <testcase classname="fix" name="bad" file="reports.test.ts" line="${place.line}" time="0.000000000">`,
    `      <failure message="${text}">${text}`,
    'bad: Test failed</failure>',
    '    </testcase>',
    '    <testcase classname="fix" name="left" time="0.000000000">',
    '      <skipped message="not &lt;here&gt;"/>',
    '    </testcase>',
    '  </testsuite>',
    '</testsuites>',
    '',
  ]);
});

t.test('JSON', async (t) => {
  const nothing = { fixture: 'fix', variant: null };
  t.same(JSON.parse(jsonReport(recorder, info)), {
    version: 1,
    ...info,
    totals: { pass: 1, fail: 1, skip: 1 },
    tests: [
      {
        number: 1,
        name: 'fix.good',
        ...nothing,
        test: 'good',
        result: 'pass',
        reason: null,
        simulatedNs: 1_500_000_000,
        log: [],
      },
      {
        number: 2,
        name: 'fix.bad',
        ...nothing,
        test: 'bad',
        result: 'fail',
        reason: null,
        simulatedNs: 0,
        log: [
          {
            kind: 'assertion',
            text: `reports.test.ts:${place.line}:bad:Expected '<a & "b">' == 'c\u0001'.`,
            file: 'reports.test.ts',
            line: place.line,
          },
          { kind: 'death', text: 'bad: Test failed' },
        ],
      },
      {
        number: 3,
        name: 'fix.left',
        ...nothing,
        test: 'left',
        result: 'skip',
        reason: 'not <here>',
        simulatedNs: 0,
        log: [{ kind: 'skip', text: '     SKIP      not <here>' }],
      },
    ],
  });
});

t.test('a run that cannot go on', async (t) => {
  const text = junitXml(recorder, { ...info, bailedOut: 'oops in <f>' });
  t.match(text, '<testsuites tests="4" failures="1" errors="1" skipped="1"');
  t.match(text, '<error message="Bail out! oops in &lt;f&gt;"/>');
  t.equal(JSON.parse(jsonReport(recorder, { ...info, bailedOut: 'oops' })).bailedOut, 'oops');
  t.strictSame(bailOutLines('oops in f'), ['not ok - bailed out', 'Bail out! oops in f']);
});
