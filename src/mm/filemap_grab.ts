// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: mm/filemap.c, __filemap_get_folio(FGP_CREAT): apart from what reclaim needs, which this may enter. Fidelity: ported. */
import { NO_PAGE, type Page } from '../sim/memmap.js';
import { done, type Task } from '../sim/task.js';
import { filemap_add_folio } from './filemap_pages.js';
import type { Kernel } from './kernel.js';
import { current_mm } from './memcontrol.js';
import { folio_prealloc } from './memcontrol_charge.js';
import { task_choice } from './mempolicy.js';
import { put_page } from './page_alloc.js';
import type { AddressSpace } from './types.js';

/**
 * The page at `index`, read where it is missing, or only written to (FGP_WRITE). Not referenced. Context: may sleep.
 * Return: NO_PAGE without memory.
 */
export function filemap_grab_folio(
  k: Kernel,
  mapping: AddressSpace,
  index: number,
  write = false,
): Task<Page> {
  const cached = mapping.i_pages.get(index);
  return cached === undefined ? filemap_create_folio(k, mapping, index, write) : done(cached);
}

function* filemap_create_folio(k: Kernel, mapping: AddressSpace, index: number, write: boolean): Task<Page> {
  const page = yield* folio_prealloc(k, current_mm(k), task_choice(k));
  if (page === NO_PAGE) return NO_PAGE;
  // While memory was reclaimed for it, somebody else may have been here.
  const cached = mapping.i_pages.get(index);
  if (cached === undefined) filemap_add_folio(k, mapping, index, page, write);
  else put_page(k, page);
  return cached ?? page;
}
