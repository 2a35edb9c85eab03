// SPDX-License-Identifier: GPL-2.0-only
/** The pool of huge pages: each is free or in use, and reservations are what mappings and files may still claim. */
import { file_reservations, vma_reservations } from '../mm/hugetlb_resv.js';
import { PG_buddy, PG_head, PG_hugetlb, PG_restore_reserve } from '../mm/page_flags.js';
import { is_vm_hugetlb_page, VM_MAYSHARE } from '../mm/types.js';
import type { Census } from './census.js';
import { violation } from './violation.js';

const NAME = 'hugetlb';

export function check_hugetlb(census: Census): void {
  const { k } = census;
  const { nr_huge_pages, free_huge_pages, lostReservations } = k.hugetlb;
  if (nr_huge_pages === 0) return;
  const { used, owed } = count_used(census);
  if (used + free_huge_pages !== nr_huge_pages) {
    throw violation(NAME, `${used} huge pages in use and ${free_huge_pages} free, of ${nr_huge_pages}`);
  }
  const claims = count_claims(census);
  const resv_huge_pages = k.hugetlb.resv_huge_pages - lostReservations;
  if (claims !== resv_huge_pages + owed) {
    const reserved = `${resv_huge_pages} huge pages reserved and ${owed} to come back`;
    throw violation(NAME, `${reserved}, but mappings and files may claim ${claims}`);
  }
}

/** Pages in use; `owed` of them are held by a pin alone, and are reserved again when it lets go. */
function count_used({ k, mem, touched }: Census): { used: number; owed: number } {
  let used = 0;
  let owed = 0;
  for (const { low, high } of touched) {
    if (k.is_zone_device_page(low)) break;
    // RAM begins and ends at whole page blocks.
    for (let page = low; page < high; page += 512) {
      const flags = mem.flags[page]!;
      if ((flags & (PG_head | PG_hugetlb)) !== (PG_head | PG_hugetlb)) continue;
      const free = (flags & PG_buddy) !== 0;
      if (free !== (mem.refcount[page] === 0)) {
        const state = free ? 'on the free list' : 'in use';
        throw violation(NAME, `a huge page ${state} has refcount ${mem.refcount[page]}`);
      }
      if (free) continue;
      used++;
      if ((flags & PG_restore_reserve) !== 0) owed++;
    }
  }
  return { used, owed };
}

function count_claims({ k, mms }: Census): number {
  let claims = 0;
  for (const mapping of k.mappings) {
    if (mapping?.kind === 'hugetlb') claims += file_reservations(mapping);
  }
  for (const mm of mms) {
    for (const vma of mm.vmas) {
      if (is_vm_hugetlb_page(vma) && (vma.vm_flags & VM_MAYSHARE) === 0) claims += vma_reservations(vma);
    }
  }
  return claims;
}
