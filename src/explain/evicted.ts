// SPDX-License-Identifier: GPL-2.0-only
/** Pages that a step had a driver take off its device, whoever maps them: what became of each. */
import { kernelName } from '../generations/names.js';
import type { Machine } from '../machine/machine.js';
import type { Reason } from '../mm/reasons.js';
import { rmap_places, vma_address_end } from '../mm/rmap.js';
import type { TraceEventOf } from '../mm/trace.js';
import type { MmStruct } from '../mm/types.js';
import { regionName } from '../scenario/place.js';
import { PAGE_SIZE, type Page } from '../sim/memmap.js';
import type { Call, EvictionEvent } from '../watch/call-watch.js';
import { MAX_OBSERVED, observePage, type PageState, pagePlace } from '../watch/observe.js';
import { PageStates } from '../watch/page-states.js';
import { changeOf } from './change.js';
import { type Decision, decided } from './fault.js';
import { toldOf } from './page.js';
import { type PageVerdict, type RangeVerdicts, Verdicts } from './verdict.js';

interface Mapped {
  readonly mm: MmStruct;
  readonly addr: number;
  readonly state: PageState;
}

interface Skip {
  readonly fn: string;
  readonly reason: Reason;
}

/** Whose address space it is. */
type NameOf = (mm: MmStruct) => string;

/** Collects who maps what a device is to give up, before it does. */
export class EvictedPages {
  readonly #mapped: Mapped[] = [];
  readonly #folios = new Set<Page>();
  /** By folio, why it was left alone last. */
  readonly #skips = new Map<Page, Skip>();
  #more = 0;

  note(machine: Machine, event: EvictionEvent): void {
    if (event.event === 'migrate_device_range') this.#begin(machine, event);
    else if (event.page !== undefined && this.#folios.has(event.page)) this.#skips.set(event.page, event);
  }

  #begin(machine: Machine, { page: first, args: { pages } }: TraceEventOf<'migrate_device_range'>): void {
    const { mem } = machine.kernel;
    for (let page = first; page < first + pages; page++) {
      if (mem.refcount[page] === 0 || this.#folios.has(page)) continue;
      this.#folios.add(page);
      this.#place(machine, page);
    }
  }

  /** Wherever the folio is mapped. */
  #place(machine: Machine, folio: Page): void {
    const k = machine.kernel;
    for (const { vma, address } of rmap_places(k, folio)) {
      const mm = vma.vm_mm;
      const end = vma_address_end(k, folio, vma, address);
      for (let addr = address; addr < end; addr += PAGE_SIZE) {
        const state = observePage(machine, mm, addr);
        if (state.folio !== folio) continue;
        if (this.#mapped.length < MAX_OBSERVED) this.#mapped.push({ mm, addr, state });
        else this.#more++;
      }
    }
  }

  /**
   * `taker`: the process that takes the step, whose pages need no name but their own. `calls` tell of the pages of their
   * ranges themselves.
   */
  told(machine: Machine, taker: string, nameOf: NameOf, calls: readonly Call[]): RangeVerdicts {
    const processOf = ({ mm }: Mapped): string => nameOf(mm);
    const others = this.#mapped.filter((one) => !calls.some((call) => tells(call, one)));
    const mapped = others.sort((a, b) => order(processOf(a), processOf(b)) || a.addr - b.addr);
    const [before, now] = [new PageStates(mapped.length), new PageStates(mapped.length)];
    for (const { mm, addr, state } of mapped) {
      before.push(state);
      now.push(observePage(machine, mm, addr));
    }
    const { version } = machine.generation;
    const make = (index: number): PageVerdict => {
      const [was, is] = [before.at(index), now.at(index)];
      const [from, to] = [pagePlace(was), pagePlace(is)];
      const { fn, ...decision } = this.#decided(machine, was, is);
      const process = processOf(mapped[index]!);
      const page = regionName(mapped[index]!.addr);
      const name = process === taker ? page : `${process}:${page}`;
      return { page: name, fn: kernelName(fn, version), ...decision, from, to };
    };
    const isAlike = (index: number): boolean =>
      before.isAlike(index) &&
      now.isAlike(index) &&
      mapped[index]!.mm === mapped[index - 1]!.mm &&
      mapped[index]!.addr === mapped[index - 1]!.addr + PAGE_SIZE &&
      !this.#skips.has(before.folio(index)) &&
      !this.#skips.has(before.folio(index - 1));
    return { pages: new Verdicts(mapped.length, make, isAlike), more: this.#more };
  }

  #decided(machine: Machine, before: PageState, after: PageState): Decision {
    if (before.page !== after.page)
      return decided(after.vma === null ? 'unmapped' : 'evicted', 'migrate_device_pages', { id: 'moved' });
    const skip = this.#skips.get(before.folio);
    if (skip !== undefined) return decided('stays', skip.fn, toldOf({ machine }, skip.reason, before));
    return decided('stays', '', { id: 'changed', ...changeOf(before, after) });
  }
}

/** Has the command a row for the page? */
function tells({ command, mm, addr, before }: Call, page: Mapped): boolean {
  if (command.does === null || mm !== page.mm) return false;
  return addr <= page.addr && page.addr < addr + before.length * PAGE_SIZE;
}

/** Processes by their numbers. */
const order = (a: string, b: string): number => Number(a.slice(1)) - Number(b.slice(1)) || 0;
