// SPDX-License-Identifier: GPL-2.0-only
/**
 * What triage finds in logs, as a document of KernelCI's KCIDB schema 5.3; what is ours stands under `misc`. Nothing is null:
 * what is not known is left out.
 */
import type { LogVerdict } from '../triage/judge.js';
import type { Candidate, Finding, RunVerdict } from '../triage/verdict.js';
import { explained } from '../triage/verdict.js';
import type { RanCandidates } from './triage-text.js';

const ORIGIN = 'hmm_sim';
const SUITE = 'kselftest.mm.hmm';
const MAX_EXCERPT = 16_384;

export interface TriagedLog {
  readonly name: string;
  readonly verdict: LogVerdict;
}

/** The rest of an id: anything on one line. */
const idText = (name: string): string => name.replace(/\p{Cc}+/gu, ' ');

/** As much as KCIDB takes, and no half of a character. */
const excerptText = (text: string): string => text.slice(0, MAX_EXCERPT).replace(/[\ud800-\udbff]$/, '');

/** KCIDB's paths have no other characters. */
const path = (name: string): string => (name === '' ? SUITE : `${SUITE}.${name.replace(/[^.\w-]/g, '_')}`);

function candidateEntry(candidate: Candidate, ran: RanCandidates): object {
  const { bug, has, kernel, condition, command, scenario, why, exact } = candidate;
  const result = ran.get(candidate);
  return {
    bug,
    in_kernel: has,
    kernel,
    condition,
    command,
    ...(scenario === undefined ? {} : { scenario }),
    why,
    measured: exact,
    ...(result === undefined ? {} : { ran: result }),
  };
}

function findingMisc(finding: Finding, ran: RanCandidates): object {
  const { name, here, number, assertion, place, failures, death, reason, condition, notes } = finding;
  return {
    test: name || undefined,
    here,
    number,
    line: finding.line,
    assertion,
    at: place,
    failures,
    ended: death || undefined,
    reason: reason || undefined,
    condition,
    explained: explained(finding) || finding.candidates.some((one) => ran.get(one)?.same),
    notes,
    signature: finding.signature,
    reports: finding.reports.map(({ title, fn, at, frames, comm, incomplete, line }) => ({
      title,
      function: fn,
      at,
      frames,
      comm,
      incomplete,
      line,
    })),
    candidates: finding.candidates.map((candidate) => candidateEntry(candidate, ran)),
  };
}

function suiteMisc({ fit, run, counts, conditions, masked }: RunVerdict): object {
  return {
    generation: fit.here.id,
    suite: fit.suite.id,
    exact: fit.exact,
    alike: fit.alike,
    why: fit.why,
    kernel: fit.kernel,
    line: run.line,
    planned: run.plan,
    counts,
    conditions,
    masked,
    ...(run.bail === undefined ? {} : { bail: run.bail }),
  };
}

/** The document, ending in a newline. */
export function kcidbText(logs: readonly TriagedLog[], ran: RanCandidates = new Map()): string {
  const tests: object[] = [];
  for (const { name, verdict } of logs) {
    const build_id = `${ORIGIN}:${idText(name)}`;
    const add = (status: string, at: string, rest: object): void => {
      tests.push({
        build_id,
        id: `${build_id}:${tests.length}`,
        origin: ORIGIN,
        path: at,
        status,
        ...rest,
      });
    };
    const addFinding = (finding: Finding, generation: string): void => {
      const comment = finding.reports[0]?.title ?? finding.assertion ?? finding.notes[0];
      add(finding.status, path(finding.name), {
        ...(comment === undefined ? {} : { comment }),
        ...(finding.excerpt === '' ? {} : { log_excerpt: excerptText(finding.excerpt) }),
        misc: { generation, ...findingMisc(finding, ran) },
      });
    };
    for (const run of verdict.runs) {
      add(run.status, SUITE, { misc: suiteMisc(run) });
      for (const passed of run.passed) add('PASS', path(passed), { misc: { test: passed } });
      for (const finding of run.findings) addFinding(finding, run.fit.here.id);
    }
    const { suite } = verdict;
    if (suite !== undefined) {
      const { status, text, condition, masked } = suite;
      add(status, SUITE, { comment: text, misc: { condition, masked } });
    }
    for (const finding of verdict.reports) addFinding(finding, verdict.generation);
  }
  return `${JSON.stringify({ version: { major: 5, minor: 3 }, tests }, null, 2)}\n`;
}
