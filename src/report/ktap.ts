// SPDX-License-Identifier: GPL-2.0-only
/** KTAP, as the kselftest harness prints it. */
import {
  type EndEvent,
  type HarnessEvent,
  KSFT_FAIL,
  KSFT_SKIP,
  type LogEvent,
  type PlanEvent,
  type ResultEvent,
  type Totals,
} from '../selftests/events.js';
import type { HarnessStyle } from '../selftests/harness_style.js';

/** The harness's last line; scenario reports end with it too. */
export function totalsLine({ pass, fail, skip }: Totals, errors = 0): string {
  return `# Totals: pass:${pass} fail:${fail} xfail:0 xpass:0 skip:${skip} error:${errors}`;
}

/** Directive and diagnostic behind a result's name. */
function suffix(result: ResultEvent): string {
  if (result.code === KSFT_SKIP) return ` # SKIP ${result.diagnostic}`;
  // Two spaces where a directive would stand: the harness's way of saying that there is none.
  return result.diagnostic === '' ? '' : ` #  ${result.diagnostic}`;
}

function resultLine(result: ResultEvent, style: HarnessStyle): string {
  if (result.code === KSFT_SKIP && !style.usesResultCode) return `ok ${result.number}${suffix(result)}`;
  const verdict = result.code === KSFT_FAIL ? 'not ok' : 'ok';
  return `${verdict} ${result.number} ${result.name}${suffix(result)}`;
}

/** The first line of every stream. */
export const TAP_HEADER = 'TAP version 13';

function planLines({ tests, cases, preamble }: PlanEvent): string[] {
  return [...preamble, TAP_HEADER, `1..${tests}`, `# Starting ${tests} tests from ${cases} test cases.`];
}

function resultLines(result: ResultEvent, style: HarnessStyle): string[] {
  const word = result.code === KSFT_FAIL ? 'FAIL' : '  OK';
  return [`#          ${word}  ${result.name}`, resultLine(result, style)];
}

function endLines({ passed, run, totals }: EndEvent, { countsSkips }: HarnessStyle): string[] {
  const verdict = totals.fail === 0 ? 'PASSED' : 'FAILED';
  const skips = `# ${totals.skip} skipped test(s) detected. Consider enabling relevant config options to improve coverage.`;
  return [
    `# ${verdict}: ${passed} / ${run} tests passed.`,
    ...(countsSkips && totals.skip > 0 ? [skips] : []),
    totalsLine(totals),
  ];
}

/** The text of an assertion ends in its place in C: whoever reads such lines takes it for a part of the message. */
export function logText({ text, inC }: LogEvent): string {
  return inC === undefined ? text : `${text} (${inC.file}:${inC.line})`;
}

/** The lines, without newlines, that an event of a run in this style becomes. */
export function ktapLines(event: HarnessEvent, style: HarnessStyle): string[] {
  switch (event.type) {
    case 'plan':
      return planLines(event);
    case 'start':
      return [`#  RUN           ${event.name} ...`];
    case 'log':
      return [event.kind === 'output' ? event.text : `# ${logText(event)}`];
    case 'result':
      return resultLines(event, style);
    case 'end':
      return event.panic === undefined ? endLines(event, style) : bailOutLines(event.panic);
  }
}

/** What a run that cannot go on prints in place of its remaining results: readers that know no "Bail out!" have a failure. */
export function bailOutLines(reason: string): string[] {
  return ['not ok - bailed out', `Bail out! ${reason}`];
}
