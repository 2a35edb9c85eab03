// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: mm/vmscan.c, taking folios off the LRU and putting them back. Fidelity: ported. */
import type { Page } from '../sim/memmap.js';
import type { Kernel } from './kernel.js';
import { put_page } from './page_alloc.js';
import { PG_lru } from './page_flags.js';

/** Take a folio off the LRU, with a reference. Return: whether it was there. */
export function folio_isolate_lru(k: Kernel, folio: Page): boolean {
  k.enter('folio_isolate_lru');
  if ((k.mem.flags[folio]! & PG_lru) === 0) return false;
  k.mem.flags[folio]! &= ~PG_lru;
  k.mem.refcount[folio]!++;
  return true;
}

/** Put it back; the reference goes, and with the last one the folio. */
export function folio_putback_lru(k: Kernel, folio: Page): void {
  k.mem.flags[folio]! |= PG_lru;
  put_page(k, folio);
}
