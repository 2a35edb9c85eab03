// SPDX-License-Identifier: GPL-2.0-only
/** What a memory cgroup counts is what is charged to it: pages, those that are kept for later, and slots of the swap device. */
import type { MemCgroup } from '../mm/memcontrol.js';
import { compound_head, folio_nr_pages } from '../mm/page_flags.js';
import type { Census } from './census.js';
import { violation } from './violation.js';

const counted = <Key>(
  of: ReadonlyMap<Key, MemCgroup>,
  size: (key: Key) => number,
): Map<MemCgroup, number> => {
  const sums = new Map<MemCgroup, number>();
  for (const [key, memcg] of of) sums.set(memcg, (sums.get(memcg) ?? 0) + size(key));
  return sums;
};

export function check_memcgs(census: Census): void {
  const { k, mem } = census;
  const { memcgs } = k;
  if (memcgs === null) return;
  for (const folio of memcgs.ofFolio.keys()) {
    if (mem.refcount[folio]! <= 0 || compound_head(mem, folio) !== folio)
      throw violation('memcg', `${census.show(folio)} is charged, and no folio that is in use`);
  }
  for (const slot of memcgs.ofSlot.keys()) {
    const { swap } = k;
    if (swap === null || (swap.count(slot) === 0 && !swap.cache.has(slot)))
      throw violation('memcg', `slot ${slot} is charged, and nobody has it`);
  }
  const pages = counted(memcgs.ofFolio, (folio) => folio_nr_pages(mem, folio));
  const slots = counted(memcgs.ofSlot, () => 1);
  for (const memcg of memcgs.all) {
    const charged = (pages.get(memcg) ?? 0) + memcgs.stocked(memcg);
    if (memcg.memory !== charged)
      throw violation('memcg', `${memcg.name} counts ${memcg.memory} pages, ${charged} are charged`);
    if (memcg.swap !== (slots.get(memcg) ?? 0))
      throw violation(
        'memcg',
        `${memcg.name} counts ${memcg.swap} slots, ${slots.get(memcg) ?? 0} are charged`,
      );
  }
}
