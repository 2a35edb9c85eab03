// SPDX-License-Identifier: GPL-2.0-only
/** Whom the kernel told of what a system call did to a mapping. */
import type { TraceEvent, TraceEventOf } from '../mm/trace.js';
import type { MmStruct } from '../mm/types.js';
import { placeOf } from '../scenario/actor.js';
import { rangeText, regionName } from '../scenario/place.js';

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
