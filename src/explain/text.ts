// SPDX-License-Identifier: GPL-2.0-only
/** Explanations as lines: the one place where verdicts become words. */

import { reasonText } from '../machine/reasons.js';
import { placeText } from '../watch/observe.js';
import type { Told } from './change.js';
import { MOVED_BY } from './moves.js';
import { CLEAN } from './reclaimed.js';
import { rowLines } from './rows.js';
import type {
  Beside,
  Cause,
  CommandExplanation,
  CountedFact,
  Fact,
  Finding,
  FindingId,
  Findings,
  RangeVerdicts,
  Verdict,
  Why,
} from './verdict.js';

// --- reasons ----------------------------------------------------------------------------------------------

/** The places of a fact in words. */
interface Places {
  readonly from: string;
  readonly to: string;
}

type FindingTexts = {
  readonly [I in FindingId]: string | ((finding: Findings[I], places: Places) => string);
};

const message = (end: { readonly message: string }): string => end.message;

export const findingTexts: FindingTexts = {
  moved: ({ split }, { from, to }) => `${from}${split ? ', split and zero-filled' : ''} -> ${to}`,
  'moved-by': ({ by }, { from, to }) => `${from} -> ${to}, ${MOVED_BY[by]}`,
  'made-exclusive': (_, { to }) => to,
  'moved-exclusive': (_, { from, to }) => `${from} -> ${to}`,
  'nothing-was-mapped': (_, { to }) => `nothing was mapped: ${to}`,
  'zero-page-mapped': 'zero page, mapped already',
  'zero-page-copied': (_, { to }) => `zero page, copied on write: ${to}`,
  'mapped-already': (_, { to }) => `${to}, mapped already`,
  'made-accessible': (_, { to }) => `mapped already, PROT_NONE until this fault: ${to}`,
  'brought-back': ({ device }, { to }) => `brought back from ${device}: ${to}`,
  'read-from-swap': (_, { to }) => `read from swap: ${to}`,
  'kept-exclusive': (_, { to }) => to,
  'exclusive-given-back': (_, { to }) => `exclusive access given back: ${to}`,
  'copied-on-write': ({ holder }, { from, to }) => {
    const kept = holder === undefined ? '' : `, ${holder} keeps the page before`;
    return `copied on write: ${from} -> ${to}${kept}`;
  },
  'made-writable': (_, { to }) => `made writable: ${to}`,
  'as-it-was': (_, { from }) => from,
  'no-fault': (_, { to }) => `no fault: ${to}`,
  'mapped-around': ({ by }, { to }) => `mapped by the fault of ${by}: ${to}`,
  'in-device-table': (_, { to }) => `in the device table already: ${to}`,
  'nothing-to-bring-back': (_, { from }) => `${from}: nothing to bring back`,
  changed: ({ moved, cpu, entry, devices = [] }, { from, to }) => {
    const place = moved === true ? [`${from} -> ${to}`] : [to];
    const access = cpu === undefined ? (entry ?? []) : `CPU ${cpu}`;
    return [...place, access, ...devices].flat().join(', ');
  },
  'dropped-clean': ({ devices = [] }, { from, to }) => [`${from} -> ${to}`, CLEAN, ...devices].join(', '),
  'not-for-children': 'no VMA in the child: MADV_DONTFORK',
  'wiped-for-children': 'nothing mapped in the child: MADV_WIPEONFORK',
  'left-to-faults': (_, { from }) => `${from}: faults of the child will find it`,
  'copied-for-child': ({ holder }, { from, to }) => {
    const held = holder === undefined ? '' : `, held by ${holder}`;
    return `pinned${held}: ${from} stays the parent's, the child gets ${to}`;
  },
  inherited: ({ holder, split, cpu, entry, devices = [] }, { to }) => {
    const access = cpu === undefined ? (entry ?? []) : `CPU ${cpu}`;
    const both = [access].flat().map((words) => `${words} in both`);
    const held = holder === undefined ? [] : [`held by ${holder} without a pin`];
    return [`${to}${split ? ', huge page split' : ''}`, ...held, ...both, ...devices].join(', ');
  },
  'exclusive-restored': 'exclusive entry restored',
  seen: ({ protNone }, { to }) => `${to}${protNone ? ', PROT_NONE' : ''}`,
  'remote-not-faulted': (_, { to }) => `wrong owner, and a snapshot faults nothing in: ${to}`,
  'entry-not-faulted': ({ pte }) => `${pte} entry, and a snapshot faults nothing in`,
  'prot-none': 'PROT_NONE',
  'beyond-file-end': 'beyond the end of the file',
  'kernel-died': 'the kernel died before',
  'process-gone': ({ process }) => `${process} is no more`,
  'address-space-gone': 'the mirrored address space is gone',
  'pages-before-stay': 'pages before stay',
  'stopped-at': ({ page }) => `stopped at ${page}`,
  'atomic-access': ({ device, page }) => `${device} has atomic access to ${page}`,
  'not-all-exclusive': 'not every page became exclusive',
  'buffer-inaccessible': "the caller's buffer ends too early, or is not accessible",
  'not-in-device-table': ({ page }) => `${page} is not in the device table`,
  'command-refused': 'the range is empty or wraps around, or there is no such command',
  'request-refused': 'the range is empty or wraps around, or what the request needs was not set up before',
  oops: message,
  hang: message,
  violation: message,
};

const isFinding = (why: Why): why is Finding => Object.hasOwn(findingTexts, why.id);

function besideText({ device, holder, stays }: Beside, to: string): string {
  const held = holder === undefined ? '' : `, held by ${holder}`;
  const on = device === undefined ? '' : `: on ${device}`;
  return `${held}${on}${stays ? `: stays ${to}` : ''}`;
}

/** A reason in words, with the places that its words name. */
export function factText({ reason, from, to }: Fact): string {
  const places = {
    from: from === undefined ? '' : placeText(from),
    to: to === undefined ? '' : placeText(to),
  };
  if (!isFinding(reason)) return `${reasonText(reason)}${besideText(reason, places.to)}`;
  const text = findingTexts[reason.id] as string | ((finding: Finding, places: Places) => string);
  return typeof text === 'string' ? text : text(reason, places);
}

/** Everything that happened to the page, the last of which decided. */
export function verdictText(verdict: Verdict): string {
  const counted = ({ times = 1, ...fact }: CountedFact): string =>
    times === 1 ? factText(fact) : `${factText(fact)} (${times} times)`;
  return [...(verdict.earlier ?? []), verdict].map(counted).join('; then ');
}

/** "dmirror_migrate: no VMA at r0[3]"; where no function decided, the reason alone. */
export function causeText(cause: Cause): string {
  const { fn, at } = cause;
  const where = fn === '' ? '' : `${fn}: `;
  return `${where}${factText(cause)}${at === undefined ? '' : ` at ${at}`}`;
}

// --- lines ------------------------------------------------------------------------------------------------

export function causeLines(causes: readonly Cause[]): string[] {
  return causes.map((cause) => `  because ${causeText(cause)}`);
}

/** What the kernel warned of in a step. */
export function warningLines(warnings: readonly string[]): string[] {
  return warnings.map((text) => `  WARNING ${text}`);
}

/** A line a page, and one about the pages that are not told of. */
export function rangeLines({ pages, more }: RangeVerdicts): string[] {
  return [...rowLines(pages, verdictText), ...(more > 0 ? [`  ... and ${more} more pages`] : [])];
}

function toldLine({ notify, range, atATime }: Told): string {
  const parts =
    atATime === undefined ? '' : atATime === 1 ? ', page by page' : `, ${atATime} pages at a time`;
  return `  tells the mirrors ${notify} ${range}${parts}`;
}

/** What became of the pages, and first whom the kernel told. */
export function mappingLines({ told, ...range }: RangeVerdicts & { told: readonly Told[] }): string[] {
  return [...told.map(toldLine), ...rangeLines(range)];
}

export function commandLines(command: CommandExplanation): string[] {
  return [...causeLines(command.cause === undefined ? [] : [command.cause]), ...rangeLines(command)];
}
