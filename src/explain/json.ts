// SPDX-License-Identifier: GPL-2.0-only
/**
 * Explanations for scripts: an object a step, with keys that stay. Ids, functions, places and numbers are the data;
 * `text` is the line for people. README.md lists the keys.
 */
import { reasonText } from '../machine/reasons.js';
import type { TakenStep } from '../session/session.js';
import type { ExplainedStep } from './explain.js';
import type { ChangeData, FollowedPage, FollowedStep } from './follow.js';
import type { MovesData } from './moves.js';
import { causeText, verdictText } from './text.js';
import type { Cause, PageVerdict } from './verdict.js';

/** Of which scenario, on which kernel. */
export interface Heading {
  readonly name: string;
  readonly kernel: string;
}

function stepJson({ name, kernel }: Heading, { index, step, result, warnings }: TakenStep): object {
  const { expect: _, ...run } = step;
  return { name, kernel, step: index, run, result, ...(warnings.length === 0 ? {} : { warnings }) };
}

function causesJson(causes: readonly Cause[]): object {
  if (causes.length === 0) return {};
  const because = causes.map((cause) => {
    const { fn, reason, at } = cause;
    return {
      ...(fn === '' ? {} : { fn }),
      reason,
      ...(at === undefined ? {} : { at }),
      text: causeText(cause),
    };
  });
  return { because };
}

function pageJson(verdict: PageVerdict): object {
  const { page, verdict: word, fn, reason, ...places } = verdict;
  return { page, verdict: word, fn, reason, text: verdictText(verdict), ...places };
}

export function explainedJson(heading: Heading, explained: ExplainedStep): object {
  const { causes, locks, commands, touched, mapping, evicted, reclaimed, lost, charges } = explained;
  const ranges = [...commands, touched, evicted, mapping].filter((range) => range !== undefined);
  const more = ranges.reduce((sum, range) => sum + range.more, 0);
  const all = [...causes, ...commands.flatMap(({ cause }) => cause ?? [])];
  return {
    ...stepJson(heading, explained),
    ...causesJson(all),
    ...(mapping === undefined || mapping.told.length === 0 ? {} : { told: mapping.told }),
    ...(reclaimed.woken.length === 0 ? {} : { kswapd: reclaimed.woken }),
    ...(reclaimed.flushers.length === 0 ? {} : { flushers: reclaimed.flushers }),
    ...(reclaimed.written === 0 ? {} : { written: reclaimed.written }),
    ...(reclaimed.throttled.length === 0 ? {} : { throttled: reclaimed.throttled }),
    ...(reclaimed.ranges.length === 0 ? {} : { reclaimed: reclaimed.ranges }),
    ...(reclaimed.refaulted.length === 0 ? {} : { refaulted: reclaimed.refaulted }),
    ...(lost.lost.length === 0 ? {} : { lost: lost.lost }),
    ...(lost.met.length === 0 ? {} : { met: lost.met }),
    ...(reclaimed.killed.length === 0 ? {} : { killed: reclaimed.killed }),
    ...(charges.length === 0 ? {} : { charges }),
    ...(locks.length === 0 ? {} : { locks }),
    pages: ranges.flatMap((range) => Array.from(range.pages, pageJson)),
    ...(more === 0 ? {} : { more }),
  };
}

function changeJson(change: ChangeData): object {
  if (change.kind !== 'event' || change.reason === undefined) return change;
  return { ...change, text: reasonText(change.reason) };
}

export function followedJson(heading: Heading, followed: FollowedPage, step: FollowedStep): object {
  const { process, region, page } = followed;
  return {
    ...stepJson(heading, step),
    ...causesJson(step.causes),
    process,
    page: `${region}[${page}]`,
    changes: step.changes.map(changeJson),
    ...(step.now === undefined ? {} : { now: step.now }),
  };
}

/** The last line of a page that is followed: how often a driver moved it, and why, and how much of all moves is thrash. */
export function movesJson(
  heading: Heading,
  { process, region, page }: FollowedPage,
  moved: MovesData,
): object {
  return { ...heading, process, page: `${region}[${page}]`, ...moved };
}
