// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: mm/memory-failure.c, memory_failure_dev_pagemap(): pages of devices. Fidelity: ported. */
import { KernelBug } from '../sim/errors.js';
import type { Page } from '../sim/memmap.js';
import type { Task } from '../sim/task.js';
import { EBUSY, ENXIO } from '../uapi/errno.js';
import type { Kernel } from './kernel.js';
import { collect_procs } from './memory_failure_kill.js';
import { action_result } from './memory_failure_states.js';
import { unmap_mapping_pages } from './memory_zap.js';
import { is_dax_page } from './memremap.js';
import { put_page } from './page_alloc.js';
import { folio_test_anon, PG_hwpoison } from './page_flags.js';

/**
 * dax_lock_folio(): locks the entry of a DAX file. It takes whatever the page's mapping is for an address_space, and that
 * of anonymous memory is an anon_vma, with a bit set. Return: whether the page is of a file.
 */
function dax_lock_folio(k: Kernel, page: Page): boolean {
  if (folio_test_anon(k.mem, page)) {
    throw new KernelBug(
      'dax_lock_folio',
      `general protection fault: the anon_vma of page ${page} is taken for an address_space`,
    );
  }
  return k.mem.mapping[page] !== 0;
}

/**
 * mf_generic_kill_procs(): whoever maps the page of a DAX file has lost it, and gets a signal. Pages that a driver
 * manages are refused, once dax_lock_folio() has looked at them. Return: 0, -EBUSY, -ENXIO.
 */
function* mf_generic_kill_procs(k: Kernel, page: Page): Task<number> {
  if (!dax_lock_folio(k, page)) return -EBUSY;
  if (!is_dax_page(k, page)) return -ENXIO;
  const mapping = k.mappings[-k.mem.mapping[page]!]!;
  k.mem.flags[page]! |= PG_hwpoison;
  // The loss is whoever's who runs, since there are such pages.
  const found = collect_procs(k, page, page, true);
  yield* unmap_mapping_pages(mapping, k.mem.index[page]!, 1, false);
  for (const { task } of found) k.mceTasks!.send(task, 'SIGBUS');
  return 0;
}

/** The reference that madvise() took is dropped first. Return: 0 or -errno. */
export function* memory_failure_dev_pagemap(k: Kernel, page: Page): Task<number> {
  put_page(k, page);
  const rc = yield* mf_generic_kill_procs(k, page);
  action_result(k, page, 'dax page', rc === 0 ? 'Recovered' : 'Failed');
  return rc;
}
