// SPDX-License-Identifier: GPL-2.0-only
/** From what a log holds to verdicts: each test by its name here, what hides what, and what explains it. */
import { candidatesOf, type Shows } from './candidates.js';
import { condition, failureCondition, skipCondition, withoutModule } from './conditions.js';
import { type KernelReport, wayOf } from './dmesg.js';
import { blankFinding, reportFinding } from './findings.js';
import { type Fit, fit } from './generation.js';
import type { Log, LoggedTest, SuiteRun } from './log.js';
import { maskedBy, maskedSkip } from './masked.js';
import { smokeCommand } from './next.js';
import { told } from './reader.js';
import { newRun, shortName } from './run-builder.js';
import { signature } from './signature.js';
import { nameIn } from './suites.js';
import { symptomsOf } from './symptoms.js';
import type { Candidate, Condition, Finding, KcidbStatus, Masked, RunVerdict } from './verdict.js';

/** Reports of the kernel that nobody's test is to blame for are told only where the suite's own code is in them. */
const OURS =
  /dmirror|hmm_|migrate_vma|migrate_device|device_private|device_exclusive|zone_device|mem(?:un)?map_pages|restore_exclusive/;

const isOurs = ({ fn, frames, comm, lines }: KernelReport): boolean =>
  comm === 'hmm-tests' ||
  (fn !== undefined && OURS.test(fn)) ||
  frames.some((frame) => OURS.test(frame)) ||
  lines.some((line) => /\bhmm-tests\b|\[test_hmm\]/.test(line));

const death = ({ death }: LoggedTest): string | undefined => /(?:Kernel oops|Hung) in (\w+)/.exec(death)?.[1];

/** The function that ended the test, if one did. */
function killer(test: LoggedTest): string | undefined {
  return death(test) ?? test.reports.find(({ kills, fn }) => kills && fn !== undefined)?.fn;
}

/** Of a test without a result: it has failed already. */
const isDying = (test: LoggedTest): boolean => killer(test) !== undefined || test.failures > 0;

function symptoms(test: LoggedTest): string[] {
  const warnings = test.reports.flatMap((report) =>
    wayOf(report) === 'warns' && report.fn ? [report.fn] : [],
  );
  return symptomsOf({
    failed: test.status === 'fail' || (test.status === 'running' && isDying(test)),
    assertions: test.assertions.flatMap(({ text, cut }) => (cut ? [] : [text])),
    fn: killer(test),
    death: test.death,
    warnings: [...new Set(warnings)],
  });
}

function statusOf(test: LoggedTest, run: SuiteRun): KcidbStatus {
  switch (test.status) {
    case 'pass':
      return 'PASS';
    case 'fail':
      return 'FAIL';
    case 'skip':
      return 'SKIP';
    case 'running':
      if (isDying(test)) return 'FAIL';
      return run.bail === undefined ? 'MISS' : 'ERROR';
  }
}

const ERRORS: readonly [RegExp, string][] = [
  [/Cannot allocate memory/, 'ENOMEM'],
  [/No such device/, 'ENODEV'],
  [/Invalid argument/, 'EINVAL'],
];

/** What modprobe said, as an errno. */
function loadError({ signs }: Log): string | undefined {
  if (signs.noModule === undefined || !/insert/.test(signs.noModule)) return undefined;
  const known = ERRORS.find(([pattern]) => pattern.test(signs.noModule!));
  return known?.[1] ?? /\bE[A-Z]{3,}\b/.exec(signs.noModule.replace('ERROR', ''))?.[0];
}

class RunJudge {
  private readonly fit: Fit;
  private readonly noModule: boolean;
  private readonly shows: Shows;

  constructor(
    private readonly log: Log,
    private readonly run: SuiteRun,
  ) {
    this.fit = fit(run);
    this.noModule = withoutModule(run, log.signs);
    const { generation } = this.fit.suite;
    const here = run.tests.flatMap((test) => {
      const name = nameIn(this.fit.here, test.name);
      return name === undefined || test.status === 'running' ? [] : [[name, symptoms(test)] as const];
    });
    this.shows = {
      generation,
      kernel: this.fit.kernel,
      spm: this.spm(),
      tests: new Map(here),
      onlyFailures: this.onlyFailures(),
      load: loadError(log),
    };
  }

  verdict(): RunVerdict {
    const { run, fit } = this;
    const missing = this.missing();
    const findings = [
      ...run.tests.filter((test) => this.tells(test)).map((test) => this.finding(test)),
      ...this.loose(),
      ...missing.map((name) => this.missed(name)),
      ...this.countedOnly(),
    ];
    const counts = this.counts(missing.length);
    const conditions = new Map<string, Condition>();
    for (const { condition } of findings)
      if (condition !== undefined) conditions.set(condition.id, condition);
    return {
      run,
      fit,
      status: this.status(findings, counts),
      counts,
      conditions: [...conditions.values()],
      masked: maskedBy(run, counts),
      findings,
      passed: run.tests.filter(({ status }) => status === 'pass').map(({ name }) => name),
    };
  }

  /** Were there coherent devices? */
  private spm(): boolean | undefined {
    const coherent = this.run.tests.filter(({ name }) => name.includes('coherent'));
    if (coherent.some(({ status }) => status === 'pass' || status === 'fail')) return true;
    return coherent.some(({ status }) => status === 'skip') ? false : undefined;
  }

  /** As grep leaves it: no plan, and nothing that passed. */
  private onlyFailures(): boolean {
    const { plan, begun, tests } = this.run;
    return plan === undefined && !begun && tests.every(({ status }) => status === 'fail');
  }

  private tells({ status, reports }: LoggedTest): boolean {
    return status !== 'pass' || reports.length > 0;
  }

  private finding(test: LoggedTest): Finding {
    const { run, log, fit } = this;
    const here = nameIn(fit.here, test.name);
    const status = test.status === 'pass' ? 'FAIL' : statusOf(test, run);
    const shown = symptoms(test);
    const [first] = test.assertions;
    const found =
      status === 'SKIP' ? skipCondition(test, this.noModule) : failureCondition(test, run, log.signs);
    const candidates =
      status === 'FAIL' ? candidatesOf(this.shows, { here, symptoms: shown, reports: test.reports }) : [];
    const fn = killer(test) ?? test.reports.find((report) => report.fn !== undefined)?.fn;
    return {
      status,
      name: test.name,
      here,
      number: test.number,
      passed: test.status === 'pass',
      assertion: first?.cut ? `${first.text}...` : first?.text,
      place: first === undefined ? undefined : `${first.file}:${first.line}`,
      failures: test.failures,
      death: test.death,
      reason: test.reason,
      reports: test.reports,
      symptoms: shown,
      condition: found ?? this.conditionOf(candidates[0]),
      candidates: status === 'FAIL' ? this.orAsItIs(candidates, here, found) : [],
      notes: this.notes(test, here),
      signature: signature({ test: test.name, assertion: first?.text, fn }),
      excerpt: test.excerpt,
      line: test.line,
    };
  }

  /** Transparent huge pages everywhere, where just that makes the test fail so. */
  private conditionOf(candidate: Candidate | undefined): Condition | undefined {
    const always = candidate?.exact && candidate.condition === 'thp-always';
    const asIs = candidate?.bug === undefined || candidate.has;
    // One such failure can be something else; a test that fails by itself is no setting of the machine.
    const several = candidate !== undefined && this.alike(candidate) > 1;
    return always && asIs && several ? condition('thp-always') : undefined;
  }

  /** How many tests fail that are named like the candidate's, up to the first "_". */
  private alike({ test }: Candidate): number {
    const stem = shortName(test ?? '').split('_')[0]!;
    return this.run.tests.filter(({ status, name }) => status === 'fail' && shortName(name).startsWith(stem))
      .length;
  }

  private orAsItIs(
    candidates: readonly Candidate[],
    here: string | undefined,
    found: Condition | undefined,
  ): readonly Candidate[] {
    if (here === undefined) return candidates;
    const without = found?.id === 'no-module';
    if (candidates.length > 0 && !without) return candidates;
    const kernel = this.shows.generation.id;
    const where = without ? 'no-module' : /coherent/.test(here) || this.shows.spm ? 'spm' : 'private';
    const plain: Candidate = {
      bug: undefined,
      has: false,
      kernel,
      condition: where,
      test: here,
      earlier: [],
      command: smokeCommand(kernel, where, [here]),
      scenario: undefined,
      why: without
        ? 'the module is not loaded there either'
        : 'nothing is known that does this; the test as it is',
      exact: false,
      score: 0,
    };
    if (!without) return [plain];
    const others = candidates.filter(({ condition }) => condition !== 'no-module');
    // modprobe's own words speak for a bug that makes it fail so.
    return this.shows.load === undefined ? [plain, ...others] : [...others, plain];
  }

  private notes(test: LoggedTest, here: string | undefined): string[] {
    const { suite } = this.fit;
    const notes: string[] = [];
    if (here === undefined) notes.push(`no such test in ${suite.generation.id}`);
    if (test.status === 'running')
      notes.push('it was running where the log ends, or went on to other things');
    if (test.garbled) notes.push('its result is cut, or other output runs through it');
    if (test.moreReports > 0) notes.push(`${test.moreReports} more reports of the kernel followed`);
    if (test.reports.some(({ incomplete }) => incomplete))
      notes.push('a report of the kernel is cut or garbled');
    if (
      /^Expected ret \(-16\) == 0/.test(test.assertions[0]?.text ?? '') &&
      shortName(test.name).startsWith('exclusive')
    )
      notes.push(
        'EBUSY can also be a page that somebody else had locked: reclaim, compaction, another thread',
      );
    return notes;
  }

  /** Reports of the kernel between the tests, and of a machine without tests. */
  private loose(): Finding[] {
    const inTests = new Set(this.run.tests.flatMap(({ reports }) => reports));
    return this.run.reports
      .filter((report) => !inTests.has(report))
      .map((report) => reportFinding(report, this.shows));
  }

  /** Tests that were planned, and of which the log has nothing: it is cut, or the machine died. */
  private missing(): string[] {
    const { run, fit } = this;
    const { plan, tests, totals, passed } = run;
    if (plan === undefined || totals !== undefined || passed !== undefined) return [];
    if (plan !== fit.suite.names.length || tests.length >= plan) return [];
    const seen = new Set(tests.map(({ name }) => name));
    return fit.suite.names.filter((name) => !seen.has(name));
  }

  private missed(name: string): Finding {
    return blankFinding(
      name,
      nameIn(this.fit.here, name),
      'MISS',
      'planned, but the log has no result of it',
    );
  }

  /** Failures that only the totals tell of. */
  private countedOnly(): Finding[] {
    const { totals, passed, tests } = this.run;
    const failed = totals?.fail ?? (passed === undefined ? 0 : passed.run - passed.passed);
    const named = tests.filter(({ status }) => status === 'fail').length;
    if (failed <= named) return [];
    const finding = blankFinding(
      '',
      undefined,
      'FAIL',
      `${failed - named} more failed, of which the log has only the count`,
    );
    return [{ ...finding, failures: failed - named }];
  }

  private counts(missing: number): RunVerdict['counts'] {
    const { tests, totals } = this.run;
    const count = (status: LoggedTest['status']) => tests.filter((test) => test.status === status).length;
    const running = tests.filter((test) => test.status === 'running');
    const died = running.filter((test) => statusOf(test, this.run) === 'FAIL').length;
    const [pass, fail, skip] = [count('pass'), count('fail') + died, count('skip')];
    const bare = totals !== undefined && tests.length < totals.pass + totals.fail + totals.skip;
    const lost = missing + running.length - died;
    return bare ? { ...totals, missing: lost } : { pass, fail, skip, missing: lost };
  }

  private status(findings: readonly Finding[], { pass, skip }: RunVerdict['counts']): KcidbStatus {
    const worst = (['FAIL', 'ERROR', 'MISS'] as const).find((status) =>
      findings.some((one) => one.status === status),
    );
    if (worst !== undefined) return worst;
    if (this.run.bail !== undefined) return 'ERROR';
    if (pass > 0) return 'PASS';
    return skip > 0 ? 'SKIP' : 'MISS';
  }
}

/** What is known of a suite that printed nothing itself. */
export interface SilentSuite {
  readonly status: KcidbStatus;
  readonly text: string;
  readonly condition: Condition | undefined;
  readonly masked: readonly Masked[];
}

export interface LogVerdict {
  readonly log: Log;
  readonly runs: readonly RunVerdict[];
  /** Absent where there are runs, and where nothing speaks of the suite. */
  readonly suite: SilentSuite | undefined;
  /** Reports of the kernel while no suite ran, in which the suite or its driver has a part. */
  readonly reports: readonly Finding[];
  /** The others. */
  readonly others: readonly KernelReport[];
  /** The id of what the reports were compared with. */
  readonly generation: string;
}

function silentSuite(log: Log): SilentSuite | undefined {
  const { announced, listed, outer, signs } = log;
  if (!announced) return undefined;
  if (signs.noModule !== undefined) {
    const text = `hmm-tests did not run: ${signs.noModule}`;
    return { status: 'SKIP', text, condition: condition('no-module'), masked: maskedSkip(log) };
  }
  const silent = { condition: undefined, masked: [] };
  const worst = outer.find(({ verdict }) => verdict === 'fail') ?? outer.at(-1);
  if (worst === undefined && listed !== undefined)
    return { ...silent, status: 'SKIP', text: `hmm-tests ${listed}, and ran no test` };
  if (worst === undefined)
    return { ...silent, status: 'MISS', text: 'hmm-tests was to run, but the log has nothing of it' };
  const status = ({ pass: 'PASS', fail: 'FAIL', skip: 'SKIP' } as const)[worst.verdict];
  const doubt = status === 'PASS' ? '; test_hmm.sh says so whatever happened' : '';
  return { ...silent, status, text: `the log has no line of hmm-tests itself, only "${worst.text}"${doubt}` };
}

export function judge(log: Log): LogVerdict {
  const runs = told(log).map((run) => new RunJudge(log, run).verdict());
  const { generation } = runs[0]?.fit.suite ?? fit(newRun(log.kernels[0], 1)).suite;
  const shows: Shows = {
    generation,
    kernel: log.kernels[0],
    spm: undefined,
    tests: new Map(),
    onlyFailures: false,
    load: loadError(log),
  };
  const ours = log.reports.filter(isOurs);
  return {
    log,
    runs,
    suite: runs.length === 0 ? silentSuite(log) : undefined,
    reports: ours.map((report) => reportFinding(report, shows)),
    others: log.reports.filter((report) => !ours.includes(report)),
    generation: generation.id,
  };
}

/** Did the log say anything that can be judged? */
export function isTold({ log, runs, suite, reports, others }: LogVerdict): boolean {
  const { pass, fail, skip } = log.others;
  return (
    runs.length > 0 ||
    suite !== undefined ||
    reports.length + others.length + pass + fail + skip > 0 ||
    log.kernels.length > 0
  );
}
