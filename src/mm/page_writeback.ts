// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: mm/page-writeback.c, and what mm/filemap.c has of writing back: dirty pages of a file go to its disk. Fidelity:
 * simplified: nobody writes but who asks for it (no flusher, no limit of dirty pages); the disk never fails.
 */
import { KernelBug } from '../sim/errors.js';
import { WaitQueue } from '../sim/executor.js';
import type { Page } from '../sim/memmap.js';
import { done, type Task } from '../sim/task.js';
import type { Kernel } from './kernel.js';
import { compound_head, PG_dirty, PG_writeback } from './page_flags.js';
import { folio_mkclean } from './rmap_mkclean.js';
import type { AddressSpace } from './types.js';

/** Whether a page that is being written is skipped, or waited for (enum writeback_sync_modes). */
export type SyncMode = 'WB_SYNC_NONE' | 'WB_SYNC_ALL';

export const folio_test_writeback = (k: Kernel, folio: Page): boolean =>
  (k.mem.flags[folio]! & PG_writeback) !== 0;

/**
 * The folio is about to be written: what maps it shared becomes clean and read-only, and what a device knows of it goes, so that
 * the next write is told of. Context: folio locked; may sleep. Return: whether it was dirty.
 */
export function* folio_clear_dirty_for_io(k: Kernel, folio: Page): Task<boolean> {
  if ((yield* folio_mkclean(k, folio)) > 0) k.mem.flags[folio]! |= PG_dirty;
  const dirty = (k.mem.flags[folio]! & PG_dirty) !== 0;
  k.mem.flags[folio]! &= ~PG_dirty;
  return dirty;
}

/** Context: folio locked. */
export function folio_start_writeback(k: Kernel, folio: Page): void {
  if (folio_test_writeback(k, folio)) {
    throw new KernelBug('__folio_start_writeback', `VM_BUG_ON_FOLIO: folio ${folio} is written back already`);
  }
  k.mem.flags[folio]! |= PG_writeback;
  if (k.trace !== null)
    k.note({ event: 'folio_start_writeback', fn: '__folio_start_writeback', page: folio });
}

/** The disk has it. Context: may not sleep. */
export function folio_end_writeback(k: Kernel, folio: Page): void {
  k.mem.flags[folio]! &= ~PG_writeback;
  if (k.trace !== null) k.note({ event: 'folio_end_writeback', fn: 'folio_end_writeback', page: folio });
  const queue = k.writebackWaits.get(folio);
  if (queue === undefined) return;
  k.writebackWaits.delete(folio);
  queue.wakeAll(k.executor);
}

/** Sleep until the disk has the folio. Context: may sleep; whoever calls keeps the folio where it is. */
export function folio_wait_writeback(k: Kernel, folio: Page): Task {
  return folio_test_writeback(k, folio) ? wait_on_writeback(k, folio) : done(undefined);
}

function* wait_on_writeback(k: Kernel, folio: Page): Task {
  if (k.trace !== null) k.note({ event: 'folio_wait_writeback', fn: 'folio_wait_writeback', page: folio });
  while (folio_test_writeback(k, folio)) {
    let queue = k.writebackWaits.get(folio);
    if (queue === undefined) {
      const pfn = k.mem.page_to_pfn(folio).toString(16);
      queue = new WaitQueue({ key: {}, name: `the write-back of pfn 0x${pfn}` });
      k.writebackWaits.set(folio, queue);
    }
    yield* queue.sleep(k.executor, 'folio_wait_writeback');
  }
}

/** Folios of the file that have a page from `first` up to `end` and the flag, in the order of the file (filemap_get_folios_tag). */
export function folios_with(
  k: Kernel,
  { i_pages }: AddressSpace,
  first: number,
  end: number,
  flag: number,
): Page[] {
  const found = new Set<Page>();
  const indices = [...i_pages.keys()].filter((index) => index >= first && index < end);
  for (const index of indices.sort((a, b) => a - b)) {
    const folio = compound_head(k.mem, i_pages.get(index)!);
    if ((k.mem.flags[folio]! & flag) !== 0) found.add(folio);
  }
  return [...found];
}

/** Wait for what is being written of these pages. Context: may sleep. */
export function* filemap_fdatawait_range(k: Kernel, mapping: AddressSpace, first: number, end: number): Task {
  for (const folio of folios_with(k, mapping, first, end, PG_writeback))
    yield* folio_wait_writeback(k, folio);
}
