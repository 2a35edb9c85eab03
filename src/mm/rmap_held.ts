// SPDX-License-Identifier: GPL-2.0-only
/** Who has a folio whose count is higher than whoever wants to take it away can explain: for reasons. */
import type { Page } from '../sim/memmap.js';
import type { Kernel } from './kernel.js';
import { is_device_exclusive_entry } from './pgtable.js';
import { type Because, referenced } from './reasons.js';
import { forEachMappedPte, rmap_places } from './rmap.js';

/** A device, for which the page was made exclusive, or anybody. `expected`: the count with which it could go. */
export function held(k: Kernel, folio: Page, expected: number): Because {
  const exclusive = rmap_places(k, folio).some(
    (place) => !forEachMappedPte(k, folio, place, is_device_exclusive_entry, () => false),
  );
  return exclusive ? 'exclusive-to-device' : referenced('pinned', k, folio, expected);
}
