// SPDX-License-Identifier: GPL-2.0-only
/** JUnit XML: one testsuite, one testcase per test. Times are simulated seconds. */
import { KSFT_FAIL, KSFT_SKIP, type Location } from '../selftests/events.js';
import { printable } from '../sim/printable.js';
import { logText } from './ktap.js';
import type { RunInfo, RunRecorder, TestRecord } from './summary.js';

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\n': '&#10;',
};

/** What XML 1.0 cannot hold, and what readers would not see, is spelled; lines stay. */
function escapeXml(text: string): string {
  const lines = text.split('\n').map(printable).join('\n');
  return lines.replace(/[\ufffe\uffff]/g, '\ufffd').replace(/[&<>"\n]/g, (character) => entities[character]!);
}

function attributes(values: Readonly<Record<string, string | number>>): string {
  return Object.entries(values)
    .map(([name, value]) => ` ${name}="${escapeXml(String(value))}"`)
    .join('');
}

const seconds = (ns: number): string => (ns / 1e9).toFixed(9);

/** One test as JUnit has it; `body` is what else there is to say of one that did not pass. */
export interface JunitCase {
  readonly classname: string;
  readonly name: string;
  readonly file?: string;
  readonly line?: number;
  readonly ns: number;
  /** Absent when it passed. `error`: it could not be run as it stands. */
  readonly verdict?: 'failure' | 'error' | 'skipped';
  readonly message?: string;
  readonly body?: string;
  /** What else was printed while it ran. */
  readonly said?: string;
}

export interface JunitSuite {
  readonly name: string;
  readonly properties: Readonly<Record<string, string | number>>;
  /** Why the run ended before its end. */
  readonly bailedOut?: string;
}

/** An element with lines of text in it. */
function element(name: string, values: Readonly<Record<string, string>>, body: string): string {
  const open = `      <${name}${attributes(values)}`;
  return body === '' ? `${open}/>` : `${open}>${escapeXml(body).replaceAll('&#10;', '\n')}</${name}>`;
}

function testcase({ verdict, message = '', body = '', said = '', ...about }: JunitCase): string[] {
  const { classname, name, file, line, ns } = about;
  const place = { ...(file === undefined ? {} : { file }), ...(line === undefined ? {} : { line }) };
  const open = `    <testcase${attributes({ classname, name, ...place, time: seconds(ns) })}`;
  const inner = [
    ...(verdict === undefined ? [] : [element(verdict, { message }, body)]),
    ...(said === '' ? [] : [element('system-out', {}, said)]),
  ];
  return inner.length === 0 ? [`${open}/>`] : [`${open}>`, ...inner, '    </testcase>'];
}

/** A run that bailed out has one more case, an error: readers look at nothing else. */
function bailOutCase(reason: string): JunitCase {
  return { classname: 'run', name: 'Bail out!', ns: 0, verdict: 'error', message: `Bail out! ${reason}` };
}

/** The report as text, ending in a newline. */
export function junitText(cases: readonly JunitCase[], suite: JunitSuite): string {
  const all = suite.bailedOut === undefined ? cases : [...cases, bailOutCase(suite.bailedOut)];
  const count = (verdict: JunitCase['verdict']) => all.filter((each) => each.verdict === verdict).length;
  const counts = {
    tests: all.length,
    failures: count('failure'),
    errors: count('error'),
    skipped: count('skipped'),
    time: seconds(all.reduce((sum, { ns }) => sum + ns, 0)),
  };
  const properties = Object.entries(suite.properties);
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites${attributes(counts)}>`,
    `  <testsuite${attributes({ name: suite.name, ...counts })}>`,
    '    <properties>',
    ...properties.map(([name, value]) => `      <property${attributes({ name, value })}/>`),
    '    </properties>',
    ...all.flatMap(testcase),
    '  </testsuite>',
    '</testsuites>',
    '',
  ].join('\n');
}

/** Where the assertion stands that failed first: in the C file, else here. */
function placeOf(log: TestRecord['log']): Partial<Location> {
  return (
    log.find(({ inC }) => inC !== undefined)?.inC ?? log.find(({ location }) => location)?.location ?? {}
  );
}

/** What a test printed that did not fail, and the kernel meanwhile; of one that did, its failure has that. */
function said(log: TestRecord['log']): string {
  return log
    .filter(({ kind }) => kind === 'warning' || kind === 'dmesg' || kind === 'output')
    .map(({ text }) => text)
    .join('\n');
}

function caseOf({ result, log }: TestRecord): JunitCase {
  const { fixture, variant, test, ns } = result;
  const common = { classname: variant === '' ? fixture : `${fixture}.${variant}`, name: test, ns };
  if (result.code === KSFT_SKIP)
    return { ...common, verdict: 'skipped', message: result.diagnostic, said: said(log) };
  if (result.code !== KSFT_FAIL) return { ...common, said: said(log) };
  const lines = log.map(logText);
  const message = log.find(({ kind }) => kind !== 'output')?.text ?? 'failed';
  return { ...common, ...placeOf(log), verdict: 'failure', message, body: lines.join('\n') };
}

/** A run of the suite as text, ending in a newline. */
export function junitXml(run: RunRecorder, { suite, kernel, seed, bailedOut }: RunInfo): string {
  const properties = { kernel, seed };
  return junitText(run.tests.map(caseOf), {
    name: suite,
    properties,
    ...(bailedOut === undefined ? {} : { bailedOut }),
  });
}
