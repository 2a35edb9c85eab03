// SPDX-License-Identifier: GPL-2.0-only
/** Which events of a command concern which of its pages, and where the command ended. */

import { reasonAbout } from '../machine/reasons.js';
import type { Reason } from '../mm/reasons.js';
import { type EventName, type TraceEvent, type TraceEventOf, tracedPages } from '../mm/trace.js';
import { NO_PAGE, type Page } from '../sim/memmap.js';
import { PAGE_SIZE } from '../uapi/mman.js';
import type { Call } from '../watch/call-watch.js';

/** Finds the events of a page without looking at all of them: a command may have many of both. */
class EventIndex {
  /** By page of the range, the number of the last event at its address; 0 for none. */
  readonly #atPage: Int32Array;
  /** The same by the negated number of a page that an event names alone; by 0, of those of whole ranges. */
  readonly #others = new Map<number, number>();
  /** By event, the number of the one before it of the same place. */
  readonly #before: Int32Array;

  constructor(private readonly call: Call) {
    const { events, before } = call;
    this.#before = new Int32Array(events.length);
    this.#atPage = new Int32Array(before.length);
    for (let i = 0; i < events.length; i++) this.#enter(i);
  }

  #enter(i: number): void {
    const { events, addr } = this.call;
    const kind = events.kind(i);
    if (kind.addr !== undefined && tracedPages(kind) === 1) {
      const index = Math.floor((events.addr(i) - addr) / PAGE_SIZE);
      if (!(index >= 0 && index < this.#atPage.length)) return;
      this.#before[i] = this.#atPage[index]!;
      this.#atPage[index] = i + 1;
      return;
    }
    const key = kind.addr === undefined ? -(events.at(i).page ?? NO_PAGE) : 0;
    this.#before[i] = this.#others.get(key) ?? 0;
    this.#others.set(key, i + 1);
  }

  near(index: number, page: Page, folio: Page): TraceEvent[] {
    const found: number[] = [];
    this.#collect(this.#atPage[index]!, found);
    if (this.#others.size > 0) {
      this.#collect(this.#others.get(0) ?? 0, found);
      if (page !== NO_PAGE) this.#collect(this.#others.get(-page) ?? 0, found);
      if (page !== NO_PAGE && folio !== page) this.#collect(this.#others.get(-folio) ?? 0, found);
    }
    if (found.length > 1) found.sort((a, b) => a - b);
    // Key 0 also has the events that name nothing.
    return found
      .map((i) => this.call.events.at(i))
      .filter((event) => event.addr !== undefined || (event.page ?? NO_PAGE) !== NO_PAGE);
  }

  /** Whether page `index` has the events of the one before it, each with its own numbers; false where it is not known. */
  isAlike(index: number): boolean {
    if (this.#others.size > 0) return false;
    let [own, before] = [this.#atPage[index]!, this.#atPage[index - 1]!];
    while (own > 0 && before > 0) {
      if (!this.#sameKind(own - 1, before - 1)) return false;
      [own, before] = [this.#before[own - 1]!, this.#before[before - 1]!];
    }
    return own === before;
  }

  #sameKind(a: number, b: number): boolean {
    const { events } = this.call;
    const kind = events.kind(a);
    if (kind !== events.kind(b) || events.isMove(a) !== events.isMove(b)) return false;
    // Who holds a page is no part of the event.
    return kind.event !== 'skip' || reasonAbout(kind.reason) !== 'references';
  }

  #collect(last: number, into: number[]): void {
    for (let i = last; i > 0; i = this.#before[i - 1]!) into.push(i - 1);
  }
}

const indices = new WeakMap<Call, EventIndex>();

function eventIndex(call: Call): EventIndex {
  let index = indices.get(call);
  if (index === undefined) {
    index = new EventIndex(call);
    indices.set(call, index);
  }
  return index;
}

/** Whether page `index` of a command has the events of the page before it, up to their numbers. */
export function hasEventsAlike(call: Call, index: number): boolean {
  return eventIndex(call).isAlike(index);
}

/** The events of a command that concern page `index` of it, in their order. */
export function eventsOf(call: Call, index: number): TraceEvent[] {
  const addr = call.addr + index * PAGE_SIZE;
  const { page, folio } = call.before.at(index);
  return eventIndex(call)
    .near(index, page, folio)
    .filter((event) => {
      if (event.addr === undefined) return true;
      if (event.mm !== undefined && event.mm !== call.mm) return false;
      return event.addr <= addr && addr < event.addr + tracedPages(event) * PAGE_SIZE;
    });
}

export function last<E extends EventName>(
  events: Iterable<TraceEvent>,
  name: E,
): TraceEventOf<E> | undefined {
  let found: TraceEventOf<E> | undefined;
  for (const event of events) if (event.event === name) found = event as TraceEventOf<E>;
  return found;
}

// --- where a command ended --------------------------------------------------------------------------------

/** The end of a walk over the range: at an address, for a reason. */
export interface Stop {
  readonly fn: string;
  readonly addr: number;
  readonly reason: Reason;
}

/** Events that may end a walk. */
const ENDS: ReadonlySet<EventName> = new Set<EventName>(['hmm_fault_failed', 'gup_stopped', 'skip']);

function asStop(event: TraceEvent): Stop | undefined {
  if (event.event === 'hmm_fault_failed' || event.event === 'gup_stopped') return event;
  if (event.event !== 'skip' || event.addr === undefined) return undefined;
  return reasonAbout(event.reason) === 'mapping' ? { ...event, addr: event.addr } : undefined;
}

/** What ended a command that answered an error; undefined when none did. */
export function stopOf(call: Call): Stop | undefined {
  if (call.ret === 0) return undefined;
  for (let i = call.events.length - 1; i >= 0; i--) {
    if (!ENDS.has(call.events.kind(i).event)) continue;
    const stop = asStop(call.events.at(i));
    if (stop !== undefined) return stop;
  }
  return undefined;
}

/** Index of the page that ended the command with an error; -1 when none did. */
export function stopIndex(call: Call): number {
  const stop = stopOf(call);
  return stop === undefined ? -1 : (stop.addr - call.addr) / PAGE_SIZE;
}

/** Is the address space gone that the device mirrors? */
export function isGone(call: Call): boolean {
  return call.ret !== 0 && call.mm.mm_users === 0;
}
