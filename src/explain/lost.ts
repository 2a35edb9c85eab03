// SPDX-License-Identifier: GPL-2.0-only
/** Pages that the hardware loses, or is about to: what becomes of them, who mapped them; and who comes for one later, and whose doing that is. */
import type { Kernel } from '../mm/kernel.js';
import type { TraceEventOf } from '../mm/trace.js';
import type { MmStruct } from '../mm/types.js';
import { regionName } from '../scenario/place.js';
import type { Page } from '../sim/memmap.js';
import { HPAGE_PMD_NR } from '../uapi/mman.js';
import type { LostEvent } from '../watch/call-watch.js';

/** A page that the step lost. */
export interface LostPage {
  /** In hexadecimal. */
  readonly pfn: string;
  readonly fn: string;
  /** What it was, and what became of it, as the kernel log says; of one that is only about to be lost, "migrated" or "invalidated". */
  readonly what: string;
  readonly result: string;
  /** Who mapped it, and what stands there now: "hwpoison", "swap", or "file". */
  readonly mapped: readonly { readonly process: string; readonly at: string; readonly to: string }[];
  /** Who is told at once, by which code of SIGBUS, or by SIGKILL. */
  readonly told?: readonly { readonly process: string; readonly at: string; readonly code: string }[];
}

/** A page that somebody came for in vain. */
export interface MetPage {
  readonly at?: string;
  readonly fn: string;
  /** Whose step lost it, and which that was. */
  readonly by: string;
  readonly step: number;
  readonly what: string;
}

export interface Lost {
  readonly lost: readonly LostPage[];
  readonly met: readonly MetPage[];
}

/** Pages that are told of in a step. */
const MAX_PAGES = 16;

type Unmapped = TraceEventOf<'poison_unmap'>;
type Told = TraceEventOf<'poison_kill'>;
type Skipped = TraceEventOf<'skip'>;
type Ended = TraceEventOf<'memory_failure' | 'soft_offline'>;

/** Collects those of a step, and remembers them. */
export class LostPages {
  readonly #unmapped = new Map<Page, Unmapped[]>();
  readonly #told = new Map<Page, Told[]>();
  #ended: Ended[] = [];
  #met: Skipped[] = [];
  /** Whose doing it was. */
  readonly #known = new Map<Page, Pick<MetPage, 'by' | 'step' | 'what'>>();

  note(event: LostEvent): void {
    if (event.event === 'skip') this.#meet(event);
    else if (event.event === 'poison_unmap')
      this.#unmapped.set(event.page, [...(this.#unmapped.get(event.page) ?? []), event]);
    else if (event.event === 'poison_kill')
      this.#told.set(event.page, [...(this.#told.get(event.page) ?? []), event]);
    else this.#ended.push(event);
  }

  /** A walk comes by again: each place is told of once. */
  #meet(event: Skipped): void {
    const { page, addr } = event;
    if (!this.#met.some((met) => met.page === page && met.addr === addr)) this.#met.push(event);
  }

  /** What `taker` lost and met in `step`, which is forgotten then. `nameOf`: whose address space it is. */
  take(k: Kernel, taker: string, step: number, nameOf: (mm: MmStruct) => string): Lost {
    const lost = this.#ended.slice(0, MAX_PAGES).map((event): LostPage => {
      const mapped = (this.#unmapped.get(metAs(event)) ?? []).map(({ mm, addr, args }) => ({
        process: nameOf(mm),
        at: regionName(addr),
        to: args.to,
      }));
      const told = (this.#told.get(event.page) ?? []).map(({ mm, addr, args }) => ({
        process: nameOf(mm),
        at: regionName(addr),
        code: args.code,
      }));
      return {
        pfn: `0x${k.mem.page_to_pfn(event.page).toString(16)}`,
        fn: event.fn,
        ...partsOf(event),
        mapped,
        ...(told.length === 0 ? {} : { told }),
      };
    });
    for (const event of this.#ended) {
      const known = { by: taker, step, what: partsOf(event).what };
      const page = metAs(event);
      if (!this.#known.has(page)) this.#known.set(page, known);
    }
    const met = this.#met.slice(0, MAX_PAGES).flatMap(({ page, addr, fn }): MetPage[] => {
      const known = page === undefined ? undefined : this.#known.get(page);
      if (known === undefined) return [];
      return [{ ...(addr === undefined ? {} : { at: regionName(addr) }), fn, ...known }];
    });
    this.#unmapped.clear();
    this.#told.clear();
    this.#ended = [];
    this.#met = [];
    return { lost, met };
  }
}

/** By which page it is met later: a huge page of the pool is lost as a whole, and met by its first one. */
const metAs = (event: Ended): Page =>
  /huge page$/.test(partsOf(event).what) ? event.page - (event.page % HPAGE_PMD_NR) : event.page;

const partsOf = (event: Ended): Pick<LostPage, 'what' | 'result'> =>
  event.event === 'memory_failure' ? event.args : { what: 'page', result: event.args.how };

const STANDS: Readonly<Record<string, string>> = {
  hwpoison: 'gets SIGBUS when it touches it',
  swap: 'has its swap entry',
  file: 'has nothing mapped',
  nothing: 'has nothing mapped',
};

/** A line a page. */
export function lostLines({ lost, met }: Lost): string[] {
  return [
    ...lost.flatMap(({ pfn, fn, what, result, mapped, told = [] }) => [
      fn === 'soft_offline_page'
        ? `  uses pfn ${pfn} no more  ${fn}  ${result}`
        : `  loses pfn ${pfn}  ${fn}  ${what}: ${result}`,
      ...told.map(({ process, at, code }) =>
        code === 'SIGKILL'
          ? `    ${process} is killed, because it maps the page still at ${at}`
          : `    ${process} gets SIGBUS at once for ${at}  kill_proc  ${code}`,
      ),
      ...mapped.map(({ process, at, to }) => `    ${process} had it at ${at}, and ${STANDS[to]}`),
    ]),
    ...met.map(
      ({ at, fn, by, step, what }) =>
        `  meets a lost page${at === undefined ? '' : ` at ${at}`}  ${fn}  ${by} lost it in step ${step}: ${what}`,
    ),
  ];
}
