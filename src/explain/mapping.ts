// SPDX-License-Identifier: GPL-2.0-only
/** A system call about a mapping: what became of each of its pages, and whom the kernel told on the way. */
import type { DeviceAccess } from '../kernel/module.js';
import type { Machine } from '../machine/machine.js';
import type { TraceEvent, TraceEventOf } from '../mm/trace.js';
import type { MmStruct } from '../mm/types.js';
import { addressOf, placeOf } from '../scenario/actor.js';
import { rangeText, regionName } from '../scenario/place.js';
import type { Step } from '../scenario/schema.js';
import type { Range } from '../scenario/steps/contract.js';
import { definitionOf } from '../scenario/steps/index.js';
import { NO_PAGE } from '../sim/memmap.js';
import { observePage, type PageState, pagePlace, placeText } from '../watch/observe.js';
import { type Decision, decided } from './fault.js';
import type { PageVerdict, RangeVerdicts } from './verdict.js';

/** Pages of one call that are listed. */
const MAX_LISTED = 4096;

/** An invalidation that reached the mirrors: which event, of which pages. */
export interface Told {
  readonly notify: string;
  readonly range: string;
}

export interface MappingExplanation extends RangeVerdicts {
  readonly told: readonly Told[];
}

type Change = Readonly<{ moved?: true; cpu?: string; entry?: string; devices?: readonly string[] }>;

function rangesOf(step: Step): Range[] {
  const { region, page = 0, pages } = step as Partial<Range>;
  const own = region === undefined || pages === undefined ? [] : [{ region, page, pages }];
  const made = definitionOf(step).maps?.(step);
  return made === undefined ? own : [...own, made];
}

const accessIn = (devices: readonly DeviceAccess[], name: string): string =>
  devices.find(({ device }) => device.name === name)?.access ?? 'nothing';

function deviceChanges(before: PageState, after: PageState): string[] {
  const names = new Set([...before.devices, ...after.devices].map(({ device }) => device.name));
  return [...names].flatMap((name) => {
    const [from, to] = [accessIn(before.devices, name), accessIn(after.devices, name)];
    return from === to ? [] : [`${name} ${from} -> ${to}`];
  });
}

/** What the CPU may do is told of pages that are where they were. */
function changeOf(before: PageState, after: PageState): Change {
  const moved = placeText(pagePlace(before)) !== placeText(pagePlace(after));
  const devices = deviceChanges(before, after);
  const access = (cpu: string): string => (cpu === '' ? 'faults' : cpu);
  const same = moved || before.cpu === after.cpu;
  const faults = !moved && before.cpu === '' && after.cpu === '';
  return {
    ...(moved ? { moved } : {}),
    ...(same ? {} : { cpu: `${access(before.cpu)} -> ${access(after.cpu)}` }),
    ...(faults && before.pte !== after.pte ? { entry: `${before.pte} -> ${after.pte}` } : {}),
    ...(devices.length === 0 ? {} : { devices }),
  };
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
      Array.from({ length: Math.min(pages, MAX_LISTED) }, (_, i) => addressOf(region, page + i)),
    );
    const listed = addresses.slice(0, MAX_LISTED);
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
    return { pages, more: this.#more, told: this.#told(events) };
  }

  #decided(before: PageState, after: PageState, freed: ReadonlyMap<number, string>): Decision {
    const change = changeOf(before, after);
    if (Object.keys(change).length === 0) return decided('same', '', { id: 'as-it-was' });
    const fn = change.moved ? freed.get(before.folio) : undefined;
    return decided(verdictOf(before, after, change), fn ?? '', { id: 'changed', ...change });
  }

  #told(events: readonly TraceEvent[]): Told[] {
    const invalidations = events.filter(
      (event): event is TraceEventOf<'mmu_notifier_invalidate_range_start'> =>
        event.event === 'mmu_notifier_invalidate_range_start' && event.mm === this.mm,
    );
    return invalidations.map(({ addr, args }) => {
      const place = placeOf(addr);
      const range =
        place === undefined ? regionName(addr) : rangeText(`r${place.region}`, place.page, args.pages);
      return { notify: args.notify, range };
    });
  }
}
