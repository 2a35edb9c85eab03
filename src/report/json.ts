// SPDX-License-Identifier: GPL-2.0-only
/** The results of a run as one JSON document. */
import { KSFT_FAIL, KSFT_SKIP, type LogEvent, type ResultEvent } from '../selftests/events.js';
import type { RunInfo, RunRecorder, TestRecord } from './summary.js';

/** Raised whenever a consumer of the document would have to change. */
const JSON_REPORT_VERSION = 1;

function outcome({ code }: ResultEvent): 'pass' | 'fail' | 'skip' {
  if (code === KSFT_SKIP) return 'skip';
  return code === KSFT_FAIL ? 'fail' : 'pass';
}

function logEntry({ kind, text, location, inC }: LogEvent): object {
  return {
    kind,
    text,
    ...(location === undefined ? {} : { file: location.file, line: location.line }),
    ...(inC === undefined ? {} : { inC }),
  };
}

function testEntry({ result, log }: TestRecord): object {
  const { number, name, fixture, variant, test, diagnostic, ns } = result;
  return {
    number,
    name,
    fixture,
    variant: variant === '' ? null : variant,
    test,
    result: outcome(result),
    reason: diagnostic === '' ? null : diagnostic,
    simulatedNs: ns,
    log: log.map(logEntry),
  };
}

/** The report as text, ending in a newline. */
export function jsonReport(run: RunRecorder, info: RunInfo): string {
  const document = {
    version: JSON_REPORT_VERSION,
    suite: info.suite,
    kernel: info.kernel,
    seed: info.seed,
    ...(info.bailedOut === undefined ? {} : { bailedOut: info.bailedOut }),
    totals: run.totals,
    tests: run.tests.map(testEntry),
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}
