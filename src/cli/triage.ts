// SPDX-License-Identifier: GPL-2.0-only
/** `hmm-sim triage`: from a failing log to what reproduces it. */
import type { Command } from 'commander';
import { kcidbText, type TriagedLog } from '../report/triage-kcidb.js';
import { type Ran, triageLines } from '../report/triage-text.js';
import { UsageError } from '../sim/errors.js';
import { printable } from '../sim/printable.js';
import { isTold, judge, type LogVerdict } from '../triage/judge.js';
import { LogReader } from '../triage/reader.js';
import { type Candidate, explained, type Finding } from '../triage/verdict.js';
import { EXIT_FAILED, EXIT_LISTED, EXIT_OK } from './exit-codes.js';
import { LARGEST_LOG, logName, readLogFile } from './log-files.js';
import { asPastedHere } from './own-files.js';
import { Progress, statusLine } from './progress.js';
import { breathe, printErrorLine, printLine, printText } from './terminal.js';
import { parseSize } from './values.js';

interface TriageFlags {
  readonly json?: true;
  readonly run?: true;
  readonly maxSize?: number;
}

type RanSoFar = Map<Candidate, Ran>;

/** Characters that are read at once. */
const SHORT = 16 * 2 ** 20;

/** Of one failure no more are run: those behind them are guesses. */
const MAX_RUNS = 4;

export function configure(command: Command): void {
  command
    .argument('[logs...]', 'logs of hmm-tests, as CI systems keep them; .gz too, - is standard input')
    .option('--run', 'run what may be behind each failure, and say which shows the same symptom')
    .option('--json', "print findings with the names of KernelCI's KCIDB schema 5.3")
    .option('--max-size <size>', `bytes that a log may have (default: ${LARGEST_LOG >> 20}M)`, (text) =>
      parseSize(text, '--max-size'),
    )
    .addHelpText(
      'after',
      `
Exit status: 0 when nothing failed, or each failure is explained or (--run) reproduced; 1 when one is not; 4 when all
was skipped; 64 when a log cannot be read, is too large or holds nothing of tests or kernels.`,
    )
    .action(async (logs: string[], flags: TriageFlags) => {
      process.exitCode = await triage(logs.length === 0 ? standardInput() : logs, flags);
    });
}

function standardInput(): string[] {
  if (process.stdin.isTTY) throw new UsageError('expected a log: a file, or - for standard input', 'LOG');
  return ['-'];
}

async function read(argument: string, most: number): Promise<LogVerdict> {
  const reader = new LogReader();
  const progress = new Progress('MiB', undefined);
  let taken = 0;
  await readLogFile(
    argument,
    (text) => {
      reader.push(text);
      taken += text.length;
      if (taken > SHORT) progress.at(Math.floor(taken / 2 ** 20), ' read');
    },
    most,
  );
  const verdict = judge(reader.end());
  if (isTold(verdict)) return verdict;
  throw new UsageError(
    'nothing in it that a test or a kernel printed; expected a log of hmm-tests (KTAP, "hmm-tests.c:..." or a kernel log)',
    logName(argument),
  );
}

const findingsOf = ({ runs, reports }: LogVerdict): readonly Finding[] => [
  ...runs.flatMap(({ findings }) => findings),
  ...reports,
];

const hasCandidates = ({ candidates }: Finding): boolean => candidates.length > 0;

/** Runs candidates until one shows the symptom. */
async function runAll(verdict: LogVerdict, ran: RanSoFar): Promise<void> {
  const { runCandidate } = await import('./triage-run.js');
  const findings = findingsOf(verdict);
  for (const [i, finding] of findings.entries()) {
    const what = finding.name === '' ? 'a report' : printable(finding.name);
    statusLine.show(`trying what may be behind ${what} (${i + 1} of ${findings.length})`);
    for (const candidate of finding.candidates.slice(0, MAX_RUNS)) {
      await breathe();
      const result = runCandidate(finding, candidate);
      ran.set(candidate, result);
      if (result.same) break;
    }
  }
  statusLine.clear();
}

function isSettled(finding: Finding, ran: RanSoFar | undefined): boolean {
  if (ran === undefined) return explained(finding);
  const { status, condition, candidates } = finding;
  const settled =
    status === 'SKIP' || status === 'PASS' || candidates.some((candidate) => ran.get(candidate)?.same);
  if (settled || condition === undefined) return settled;
  // What can be tried here has to show it; conditions that no machine here has are told by their signs alone.
  return !candidates.some((candidate) => candidate.condition === condition.id);
}

function exitCodeOf(verdicts: readonly LogVerdict[], ran: RanSoFar | undefined): number {
  const failed = verdicts.some(
    (verdict) =>
      findingsOf(verdict).some((finding) => !isSettled(finding, ran)) ||
      verdict.runs.some(({ status }) => status === 'MISS' || status === 'ERROR') ||
      verdict.suite?.status === 'FAIL' ||
      verdict.suite?.status === 'MISS',
  );
  if (failed) return EXIT_FAILED;
  const statuses = verdicts.flatMap(({ runs, suite }) => [
    ...runs.map(({ status }) => status),
    ...(suite === undefined ? [] : [suite.status]),
  ]);
  return statuses.length > 0 && statuses.every((status) => status === 'SKIP') ? EXIT_LISTED : EXIT_OK;
}

async function triage(
  logs: readonly string[],
  { json, run, maxSize = LARGEST_LOG }: TriageFlags,
): Promise<number> {
  const triaged: TriagedLog[] = [];
  const ran: RanSoFar = new Map();
  let mistake: unknown;
  for (const argument of logs) {
    try {
      const verdict = await read(argument, maxSize);
      if (run) await runAll(verdict, ran);
      triaged.push({ name: logName(argument), verdict });
      if (!json) triageLines(logName(argument), verdict, ran).map(asPastedHere).forEach(printLine);
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      mistake ??= error;
    }
  }
  if (!json && !run && triaged.some(({ verdict }) => findingsOf(verdict).some(hasCandidates)))
    printErrorLine(
      'nothing was tried: --run runs what is likely, and names the commands that go on from there',
    );
  if (json && triaged.length > 0) printText(kcidbText(triaged, ran).trimEnd());
  if (mistake !== undefined) throw mistake;
  return exitCodeOf(
    triaged.map(({ verdict }) => verdict),
    run ? ran : undefined,
  );
}
