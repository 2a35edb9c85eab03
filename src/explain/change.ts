// SPDX-License-Identifier: GPL-2.0-only
/** How a page differs from what it was before a system call about its mapping, and whom the kernel told of that. */
import type { DeviceAccess } from '../kernel/module.js';
import type { TraceEvent, TraceEventOf } from '../mm/trace.js';
import type { MmStruct } from '../mm/types.js';
import { placeOf } from '../scenario/actor.js';
import { rangeText, regionName } from '../scenario/place.js';
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
}

/** The invalidations among `events` that the mirrors of `mm` heard of. */
export function toldOf(events: readonly TraceEvent[], mm: MmStruct): Told[] {
  const invalidations = events.filter(
    (event): event is TraceEventOf<'mmu_notifier_invalidate_range_start'> =>
      event.event === 'mmu_notifier_invalidate_range_start' && event.mm === mm,
  );
  return invalidations.map(({ addr, args }) => {
    const place = placeOf(addr);
    const range =
      place === undefined ? regionName(addr) : rangeText(`r${place.region}`, place.page, args.pages);
    return { notify: args.notify, range };
  });
}
