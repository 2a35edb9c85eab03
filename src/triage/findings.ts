// SPDX-License-Identifier: GPL-2.0-only
/** Findings about what is no test with a result: missing tests, bare counts, reports of the kernel by themselves. */
import { candidatesOf, type Shows } from './candidates.js';
import { type KernelReport, wayOf } from './dmesg.js';
import { signature } from './signature.js';
import type { Finding, KcidbStatus } from './verdict.js';

export function blankFinding(
  name: string,
  here: string | undefined,
  status: KcidbStatus,
  note: string,
): Finding {
  return {
    status,
    name,
    here,
    number: undefined,
    passed: false,
    assertion: undefined,
    place: undefined,
    failures: 0,
    death: '',
    reason: '',
    reports: [],
    symptoms: [],
    condition: undefined,
    candidates: [],
    notes: [note],
    signature: signature({ test: name, assertion: undefined, fn: undefined }),
    excerpt: '',
    line: 0,
  };
}

export function reportFinding(report: KernelReport, shows: Shows): Finding {
  const warns = report.fn !== undefined && wayOf(report) === 'warns' ? [`warns: ${report.fn}`] : [];
  const suspect = { here: undefined, symptoms: warns, reports: [report] };
  return {
    ...blankFinding(
      '',
      undefined,
      'FAIL',
      report.incomplete ? 'the report is cut or garbled' : 'outside of a test',
    ),
    reports: [report],
    symptoms: warns,
    candidates: candidatesOf(shows, suspect),
    signature: signature({ test: '', assertion: report.title, fn: report.fn }),
    excerpt: report.lines.join('\n'),
    line: report.line,
  };
}
