// SPDX-License-Identifier: GPL-2.0-only
/**
 * What explanations are made of: verdicts as data. Their reasons are the core's and the drivers', and findings of
 * whoever looks at pages before and after; `text.ts` has the words for all of them.
 */
import type { MigrationCause } from '../kernel/driver-events.js';
import type { Reason } from '../mm/reasons.js';
import type { Place } from '../watch/observe.js';

type None = Readonly<Record<never, never>>;

/** The values of each finding, by its id. `page` is a page's name. */
export interface Findings {
  // What became of the page.
  moved: { readonly split?: true };
  /** Not by the command itself, but by a driver on the way: why. */
  'moved-by': { readonly by: MigrationCause };
  'made-exclusive': None;
  'moved-exclusive': None;
  'nothing-was-mapped': None;
  'zero-page-mapped': None;
  'zero-page-copied': None;
  'mapped-already': None;
  'made-accessible': None;
  'brought-back': { readonly device: string };
  'read-from-swap': None;
  'kept-exclusive': None;
  'exclusive-given-back': None;
  /** `holder`: who keeps the page that was copied. */
  'copied-on-write': { readonly holder?: string };
  'made-writable': None;
  'as-it-was': None;
  'no-fault': None;
  /** `by`: the page whose fault mapped it, too. */
  'mapped-around': { readonly by: string };
  'in-device-table': None;
  'nothing-to-bring-back': None;
  /** A page of a memory file that was given up as it was. */
  'dropped-clean': { readonly devices?: readonly string[] };
  changed: {
    readonly moved?: true;
    readonly cpu?: string;
    readonly entry?: string;
    readonly devices?: readonly string[];
  };
  // What a child got.
  'not-for-children': None;
  'wiped-for-children': None;
  'left-to-faults': None;
  'copied-for-child': { readonly holder?: string };
  inherited: {
    /** Who keeps the page without a pin. */
    readonly holder?: string;
    readonly split?: true;
    readonly cpu?: string;
    readonly entry?: string;
    readonly devices?: readonly string[];
  };
  'exclusive-restored': None;
  // What a snapshot saw.
  seen: { readonly protNone?: true };
  'remote-not-faulted': None;
  'entry-not-faulted': { readonly pte: string };
  // Why the CPU got a signal, beyond what the core has reasons for.
  'prot-none': None;
  'beyond-file-end': None;
  // Why a page was not reached.
  'kernel-died': None;
  'address-space-gone': None;
  'process-gone': { readonly process: string };
  'pages-before-stay': None;
  'stopped-at': { readonly page: string };
  // Why a whole command, or system call, answered an error.
  'atomic-access': { readonly device: string; readonly page: string };
  'not-all-exclusive': None;
  'buffer-inaccessible': None;
  'not-in-device-table': { readonly page: string };
  'command-refused': None;
  /** Of a driver that is no test_hmm: an unknown request is ENOTTY there. */
  'request-refused': None;
  // The end of the machine: the messages of an oops and a hang, and a checker's finding, are prose.
  oops: { readonly message: string };
  hang: { readonly message: string };
  violation: { readonly message: string };
}

export type FindingId = keyof Findings;

export type Finding = { [I in FindingId]: { readonly id: I } & Findings[I] }[FindingId];

/** What the core leaves unsaid when it gives a reason. */
export interface Beside {
  /** Name of the device that the page is on, for reasons that are about it. */
  readonly device?: string;
  /** Who holds the page, where that is known. */
  readonly holder?: string;
  /** A fault that ends well leaves the page where it was. */
  readonly stays?: true;
}

export type Why = Finding | (Reason & Beside);

/** A reason, and where the page was before and is after. */
export interface Fact {
  readonly reason: Why;
  readonly from?: Place;
  readonly to?: Place;
}

/** A fact that came true several times, one right after the other. */
export interface CountedFact extends Fact {
  readonly times?: number;
}

export interface Verdict extends CountedFact {
  /** In a word or two: migrated, stays, READ|WRITE, SIGBUS ... */
  readonly verdict: string;
  /** The kernel function that decided; empty where none had to. */
  readonly fn: string;
  /** What happened to the page before that, in the same step. */
  readonly earlier?: readonly CountedFact[];
}

export interface PageVerdict extends Verdict {
  /** r0[1], or an address. */
  readonly page: string;
}

/** Verdicts on the pages of a range, made one by one as they are asked for: a range may have a quarter of a million. */
export class Verdicts implements Iterable<PageVerdict> {
  /**
   * `isAlike`: whether a page's verdict is known to differ from that of the page before it in its name and its pfns
   * alone; asked of every page of a long range, so that it makes nothing.
   */
  constructor(
    readonly length: number,
    private readonly make: (index: number) => PageVerdict,
    private readonly isAlike?: (index: number) => boolean,
  ) {}

  at(index: number): PageVerdict {
    return this.make(index);
  }

  /** From `index` on, the first page of which it is not known that it is told as the page before it. */
  skipAlike(index: number): number {
    if (this.isAlike === undefined) return index;
    let next = index;
    while (next < this.length && this.isAlike(next)) next++;
    return next;
  }

  *[Symbol.iterator](): Generator<PageVerdict> {
    for (let index = 0; index < this.length; index++) yield this.make(index);
  }
}

export const NO_VERDICTS = new Verdicts(0, () => {
  throw new RangeError('no pages');
});

/** Why a step, or a command, answered what it did. */
export interface Cause {
  /** Empty for the end of the machine. */
  readonly fn: string;
  readonly reason: Why;
  /** The page at which it ended. */
  readonly at?: string;
}

/** What became of the pages of one range; of long ones, only the first are told of. */
export interface RangeVerdicts {
  readonly pages: Verdicts;
  readonly more: number;
}

export interface CommandExplanation extends RangeVerdicts {
  readonly cause?: Cause;
}
