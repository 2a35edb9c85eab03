// SPDX-License-Identifier: GPL-2.0-only
/** What may be behind a failure, most likely first: by what was measured, and by the functions of the kernel's reports. */
import { isAmong } from '../generations/behaviours/entry.js';
import { type Bug, bugs, hasBug } from '../generations/bugs/index.js';
import type { SuiteSymptoms } from '../generations/bugs/suite-symptoms.js';
import { suiteSymptoms } from '../generations/bugs/suite-symptoms.js';
import type { Generation } from '../generations/index.js';
import { type KernelReport, wayOf } from './dmesg.js';
import { smokeCommand } from './next.js';
import { shortName } from './run-builder.js';
import type { Candidate } from './verdict.js';

/** What the run shows, test by test, by the names that tests have here. */
export interface Shows {
  readonly generation: Generation;
  /** "6.12.40", of the banner. */
  readonly kernel: string | undefined;
  /** Whether coherent devices were there. */
  readonly spm: boolean | undefined;
  /** Symptoms of each test whose result the log has; empty: it passed. */
  readonly tests: ReadonlyMap<string, readonly string[]>;
  /** The log keeps nothing but failures: what it does not name passed. */
  readonly onlyFailures: boolean;
  /** modprobe's errno, where the log has it. */
  readonly load: string | undefined;
}

export interface Suspect {
  readonly here: string | undefined;
  readonly symptoms: readonly string[];
  readonly reports: readonly KernelReport[];
}

function scenarioCommand({ id }: Bug, has: boolean): string {
  return `hmm-sim run test/bugs/${id}.yaml${has ? '' : ` --bug ${id}`}`;
}

/** "fails" stands for whatever the test said. */
const pairs = (test: string, symptoms: readonly string[]): string[] =>
  symptoms.map((says) => (says === 'fails' ? `${test} fails` : `${test} ${says}`));

/** How much of what the log and the measurement show is the same, over the tests that the log has. */
function agreement(row: SuiteSymptoms, { tests, onlyFailures }: Shows): number {
  const measured = new Set<string>();
  for (const { says, tests: of } of row.shows) {
    for (const test of of) {
      const logged = tests.get(test);
      if (logged === undefined && !onlyFailures) continue;
      const bare = logged === undefined || logged.includes('fails');
      if (!bare || !says.startsWith('warns: ')) measured.add(`${test} ${bare ? 'fails' : says}`);
    }
  }
  const logged = [...tests].flatMap(([test, symptoms]) => pairs(test, symptoms));
  const both = logged.filter((pair) => measured.has(pair)).length;
  return both / Math.max(1, measured.size + logged.length - both);
}

/** Tests that fail with the bug, and passed in the log. */
function contradicted(row: SuiteSymptoms, { tests }: Shows): boolean {
  return row.shows.some(
    ({ says, tests: of }) => !says.startsWith('warns: ') && of.some((test) => tests.get(test)?.length === 0),
  );
}

interface Match {
  readonly points: number;
  readonly exact: boolean;
  readonly test: string;
  /** Tests that have to run before it. */
  readonly earlier: readonly string[];
}

/** What has to run before the test, so that it shows these symptoms. */
function earlierFor({ shows }: SuiteSymptoms, test: string, symptoms: readonly string[]): readonly string[] {
  const lists = shows
    .filter(({ says }) => symptoms.includes(says))
    .flatMap(({ after = [] }) => after.filter(({ tests }) => tests.includes(test)));
  return [...new Set(lists.flatMap(({ earlier }) => earlier))];
}

/** How the row fits the one test. */
function match(row: SuiteSymptoms, { here, symptoms }: Suspect): Match | undefined {
  if (here === undefined) return undefined;
  const says = (text: string) => row.shows.find((show) => show.says === text);
  const hits = symptoms.filter((text) => says(text)?.tests.includes(here));
  if (hits.length > 0) {
    const exact = hits.length === symptoms.length;
    return { points: 100 + hits.length, exact, test: here, earlier: earlierFor(row, here, hits) };
  }
  for (const text of symptoms) {
    const other = says(text)?.tests.find((test) => shortName(test) === shortName(here));
    if (other !== undefined)
      return { points: 40, exact: false, test: other, earlier: earlierFor(row, other, [text]) };
  }
  const fails = row.shows.filter(({ says, tests }) => tests.includes(here) && !says.startsWith('warns: '));
  // The log keeps no more than that it failed.
  if (fails.length === 0 || symptoms[0] !== 'fails') return undefined;
  const failures = fails.map(({ says }) => says);
  return { points: 30, exact: false, test: here, earlier: earlierFor(row, here, failures) };
}

function conditionPoints({ condition }: SuiteSymptoms, { spm }: Shows): number {
  if (condition === 'thp-always' || condition === 'thp-never') return 0;
  if (spm === undefined) return condition === 'spm' ? 2 : 0;
  return (condition === 'spm') === spm ? 4 : 0;
}

/** Did the log's kernel have the bug? */
function had(bug: Bug, kernel: string | undefined): boolean {
  const version = /^\d+\.\d+(?:\.\d+)?/.exec(kernel ?? '')?.[0];
  return version !== undefined && isAmong(bug.kernels, { version });
}

function showsText({ exact, points }: Match): string {
  if (exact) return 'here it makes this test show just this';
  if (points >= 100) return 'here it makes this test show some of this';
  return points >= 40 ? 'here another variant of this test shows this' : 'here it makes this test fail';
}

function whyText(match: Match): string {
  const names = match.earlier.map(shortName);
  return `${showsText(match)}${names.length === 0 ? '' : `, after what ${listed(names)} left`}`;
}

const listed = (names: readonly string[]): string =>
  names.length === 1 ? names[0]! : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;

function measuredCandidates(shows: Shows, suspect: Suspect): Candidate[] {
  const { generation, kernel } = shows;
  const found: Candidate[] = [];
  for (const row of suiteSymptoms) {
    if (row.kernel !== generation.id) continue;
    const matched = match(row, suspect);
    if (matched === undefined) continue;
    const bug = bugs.find(({ id }) => id === row.bug);
    const has = bug !== undefined && hasBug(generation, bug);
    const likely = bug !== undefined && (has || had(bug, kernel)) ? 8 : 0;
    const against = contradicted(row, shows);
    const exact = matched.exact && !against;
    const loads = row.load !== undefined && row.load === shows.load ? 40 : 0;
    const score =
      matched.points -
      (against ? 20 : 0) +
      50 * agreement(row, shows) +
      conditionPoints(row, shows) +
      likely +
      loads;
    found.push({
      bug: row.bug,
      has,
      kernel: generation.id,
      condition: row.condition,
      test: matched.test,
      earlier: matched.earlier,
      command: smokeCommand(
        generation.id,
        row.condition,
        [...matched.earlier, matched.test],
        has ? undefined : row.bug,
      ),
      scenario: bug === undefined ? undefined : scenarioCommand(bug, has),
      why: `${bug === undefined ? `${generation.id} as it is: ` : ''}${whyText(matched)}${against ? ', and others fail that passed in the log' : ''}`,
      exact,
      score,
    });
  }
  return found;
}

/** The functions that a bug's own scenario reports. */
function functionsOf({ shows }: Bug): { fn: string; how: string } | undefined {
  const [, how, fn] = /(oops|hang|warnings|load)\b.*?"?(?:oops"?:)?"(\w+)"/.exec(shows) ?? [];
  return fn === undefined ? undefined : { fn, how: how! };
}

const WAYS: Readonly<Record<string, ReturnType<typeof wayOf>>> = {
  oops: 'oopses',
  load: 'oopses',
  hang: 'hangs',
  warnings: 'warns',
};

function reportPoints(bug: Bug, report: KernelReport, generation: Generation): number {
  const shown = functionsOf(bug);
  if (shown === undefined) return 0;
  const symbols = [shown.fn, generation.symbols[shown.fn] ?? shown.fn];
  const { fn, frames } = report;
  if (wayOf(report) !== WAYS[shown.how]) return 0;
  if (fn !== undefined && symbols.includes(fn)) return 90;
  return frames.some((frame) => symbols.includes(frame)) ? 60 : 0;
}

function reportCandidates({ generation, kernel }: Shows, { reports }: Suspect): Candidate[] {
  const found: Candidate[] = [];
  for (const bug of bugs) {
    const points = Math.max(0, ...reports.map((report) => reportPoints(bug, report, generation)));
    if (points === 0) continue;
    const has = hasBug(generation, bug);
    found.push({
      bug: bug.id,
      has,
      kernel: generation.id,
      condition: 'spm',
      test: undefined,
      earlier: [],
      command: scenarioCommand(bug, has),
      scenario: undefined,
      why: `its scenario shows ${functionsOf(bug)!.fn}, too`,
      exact: false,
      score: points + (has ? 8 : 0) + (had(bug, kernel) ? 12 : 0),
    });
  }
  return found;
}

/** The best way to each cause; a condition that a bug of the kernel needs is told with that bug. */
function best(candidates: readonly Candidate[]): Candidate[] {
  const sorted = [...candidates].sort((a, b) => b.score - a.score);
  const kept: Candidate[] = [];
  for (const one of sorted) {
    const same = kept.find(
      ({ bug, has, condition }) =>
        one.bug === bug ||
        (condition === one.condition && (bug === undefined ? one.has : one.bug === undefined && has)),
    );
    if (same === undefined) kept.push(one);
    else if (same.bug === undefined)
      kept[kept.indexOf(same)] = { ...same, bug: one.bug, has: one.has, scenario: one.scenario };
  }
  return kept.slice(0, 8);
}

export function candidatesOf(shows: Shows, suspect: Suspect): Candidate[] {
  return best([...measuredCandidates(shows, suspect), ...reportCandidates(shows, suspect)]);
}
