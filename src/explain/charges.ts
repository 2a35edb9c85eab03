// SPDX-License-Identifier: GPL-2.0-only
/** Memory cgroups: which pages a step has charged to which, and moved from one to another; who charged what is there. */
import { reasonText } from '../machine/reasons.js';
import type { Kernel } from '../mm/kernel.js';
import { folio_nr_pages } from '../mm/page_flags.js';
import type { Reason } from '../mm/reasons.js';
import { rmap_places } from '../mm/rmap.js';
import type { MmStruct } from '../mm/types.js';
import { placeOf } from '../scenario/actor.js';
import { rangeText, regionName } from '../scenario/place.js';
import { PAGE_SIZE, type Page } from '../sim/memmap.js';
import type { ChargeEvent } from '../watch/call-watch.js';

/** What became of the charge of pages in a row. */
export interface ChargedRange {
  readonly what: 'charged' | 'moved' | 'left' | 'has';
  /** Who maps them, and where; empty for those that nobody maps. */
  readonly process: string;
  readonly range: string;
  readonly pages: number;
  /** The cgroup that has them now. */
  readonly memcg: string;
  /** The one that had them. */
  readonly from?: string;
  /** Who charged them. */
  readonly by?: string;
  /** Empty for 'has'. */
  readonly fn: string;
  readonly reason?: Reason;
}

/** Ranges that are told of. */
const MAX_RANGES = 16;

/** Pages in a row that fared alike; null: nobody maps them. */
interface Run extends Omit<ChargedRange, 'process' | 'range' | 'pages'> {
  readonly at: { readonly mm: MmStruct; readonly addr: number } | null;
  pages: number;
}

type Fate = Omit<Run, 'at' | 'pages'>;

const alike = (a: Fate, b: Fate): boolean =>
  a.what === b.what &&
  a.memcg === b.memcg &&
  a.from === b.from &&
  a.by === b.by &&
  a.reason?.id === b.reason?.id;

/** Collects of a whole scenario who charged what, and of a step what became of charges. */
export class Charges {
  /** By folio. */
  readonly #by = new Map<Page, string>();
  #events: ChargeEvent[] = [];

  /** `by`: who takes the step. */
  note(event: ChargeEvent, by: string): void {
    this.#events.push(event);
    if (event.event === 'mem_cgroup_charge') {
      this.#by.set(event.page, by);
    } else if (event.event === 'mem_cgroup_migrate') {
      const had = this.#by.get(event.args.from);
      if (had !== undefined) this.#by.set(event.page, had);
      this.#by.delete(event.args.from);
    }
  }

  /** What became of charges since the last time. `asked`: the cgroup of which everything is told that is charged to it. */
  take(k: Kernel, nameOf: (mm: MmStruct) => string, asked?: string): ChargedRange[] {
    const runs: Run[] = [];
    for (const event of this.#events) {
      if (event.event !== 'mem_cgroup_migrate') push(k, runs, event.page, this.#fateOf(event));
    }
    this.#events = [];
    for (const [folio, { name }] of asked === undefined ? [] : (k.memcgs?.ofFolio ?? [])) {
      const by = this.#by.get(folio);
      const fate: Fate = { what: 'has', memcg: name, fn: '', ...(by === undefined ? {} : { by }) };
      if (name === asked) push(k, runs, folio, fate);
    }
    return runs.slice(0, MAX_RANGES).map((run) => told(run, nameOf));
  }

  #fateOf(event: Exclude<ChargeEvent, { event: 'mem_cgroup_migrate' }>): Fate {
    const { fn, args } = event;
    if (event.event === 'mem_cgroup_charge') return { what: 'charged', fn, memcg: args.memcg };
    if (event.event === 'mem_cgroup_move_account')
      return { what: 'moved', fn, memcg: event.args.memcg, from: event.args.from };
    return { what: 'left', fn, memcg: args.memcg, reason: event.reason };
  }
}

/** Where the first who maps it has it; in the row of the last run, where it lies behind that. */
function push(k: Kernel, runs: Run[], folio: Page, fate: Fate): void {
  const pages = folio_nr_pages(k.mem, folio);
  const [place] = k.mem.refcount[folio] === 0 ? [] : rmap_places(k, folio);
  const at = place === undefined ? null : { mm: place.vma.vm_mm, addr: place.address };
  const next = runs.find((run) => {
    if (!alike(run, fate) || (run.at === null) !== (at === null)) return false;
    if (run.at === null || at === null) return true;
    return run.at.mm === at.mm && run.at.addr + run.pages * PAGE_SIZE === at.addr;
  });
  if (next === undefined) runs.push({ ...fate, at, pages });
  else next.pages += pages;
}

function told({ at, pages, ...fate }: Run, nameOf: (mm: MmStruct) => string): ChargedRange {
  if (at === null) return { ...fate, process: '', range: '', pages };
  const place = placeOf(at.addr);
  const outside = pages === 1 ? regionName(at.addr) : `${regionName(at.addr)} (${pages} pages)`;
  const range = place === undefined ? outside : rangeText(`r${place.region}`, place.page, pages);
  return { ...fate, process: nameOf(at.mm), range, pages };
}

function chargeLine({ what, process, range, pages, memcg, from, by, fn, reason }: ChargedRange): string {
  const whose =
    process === '' ? `${pages} ${pages === 1 ? 'page' : 'pages'} that nobody maps` : `${range} of ${process}`;
  const why = reason === undefined ? '' : `  ${reasonText(reason)}`;
  switch (what) {
    case 'charged':
      return `  charges ${whose} to ${memcg}  ${fn}`;
    case 'moved':
      return `  moves the charge of ${whose} from ${from} to ${memcg}  ${fn}`;
    case 'left':
      return `  leaves the charge of ${whose} with ${memcg}  ${fn}${why}`;
    case 'has':
      return `  ${memcg} has ${whose}${by === undefined ? '' : `, charged by ${by}`}`;
  }
}

export const chargeLines = (charges: readonly ChargedRange[]): string[] => charges.map(chargeLine);
