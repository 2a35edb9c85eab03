// SPDX-License-Identifier: GPL-2.0-only
/** A system call about a mapping: what became of each of its pages, and whom the kernel told on the way. */
import type { Machine } from '../machine/machine.js';
import type { TraceEvent } from '../mm/trace.js';
import type { MmStruct } from '../mm/types.js';
import { addressOf } from '../scenario/actor.js';
import { regionName } from '../scenario/place.js';
import type { Step } from '../scenario/schema.js';
import type { Range } from '../scenario/steps/contract.js';
import { definitionOf } from '../scenario/steps/index.js';
import { NO_PAGE } from '../sim/memmap.js';
import { MAX_OBSERVED, observePage, type PageState, pagePlace } from '../watch/observe.js';
import { type Change, changeOf } from './change.js';
import { type Decision, decided } from './fault.js';
import { type Told, toldOf } from './told.js';
import type { PageVerdict, RangeVerdicts } from './verdict.js';

export interface MappingExplanation extends RangeVerdicts {
  readonly told: readonly Told[];
}

function rangesOf(step: Step): Range[] {
  const { region, page = 0, pages } = step as Partial<Range>;
  const own = region === undefined || pages === undefined ? [] : [{ region, page, pages }];
  const made = definitionOf(step).maps?.(step);
  return made === undefined ? own : [...own, made];
}

function verdictOf(before: PageState, after: PageState, { moved }: Change): string {
  if (before.vma !== null && after.vma === null) return 'unmapped';
  if (before.vma === null && after.vma !== null) return 'mapped';
  if (moved === true)
    return after.where === 'none' ? 'dropped' : before.where === 'none' ? 'filled' : 'replaced';
  return 'changed';
}

export class MappingExplainer {
  readonly #before: readonly (readonly [addr: number, state: PageState])[];
  readonly #more: number;

  /** Context: the step is about to be taken by the process of `mm`. */
  constructor(
    private readonly machine: Machine,
    private readonly mm: MmStruct,
    step: Step,
  ) {
    const ranges = rangesOf(step);
    const addresses = ranges.flatMap(({ region, page, pages }) =>
      Array.from({ length: Math.min(pages, MAX_OBSERVED) }, (_, i) => addressOf(region, page + i)),
    );
    const listed = addresses.slice(0, MAX_OBSERVED);
    this.#before = listed.map((addr) => [addr, observePage(machine, mm, addr)]);
    this.#more = ranges.reduce((sum, { pages }) => sum + pages, 0) - listed.length;
  }

  /** `events`: what was told while the call ran. */
  explain(events: readonly TraceEvent[]): MappingExplanation {
    const freed = new Map<number, string>();
    for (const { event, page, fn } of events) if (event === 'mm_page_free') freed.set(page ?? NO_PAGE, fn);
    const pages = this.#before.map(([addr, before]): PageVerdict => {
      const after = observePage(this.machine, this.mm, addr);
      const [from, to] = [pagePlace(before), pagePlace(after)];
      return { page: regionName(addr), ...this.#decided(before, after, freed), from, to };
    });
    return { pages, more: this.#more, told: toldOf(events, this.mm) };
  }

  #decided(before: PageState, after: PageState, freed: ReadonlyMap<number, string>): Decision {
    const change = changeOf(before, after);
    if (Object.keys(change).length === 0) return decided('same', '', { id: 'as-it-was' });
    const fn = change.moved ? freed.get(before.folio) : undefined;
    return decided(verdictOf(before, after, change), fn ?? '', { id: 'changed', ...change });
  }
}
