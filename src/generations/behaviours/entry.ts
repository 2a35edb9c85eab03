// SPDX-License-Identifier: GPL-2.0-only
/** A behaviour in which kernels differ: which kernels have it, and what it comes to in one of them. */
import { holds, type Versions } from '../version.js';

export { NEVER } from '../version.js';

/** Which kernel, and which driver in it. */
export interface Origin {
  /** Of the memory core. */
  readonly version: string;
  /** The posting that the driver is from; without one, the driver is the kernel's own. */
  readonly posting?: string;
}

/**
 * What goes as expected on this kernel, and otherwise as soon as the behaviour alone is the other way round: a recorded
 * scenario by its name, whose first word is that of its file under test/golden; a scenario by its path below test/; or,
 * for what no step can do, a program of test/generations/programs.ts.
 */
export type Witness = { readonly kernel: string } & (
  | { readonly recording: string }
  | { readonly scenario: string }
  | { readonly program: string }
);

/** Every behaviour has a witness, or says why there can be none. */
type Proof =
  | { readonly witness: Witness; readonly unproven?: never }
  | { readonly unproven: string; readonly witness?: never };

interface Common {
  /** One line: what holds where the behaviour is true. */
  readonly what: string;
  /** Kernel file and function that decides. */
  readonly source: string;
  /** One of the releases below: it changed there or earlier, but behind the kernel before it that is here. */
  readonly by?: string;
}

/** From `since` (or ever) to `until` (or for ever). */
export interface Span {
  readonly since?: Versions;
  readonly until?: Versions;
}

/** The kernels of which something is true. */
export interface Kernels extends Span {
  /** Releases in between of which it is not: a bug came, and went. */
  readonly except?: Required<Span>;
  /** Series that were posted and differ from the kernel that they stand on here. */
  readonly postings?: Readonly<Record<string, boolean>>;
}

interface FlagEntry extends Common, Kernels {}

/** A number, before and after. */
interface NumberEntry extends Common {
  readonly values: readonly [before: number, after: number];
  readonly since: Versions;
  readonly postings?: Readonly<Record<string, number>>;
}

/** When it holds, and in which kernels. */
export type Resolvable = FlagEntry | NumberEntry;

export type Entry = Resolvable & Proof;
export type Entries = Readonly<Record<string, Entry>>;

const began = (version: string, { since }: Span): boolean => since === undefined || holds(version, since);

const spans = (version: string, span: Span): boolean =>
  began(version, span) && !(span.until !== undefined && holds(version, span.until));

/** Is this kernel one of `kernels`? */
export function isAmong(kernels: Kernels, { version, posting }: Origin): boolean {
  const posted = posting === undefined ? undefined : kernels.postings?.[posting];
  if (posted !== undefined) return posted;
  return spans(version, kernels) && !(kernels.except !== undefined && spans(version, kernels.except));
}

/** The value of `entry` in one kernel. */
export function valueIn(entry: Resolvable, origin: Origin): boolean | number {
  if (!('values' in entry)) return isAmong(entry, origin);
  const posted = origin.posting === undefined ? undefined : entry.postings?.[origin.posting];
  return posted ?? entry.values[began(origin.version, entry) ? 1 : 0];
}
