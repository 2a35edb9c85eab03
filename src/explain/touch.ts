// SPDX-License-Identifier: GPL-2.0-only
/** A load or store: each page that faulted, and each that did not have to. */

import type { Machine } from '../machine/machine.js';
import type { TraceEventOf } from '../mm/trace.js';
import type { MmStruct } from '../mm/types.js';
import { addressOf } from '../scenario/actor.js';
import { regionName } from '../scenario/place.js';
import type { StepResult } from '../scenario/result.js';
import type { StepOf } from '../scenario/schema.js';
import { PAGE_SIZE } from '../uapi/mman.js';
import type { Fault } from '../watch/call-watch.js';
import { MAX_OBSERVED, observePage, type PageState, pagePlace } from '../watch/observe.js';
import { PageStates } from '../watch/page-states.js';
import { sameReason } from './alike.js';
import { type Decision, decideFault } from './fault.js';
import { withKeeper } from './held.js';
import { factText } from './text.js';
import { type CountedFact, type PageVerdict, type RangeVerdicts, type Verdict, Verdicts } from './verdict.js';

const TOUCHED = { load: 'loaded', store: 'stored' } as const;

/** Where a load or store came to no end, and which one. */
interface End {
  readonly addr: number;
  readonly verdict: 'oops' | 'hang';
}

/** Faults of the CPU, each explained as soon as it was over. */
export class Touches {
  readonly #addresses: number[] = [];
  readonly #from = new PageStates();
  readonly #to = new PageStates();
  /** Neighbours that were decided alike share a decision. */
  readonly #decisions: Decision[] = [];
  readonly #mms: MmStruct[] = [];
  /** By address space and page that a fault of another one mapped, that one. */
  readonly #around = new Map<MmStruct, Map<number, number>>();

  get length(): number {
    return this.#addresses.length;
  }

  /** Context: the fault is just over. */
  push(machine: Machine, fault: Fault): void {
    const { mm, addr, before, after } = fault;
    const decided = decideFault(fault);
    const decision = { ...decided, reason: withKeeper(machine, before, decided.reason) };
    const last = this.#decisions.at(-1);
    this.#decisions.push(last !== undefined && sameDecision(last, decision) ? last : decision);
    this.#addresses.push(addr);
    this.#mms.push(mm);
    this.#from.push(before);
    this.#to.push(after);
    for (const event of fault.events)
      if (event.event === 'mm_filemap_map_pages') this.#mapsAround(fault, event);
  }

  #mapsAround({ mm, addr: by }: Fault, { addr, args }: TraceEventOf<'mm_filemap_map_pages'>): void {
    const own = this.#around.get(mm) ?? new Map<number, number>();
    this.#around.set(mm, own);
    const pages = Math.min(args.pages, MAX_OBSERVED);
    for (let page = 0; page < pages; page++) own.set(addr + page * PAGE_SIZE, by);
  }

  /** The page whose fault mapped the one at `addr`, too; undefined where none did. */
  aroundOf(mm: MmStruct, addr: number): number | undefined {
    return this.#around.get(mm)?.get(addr);
  }

  addr(index: number): number {
    return this.#addresses[index]!;
  }

  mm(index: number): MmStruct {
    return this.#mms[index]!;
  }

  /** Whether both were decided alike, on pages that are alike before and after. */
  areAlike(a: number, b: number): boolean {
    return (
      this.#decisions[a] === this.#decisions[b] &&
      this.#from.kind(a) === this.#from.kind(b) &&
      this.#to.kind(a) === this.#to.kind(b)
    );
  }

  verdict(index: number): Verdict {
    const [from, to] = [this.#from, this.#to].map((states) => pagePlace(states.at(index)));
    return { ...this.#decisions[index]!, from: from!, to: to! };
  }
}

function sameDecision(a: Decision, b: Decision): boolean {
  return a.verdict === b.verdict && a.fn === b.fn && sameReason(a.reason, b.reason);
}

/** The last fault, where the access came to no end. */
function endOf({ oops, hang }: StepResult, faults: Touches): End | undefined {
  if (faults.length === 0 || (oops === undefined && hang === undefined)) return undefined;
  return { addr: faults.addr(faults.length - 1), verdict: oops === undefined ? 'hang' : 'oops' };
}

/** The verdict on a page of an access that came to no end. */
function ended(verdict: Verdict, addr: number, end: End): Verdict {
  if (addr < end.addr) return verdict;
  if (addr === end.addr) return { ...verdict, verdict: end.verdict };
  return { verdict: 'not reached', fn: '', reason: { id: 'kernel-died' } };
}

/** The faults of each page of a step. */
class ByPage {
  /** By page, the number of its last fault; 0 where it had none. */
  readonly #last: Int32Array;
  /** By fault, the number of the one before it of the same page. */
  readonly #before: Int32Array;

  /** Of the `count` pages from `first` on. */
  constructor(faults: Touches, mm: MmStruct, first: number, count: number) {
    this.#last = new Int32Array(count);
    this.#before = new Int32Array(faults.length);
    for (let i = 0; i < faults.length; i++) {
      const page = (faults.addr(i) - first) / PAGE_SIZE;
      if (faults.mm(i) !== mm || !(page >= 0 && page < count)) continue;
      this.#before[i] = this.#last[page]!;
      this.#last[page] = i + 1;
    }
  }

  /** The only fault of the page; -1 where it had none, and undefined where it had several. */
  only(page: number): number | undefined {
    const last = this.#last[page]!;
    if (last === 0) return -1;
    return this.#before[last - 1] === 0 ? last - 1 : undefined;
  }

  at(page: number): number[] {
    const found: number[] = [];
    for (let i = this.#last[page]!; i > 0; i = this.#before[i - 1]!) found.unshift(i - 1);
    return found;
  }
}

const signalOf = (answer: number | string | undefined): string | undefined =>
  typeof answer === 'string' && answer.startsWith('SIG') ? answer : undefined;

const factOf = ({ reason, from, to }: CountedFact): CountedFact => ({
  reason,
  ...(from && { from }),
  ...(to && { to }),
});

/** Facts that repeat themselves, once and with their number. */
function counted(facts: readonly CountedFact[]): CountedFact[] {
  if (facts.length === 1) return [factOf(facts[0]!)];
  const found: CountedFact[] = [];
  for (const fact of facts.map(factOf)) {
    const last = found.at(-1);
    if (last === undefined || factText(last) !== factText(fact)) found.push(fact);
    else found[found.length - 1] = { ...last, times: (last.times ?? 1) + 1 };
  }
  return found;
}

export class TouchExplainer {
  constructor(
    private readonly machine: Machine,
    private readonly step: StepOf<'load' | 'store'>,
    private readonly result: StepResult,
    private readonly faults: Touches,
  ) {}

  /** `mm`: of the process that touched the pages; null when it did not survive. */
  explain(mm: MmStruct | null): RangeVerdicts {
    if (mm === null) return { pages: this.#killed(), more: 0 };
    const { step, result } = this;
    const end = endOf(result, this.faults);
    const addr = (index: number): number => addressOf(step.region, step.page + index);
    const count = Math.min(step.pages, MAX_OBSERVED);
    const now = new PageStates(count);
    const taken = new ByPage(this.faults, mm, addr(0), count);
    for (let i = 0; i < count; i++) now.push(observePage(this.machine, mm, addr(i)));
    const make = (index: number): PageVerdict => {
      const around = this.faults.aroundOf(mm, addr(index));
      const verdict = this.#touched(result.pages?.[index], taken.at(index), around, () => now.at(index));
      const page = regionName(addr(index));
      return { page, ...(end === undefined ? verdict : ended(verdict, addr(index), end)) };
    };
    const isAlike = (index: number): boolean =>
      end === undefined &&
      signalOf(result.pages?.[index]) === signalOf(result.pages?.[index - 1]) &&
      this.faults.aroundOf(mm, addr(index)) === this.faults.aroundOf(mm, addr(index - 1)) &&
      this.#faultedAlike(taken.only(index - 1), taken.only(index), now, index);
    const pages = new Verdicts(count, make, isAlike);
    return { pages, more: count === 0 ? 0 : step.pages - count };
  }

  /** `before`, `own`: the only fault of page `index - 1`, and of page `index`. */
  #faultedAlike(
    before: number | undefined,
    own: number | undefined,
    now: PageStates,
    index: number,
  ): boolean {
    if (before === undefined || own === undefined) return false;
    if (before < 0 || own < 0) return before === own && now.isAlike(index);
    return this.faults.areAlike(before, own);
  }

  /** The fault that a process did not survive. */
  #killed(): Verdicts {
    const { faults } = this;
    const last = faults.length - 1;
    return new Verdicts(Math.min(faults.length, 1), () => ({
      page: regionName(faults.addr(last)),
      ...faults.verdict(last),
    }));
  }

  #touched(
    answer: number | string | undefined,
    faults: readonly number[],
    around: number | undefined,
    now: () => PageState,
  ): Verdict {
    const verdict = signalOf(answer) ?? TOUCHED[this.step.op];
    const explained = faults.map((fault) => this.faults.verdict(fault));
    const last = explained.at(-1);
    if (last === undefined && around !== undefined) {
      const reason = { id: 'mapped-around', by: regionName(around) } as const;
      return { verdict, fn: 'filemap_map_pages', reason, to: pagePlace(now()) };
    }
    if (last === undefined) return { verdict, fn: '', reason: { id: 'no-fault' }, to: pagePlace(now()) };
    const facts = counted(explained);
    const earlier = facts.slice(0, -1);
    return { verdict, fn: last.fn, ...facts.at(-1)!, ...(earlier.length === 0 ? {} : { earlier }) };
  }
}
