// SPDX-License-Identifier: GPL-2.0-only
/** States of many pages, kept in columns: pages that differ in their numbers alone share everything else. */
import type { PageState } from './observe.js';

/** What pages have in common; the numbers of the first that had it are left in. */
type Kind = PageState;

const sameDevices = (a: PageState['devices'], b: PageState['devices']): boolean =>
  a === b ||
  (a.length === b.length && a.every((one, i) => one.device === b[i]!.device && one.access === b[i]!.access));

function sameKind(a: Kind, b: PageState): boolean {
  return (
    a.where === b.where &&
    a.pte === b.pte &&
    a.level === b.level &&
    a.vma === b.vma &&
    a.device === b.device &&
    a.generic === b.generic &&
    a.nid === b.nid &&
    a.cpu === b.cpu &&
    sameDevices(a.devices, b.devices)
  );
}

/** page, folio, refcount, mapcount, kind. */
const COLUMNS = 5;

const FIRST_ROWS = 16;

export class PageStates {
  #length = 0;
  #rows: Int32Array;
  /** Beyond 32 bits. */
  #pfns: Float64Array;
  readonly #kinds: Kind[] = [];
  #last = -1;

  /** `rows`: for so many there is room at once. */
  constructor(rows = FIRST_ROWS) {
    this.#rows = new Int32Array(Math.max(rows, FIRST_ROWS) * COLUMNS);
    this.#pfns = new Float64Array(Math.max(rows, FIRST_ROWS));
  }

  get length(): number {
    return this.#length;
  }

  /** Kinds of pages that there are: what is retained as objects. */
  get kinds(): number {
    return this.#kinds.length;
  }

  push(state: PageState): void {
    const row = this.#length++;
    if (row === this.#pfns.length) this.#grow();
    const { page, folio, refcount, mapcount } = state;
    const at = row * COLUMNS;
    const rows = this.#rows;
    rows[at] = page;
    rows[at + 1] = folio;
    rows[at + 2] = refcount;
    rows[at + 3] = mapcount;
    rows[at + 4] = this.#kindOf(state);
    this.#pfns[row] = state.pfn;
  }

  at(index: number): PageState {
    const at = index * COLUMNS;
    const rows = this.#rows;
    const { where, generic, device, nid, level, vma, cpu, pte, devices } = this.kind(index);
    return {
      where,
      generic,
      device,
      page: rows[at]! as PageState['page'],
      folio: rows[at + 1]! as PageState['page'],
      pfn: this.#pfns[index]!,
      nid,
      level,
      vma,
      cpu,
      pte,
      refcount: rows[at + 2]!,
      mapcount: rows[at + 3]!,
      devices,
    };
  }

  /** A state that has all of the one at `index` but its numbers; the same one for all of its kind. */
  kind(index: number): PageState {
    return this.#kinds[this.#rows[index * COLUMNS + 4]!]!;
  }

  page(index: number): PageState['page'] {
    return this.#rows[index * COLUMNS]! as PageState['page'];
  }

  folio(index: number): PageState['page'] {
    return this.#rows[index * COLUMNS + 1]! as PageState['page'];
  }

  /** Whether the state at `index` differs from the one before it in its numbers alone. */
  isAlike(index: number): boolean {
    return this.kind(index) === this.kind(index - 1);
  }

  #kindOf(state: PageState): number {
    const last = this.#kinds[this.#last];
    if (last !== undefined && sameKind(last, state)) return this.#last;
    this.#last = this.#kinds.findIndex((kind) => sameKind(kind, state));
    if (this.#last < 0) this.#last = this.#kinds.push(state) - 1;
    return this.#last;
  }

  #grow(): void {
    const [rows, pfns] = [this.#rows, this.#pfns];
    this.#rows = new Int32Array(rows.length * 2);
    this.#rows.set(rows);
    this.#pfns = new Float64Array(pfns.length * 2);
    this.#pfns.set(pfns);
  }
}
