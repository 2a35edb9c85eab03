// SPDX-License-Identifier: GPL-2.0-only
/** What a step had the kernel take away, because memory was short: of which process, which pages, and where to. */
import { reasonText } from '../machine/reasons.js';
import type { Kernel } from '../mm/kernel.js';
import type { Reason } from '../mm/reasons.js';
import { rmap_places } from '../mm/rmap.js';
import type { MmStruct } from '../mm/types.js';
import { placeOf } from '../scenario/actor.js';
import { rangeText, regionName } from '../scenario/place.js';
import { PAGE_SIZE, type Page } from '../sim/memmap.js';
import type { ReclaimEvent } from '../watch/call-watch.js';

/** Pages in a row that fared alike. */
export interface ReclaimedRange {
  readonly process: string;
  readonly range: string;
  readonly pages: number;
  readonly fn: string;
  /** "swap", "file", or "nothing" where nobody wanted what they held; of pages that stay, why. */
  readonly outcome: string | Reason;
}

export interface Reclaimed {
  readonly ranges: readonly ReclaimedRange[];
  /** Pages that are not told of. */
  readonly more: number;
  /** Processes that were killed for their memory. */
  readonly killed: readonly string[];
}

/** Ranges that are told of. */
const MAX_RANGES = 16;

interface Run {
  readonly mm: MmStruct;
  readonly addr: number;
  readonly fn: string;
  readonly outcome: string | Reason;
  pages: number;
}

const idOf = (outcome: string | Reason): string => (typeof outcome === 'string' ? outcome : outcome.id);

/** Collects, in the order in which pages go. */
export class ReclaimedPages {
  readonly #runs: Run[] = [];
  /** By address space, the run that its next page may go on. */
  readonly #last = new Map<MmStruct, Run>();
  readonly #kept = new Set<Page>();
  readonly #killed: string[] = [];
  #more = 0;

  note(k: Kernel, event: ReclaimEvent): void {
    if (event.event === 'oom_kill') this.#killed.push(event.args.comm);
    else if (event.event === 'skip') this.#keep(k, event.fn, event.page, event.reason);
    else this.#push(event.mm, event.addr, event.fn, event.args.to);
  }

  /** Reclaim comes by again: what it leaves is told once. */
  #keep(k: Kernel, fn: string, page: Page | undefined, reason: Reason): void {
    if (page === undefined || this.#kept.has(page) || this.#runs.length === MAX_RANGES) return;
    this.#kept.add(page);
    for (const { vma, address } of rmap_places(k, page)) this.#push(vma.vm_mm, address, fn, reason);
  }

  #push(mm: MmStruct, addr: number, fn: string, outcome: string | Reason): void {
    const last = this.#last.get(mm);
    const alike = last !== undefined && last.fn === fn && idOf(last.outcome) === idOf(outcome);
    if (alike && addr === last.addr + last.pages * PAGE_SIZE) {
      last.pages++;
    } else if (this.#runs.length < MAX_RANGES) {
      const run = { mm, addr, fn, outcome, pages: 1 };
      this.#runs.push(run);
      this.#last.set(mm, run);
    } else {
      this.#more++;
      this.#last.delete(mm);
    }
  }

  /** `nameOf`: whose address space it is. */
  told(nameOf: (mm: MmStruct) => string): Reclaimed {
    const ranges = this.#runs.map(({ mm, addr, fn, outcome, pages }) => {
      const place = placeOf(addr);
      const range = place === undefined ? regionName(addr) : rangeText(`r${place.region}`, place.page, pages);
      return { process: nameOf(mm), range, pages, fn, outcome };
    });
    return { ranges, more: this.#more, killed: this.#killed };
  }
}

const WHERE: Readonly<Record<string, string>> = {
  swap: 'swapped out',
  file: 'unmapped, its file has it',
  nothing: 'dropped, nobody wants what it held',
};

function rangeLine({ process, range, fn, outcome }: ReclaimedRange): string {
  const what = typeof outcome === 'string' ? WHERE[outcome]! : reasonText(outcome);
  return `  ${typeof outcome === 'string' ? 'reclaims' : 'keeps'} ${range} of ${process}  ${fn}  ${what}`;
}

/** A line a range; "page by page" would be thousands. */
export function reclaimedLines({ ranges, more, killed }: Reclaimed): string[] {
  return [
    ...ranges.map(rangeLine),
    ...(more === 0 ? [] : [`  ... and ${more} more pages`]),
    ...killed.map(
      (name) => `  kills ${name}  oom_kill_process  no memory is left to reclaim, and it has most`,
    ),
  ];
}
