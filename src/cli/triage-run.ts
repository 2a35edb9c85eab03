// SPDX-License-Identifier: GPL-2.0-only
/** `triage --run`: runs what may be behind a failure, and compares what it shows with the log, down to the values. */
import { bugById } from '../generations/bugs/index.js';
import type { Ran } from '../report/triage-text.js';
import { MachinePool } from '../session/machine-pool.js';
import { runOn } from '../session/runner.js';
import { Setups } from '../session/setup.js';
import { wayOf } from '../triage/dmesg.js';
import type { Candidate, Finding } from '../triage/verdict.js';
import { warningsIn } from '../user/kernel-log.js';
import { bugScenario } from './bugs-verify.js';
import { machineOfCase, symptomsShown } from './triage-conditions.js';
import { earlierTests } from './triage-earlier.js';
import { measure } from './triage-measure.js';

const known = new Map<string, readonly string[]>();

/** What the test shows there. */
function testShows(candidate: Candidate, test: string): readonly string[] {
  const { tests } = measure(machineOfCase(candidate), [{ option: 'r', name: test }]);
  return tests.flatMap(symptomsShown);
}

/** Functions that die, hang or warn in the bug's scenario. */
function scenarioShows({ bug: id, has }: Candidate): readonly string[] {
  const bug = bugById(id!, 'triage');
  const { document } = bugScenario(bug);
  const setup = new Setups(has ? {} : { bugs: [bug.id] }).of(document);
  const { results, loadFailure, dmesg } = runOn(new MachinePool(), setup, document);
  const deaths = results.flatMap(({ oops, hang }) => [
    ...(oops === undefined ? [] : [`oopses: ${oops}`]),
    ...(hang === undefined ? [] : [`hangs: ${hang}`]),
  ]);
  const load =
    loadFailure === undefined || loadFailure.ret !== undefined ? [] : [`oopses: ${loadFailure.fn}`];
  return [...load, ...deaths, ...new Set(warningsIn(dmesg).map((fn) => `warns: ${fn}`))];
}

/** What a log's reports show, in the same words. */
function reported({ reports }: Finding): string[] {
  return reports.flatMap((report) => {
    const way = wayOf(report);
    return report.fn === undefined || way === undefined ? [] : [`${way}: ${report.fn}`];
  });
}

/**
 * Runs the candidate. `same` needs every symptom that the log has; where the test was measured to show them, but does not
 * alone, the tests that have to run before it are found.
 */
export function runCandidate(finding: Finding, candidate: Candidate): Ran {
  const { command, test } = candidate;
  const showed =
    known.get(command) ?? (test === undefined ? scenarioShows(candidate) : testShows(candidate, test));
  known.set(command, showed);
  const wanted = test === undefined ? reported(finding) : finding.symptoms;
  const vague = wanted.length === 0 || wanted.every((text) => text === 'fails');
  const here = test === undefined || test === finding.here;
  const same = !vague && here && wanted.every((text) => showed.includes(text));
  if (same || vague || test === undefined || !here || !candidate.exact) return { same, showed };
  const earlier = earlierTests({ ...candidate, test }, wanted);
  return earlier === undefined ? { same, showed } : { same: true, showed, earlier };
}
