// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: mm/memory.c do_swap_page(), what it does for a device private page. Fidelity: ported. */
import type { Page } from '../sim/memmap.js';
import type { Task } from '../sim/task.js';
import type { Kernel } from './kernel.js';
import { get_page, put_page } from './page_alloc.js';
import { compound_head } from './page_flags.js';
import type { VmFault } from './types.js';

/**
 * Ask the driver to bring `page` home, or the huge page that begins there. Where faults lock the page and somebody else
 * has the lock, the access faults again, of a page once it was dropped.
 * Context: mmap_lock held; may sleep. Return: 0 or VM_FAULT_*.
 */
export function* migrate_to_ram(k: Kernel, vmf: VmFault, page: Page): Task<number> {
  const lock = k.behaviour.faultLocksDevicePage;
  const folio = compound_head(k.mem, page);
  if (lock && !k.trylock_page(folio)) {
    if (vmf.huge) yield* k.executor.yield('do_huge_pmd_device_private');
    else yield* k.wait_on_page_locked(folio, 'softleaf_entry_wait_on_locked');
    return 0;
  }
  const { faultReferencesDevicePage } = k.behaviour;
  if (faultReferencesDevicePage) get_page(k, page);
  const ret = yield* k.pgmapOf(page).ops.migrate_to_ram!(vmf);
  // The driver may have split the folio: the lock is then that of the page.
  const left = compound_head(k.mem, page);
  if (lock) k.unlock_page(left);
  if (faultReferencesDevicePage) put_page(k, page);
  return ret;
}
