// SPDX-License-Identifier: GPL-2.0-only
/**
 * Drivers from outside of the tree: where in their files something was done. What the kernel finds wrong is told with
 * the line of the driver that did it.
 */
import type { Kernel } from '../mm/kernel.js';
import { compound_head, folio_mapping_of_file, PG_dirty } from '../mm/page_flags.js';
import type { MmStruct } from '../mm/types.js';
import { Hang, InvariantViolation, KernelBug } from '../sim/errors.js';
import type { Page } from '../sim/memmap.js';
import { isOurs, siteIn } from '../sim/stranger.js';

let outsiders = 0;

/** Frames of a stack that are looked at: a driver is not far from what it calls, but what calls it may be. */
const NEAR = 12;
const FAR = 100;

/** What drivers of one kernel have, by the line that took it. */
interface Taken {
  /** Locks, by themselves. */
  readonly locks: Map<object, { readonly name: string; readonly site: string }>;
  /** Pages that were allocated, taken from a device's memory, or referenced. */
  readonly pages: Map<Page, string>;
  /** Of the address spaces that have notifiers. */
  readonly notifiers: Map<number, string>;
  /** Clean pages of files that their devices have written to. */
  readonly written: Map<Page, string>;
  /** Of these, the ones that reclaim has dropped as they were. */
  readonly lost: string[];
}

const taken = new WeakMap<Kernel, Taken>();

/** Calls of functions that may sleep, which nobody has begun. */
const pending = new Set<PendingCall>();

/** From now on, whose lines are asked for: a driver's, or nobody's. */
export function expectOutsiders(): void {
  outsiders++;
}

function withFrames<T>(limit: number, body: () => T): T {
  const before = Error.stackTraceLimit;
  Error.stackTraceLimit = limit;
  try {
    return body();
  } finally {
    Error.stackTraceLimit = before;
  }
}

/** The line of a driver that is at work: "mirror.js:42"; null when none is. */
function hereInDriver(): string | null {
  if (outsiders === 0) return null;
  const stack = withFrames(NEAR, () => new Error('here').stack ?? '');
  return siteIn(stack)?.place ?? null;
}

/** The line of a driver that the kernel serves, however far it is; null when it serves none. */
export function driverBehind(): string | null {
  const site = siteIn(withFrames(FAR, () => new Error('here').stack ?? ''));
  return site?.inKernel === true ? site.place : null;
}

/** Stacks reach from what a driver does to the call that it serves. */
export function keepLongStacks(): void {
  Error.stackTraceLimit = Math.max(Error.stackTraceLimit, FAR);
}

function takenIn(k: Kernel): Taken {
  let found = taken.get(k);
  if (found === undefined) {
    found = { locks: new Map(), pages: new Map(), notifiers: new Map(), written: new Map(), lost: [] };
    taken.set(k, found);
  }
  return found;
}

// --- what drivers take ------------------------------------------------------------------------------------

export function noteLock(k: Kernel, lock: object, name: string): void {
  const site = hereInDriver();
  if (site !== null) takenIn(k).locks.set(lock, { name, site });
}

export function noteUnlock(k: Kernel, lock: object): void {
  taken.get(k)?.locks.delete(lock);
}

export function notePage(k: Kernel, page: Page): void {
  const site = hereInDriver();
  if (site !== null) takenIn(k).pages.set(page, site);
}

export function noteNotifier({ kernel, id }: MmStruct): void {
  const site = hereInDriver();
  if (site !== null) takenIn(kernel).notifiers.set(id, site);
}

/** A driver writes to the page for its device, past the page tables. */
export function noteWritten(k: Kernel, page: Page): void {
  const folio = compound_head(k.mem, page);
  if (folio_mapping_of_file(k, folio) === null || (k.mem.flags[folio]! & PG_dirty) !== 0) return;
  const site = hereInDriver();
  if (site === null) return;
  takenIn(k).written.set(folio, site);
  k.cacheWatch ??= {
    droppedClean: (dropped) => noteDropped(k, dropped),
    left: (gone) => noteMarked(k, gone),
  };
}

function noteDropped(k: Kernel, folio: Page): void {
  const { written, lost } = takenIn(k);
  const site = written.get(folio);
  if (site !== undefined) lost.push(`pfn 0x${k.mem.page_to_pfn(folio).toString(16)} was written at ${site}`);
  written.delete(folio);
}

/** The page is marked, or its file has it no longer. */
export function noteMarked(k: Kernel, page: Page): void {
  taken.get(k)?.written.delete(compound_head(k.mem, page));
}

/** What devices have written and reclaim has dropped since this was last asked. */
export function lostWrites(k: Kernel): readonly string[] {
  return taken.get(k)?.lost.splice(0) ?? [];
}

const FORGOTTEN = 'was called without "yield*", so that it never ran';

/** A call that begins when `yield*` asks for it. */
export class PendingCall {
  readonly #site = hereInDriver();

  constructor(
    readonly name: string,
    readonly begin: () => unknown,
  ) {
    assertBegun();
    pending.add(this);
  }

  [Symbol.iterator](): unknown {
    pending.delete(this);
    return this.begin();
  }

  get told(): string {
    const at = this.#site === null ? '' : ` (${this.#site})`;
    return `${this.name}() ${FORGOTTEN}${at}`;
  }
}

/** Throws KernelBug where a driver has called what it does not wait for. */
export function assertBegun(): void {
  const [call] = pending;
  if (call === undefined) return;
  pending.clear();
  throw new KernelBug(call.name, call.told);
}

// --- what is told -----------------------------------------------------------------------------------------

/** The lines behind a finding: the driver's own one, and those that took the locks and pages that it is about. */
function because(k: Kernel, reason: string, stack: string): string {
  if (reason.includes(FORGOTTEN)) return reason;
  const { locks, pages } = taken.get(k) ?? { locks: new Map(), pages: new Map() };
  const site = siteIn(stack);
  const notes = site?.inKernel === true && !reason.includes(site.place) ? [`at ${site.place}`] : [];
  if (/lock|atomic|sleeping|waits for ever|time limit/.test(reason)) {
    for (const { name, site } of locks.values()) notes.push(`${name} was taken at ${site}`);
  }
  for (const [page, site] of pages) {
    const pfn = `pfn 0x${k.mem.page_to_pfn(page).toString(16)}`;
    if (new RegExp(`${pfn}(?![0-9a-f])`).test(reason)) notes.push(`${pfn} was taken at ${site}`);
  }
  return notes.length === 0 ? reason : `${reason} (${notes.join('; ')})`;
}

/** Who should have heard of it: a device table that is wrong missed a notifier, or does not heed it. */
function unheard(k: Kernel, finding: string): string {
  const [, id] = /, mm (\d+),/.exec(finding) ?? [];
  const site = taken.get(k)?.notifiers.get(Number(id));
  return site === undefined ? ' (it has no notifier there)' : ` (its notifier was inserted at ${site})`;
}

/** Pages in use that a driver took, where more are in use than should be: line by line, how many. */
function leaked(k: Kernel): string {
  const counts = new Map<string, number>();
  for (const [page, site] of taken.get(k)?.pages ?? []) {
    if (k.is_zone_device_page(page) && !k.has_pgmap(page)) continue;
    if (k.mem.refcount[page]! > 0) counts.set(site, (counts.get(site) ?? 0) + 1);
  }
  const told = [...counts].map(([site, count]) => `${count} taken at ${site}`);
  return told.length === 0 ? '' : ` (${told.join('; ')})`;
}

/** What ended a machine that has drivers from outside: with their lines, and never as a mistake of the machine. */
export function blamed(error: unknown, k: Kernel): unknown {
  const [call] = pending;
  if (call !== undefined) {
    // Whatever came after it came of it.
    pending.clear();
    return new KernelBug(call.name, call.told);
  }
  if (!(error instanceof Error)) return error;
  const { stack = '' } = error;
  if (error instanceof KernelBug) return new KernelBug(error.fn, because(k, error.reason, stack));
  if (error instanceof Hang) return new Hang(error.where, because(k, error.reason, stack));
  if (error instanceof InvariantViolation) {
    const { checker, finding } = error;
    if (checker === 'device table')
      return new InvariantViolation(checker, `${finding}${unheard(k, finding)}`);
    const told = because(k, finding, stack);
    return new InvariantViolation(checker, checker === 'leak' ? `${told}${leaked(k)}` : told);
  }
  const site = siteIn(stack);
  if (site === null || !site.inKernel || isOurs(error)) return error;
  return new KernelBug(site.fn, `${error.name}: ${error.message} (at ${site.place})`);
}
