// SPDX-License-Identifier: GPL-2.0-only
/** Puts the lines of one execution of hmm-tests together: each test with what was said of it. */
import type { KernelReport } from './dmesg.js';
import type { LoggedTest, Status, SuiteRun } from './log.js';
import type { TapLine } from './tap.js';

const MAX_TESTS = 1000;
const MAX_ASSERTIONS = 20;
/** Reports of the kernel that are kept of a run, and of a test. */
const MAX_REPORTS = 100;

const MAX_EXCERPT = 16_384;

export function newRun(kernel: string | undefined, line: number): SuiteRun {
  return {
    kernel,
    tests: [],
    plan: undefined,
    cases: undefined,
    totals: undefined,
    passed: undefined,
    bail: undefined,
    exit: undefined,
    style: new Set(),
    noDevice: new Set(),
    reports: [],
    outer: [],
    line,
    begun: false,
    ended: false,
  };
}

function newTest(name: string, line: number): LoggedTest {
  return {
    name,
    number: undefined,
    status: 'running',
    reason: '',
    assertions: [],
    failures: 0,
    zeros: 0,
    death: '',
    noDevice: [],
    reports: [],
    moreReports: 0,
    excerpt: '',
    line,
    garbled: false,
  };
}

/** "migrate" of "hmm.hmm_device_private.migrate". */
export const shortName = (name: string): string => name.slice(name.lastIndexOf('.') + 1);

/** Found 0 where a word of a buffer should be: what memory that is not there answers. */
const ZERO = /^Expected \w+\[\w+\] \(0\) == (?:\w+|-\w+|\w+ \+ \w+|\(?[\w +*]+\)?) \([1-9]\d*\)$/;

export class RunBuilder {
  readonly run: SuiteRun;
  /** The test that "RUN" named last. */
  current: LoggedTest | undefined;
  private readonly byName = new Map<string, LoggedTest>();
  /** Lines about tests whose full name comes later, if at all. */
  private readonly pending = new Map<string, LoggedTest>();

  constructor(kernel: string | undefined, line: number) {
    this.run = newRun(kernel, line);
  }

  has(name: string): boolean {
    return this.byName.has(name);
  }

  /** Is the result one that the run has already? Then it is the same run told twice, or the next run. */
  repeats(name: string, number: number | undefined): 'same' | 'other' | undefined {
    const known = this.byName.get(name);
    if (known === undefined || known.status === 'running') return undefined;
    return number === undefined || known.number === undefined || known.number === number ? 'same' : 'other';
  }

  start(name: string, line: number): void {
    this.current = this.test(name, line);
  }

  verdict(name: string, ok: boolean, line: number): void {
    const test = this.test(name, line);
    if (test.status === 'running') test.status = ok ? (test.reason === '' ? 'pass' : 'skip') : 'fail';
    this.current = test;
  }

  result(line: Extract<TapLine, { kind: 'result' }>, at: number): LoggedTest | undefined {
    const test = line.name === '' ? this.current : this.test(line.name, at);
    if (test === undefined) return undefined;
    test.number = line.number;
    test.status = this.statusOf(test, line);
    if (line.directive.toUpperCase() === 'SKIP') {
      test.reason = test.reason === '' || test.reason === 'unknown' ? line.reason : test.reason;
      this.run.style.add(line.name === '' ? 'unnamed-skip' : 'named-skip');
    }
    if (test.status === 'pass' && test.reports.length === 0) test.excerpt = '';
    this.current = undefined;
    return test;
  }

  /** The harness of 6.1 prints a plain "ok" where a fixture's setup skipped. */
  private statusOf(test: LoggedTest, { ok, directive }: Extract<TapLine, { kind: 'result' }>): Status {
    if (!ok) return 'fail';
    if (directive.toUpperCase() === 'SKIP') return 'skip';
    return test.reason !== '' && test.failures === 0 ? 'skip' : 'pass';
  }

  detail(line: TapLine, at: number): void {
    switch (line.kind) {
      case 'assertion': {
        const test = this.about(line.test, at);
        test.failures++;
        if (ZERO.test(line.text)) test.zeros++;
        if (test.assertions.length < MAX_ASSERTIONS)
          test.assertions.push({ file: line.file, line: line.line, text: line.text, cut: line.cut ?? false });
        return;
      }
      case 'more': {
        const test = this.current;
        if (test === undefined) return;
        test.failures += line.count;
        if (test.zeros > 0) test.zeros += line.count;
        return;
      }
      case 'death':
        this.died(this.about(line.test, at), line.text);
        return;
      case 'skip':
        if (this.current !== undefined) this.current.reason = line.reason;
        return;
      case 'no-device':
        this.run.noDevice.add(line.path);
        if (this.current !== undefined && this.current.noDevice.length < 4)
          this.current.noDevice.push(line.path);
    }
  }

  report(report: KernelReport): void {
    if (this.run.reports.length < MAX_REPORTS) this.run.reports.push(report);
    const { current } = this;
    if (current === undefined) return;
    if (current.reports.length < MAX_REPORTS) current.reports.push(report);
    else current.moreReports++;
  }

  excerpt(text: string): void {
    const test = this.current;
    if (test !== undefined && test.excerpt.length + text.length < MAX_EXCERPT) test.excerpt += `${text}\n`;
  }

  /** What was said of tests that never got a full name. */
  finish(): void {
    for (const [short, test] of this.pending) {
      if (this.run.tests.some(({ name }) => shortName(name) === short)) continue;
      test.status = 'fail';
      this.keep(test);
    }
    this.pending.clear();
  }

  private died(test: LoggedTest, text: string): void {
    // "Hung in" is said before "Test terminated by timeout", an oops in place of it.
    test.death = test.death === '' ? text : `${test.death}; ${text}`;
    const { style } = this.run;
    if (/at step #/.test(text)) style.add('step');
    else if (text === 'Test failed') style.add('no-step');
  }

  private about(short: string, at: number): LoggedTest {
    if (this.current !== undefined && shortName(this.current.name) === short) return this.current;
    let test = this.pending.get(short);
    if (test === undefined) {
      test = newTest(short, at);
      if (this.pending.size < MAX_TESTS) this.pending.set(short, test);
    }
    return test;
  }

  private test(name: string, line: number): LoggedTest {
    const known = this.byName.get(name);
    if (known !== undefined) return known;
    const short = shortName(name);
    const test = this.pending.get(short) ?? newTest(name, line);
    this.pending.delete(short);
    test.name = name;
    this.keep(test);
    return test;
  }

  private keep(test: LoggedTest): void {
    if (this.run.tests.length >= MAX_TESTS) return;
    this.run.tests.push(test);
    this.byName.set(test.name, test);
  }
}
