// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: mm/migrate.c, migrate_pages(): folios of system memory go elsewhere, whoever maps them. Fidelity: ported
 * for MIGRATE_SYNC of anonymous memory, memfds and files on a disk; not batched.
 */
import { NO_PAGE, PAGEBLOCK, type Page } from '../sim/memmap.js';
import type { Task } from '../sim/task.js';
import { EAGAIN, ENOMEM } from '../uapi/errno.js';
import type { Kernel } from './kernel.js';
import { folio_add_lru, folio_putback_lru } from './lru.js';
import { alloc_huge_at } from './mempolicy.js';
import {
  folio_expected_refs,
  folio_migrate_flags,
  folio_migrate_mapping,
  remove_migration_ptes,
} from './migrate.js';
import { MOVABLE, put_page } from './page_alloc.js';
import type { NodeChoice } from './page_alloc_nodes.js';
import { alloc_page } from './page_alloc_slow.js';
import { folio_mapped, folio_nr_pages, folio_test_large, PG_active, PG_unevictable } from './page_flags.js';
import { folio_wait_writeback } from './page_writeback.js';
import { reasonOf } from './reasons.js';
import { rmap_places, try_to_migrate } from './rmap.js';
import { held } from './rmap_held.js';

/** How often it is tried (NR_MAX_MIGRATE_SYNC_RETRY). */
const PASSES = 3;

/** Whose reference keeps the folio where it is. */
function tell_held(k: Kernel, src: Page): void {
  if (k.trace === null) return;
  const reason = reasonOf(held(k, src, folio_expected_refs(k, src)));
  const [place] = rmap_places(k, src);
  const at = place === undefined ? {} : { mm: place.vma.vm_mm, addr: place.address };
  k.note({ event: 'skip', fn: 'migrate_pages', page: src, reason, ...at });
}

/** Context: both locked; `src` unmapped. Return: 0 or -errno. */
function move_to_new_folio(k: Kernel, dst: Page, src: Page): number {
  const rc = folio_migrate_mapping(k, dst, src, 0);
  if (rc !== 0) return rc;
  k.copy_highpages(dst, src, folio_nr_pages(k.mem, src));
  folio_migrate_flags(k, dst, src);
  k.mem.mapping[src] = 0;
  return 0;
}

/** Why folios go: of what the hardware has lost, the caller's reference stays. */
type MigrateReason = 'MR_SYSCALL' | 'MR_MEMORY_HOTPLUG' | 'MR_MEMORY_FAILURE';

function migrate_folio_done(k: Kernel, src: Page, reason: MigrateReason): void {
  if (reason !== 'MR_MEMORY_FAILURE') put_page(k, src);
}

/** Which node each folio goes to. */
type Targets = (src: Page) => NodeChoice;

/** Context: `src` off the LRU with a reference of the caller's; may sleep. Return: 0 and that is gone, or -errno. */
function* unmap_and_move(k: Kernel, src: Page, reason: MigrateReason, to: Targets | null): Task<number> {
  const { mem } = k;
  if (mem.refcount[src] === 1) {
    mem.flags[src]! &= ~(PG_active | PG_unevictable);
    migrate_folio_done(k, src, reason);
    return 0;
  }
  const large = folio_test_large(mem, src);
  const choice = to?.(src) ?? null;
  const dst = large ? alloc_huge_at(k, choice) : yield* alloc_page(k, MOVABLE, choice);
  if (dst === NO_PAGE) return -ENOMEM;
  if (!k.trylock_page(src)) yield* k.lock_page(src, 'migrate_pages');
  yield* folio_wait_writeback(k, src);
  k.trylock_page(dst);
  const wasMapped = folio_mapped(mem, src);
  if (wasMapped) yield* try_to_migrate(k, src);
  const rc = folio_mapped(mem, src) ? -EAGAIN : move_to_new_folio(k, dst, src);
  if (rc === 0) folio_add_lru(k, dst);
  else tell_held(k, src);
  // Where nothing was mapped, an entry that is exclusive to a device would be taken for one.
  if (wasMapped) remove_migration_ptes(k, src, rc === 0 ? dst : src, false);
  k.unlock_page(dst);
  k.unlock_page(src);
  put_page(k, dst);
  if (rc === 0) migrate_folio_done(k, src, reason);
  return rc;
}

/**
 * Move `folios`, which are off the LRU with a reference of the caller's each; those that stay go back there, and their
 * references go. Where nobody says to which nodes, it is any with memory.
 * Context: may sleep. Return: base pages that stay.
 */
export function* migrate_pages(
  k: Kernel,
  folios: readonly Page[],
  reason: MigrateReason,
  to: Targets | null = null,
): Task<number> {
  let left = [...folios];
  for (let pass = 0; pass < PASSES && left.length > 0; pass++) {
    const again: Page[] = [];
    for (const folio of left) if ((yield* unmap_and_move(k, folio, reason, to)) !== 0) again.push(folio);
    left = again;
  }
  const stay = left.reduce((sum, folio) => sum + (folio_test_large(k.mem, folio) ? PAGEBLOCK : 1), 0);
  for (const folio of left) folio_putback_lru(k, folio);
  return stay;
}
