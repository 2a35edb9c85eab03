// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: mm/mprotect.c, entries that are not present when their mapping changes protection. Fidelity: ported. */
import type { ProtectionChange } from './huge_memory.js';
import { compound_head, folio_test_anon } from './page_flags.js';
import {
  is_guard_marker,
  is_pte_marker,
  SWP_DEVICE_EXCLUSIVE_READ,
  SWP_DEVICE_EXCLUSIVE_WRITE,
  SWP_DEVICE_READ,
  SWP_DEVICE_WRITE,
  SWP_MIGRATION_READ,
  SWP_MIGRATION_READ_EXCLUSIVE,
  SWP_MIGRATION_WRITE,
  SWP_UFFD_WP,
  swp_type,
} from './pgtable.js';
import type { VmArea } from './types.js';

/** What a swap-type entry becomes when its mapping changes protection: never writable. */
function downgrade_swap_entry(vma: VmArea, page: number, flags: number): number {
  const rest = flags & ~0xf00;
  const { mem } = vma.vm_mm.kernel;
  switch (swp_type(flags)) {
    case SWP_MIGRATION_WRITE:
      return (
        rest |
        (folio_test_anon(mem, compound_head(mem, page)) ? SWP_MIGRATION_READ_EXCLUSIVE : SWP_MIGRATION_READ)
      );
    case SWP_DEVICE_WRITE:
      return rest | SWP_DEVICE_READ;
    case SWP_DEVICE_EXCLUSIVE_WRITE:
      return rest | SWP_DEVICE_EXCLUSIVE_READ;
    default:
      return flags;
  }
}

/** An entry that is not present, with the protection of a userfaultfd as it is to be. */
export function changed_swap_entry(
  vma: VmArea,
  page: number,
  flags: number,
  uffd: ProtectionChange['uffd'],
): number {
  if (is_guard_marker(flags)) return flags;
  if (is_pte_marker(flags)) return uffd === 'resolve' ? 0 : flags;
  const entry = downgrade_swap_entry(vma, page, flags);
  if (uffd === 'wp') return entry | SWP_UFFD_WP;
  return uffd === 'resolve' ? entry & ~SWP_UFFD_WP : entry;
}
