// SPDX-License-Identifier: GPL-2.0-only
/** JUnit XML: one testsuite, one testcase per test. Times are simulated seconds. */
import { KSFT_FAIL, KSFT_SKIP } from '../selftests/events.js';
import type { RunInfo, RunRecorder, TestRecord } from './summary.js';

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\n': '&#10;',
};

/** XML 1.0 has no way to write most control characters; they become U+FFFD. */
function escapeXml(text: string): string {
  return (
    text
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what XML cannot hold
      .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '\ufffd')
      .replace(/[&<>"\n]/g, (character) => entities[character]!)
  );
}

function attributes(values: Readonly<Record<string, string | number>>): string {
  return Object.entries(values)
    .map(([name, value]) => ` ${name}="${escapeXml(String(value))}"`)
    .join('');
}

const seconds = (ns: number): string => (ns / 1e9).toFixed(9);

function outcome({ result, log }: TestRecord): string[] {
  if (result.code === KSFT_SKIP) return [`      <skipped${attributes({ message: result.diagnostic })}/>`];
  if (result.code !== KSFT_FAIL) return [];
  const lines = log.map(({ text }) => text);
  const message = lines[0] ?? 'failed';
  const body = escapeXml(lines.join('\n')).replaceAll('&#10;', '\n');
  return [`      <failure${attributes({ message })}>${body}</failure>`];
}

function testcase(record: TestRecord): string[] {
  const { fixture, variant, test, ns } = record.result;
  const classname = variant === '' ? fixture : `${fixture}.${variant}`;
  const open = `    <testcase${attributes({ classname, name: test, time: seconds(ns) })}`;
  const inner = outcome(record);
  return inner.length === 0 ? [`${open}/>`] : [`${open}>`, ...inner, '    </testcase>'];
}

/** The report as text, ending in a newline. */
export function junitXml(run: RunRecorder, info: RunInfo): string {
  const { pass, fail, skip } = run.totals;
  const ns = run.tests.reduce((sum, { result }) => sum + result.ns, 0);
  const counts = { tests: pass + fail + skip, failures: fail, errors: 0, skipped: skip, time: seconds(ns) };
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites${attributes(counts)}>`,
    `  <testsuite${attributes({ name: info.suite, ...counts })}>`,
    '    <properties>',
    `      <property${attributes({ name: 'kernel', value: info.kernel })}/>`,
    `      <property${attributes({ name: 'seed', value: info.seed })}/>`,
    '    </properties>',
    ...run.tests.flatMap(testcase),
    '  </testsuite>',
    '</testsuites>',
    '',
  ].join('\n');
}
