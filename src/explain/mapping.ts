// SPDX-License-Identifier: GPL-2.0-only
/** A system call about a mapping: what became of each of its pages, and whom the kernel told on the way. */
import { kernelName } from '../generations/names.js';
import type { Machine } from '../machine/machine.js';
import type { TraceEvent, TraceEventOf } from '../mm/trace.js';
import type { MmStruct } from '../mm/types.js';
import { addressOf } from '../scenario/actor.js';
import { regionName } from '../scenario/place.js';
import type { Step } from '../scenario/schema.js';
import type { Range } from '../scenario/steps/contract.js';
import { definitionOf, type Op } from '../scenario/steps/index.js';
import { NO_PAGE } from '../sim/memmap.js';
import { PAGE_SIZE } from '../uapi/mman.js';
import { MAX_OBSERVED, observePage, type PageState, pagePlace } from '../watch/observe.js';
import { PageStates } from '../watch/page-states.js';
import { type Change, changeOf, type Told, toldOf } from './change.js';
import { type Decision, decided, faultFunction, transition } from './fault.js';
import { withHolder } from './held.js';
import { type PageVerdict, type RangeVerdicts, Verdicts } from './verdict.js';

/** Steps with which the kernel writes the pages that they are about. */
const WRITING: ReadonlySet<string> = new Set(['read', 'poke'] satisfies Op[]);

/** What is told of a system call about a mapping. */
export class MappingEvents {
  /** Whom the kernel told of what. */
  readonly invalidations: TraceEvent[] = [];
  /** By page, the function that freed it, or with which reclaim took it from whoever mapped it and left it in its file. */
  readonly goneBy = new Map<number, string>();
  /** Where pages of files were made clean, so that who writes next faults. */
  readonly cleaned: TraceEventOf<'page_mkclean'>[] = [];
  /** Pages of memory files that nobody was known to have written to, and that reclaim has dropped. */
  readonly droppedClean = new Set<number>();
  readonly #lost = new Set<number>();
  /** Where the kernel last left a page alone. */
  skipped: TraceEventOf<'skip'> | undefined;

  note(event: TraceEvent): void {
    if (event.event === 'skip') this.skipped = event;
    if (event.event === 'reclaim_clean') this.droppedClean.add(event.page);
    // What is lost, is so before a huge page of the pool is freed.
    if (event.event === 'poison_unmap') this.#lost.add(event.page);
    // What reclaim frees it has taken away first.
    else if (this.#lost.has(event.page ?? NO_PAGE)) return;
    if (event.event === 'mm_page_free' || event.event === 'reclaim_unmap' || event.event === 'poison_unmap')
      this.goneBy.set(event.page ?? NO_PAGE, event.fn);
    else if (event.event === 'page_mkclean') this.cleaned.push(event);
    else if (event.event === 'mmu_notifier_invalidate_range_start') this.invalidations.push(event);
  }
}

export interface MappingExplanation extends RangeVerdicts {
  readonly told: readonly Told[];
}

/** The pages of a range that are mapped. */
function mappedIn(mm: MmStruct, { region, page, pages }: Range): Range[] {
  const first = addressOf(region, 0);
  const [start, end] = [first + page * PAGE_SIZE, first + (page + pages) * PAGE_SIZE];
  return mm.vmas.inRange(start, end).map(({ vm_start, vm_end }) => {
    const [from, to] = [Math.max(vm_start, start), Math.min(vm_end, end)];
    return { region, page: (from - first) / PAGE_SIZE, pages: (to - from) / PAGE_SIZE };
  });
}

function rangesOf(mm: MmStruct, step: Step): Range[] {
  const { reaches } = definitionOf(step);
  if (reaches !== undefined) return mappedIn(mm, reaches(step));
  const { region, page = 0, pages } = step as Partial<Range>;
  const own = region === undefined || pages === undefined ? [] : [{ region, page, pages }];
  const made = definitionOf(step).maps?.(step);
  return made === undefined ? own : [...own, made];
}

/** What a change says of devices alone. */
const devicesOf = ({ devices }: Change): Pick<Change, 'devices'> =>
  devices === undefined ? {} : { devices };

function verdictOf(before: PageState, after: PageState, { moved }: Change): string {
  if (before.vma !== null && after.vma === null) return 'unmapped';
  if (before.vma === null && after.vma !== null) return 'mapped';
  if (moved === true)
    return after.where === 'none' ? 'dropped' : before.where === 'none' ? 'filled' : 'replaced';
  return 'changed';
}

/** The pages that a step is about, before it and after. */
export class MappingExplainer {
  /** Does the kernel write the pages, or copy from them? Undefined where it does neither. */
  readonly #copies: { readonly write: boolean } | undefined;
  readonly #addresses: Float64Array;
  /** The same, once somebody asks for one of them. */
  #covered: ReadonlySet<number> | undefined;
  readonly #before: PageStates;
  readonly #more: number;

  /** Context: the step is about to be taken, on the pages of `mm`. */
  constructor(
    private readonly machine: Machine,
    private readonly mm: MmStruct,
    step: Step,
  ) {
    const { concerns } = definitionOf(step);
    this.#copies = concerns === 'transfer' ? { write: WRITING.has(step.op) } : undefined;
    const ranges = rangesOf(mm, step);
    const addresses = ranges.flatMap(({ region, page, pages }) =>
      Array.from({ length: Math.min(pages, MAX_OBSERVED) }, (_, i) => addressOf(region, page + i)),
    );
    this.#addresses = Float64Array.from(addresses.slice(0, MAX_OBSERVED));
    this.#before = this.#observe();
    this.#more = ranges.reduce((sum, { pages }) => sum + pages, 0) - this.#addresses.length;
  }

  /** Whether the page at `addr` of `mm` is one of those that are told of. */
  covers({ mm, addr }: { readonly mm: MmStruct; readonly addr: number }): boolean {
    if (mm !== this.mm) return false;
    this.#covered ??= new Set(this.#addresses);
    return this.#covered.has(addr);
  }

  #observe(): PageStates {
    const states = new PageStates(this.#addresses.length);
    for (const addr of this.#addresses) states.push(observePage(this.machine, this.mm, addr));
    return states;
  }

  /** What was told while the call ran. */
  explain({ invalidations, goneBy, cleaned, droppedClean }: MappingEvents): MappingExplanation {
    const now = this.#observe();
    const cleanedAt = new Set(cleaned.filter(({ mm }) => mm === this.mm).map(({ addr }) => addr));
    const cleanedBy = (index: number): string | undefined =>
      cleanedAt.has(this.#addresses[index]!) ? 'page_vma_mkclean_one' : undefined;
    const make = (index: number): PageVerdict => {
      const [before, after] = [this.#before.at(index), now.at(index)];
      const [from, to] = [pagePlace(before), pagePlace(after)];
      const page = regionName(this.#addresses[index]!);
      const dropped = after.where === 'none' && droppedClean.has(before.folio);
      const how = dropped
        ? decided('dropped', '__remove_mapping', {
            id: 'dropped-clean',
            ...devicesOf(changeOf(before, after)),
          })
        : this.#decided(before, after, goneBy, cleanedBy(index));
      return { page, ...how, from, to };
    };
    const stays = (index: number): boolean => this.#before.page(index) === now.page(index);
    const goneWith = (index: number): string | undefined => goneBy.get(this.#before.folio(index));
    const isAlike = (index: number): boolean =>
      this.#before.isAlike(index) &&
      now.isAlike(index) &&
      stays(index) === stays(index - 1) &&
      goneWith(index) === goneWith(index - 1) &&
      cleanedBy(index) === cleanedBy(index - 1) &&
      this.#addresses[index] === this.#addresses[index - 1]! + PAGE_SIZE;
    const pages = new Verdicts(now.length, make, isAlike);
    return { pages, more: this.#more, told: toldOf(invalidations, this.mm) };
  }

  /** `cleanedBy`: the function that made the page clean, if one did. */
  #decided(
    before: PageState,
    after: PageState,
    goneBy: ReadonlyMap<number, string>,
    cleanedBy: string | undefined,
  ): Decision {
    const change = changeOf(before, after);
    const faulted = change.moved === true && this.#copies !== undefined && after.where !== 'unmapped';
    if (faulted) {
      const fn = faultFunction({ before, ...this.#copies });
      return decided('faulted', fn, withHolder(this.machine, before, transition(before, after)));
    }
    if (Object.keys(change).length === 0) return decided('same', '', { id: 'as-it-was' });
    if (change.moved && after.where === 'swapped')
      return decided('swapped out', 'try_to_unmap_one', { id: 'changed', ...change });
    if (!change.moved && cleanedBy !== undefined)
      return decided('cleaned', cleanedBy, { id: 'changed', ...change });
    const fn = change.moved ? goneBy.get(before.folio) : undefined;
    const name = kernelName(fn ?? '', this.machine.generation.version);
    return decided(verdictOf(before, after, change), name, { id: 'changed', ...change });
  }
}
