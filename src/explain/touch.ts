// SPDX-License-Identifier: GPL-2.0-only
/** A load or store: each page that faulted, and each that did not have to. */

import type { Machine } from '../machine/machine.js';
import type { MmStruct } from '../mm/types.js';
import { addressOf } from '../scenario/actor.js';
import { regionName } from '../scenario/place.js';
import type { StepResult } from '../scenario/result.js';
import type { StepOf } from '../scenario/schema.js';
import type { Fault } from '../watch/call-watch.js';
import { MAX_OBSERVED, observePage, pagePlace } from '../watch/observe.js';
import { explainFault } from './fault.js';
import { factText } from './text.js';
import type { CountedFact, PageVerdict, RangeVerdicts, Verdict } from './verdict.js';

const TOUCHED = { load: 'loaded', store: 'stored' } as const;

/** Where a load or store came to no end, and which one. */
interface End {
  readonly addr: number;
  readonly verdict: 'oops' | 'hang';
}

/** A fault of the CPU, explained as soon as it was over. */
export interface Touch {
  readonly mm: MmStruct;
  readonly addr: number;
  readonly verdict: Verdict;
}

export function touchOf(fault: Fault): Touch {
  return { mm: fault.mm, addr: fault.addr, verdict: explainFault(fault) };
}

function endOf({ oops, hang }: StepResult, faults: readonly Touch[]): End | undefined {
  const fault = faults.at(-1);
  if (fault === undefined || (oops === undefined && hang === undefined)) return undefined;
  return { addr: fault.addr, verdict: oops === undefined ? 'hang' : 'oops' };
}

/** The verdict on a page of an access that came to no end. */
function ended(verdict: Verdict, addr: number, end: End): Verdict {
  if (addr < end.addr) return verdict;
  if (addr === end.addr) return { ...verdict, verdict: end.verdict };
  return { verdict: 'not reached', fn: '', reason: { id: 'kernel-died' } };
}

function byAddress(faults: readonly Touch[]): ReadonlyMap<number, readonly Touch[]> {
  const found = new Map<number, Touch[]>();
  for (const fault of faults) {
    const same = found.get(fault.addr);
    if (same === undefined) found.set(fault.addr, [fault]);
    else same.push(fault);
  }
  return found;
}

/** Facts that repeat themselves, once and with their number. */
function counted(facts: readonly CountedFact[]): CountedFact[] {
  const found: CountedFact[] = [];
  for (const { reason, from, to } of facts) {
    const fact = { reason, ...(from && { from }), ...(to && { to }) };
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
    private readonly faults: readonly Touch[],
  ) {}

  /** `mm`: of the process that touched the pages; null when it did not survive. */
  explain(mm: MmStruct | null): RangeVerdicts {
    if (mm === null) return { pages: this.#killed(), more: 0 };
    const { step, result } = this;
    const end = endOf(result, this.faults);
    const taken = byAddress(this.faults.filter((fault) => fault.mm === mm));
    const pages = Array.from({ length: Math.min(step.pages, MAX_OBSERVED) }, (_, i): PageVerdict => {
      const addr = addressOf(step.region, step.page + i);
      const verdict = this.#touched(result.pages?.[i], taken.get(addr) ?? [], mm, addr);
      return { page: regionName(addr), ...(end === undefined ? verdict : ended(verdict, addr, end)) };
    });
    return { pages, more: pages.length === 0 ? 0 : step.pages - pages.length };
  }

  /** The fault that a process did not survive. */
  #killed(): PageVerdict[] {
    return this.faults.slice(-1).map((fault) => ({ page: regionName(fault.addr), ...fault.verdict }));
  }

  #touched(
    answer: number | string | undefined,
    faults: readonly Touch[],
    mm: MmStruct,
    addr: number,
  ): Verdict {
    const verdict = typeof answer === 'string' && answer.startsWith('SIG') ? answer : TOUCHED[this.step.op];
    const explained = faults.map((fault) => fault.verdict);
    const last = explained.at(-1);
    if (last === undefined) {
      const to = pagePlace(observePage(this.machine, mm, addr));
      return { verdict, fn: '', reason: { id: 'no-fault' }, to };
    }
    const facts = counted(explained);
    const earlier = facts.slice(0, -1);
    return { verdict, fn: last.fn, ...facts.at(-1)!, ...(earlier.length === 0 ? {} : { earlier }) };
  }
}
