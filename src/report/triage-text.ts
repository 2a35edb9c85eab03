// SPDX-License-Identifier: GPL-2.0-only
/** What triage finds in a log, for people. */
import type { KernelReport } from '../triage/dmesg.js';
import type { LogVerdict } from '../triage/judge.js';
import { commandAfter, nextCommands } from '../triage/next.js';
import type { Candidate, Finding, RunVerdict } from '../triage/verdict.js';

/** What a candidate showed when it was run. */
export interface Ran {
  readonly same: boolean;
  /** Of the test alone. */
  readonly showed: readonly string[];
  /** Tests that ran before it on the same machine, without which it does not show it. */
  readonly earlier?: readonly string[];
}

/** Results of --run. */
export type RanCandidates = ReadonlyMap<Candidate, Ran>;

const MAX_CANDIDATES = 4;
const MAX_NAMES = 6;

/** Of a report of the kernel that no bug's scenario shows. */
const NOTHING_KNOWN = 'no bug that is known here ends so; hmm-sim fuzz looks for what is not known';

const field = (label: string, text: string): string => `  ${label.padEnd(10)}${text}`;

function fitText({ fit, run }: RunVerdict): string {
  const { suite, here, why, alike, kernel } = fit;
  const because = why.length === 0 ? '' : ` (${why.join(', ')})`;
  const also = alike.length === 0 ? '' : `, as well as ${alike.join(', ')}`;
  const of = suite.own
    ? `the suite of ${suite.id}${because}${also}`
    : `the suite of ${suite.id}${because}, which is no generation here: taken for ${here.id}`;
  const other = suite.own && kernel !== undefined && !fit.exact ? `; ${kernel} is no generation here` : '';
  return `line ${run.line}: ${of}${other}`;
}

function countsText({ counts }: RunVerdict): string {
  const { pass, fail, skip, missing } = counts;
  return `${pass} passed, ${fail} failed, ${skip} skipped${missing === 0 ? '' : `, ${missing} without a result`}`;
}

function names(list: readonly string[]): string {
  const more = list.length > MAX_NAMES ? `, and ${list.length - MAX_NAMES} more` : '';
  return `${list.slice(0, MAX_NAMES).join(', ')}${more}`;
}

function causeText({ bug, has, kernel, why }: Candidate): string {
  if (bug === undefined) return why;
  return has ? `${bug}, which ${kernel} has: ${why}` : `${bug}: ${why}`;
}

const shows = ({ showed }: Ran): string =>
  showed.length === 0 ? 'shows nothing' : `shows ${showed.join('; ')}`;

function candidateLines(
  candidate: Candidate,
  symptoms: readonly string[],
  first: boolean,
  ran: Ran | undefined,
): string[] {
  const { earlier = [] } = ran ?? {};
  const command = earlier.length === 0 ? candidate.command : commandAfter(candidate, earlier);
  const lines = [field(first ? 'likely' : 'or', causeText(candidate)), field('', command)];
  if (candidate.scenario !== undefined) lines.push(field('', candidate.scenario));
  if (ran === undefined) return lines;
  if (!ran.same) return [...lines, field('ran', shows(ran))];
  const after = earlier.length === 0 ? '' : `, after what these leave (alone it ${shows(ran)}):`;
  lines.push(field('ran', `the same symptom${after}`), ...earlier.map((name) => field('', name)));
  const next = nextCommands(candidate, symptoms, earlier);
  return [...lines, ...next.map((command, i) => field(i === 0 ? 'next' : '', command))];
}

function reportLine({ title, at, incomplete }: KernelReport): string {
  return field(
    'kernel',
    `${title}${at === undefined ? '' : ` at ${at}`}${incomplete ? ' (cut or garbled)' : ''}`,
  );
}

/** The same report again and again is one line. */
function reportLines(reports: readonly KernelReport[]): string[] {
  const times = new Map<string, number>();
  for (const report of reports) times.set(reportLine(report), (times.get(reportLine(report)) ?? 0) + 1);
  return [...times].map(([line, count]) => (count === 1 ? line : `${line}, ${count} times`));
}

const WORD = { FAIL: 'not ok', ERROR: 'error', MISS: 'missing', PASS: 'ok', SKIP: 'skipped' } as const;

function findingLines(finding: Finding, ran: RanCandidates): string[] {
  const { status, name, here, assertion, place, failures, death, reports, condition, candidates } = finding;
  const lines = [finding.passed ? `ok ${name}, but:` : `${WORD[status]} ${name === '' ? '(no test)' : name}`];
  if (here !== undefined && here !== name) lines.push(field('here', here));
  const more = failures > 1 ? `, and ${failures - 1} more` : '';
  if (assertion !== undefined) lines.push(field('says', `${assertion} (${place})${more}`));
  if (death !== '') lines.push(field('ended', death));
  lines.push(...reportLines(reports));
  if (condition !== undefined) lines.push(field('because', condition.text));
  lines.push(...finding.notes.map((note) => field('note', note)));
  if (candidates.length === 0 && reports.length > 0) lines.push(field('likely', NOTHING_KNOWN));
  for (const [i, candidate] of candidates.slice(0, MAX_CANDIDATES).entries())
    lines.push(...candidateLines(candidate, finding.symptoms, i === 0, ran.get(candidate)));
  return [...lines, field('signature', finding.signature)];
}

/** Skips and missing tests by what explains them, two lines each. */
function foldedLines(findings: readonly Finding[]): string[] {
  const groups = new Map<string, string[]>();
  for (const { status, name, condition, reason, notes } of findings) {
    const key = `${WORD[status]}: ${condition?.text ?? (reason || (notes[0] ?? ''))}`;
    groups.set(key, [...(groups.get(key) ?? []), name]);
  }
  const counted = ({ length }: readonly string[]): string => `${length} ${length === 1 ? 'test' : 'tests'}`;
  return [...groups].flatMap(([key, list]) => [key, field(counted(list), names(list))]);
}

function runLines(verdict: RunVerdict, ran: RanCandidates): string[] {
  const fold = ({ status, reports }: Finding) =>
    reports.length === 0 && (status === 'SKIP' || status === 'MISS');
  return [
    fitText(verdict),
    countsText(verdict),
    ...(verdict.run.bail === undefined ? [] : [`Bail out! ${verdict.run.bail}`]),
    ...verdict.masked.map(({ text }) => `hidden: ${text}`),
    ...foldedLines(verdict.findings.filter(fold)),
    ...verdict.findings.filter((finding) => !fold(finding)).flatMap((finding) => findingLines(finding, ran)),
  ];
}

/** Lines about one log. */
export function triageLines(name: string, verdict: LogVerdict, ran: RanCandidates = new Map()): string[] {
  const { log, runs, reports, others, suite } = verdict;
  const { pass, fail, skip } = log.others;
  return [
    `# ${name}: ${log.lines} lines${log.cutEnd ? ', the last one cut' : ''}`,
    ...runs.flatMap((run) => runLines(run, ran)),
    ...(suite === undefined ? [] : [suite.text, ...suite.masked.map(({ text }) => `hidden: ${text}`)]),
    ...reports.flatMap((report) => findingLines(report, ran)),
    ...(pass + fail + skip === 0
      ? []
      : [`other suites: ${pass} passed, ${fail} failed, ${skip} skipped, not looked at`]),
    ...others.slice(0, 5).map(({ title, line }) => `elsewhere: line ${line}: ${title}`),
  ];
}
