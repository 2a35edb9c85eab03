// SPDX-License-Identifier: GPL-2.0-only
/** Results of scripts and runners that hide what the suite said: test_hmm.sh ends in "exit 0", whatever happened. */
import type { Log, Outer, SuiteRun } from './log.js';
import type { Masked, RunVerdict } from './verdict.js';

function quoted(outer: readonly Outer[]): string {
  const texts = [...new Set(outer.map(({ text }) => text))];
  return texts
    .slice(0, 3)
    .map((text) => `"${text}"`)
    .join(', ');
}

export function maskedBy(run: SuiteRun, counts: RunVerdict['counts']): Masked[] {
  const { pass, fail, skip, missing } = counts;
  const passing = run.outer.filter(({ verdict }) => verdict === 'pass');
  const found: Masked[] = [];
  if (fail > 0 && passing.length > 0) {
    found.push({
      id: 'failures',
      text: `${quoted(passing)} over ${fail} "not ok" of the suite: the inner results count`,
    });
  }
  if (fail > 0 && run.exit === 0)
    found.push({ id: 'exit-status', text: `exit status 0 over ${fail} "not ok" of the suite` });
  if (fail === 0 && missing > 0 && passing.length > 0) {
    found.push({ id: 'missing', text: `${quoted(passing)} over ${missing} tests without a result` });
  }
  if (fail === 0 && pass === 0 && skip > 0 && passing.length > 0) {
    found.push({ id: 'skip', text: `${quoted(passing)}, but all ${skip} tests were skipped` });
  }
  const silent = run.tests.filter(({ status, noDevice }) => status === 'skip' && noDevice.length > 0).length;
  if (silent > 0 && run.totals !== undefined && run.totals.skip < silent) {
    found.push({ id: 'silent-skip', text: `${silent} tests were skipped, and are counted as passed` });
  }
  return found;
}

/** The same where the suite itself said nothing. */
export function maskedSkip({ outer, signs }: Log): Masked[] {
  const passing = outer.filter(({ verdict }) => verdict === 'pass');
  if (signs.noModule === undefined || passing.length === 0) return [];
  return [{ id: 'skip', text: `${quoted(passing)}, but the suite did not run: ${signs.noModule}` }];
}
