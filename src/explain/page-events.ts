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
  /** Events by what they name: an address, or the negated number of a page; 0 for those of whole ranges. */
  readonly #places = new Map<number, number[]>();

  constructor(private readonly events: readonly TraceEvent[]) {
    for (const [i, event] of events.entries()) {
      const { addr, page = NO_PAGE } = event;
      const key = addr === undefined ? -page : tracedPages(event) === 1 ? addr : 0;
      const at = this.#places.get(key);
      if (at === undefined) this.#places.set(key, [i]);
      else at.push(i);
    }
  }

  near(addr: number, page: Page, folio: Page): TraceEvent[] {
    const keys = new Set([addr, 0, ...(page === NO_PAGE ? [] : [-page, -folio])]);
    const found = [...keys].flatMap((key) => this.#places.get(key) ?? []);
    const own = found.map((i) => [i, this.events[i]!] as const).sort(([a], [b]) => a - b);
    // Key 0 also has the events that name nothing.
    return own
      .map(([, event]) => event)
      .filter((event) => event.addr !== undefined || (event.page ?? NO_PAGE) !== NO_PAGE);
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
  const { page, folio } = call.before[index]!;
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
