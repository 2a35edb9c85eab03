// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: mm/page-writeback.c, and what mm/filemap.c has of writing back: dirty pages of a file go to its disk. Fidelity:
 * simplified: no limit of dirty pages; the disk never fails. Who writes for reclaim is in fs_writeback.ts.
 */
import { KernelBug } from '../sim/errors.js';
import { WaitQueue } from '../sim/executor.js';
import type { Page } from '../sim/memmap.js';
import { done, type Task } from '../sim/task.js';
import type { Kernel } from './kernel.js';
import { folio_rotate_reclaimable } from './lru.js';
import {
  compound_head,
  folio_mark_dirty,
  folio_nr_pages,
  PG_dirty,
  PG_reclaim,
  PG_writeback,
} from './page_flags.js';
import { folio_mkclean } from './rmap_mkclean.js';
import type { AddressSpace } from './types.js';

export const folio_test_writeback = (k: Kernel, folio: Page): boolean =>
  (k.mem.flags[folio]! & PG_writeback) !== 0;

/**
 * The folio is about to be written: what maps it shared becomes clean and read-only, and what a device knows of it goes, so that
 * the next write is told of. Context: folio locked; may sleep. Return: whether it was dirty.
 */
export function* folio_clear_dirty_for_io(k: Kernel, folio: Page): Task<boolean> {
  if ((yield* folio_mkclean(k, folio)) > 0) folio_mark_dirty(k.mem, folio);
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

/** The disk has it: what reclaim has marked goes next. Context: may not sleep. */
export function folio_end_writeback(k: Kernel, folio: Page): void {
  if ((k.mem.flags[folio]! & PG_reclaim) !== 0) {
    k.mem.flags[folio]! &= ~PG_reclaim;
    folio_rotate_reclaimable(k, folio);
  }
  k.mem.flags[folio]! &= ~PG_writeback;
  if (k.trace !== null) k.note({ event: 'folio_end_writeback', fn: 'folio_end_writeback', page: folio });
  const queue = k.writebackWaits.get(folio);
  if (queue !== undefined) {
    k.writebackWaits.delete(folio);
    queue.wakeAll(k.executor);
  }
  k.reclaims[k.nodes.page_to_nid(folio)]!.acct_reclaim_writeback(k.executor, folio_nr_pages(k.mem, folio));
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

/** Base pages of files on the node that are dirty, and those that are being written; one may be both (NR_ZONE_WRITE_PENDING). */
export function write_pending(k: Kernel, nid: number): number {
  const { flags } = k.mem;
  let pages = 0;
  for (const mapping of k.mappings) {
    if (mapping === null || mapping.a_ops === null) continue;
    for (const page of mapping.i_pages.values()) {
      if (k.nodes.page_to_nid(page) !== nid) continue;
      const of = flags[compound_head(k.mem, page)]!;
      pages += ((of & PG_dirty) === 0 ? 0 : 1) + ((of & PG_writeback) === 0 ? 0 : 1);
    }
  }
  return pages;
}
