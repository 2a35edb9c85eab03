// SPDX-License-Identifier: GPL-2.0-only
/** Events of many pages, kept in columns: those that differ in their address and their pages alone share everything else. */
import type { TraceEvent } from '../mm/trace.js';

type Values = Readonly<Record<string, unknown>>;

/** Of kinds that were seen before, so many are looked at again. */
const LOOKED_AT = 16;

/** In place of an address, a page, or an `args.from` that an event does not have. */
const NO_NUMBER = -1;

/** The same values under the same names, but for the one that each has for itself. */
function sameValues(a: Values | undefined, b: Values | undefined, own = ''): boolean {
  if (a === b) return true;
  if (a === undefined || b === undefined) return false;
  let count = 0;
  for (const key in a) {
    if (!(key in b) || (key !== own && a[key] !== b[key])) return false;
    count++;
  }
  for (const _ in b) count--;
  return count === 0;
}

const refused = (event: TraceEvent): boolean => event.event === 'device_entry' && event.refused;

function isOfKind(kind: TraceEvent, event: TraceEvent): boolean {
  return (
    kind.event === event.event &&
    kind.fn === event.fn &&
    kind.mm === event.mm &&
    kind.tracepoint === event.tracepoint &&
    (kind.addr === undefined) === (event.addr === undefined) &&
    (kind.page === undefined) === (event.page === undefined) &&
    refused(kind) === refused(event) &&
    sameValues(kind.args, event.args, 'from') &&
    sameValues(kind.reason as Values | undefined, event.reason as Values | undefined)
  );
}

const numberOf = (value: unknown): number => (typeof value === 'number' ? value : NO_NUMBER);

export class EventList implements Iterable<TraceEvent> {
  #length = 0;
  readonly #kinds: TraceEvent[] = [];
  #last = -1;
  /** Kind, page, args.from. */
  #rows = new Int32Array(3 * 16);
  /** Beyond 32 bits. */
  #addresses = new Float64Array(16);

  get length(): number {
    return this.#length;
  }

  /** Kinds of events that there are: what is retained as objects. */
  get kinds(): number {
    return this.#kinds.length;
  }

  push(event: TraceEvent): void {
    const row = this.#length++;
    if (row === this.#addresses.length) this.#grow();
    const rows = this.#rows;
    rows[3 * row] = this.#kindOf(event);
    rows[3 * row + 1] = numberOf(event.page);
    rows[3 * row + 2] = numberOf((event.args as Values | undefined)?.from);
    this.#addresses[row] = event.addr ?? NO_NUMBER;
  }

  at(index: number): TraceEvent {
    const rows = this.#rows;
    const kind = this.#kinds[rows[3 * index]!]!;
    const args = kind.args !== undefined && 'from' in kind.args;
    return {
      ...kind,
      ...(kind.addr === undefined ? {} : { addr: this.addr(index) }),
      ...(kind.page === undefined ? {} : { page: rows[3 * index + 1] }),
      ...(args ? { args: { ...kind.args, from: rows[3 * index + 2] } } : {}),
    } as TraceEvent;
  }

  /** Of the event at `index`; -1 where it has none. */
  addr(index: number): number {
    return this.#addresses[index]!;
  }

  /** An event that has all of the one at `index` but its address and pages. */
  kind(index: number): TraceEvent {
    return this.#kinds[this.#rows[3 * index]!]!;
  }

  /** Whether the event at `index` names another page than the one it came from. */
  isMove(index: number): boolean {
    return this.#rows[3 * index + 1] !== this.#rows[3 * index + 2];
  }

  *[Symbol.iterator](): Generator<TraceEvent> {
    for (let i = 0; i < this.#length; i++) yield this.at(i);
  }

  #kindOf(event: TraceEvent): number {
    const kinds = this.#kinds;
    if (this.#last >= 0 && isOfKind(kinds[this.#last]!, event)) return this.#last;
    for (let i = kinds.length - 1; i >= Math.max(0, kinds.length - LOOKED_AT); i--) {
      if (isOfKind(kinds[i]!, event)) {
        this.#last = i;
        return i;
      }
    }
    this.#last = kinds.push(event) - 1;
    return this.#last;
  }

  #grow(): void {
    const [rows, addresses] = [this.#rows, this.#addresses];
    this.#rows = new Int32Array(rows.length * 2);
    this.#rows.set(rows);
    this.#addresses = new Float64Array(addresses.length * 2);
    this.#addresses.set(addresses);
  }
}
