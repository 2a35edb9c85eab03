// SPDX-License-Identifier: GPL-2.0-only
/** What a step had the kernel take away, because memory was short: of which process, which pages, and where to. */
import { reasonText } from '../machine/reasons.js';
import type { Kernel } from '../mm/kernel.js';
import type { Reason } from '../mm/reasons.js';
import { rmap_places } from '../mm/rmap.js';
import type { TraceEventOf } from '../mm/trace.js';
import type { MmStruct } from '../mm/types.js';
import { placeOf } from '../scenario/actor.js';
import { rangeText, regionName } from '../scenario/place.js';
import { PAGE_SIZE, type Page } from '../sim/memmap.js';
import type { Fault, ReclaimEvent } from '../watch/call-watch.js';

/** Pages in a row that fared alike. */
export interface ReclaimedRange {
  readonly process: string;
  readonly range: string;
  readonly pages: number;
  readonly fn: string;
  /** "swap", "file", "clean" pages of a memory file, or "nothing" where nobody wanted what they held; of pages that stay, why. */
  readonly outcome: string | Reason;
  /** Who took them, and off which list. */
  readonly by?: string;
  readonly list?: string;
  /** Of dirty pages of a file: the flusher that they wait for. */
  readonly waitsFor?: WokenFlusher;
}

/** Pages in a row that came back after they had been evicted, and fared alike. */
export interface RefaultedRange {
  readonly process: string;
  readonly range: string;
  readonly pages: number;
  /** How many pages were evicted or became active since, the least and the most; and what that is measured by. */
  readonly distance: readonly [least: number, most: number];
  readonly size: readonly [least: number, most: number];
  /** They are on the active list. */
  readonly active: boolean;
  /** They had been there before they were evicted. */
  readonly workingset: boolean;
}

/** A daemon that was woken: of which node, how many pages were free, and from and up to how many it reclaims. */
export type WokenKswapd = TraceEventOf<'mm_vmscan_kswapd_wake'>['args'];

/** The flusher, woken: by which task, for what it met, in which step. */
export type WokenFlusher = TraceEventOf<'wakeup_flusher_threads'>['args'] & { readonly step: number };

/** A task that reclaims was made to wait: on which node, for what, how often, and for how many microseconds. */
export interface Throttled {
  readonly task: string;
  readonly nid: number;
  readonly reason: string;
  times: number;
  usec: number;
}

export interface Reclaimed {
  readonly woken: readonly WokenKswapd[];
  readonly flushers: readonly WokenFlusher[];
  /** Pages that flushers have given to the disk. */
  readonly written: number;
  readonly throttled: readonly Throttled[];
  readonly ranges: readonly ReclaimedRange[];
  readonly refaulted: readonly RefaultedRange[];
  /** Pages that are not told of. */
  readonly more: number;
  /** Processes that were killed for their memory. */
  readonly killed: readonly string[];
}

/** Ranges that are told of. */
const MAX_RANGES = 16;

/** Who takes a folio, and off which list. */
type Taken = TraceEventOf<'reclaim_folio'>['args'];

interface Run {
  readonly mm: MmStruct;
  addr: number;
  readonly fn: string;
  readonly outcome: string | Reason;
  readonly taken: Taken | undefined;
  pages: number;
  /** Of dirty pages. */
  flusher: WokenFlusher | undefined;
}

/** A page that has just been unmapped: where, and where to. Whether it goes is not yet told. */
type Unmapped = TraceEventOf<'reclaim_unmap'>;

type RefaultEvent = TraceEventOf<'workingset_refault'>;
type Refault = RefaultEvent['args'];

interface RefaultRun {
  readonly mm: MmStruct;
  readonly addr: number;
  readonly all: Refault[];
}

const isDirty = (outcome: string | Reason): boolean =>
  typeof outcome !== 'string' && outcome.id === 'dirty-file';

const idOf = (outcome: string | Reason): string => (typeof outcome === 'string' ? outcome : outcome.id);

/** Collects, in the order in which pages go. */
export class ReclaimedPages {
  readonly #runs: Run[] = [];
  /** By address space, the run that its next page may go on. */
  readonly #last = new Map<MmStruct, Run>();
  readonly #kept = new Set<Page>();
  readonly #killed: string[] = [];
  /** By node, the first time. */
  readonly #woken = new Map<number, WokenKswapd>();
  readonly #taken = new Map<Page, Taken>();
  readonly #refaults: RefaultRun[] = [];
  readonly #flushers: WokenFlusher[] = [];
  readonly #throttled = new Map<string, Throttled>();
  /** Of one page. */
  #unmapped: Unmapped[] = [];
  /** Its file does not keep it. */
  #clean = false;
  #written = 0;
  #more = 0;

  constructor(
    /** Of the step. */
    private readonly step: number,
    /** Who writes, since before the step. */
    public flusher?: WokenFlusher,
  ) {}

  note(k: Kernel, event: ReclaimEvent): void {
    switch (event.event) {
      case 'oom_kill':
        this.#killed.push(event.args.comm);
        break;
      case 'mm_vmscan_kswapd_wake':
        this.#wakes(event.args);
        break;
      case 'wakeup_flusher_threads':
        this.#wakesFlusher(event.args);
        break;
      case 'writeback_pages_written':
        this.#written += event.args.pages;
        this.flusher = undefined;
        break;
      case 'mm_vmscan_throttled':
        this.#waits(event.args);
        break;
      case 'skip':
        this.#keep(k, event);
        break;
      case 'reclaim_folio':
        this.#taken.set(event.page, event.args);
        break;
      case 'reclaim_clean':
        this.#clean = this.#unmapped[0]?.page === event.page;
        break;
      case 'reclaim_unmap':
        if (this.#unmapped[0]?.page !== event.page) this.#tellUnmapped();
        this.#unmapped.push(event);
    }
  }

  /** What was unmapped last is gone. */
  #tellUnmapped(): void {
    for (const { mm, addr, fn, args, page } of this.#unmapped.splice(0))
      this.#push(mm, addr, fn, this.#clean ? 'clean' : args.to, this.#taken.get(page));
    this.#clean = false;
  }

  #wakesFlusher(woken: TraceEventOf<'wakeup_flusher_threads'>['args']): void {
    this.flusher = { ...woken, step: this.step };
    this.#flushers.push(this.flusher);
    for (const run of this.#runs) if (isDirty(run.outcome)) run.flusher ??= this.flusher;
  }

  #waits({ task, nid, reason, usec_delayed }: TraceEventOf<'mm_vmscan_throttled'>['args']): void {
    const key = `${task} ${nid} ${reason}`;
    const throttled = this.#throttled.get(key) ?? { task, nid, reason, times: 0, usec: 0 };
    throttled.times++;
    throttled.usec += usec_delayed;
    this.#throttled.set(key, throttled);
  }

  #wakes(woken: WokenKswapd): void {
    if (!this.#woken.has(woken.nid)) this.#woken.set(woken.nid, woken);
  }

  /** A page was evicted once, and a fault has it back: the one at its address, or one that was read with it. */
  refaulted(k: Kernel, { mm, addr: at }: Fault, { page, args: refault }: RefaultEvent): void {
    const addr = address_in_mapping(k, mm, at, page) ?? at;
    const last = this.#refaults.at(-1);
    const alike = (of: Refault): boolean =>
      of.active === refault.active && of.workingset === refault.workingset;
    const follows = last?.mm === mm && last.addr + last.all.length * PAGE_SIZE === addr;
    if (follows && alike(last.all[0]!)) last.all.push(refault);
    else if (this.#refaults.length < MAX_RANGES) this.#refaults.push({ mm, addr, all: [refault] });
  }

  /** Reclaim comes by again: what it leaves is told once. */
  #keep(k: Kernel, { fn, page, reason }: TraceEventOf<'skip'>): void {
    if (page === undefined) return;
    // A dirty page of a file is unmapped before it is left alone.
    if (isDirty(reason) && this.#unmapped[0]?.page === page) this.#unmapped = [];
    this.#tellUnmapped();
    if (this.#kept.has(page) || this.#runs.length === MAX_RANGES) return;
    this.#kept.add(page);
    for (const { vma, address } of rmap_places(k, page)) this.#push(vma.vm_mm, address, fn, reason);
  }

  #push(mm: MmStruct, addr: number, fn: string, outcome: string | Reason, taken?: Taken): void {
    const last = this.#last.get(mm);
    const flusher = isDirty(outcome) ? this.flusher : undefined;
    const alike =
      last !== undefined &&
      last.fn === fn &&
      idOf(last.outcome) === idOf(outcome) &&
      last.flusher === flusher &&
      last.taken?.by === taken?.by &&
      last.taken?.list === taken?.list;
    if (alike && addr === last.addr + last.pages * PAGE_SIZE) {
      last.pages++;
    } else if (alike && addr === last.addr - PAGE_SIZE) {
      // What a disk had last goes first.
      last.addr = addr;
      last.pages++;
    } else if (this.#runs.length < MAX_RANGES) {
      const run = { mm, addr, fn, outcome, taken, flusher, pages: 1 };
      this.#runs.push(run);
      this.#last.set(mm, run);
    } else {
      this.#more++;
      this.#last.delete(mm);
    }
  }

  /** `nameOf`: whose address space it is. */
  told(nameOf: (mm: MmStruct) => string): Reclaimed {
    this.#tellUnmapped();
    const ranges = this.#runs.map(({ mm, addr, fn, outcome, taken, pages, flusher }) => {
      const range = rangeName(addr, pages);
      const waits = flusher === undefined ? {} : { waitsFor: flusher };
      return { process: nameOf(mm), range, pages, fn, outcome, ...taken, ...waits };
    });
    const refaulted = this.#refaults.map(({ mm, addr, all }) => ({
      process: nameOf(mm),
      range: rangeName(addr, all.length),
      pages: all.length,
      distance: leastAndMost(all.map(({ distance }) => distance)),
      size: leastAndMost(all.map(({ size }) => size)),
      active: all[0]!.active === 1,
      workingset: all[0]!.workingset === 1,
    }));
    return {
      woken: [...this.#woken.values()],
      flushers: this.#flushers,
      written: this.#written,
      throttled: [...this.#throttled.values()],
      ranges,
      refaulted,
      more: this.#more,
      killed: this.#killed,
    };
  }
}

/** Where the mapping of a file at `at` shows `page`; undefined where it is no page of that file. */
function address_in_mapping(k: Kernel, mm: MmStruct, at: number, page: Page): number | undefined {
  const vma = mm.vmas.vma_lookup(at);
  const index = k.mem.index[page]!;
  if (vma?.vm_file?.mapping?.i_pages.get(index) !== page) return undefined;
  return vma.vm_start + (index - vma.vm_pgoff) * PAGE_SIZE;
}

const leastAndMost = (values: readonly number[]): [least: number, most: number] => [
  values.reduce((a, b) => Math.min(a, b)),
  values.reduce((a, b) => Math.max(a, b)),
];

function rangeName(addr: number, pages: number): string {
  const place = placeOf(addr);
  return place === undefined ? regionName(addr) : rangeText(`r${place.region}`, place.page, pages);
}

/** What the kernel goes by: a device that writes by its own table leaves no mark, unless its driver does. */
export const CLEAN = 'no entry and no write() says that it was written to';

const WHERE: Readonly<Record<string, (by: string) => string>> = {
  swap: (by) => `swapped out${by}`,
  file: (by) => `unmapped${by}, its file has it`,
  clean: (by) => `dropped${by}, clean: ${CLEAN}`,
  nothing: (by) => `dropped${by}, nobody wants what it held`,
};

const waitText = (flusher: WokenFlusher | undefined): string =>
  flusher === undefined
    ? ': it waits until somebody wakes the flusher, or writes it himself'
    : `: it waits for the flusher, which ${flusher.task} woke in step ${flusher.step}`;

/** What became of pages, by whom; and why of these: they were the oldest of a list, and not used since reclaim last looked. */
function outcomeText({ outcome, by, list, waitsFor }: ReclaimedRange): string {
  if (typeof outcome !== 'string') return reasonText(outcome) + (isDirty(outcome) ? waitText(waitsFor) : '');
  const why = list === undefined || list === '' ? '' : `: the oldest of ${list}, not used lately`;
  return `${WHERE[outcome]!(by === undefined ? '' : ` by ${by}`)}${why}`;
}

function rangeLine(told: ReclaimedRange): string {
  const { process, range, fn, outcome } = told;
  return `  ${typeof outcome === 'string' ? 'reclaims' : 'keeps'} ${range} of ${process}  ${fn}  ${outcomeText(told)}`;
}

const spanText = ([least, most]: readonly [number, number]): string =>
  least === most ? `${least}` : `${least} to ${most}`;

function refaultLine({ process, range, distance, size, active, workingset }: RefaultedRange): string {
  const to = active ? 'active at once' : 'inactive, as if new';
  const before = workingset ? '; it had been active before' : '';
  const pages = distance[1] === 1 ? 'page was' : 'pages were';
  const measure = `${spanText(distance)} ${pages} evicted or became active since, ${active ? 'no more than' : 'more than'} the ${spanText(size)} in use`;
  return `  refaults ${range} of ${process}  workingset_refault  ${to}: ${measure}${before}`;
}

const wokenLine = ({ nid, free, low, high }: WokenKswapd): string =>
  `  wakes kswapd${nid}  wakeup_kswapd  ${free} pages are free, no more than the low watermark of ${low}; it reclaims until more than ${high} are`;

const flusherLine = ({ task, by, list, pages }: WokenFlusher): string =>
  `  wakes flush-8:0  wakeup_flusher_threads  ${task}${by === 'kswapd' ? '' : `, for ${by},`} met ${pages} dirty ${pages === 1 ? 'page' : 'pages'} of ${list} that nobody writes, and no others`;

const throttledLine = ({ task, nid, reason, times, usec }: Throttled): string =>
  `  throttles ${task}  reclaim_throttle  ${reason} on node ${nid}, ${times === 1 ? 'once' : `${times} times`}: ${usec} us`;

/** A line a range; "page by page" would be thousands. */
export function reclaimedLines(reclaimed: Reclaimed): string[] {
  const { woken, flushers, written, throttled, ranges, refaulted, more, killed } = reclaimed;
  return [
    ...woken.map(wokenLine),
    ...flushers.map(flusherLine),
    ...(written === 0
      ? []
      : [`  writes back  wb_workfn  flush-8:0 gives ${written} dirty pages to the disk`]),
    ...throttled.map(throttledLine),
    ...ranges.map(rangeLine),
    ...(more === 0 ? [] : [`  ... and ${more} more pages`]),
    ...refaulted.map(refaultLine),
    ...killed.map(
      (name) => `  kills ${name}  oom_kill_process  no memory is left to reclaim, and it has most`,
    ),
  ];
}
