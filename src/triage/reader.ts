// SPDX-License-Identifier: GPL-2.0-only
/** Reads a log piece by piece: several kernels, several runs, wrapped anyhow and cut anywhere. */
import { DmesgReader, type KernelReport } from './dmesg.js';
import { type Line, LineReader } from './lines.js';
import type { Log, Outer, SuiteRun } from './log.js';
import { RunBuilder } from './run-builder.js';
import { type ResultLine, type TapLine, tapLine } from './tap.js';
import { brokenAt, unwrap } from './unwrap.js';

/** A line without any of these says nothing. Looked for first: most lines of most logs go no further. */
const INTERESTING =
  /ok |hmm|HMM|modprobe|Must be|RUN |\bOK |FAIL|PASS|SKIP|Totals:|SUMMARY|Starting \d|1\.\.\d|Linux|TAP version|BUG|KASAN|WARNING|INFO:|Oops|[Uu]nable to|protection fault|[Pp]ossible |inconsistent lock|suspicious RCU|bad unlock|lock held when|UBSAN|panic|Kernel oops in|Hung in|Invariant violated|Expected |Test |running |EXIT|exit|Bail out|Killed process|Usage|[Pp]age size|aborted|MESSAGE"?: ?\[/;

const BANNER =
  /\bLinux version (\d+\.\d+[\w.+~-]*)|^Linux \S+ (\d+\.\d+\.\d[\w.+~-]*) #\d|\btainted(?:: [A-Z =[\],()_]+?)? (\d+\.\d+\.\d[\w.+~-]*) #|\bkernel[ _-]?(?:version|release) ?[:=] ?v?(\d+\.\d+[\w.+~-]*)/i;

const HMM_TEST = /^hmm2?\.[\w.]+$/;
const SIGNAL_TEST =
  /(?:^|[._:/-])(hmm2?)[._](?:(hmm2?_device_(?:private|coherent))[._])(\w+)$|(?:^|[._:/-])(hmm2?)\.(\w+)$/;
const HMM_SCRIPT = /test_hmm|ksft_hmm|hmm[-_.]?tests|hmm_smoke|\bhmm\b/;
const WHOLE = /run_vmtests|ksft_hmm/;
const NO_MODULE =
  /CONFIG_TEST_HMM=m|test_hmm[\w.: ]* not found|insert '?test_hmm|You need modprobe installed|Must be run as root/;

const OF_TESTS: ReadonlySet<TapLine['kind']> = new Set(['run', 'verdict', 'result', 'assertion']);

const MAX_RUNS = 500;

function isTestOfSuite(name: string): boolean {
  return HMM_TEST.test(name);
}

/** The test that a CI system's identifier ends in. */
function signalTest(id: string): string | undefined {
  const match = SIGNAL_TEST.exec(id);
  if (match === null) return undefined;
  const [, fixture, variant, test, bare, only] = match;
  return fixture === undefined ? `${bare}.${only}` : `${fixture}.${variant}.${test}`;
}

export class LogReader {
  readonly log: Log = {
    runs: [],
    outer: [],
    reports: [],
    kernels: [],
    announced: false,
    listed: undefined,
    others: { pass: 0, fail: 0, skip: 0 },
    signs: { pageSize: undefined, arm64: false, noModule: undefined, rmmod: false },
    lines: 0,
    cutLines: 0,
    cutEnd: false,
  };
  private readonly lines = new LineReader((line) => this.line(line));
  private readonly dmesg = new DmesgReader();
  private builder: RunBuilder | undefined;
  private kernel: string | undefined;
  /** Of a plan that no "Starting" line has followed yet. */
  private plan: number | undefined;
  private script = '';
  /** Of a "Starting" line that no test has followed yet. */
  private starting: { plan: number; cases: number; at: number } | undefined;
  /** Results of others since the suite last said something. */
  private others = 0;

  push(chunk: string): void {
    this.lines.push(chunk);
  }

  end(): Log {
    this.lines.end();
    if (this.starting !== undefined && this.log.announced) this.mine(this.starting.at);
    this.close();
    return this.log;
  }

  private line(line: Line): void {
    this.log.lines++;
    this.log.cutEnd = line.cut;
    if (line.cut) this.log.cutLines++;
    if (!this.dmesg.open && !INTERESTING.test(line.text)) return;
    const text = unwrap(line.text);
    const parts = text.includes('\n') ? text.split('\n') : [text];
    // Of JSON that is cut, only the last of its lines is.
    for (const [i, part] of parts.entries())
      this.unwrapped(part, { ...line, cut: line.cut && i === parts.length - 1 });
  }

  private unwrapped(text: string, { number, cut }: Line): void {
    const broken = brokenAt(text);
    if (broken < 0) this.text(text, number, cut);
    else {
      this.text(text.slice(0, broken).trim(), number, true);
      this.text(unwrap(text.slice(broken)), number, cut);
    }
  }

  private text(text: string, at: number, garbled: boolean): void {
    if (text === '') return;
    const tap = this.whole(tapLine(text), text, garbled);
    // Those that a log is full of begin no report, and tell of no kernel.
    const plain = tap !== undefined && OF_TESTS.has(tap.kind);
    if (!plain || this.dmesg.open) {
      const report = this.dmesg.line(text.startsWith('#') ? text.replace(/^(?:#\s?)+/, '').trim() : text, at);
      if (report !== undefined) this.report(report);
    }
    if (!plain) this.banner(text);
    if (tap === undefined) this.sign(text);
    // The result closes the excerpt of its test, "RUN" begins it.
    if (tap?.kind !== 'run') this.builder?.excerpt(text);
    if (tap !== undefined) this.tap(tap, at, garbled);
    if (tap?.kind === 'run') this.builder?.excerpt(text);
  }

  /** The line with the name that it would have, were it not cut; undefined where that is not known. */
  private whole(line: TapLine | undefined, text: string, garbled: boolean): TapLine | undefined {
    if (!garbled || line === undefined) return line;
    if (line.kind === 'run') return / \.+$/.test(text) ? line : undefined;
    if (line.kind !== 'verdict' && line.kind !== 'result') return line;
    const name = this.builder?.current?.name ?? '';
    return line.name !== '' && name.startsWith(line.name) ? { ...line, name } : line;
  }

  private tap(line: TapLine, at: number, garbled: boolean): void {
    switch (line.kind) {
      case 'version':
        return;
      case 'plan':
        this.plan = line.tests;
        return;
      case 'starting':
        // Whose suite it is, the first name of a test tells.
        this.starting = { plan: line.tests, cases: line.cases, at };
        return;
      case 'run':
        if (!isTestOfSuite(line.name)) {
          this.starting = undefined;
          this.others++;
          return;
        }
        if (this.starting === undefined && this.builder?.has(line.name)) this.open(at);
        this.mine(at).start(line.name, at);
        return;
      case 'verdict':
        if (isTestOfSuite(line.name)) this.mine(at).verdict(line.name, line.ok, at);
        return;
      case 'result':
        this.result(line, at, garbled);
        return;
      case 'signal':
        this.signal(line, at);
        return;
      case 'totals':
      case 'passed':
      case 'bail':
      case 'exit':
        this.ending(line, at);
        return;
      case 'script':
        this.script = line.name;
        if (HMM_SCRIPT.test(line.name)) this.announce();
        return;
      case 'listing':
        this.log.listed ??= line.what;
        this.announce();
        return;
      case 'box':
        if (HMM_SCRIPT.test(this.script)) {
          this.outer({
            what: this.script,
            verdict: verdictOf(line.verdict),
            text: `[${line.verdict}]`,
            line: at,
          });
        }
        return;
      case 'summary': {
        const verdict = line.fail > 0 ? 'fail' : line.pass > 0 ? 'pass' : 'skip';
        const text = `SUMMARY: PASS=${line.pass} SKIP=${line.skip} FAIL=${line.fail}`;
        if (this.log.runs.length > 0 || this.log.announced || this.others === 0)
          this.outer({ what: 'run_vmtests.sh', verdict, text, line: at });
        return;
      }
      case 'assertion':
        this.mine(at).detail(garbled && !line.text.endsWith(')') ? { ...line, cut: true } : line, at);
        return;
      case 'no-device':
        this.mine(at).detail(line, at);
        return;
      default:
        this.builder?.detail(line, at);
    }
  }

  private result(line: ResultLine, at: number, garbled: boolean): void {
    const unnamed = line.name === '' && this.builder?.current !== undefined;
    if (!unnamed && !isTestOfSuite(line.name)) {
      this.foreign(line, at);
      return;
    }
    const repeats = unnamed ? undefined : this.builder?.repeats(line.name, line.number);
    // The console's copy and the runner's of the same result; a run of its own begins with "Starting", or another number.
    if (repeats === 'other') this.open(at);
    const test = this.mine(at).result(line, at);
    if (test === undefined) return;
    test.garbled ||= garbled;
    if (test.excerpt === '')
      test.excerpt = `${line.ok ? 'ok' : 'not ok'} ${line.number ?? ''} ${line.name}\n`;
  }

  private foreign(line: ResultLine, at: number): void {
    const skipped = line.directive.toUpperCase() === 'SKIP';
    if (HMM_SCRIPT.test(line.name) || (WHOLE.test(line.name) && this.log.runs.length > 0)) {
      const verdict = skipped ? 'skip' : line.ok ? 'pass' : 'fail';
      const suffix = line.directive === '' ? '' : ` # ${line.directive}`;
      const number = line.number === undefined ? '' : ` ${line.number}`;
      const text = `${line.ok ? 'ok' : 'not ok'}${number} ${line.name}${suffix}`;
      this.outer({ what: line.name, verdict, text, line: at });
      return;
    }
    this.count(skipped ? 'skip' : line.ok ? 'pass' : 'fail');
  }

  private count(verdict: Outer['verdict']): void {
    this.others++;
    this.log.others[verdict]++;
  }

  private signal({ id, result }: Extract<TapLine, { kind: 'signal' }>, at: number): void {
    const name = signalTest(id);
    const ok = result !== 'fail' && result !== 'unknown';
    if (name !== undefined) {
      if (
        this.log.runs.some(({ tests }) =>
          tests.some((test) => test.name === name && test.status !== 'running'),
        )
      )
        return;
      const directive = result === 'skip' ? 'SKIP' : '';
      this.result({ kind: 'result', ok, number: undefined, name, directive, reason: '' }, at, false);
    } else if (HMM_SCRIPT.test(id) || /hmm/.test(id)) {
      const verdict = result === 'skip' ? 'skip' : ok ? 'pass' : 'fail';
      this.outer({ what: id, verdict, text: `${id} ${result}`, line: at });
    }
  }

  private ending(line: Extract<TapLine, { kind: 'totals' | 'passed' | 'bail' | 'exit' }>, at: number): void {
    if (line.kind === 'exit') {
      const { run } = this.builder ?? {};
      // Of what was run; by itself it is the result of no test.
      if (run?.ended) run.exit ??= line.status;
      return;
    }
    const none = this.builder === undefined || this.builder.run.ended;
    if (none && this.others > 0) return;
    // Of a log that is of no suite, the totals may be ours; a mere "Bail out!" is somebody else's.
    if (none && line.kind === 'bail' && !/hmm/.test(line.reason)) {
      this.count('fail');
      return;
    }
    if (none && this.log.others.pass + this.log.others.fail + this.log.others.skip > 0 && !this.log.announced)
      return;
    const { run } = this.mine(at);
    if (line.kind === 'bail') run.bail = line.reason;
    else if (line.kind === 'passed') run.passed = { passed: line.passed, run: line.run };
    else run.totals = { pass: line.pass, fail: line.fail, skip: line.skip };
    run.ended = true;
    this.builder!.current = undefined;
  }

  private outer(outer: Outer): void {
    this.announce();
    const { run } = this.builder ?? {};
    const list = run === undefined ? this.log.outer : run.outer;
    if (list.length < 50) list.push(outer);
  }

  private announce(): void {
    this.log.announced = true;
    this.others = 0;
  }

  private report(report: KernelReport): void {
    const { builder } = this;
    if (builder !== undefined && !builder.run.ended) builder.report(report);
    else if (this.log.reports.length < 200) this.log.reports.push(report);
  }

  private banner(text: string): void {
    const match = BANNER.exec(text);
    if (match === null) return;
    const version = match.slice(1).find((part) => part !== undefined)!;
    const boots = match[1] !== undefined;
    if (boots || this.kernel === undefined) {
      if (!this.log.kernels.includes(version) && this.log.kernels.length < 50) this.log.kernels.push(version);
      this.kernel = version;
    }
    if (boots) this.close();
    else if (this.builder !== undefined) this.builder.run.kernel ??= version;
    if (/aarch64/.test(text)) this.log.signs.arm64 = true;
  }

  private sign(text: string): void {
    const { signs } = this.log;
    const size = /^#?\s*(?:System )?[Pp]age size:? (\d+) ?(K|k)?/.exec(text);
    if (size !== null) signs.pageSize ??= Number(size[1]) * (size[2] === undefined ? 1 : 1024);
    if (NO_MODULE.test(text)) {
      signs.noModule ??= text.replace(/^(?:#\s?)+/, '').trim();
      this.announce();
    }
    if (/Running smoke test/.test(text)) this.announce();
  }

  /** The run that the "Starting" line began. */
  private begin({ plan, cases, at }: { plan: number; cases: number; at: number }): void {
    if (this.started()) this.open(at);
    Object.assign(this.builder!.run, { plan, cases, line: at, begun: true });
    this.starting = undefined;
  }

  private started(): boolean {
    const { run } = this.builder!;
    return run.begun || run.tests.length > 0 || run.ended;
  }

  private mine(at: number): RunBuilder {
    if (this.builder === undefined) this.open(at);
    if (this.starting !== undefined) this.begin(this.starting);
    const builder = this.builder!;
    if (this.plan !== undefined && builder.run.plan === undefined && this.others === 0)
      builder.run.plan = this.plan;
    this.plan = undefined;
    this.others = 0;
    return builder;
  }

  private open(at: number): void {
    this.close();
    this.builder = new RunBuilder(this.kernel, at);
    if (this.log.runs.length < MAX_RUNS) this.log.runs.push(this.builder.run);
  }

  private close(): void {
    this.builder?.finish();
    this.builder = undefined;
  }
}

function verdictOf(box: 'PASS' | 'FAIL' | 'SKIP'): Outer['verdict'] {
  return box === 'PASS' ? 'pass' : box === 'FAIL' ? 'fail' : 'skip';
}

/** Runs that say something of the suite. */
export function told({ runs }: Log): SuiteRun[] {
  return runs.filter(
    (run) =>
      run.tests.length > 0 ||
      run.totals !== undefined ||
      run.passed !== undefined ||
      run.begun ||
      run.bail !== undefined,
  );
}
