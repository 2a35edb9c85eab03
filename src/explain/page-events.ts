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
  /** The last event by what it names: an address, or the negated number of a page; 0 for those of whole ranges. */
  readonly #last = new Map<number, number>();
  /** By event, the one before it of the same place; -1 for the first. */
  readonly #before: Int32Array;

  constructor(private readonly events: readonly TraceEvent[]) {
    this.#before = new Int32Array(events.length);
    for (const [i, event] of events.entries()) {
      const { addr, page = NO_PAGE } = event;
      const key = addr === undefined ? -page : tracedPages(event) === 1 ? addr : 0;
      this.#before[i] = this.#last.get(key) ?? -1;
      this.#last.set(key, i);
    }
  }

  near(addr: number, page: Page, folio: Page): TraceEvent[] {
    const found: number[] = [];
    this.#collect(addr, found);
    this.#collect(0, found);
    if (page !== NO_PAGE) this.#collect(-page, found);
    if (page !== NO_PAGE && folio !== page) this.#collect(-folio, found);
    if (found.length > 1) found.sort((a, b) => a - b);
    // Key 0 also has the events that name nothing.
    return found
      .map((i) => this.events[i]!)
      .filter((event) => event.addr !== undefined || (event.page ?? NO_PAGE) !== NO_PAGE);
  }

  #collect(key: number, into: number[]): void {
    for (let i = this.#last.get(key) ?? -1; i >= 0; i = this.#before[i]!) into.push(i);
  }
}

const indices = new WeakMap<Call, EventIndex>();

function eventIndex(call: Call): EventIndex {
  let index = indices.get(call);
  if (index === undefined) {
    index = new EventIndex(call.events);
    indices.set(call, index);
  }
  return index;
}

/** The events of a command that concern page `index` of it, in their order. */
export function eventsOf(call: Call, index: number): TraceEvent[] {
  const addr = call.addr + index * PAGE_SIZE;
  const { page, folio } = call.before.at(index);
  return eventIndex(call)
    .near(addr, page, folio)
    .filter((event) => {
      if (event.addr === undefined) return true;
      if (event.mm !== undefined && event.mm !== call.mm) return false;
      return event.addr <= addr && addr < event.addr + tracedPages(event) * PAGE_SIZE;
    });
}

export function last<E extends EventName>(
  events: readonly TraceEvent[],
  name: E,
): TraceEventOf<E> | undefined {
  return events.filter((event): event is TraceEventOf<E> => event.event === name).at(-1);
}

// --- where a command ended --------------------------------------------------------------------------------

/** The end of a walk over the range: at an address, for a reason. */
export interface Stop {
  readonly fn: string;
  readonly addr: number;
  readonly reason: Reason;
}

function asStop(event: TraceEvent): Stop | undefined {
  if (event.event === 'hmm_fault_failed' || event.event === 'gup_stopped') return event;
  if (event.event !== 'skip' || event.addr === undefined) return undefined;
  return reasonAbout(event.reason) === 'mapping' ? { ...event, addr: event.addr } : undefined;
}

/** What ended a command that answered an error; undefined when none did. */
export function stopOf(call: Call): Stop | undefined {
  if (call.ret === 0) return undefined;
  for (let i = call.events.length - 1; i >= 0; i--) {
    const stop = asStop(call.events[i]!);
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
