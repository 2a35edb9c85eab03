// SPDX-License-Identifier: GPL-2.0-only
/** How a page differs from what it was before a system call about its mapping, and whom the kernel told of that. */
import type { DeviceAccess } from '../kernel/module.js';
import type { TraceEvent, TraceEventOf } from '../mm/trace.js';
import type { MmStruct } from '../mm/types.js';
import { placeOf } from '../scenario/actor.js';
import { rangeText, regionName } from '../scenario/place.js';
import { PAGE_SIZE } from '../sim/memmap.js';
import { type PageState, pagePlace, placeText } from '../watch/observe.js';

export type Change = Readonly<{ moved?: true; cpu?: string; entry?: string; devices?: readonly string[] }>;

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
export function changeOf(before: PageState, after: PageState): Change {
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

/** An invalidation that reached the mirrors: which event, of which pages. */
export interface Told {
  readonly notify: string;
  readonly range: string;
  /** Where the range was told part by part, in order: how many pages were told of at a time. */
  readonly atATime?: number;
}

/** The invalidations among `events` that the mirrors of `mm` heard of. */
export function toldOf(events: readonly TraceEvent[], mm: MmStruct): Told[] {
  const invalidations = events.filter(
    (event): event is TraceEventOf<'mmu_notifier_invalidate_range_start'> =>
      event.event === 'mmu_notifier_invalidate_range_start' && event.mm === mm,
  );
  const runs: { readonly notify: string; readonly addr: number; readonly pages: number; times: number }[] =
    [];
  for (const { addr, args } of invalidations) {
    const last = runs.at(-1);
    const follows = last !== undefined && addr === last.addr + last.times * last.pages * PAGE_SIZE;
    if (follows && args.notify === last.notify && args.pages === last.pages) last.times++;
    else runs.push({ ...args, addr, times: 1 });
  }
  return runs.map(({ notify, addr, pages, times }) => {
    const place = placeOf(addr);
    const range =
      place === undefined ? regionName(addr) : rangeText(`r${place.region}`, place.page, pages * times);
    return { notify, range, ...(times === 1 ? {} : { atATime: pages }) };
  });
}
