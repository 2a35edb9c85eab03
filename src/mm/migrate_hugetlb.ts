// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: mm/migrate.c, unmap_and_move_huge_page(): huge pages of the pool go elsewhere, whoever maps them. Fidelity: ported; a
 * page beside the pool is looked for without reclaim.
 */
import { NO_PAGE, type Page } from '../sim/memmap.js';
import type { Task } from '../sim/task.js';
import { EAGAIN, ENOMEM } from '../uapi/errno.js';
import { HPAGE_PMD_NR } from '../uapi/mman.js';
import { hugetlb_vma_lock } from './hugetlb_vma_lock.js';
import type { Kernel } from './kernel.js';
import { folio_migrate_flags, remove_migration_ptes } from './migrate.js';
import {
  mmu_notifier_invalidate_range_end,
  mmu_notifier_invalidate_range_start,
  mmu_notifier_range,
} from './mmu_notifier.js';
import { get_page, put_page } from './page_alloc.js';
import { folio_mapped, folio_mapping_of_file, folio_test_anon } from './page_flags.js';
import { pmd_index, pmd_trans_huge } from './pgtable.js';
import { type RmapPlace, rmap_places, set_pmd_migration_entry } from './rmap.js';

/** How often it is tried (NR_MAX_MIGRATE_SYNC_RETRY). */
const PASSES = 3;

/** What try_to_migrate_one() does of a huge page of the pool. Return: false where it is pinned, or somebody has the VMA's lock. */
function migrate_one(k: Kernel, folio: Page, { vma, address }: RmapPlace): boolean {
  const pmd = vma.vm_mm.pt.pmdTable(address);
  const i = pmd_index(address);
  if (pmd === null || !pmd_trans_huge(pmd, i) || pmd.e[i] !== folio) return true;
  const lock = folio_test_anon(k.mem, folio) ? null : hugetlb_vma_lock(vma);
  if (lock !== null && !lock.down_write_trylock()) return false;
  lock?.up_write();
  return set_pmd_migration_entry(k, folio, vma, pmd, i, address) === 0;
}

/** try_to_migrate(): entries of a page that migrates take the place of whatever maps it. Context: folio locked; may sleep. */
function* try_to_migrate_huge(k: Kernel, folio: Page): Task {
  for (const place of rmap_places(k, folio)) {
    const { vma, address } = place;
    const end = address + HPAGE_PMD_NR * 4096;
    const range = mmu_notifier_range(vma.vm_mm, address, end, 'MMU_NOTIFY_CLEAR');
    yield* mmu_notifier_invalidate_range_start(range);
    const goes = migrate_one(k, folio, place);
    mmu_notifier_invalidate_range_end(range);
    if (!goes || !folio_mapped(k.mem, folio)) return;
  }
}

/** hugetlbfs_migrate_folio(). Context: both locked; `src` unmapped. Return: 0, or -EAGAIN where somebody else holds it. */
function move_to_new_folio(k: Kernel, dst: Page, src: Page): number {
  const { mem } = k;
  const mapping = folio_mapping_of_file(k, src);
  if (mem.refcount[src] !== (mapping === null ? 1 : 2)) return -EAGAIN;
  mem.index[dst] = mem.index[src]!;
  mem.mapping[dst] = mem.mapping[src]!;
  if (mapping !== null) {
    mapping.i_pages.set(mem.index[src]! / HPAGE_PMD_NR, dst);
    get_page(k, dst);
    put_page(k, src);
  }
  k.copy_highpages(dst, src, HPAGE_PMD_NR);
  folio_migrate_flags(k, dst, src);
  mem.mapping[src] = 0;
  return 0;
}

/** Context: `src` isolated, with a reference of the caller's; may sleep. Return: 0 and that is gone, or -errno. */
function* unmap_and_move_huge_page(k: Kernel, src: Page): Task<number> {
  const { mem, hugetlb } = k;
  if (mem.refcount[src] === 1) return 0;
  const dst = hugetlb.alloc_hugetlb_folio_nodemask();
  if (dst === NO_PAGE) return -ENOMEM;
  yield* k.lock_page(src, 'migrate_pages');
  k.trylock_page(dst);
  const wasMapped = folio_mapped(mem, src);
  if (wasMapped) yield* try_to_migrate_huge(k, src);
  const rc = folio_mapped(mem, src) ? -EAGAIN : move_to_new_folio(k, dst, src);
  if (wasMapped) remove_migration_ptes(k, src, rc === 0 ? dst : src, false);
  k.unlock_page(dst);
  if (rc === 0) hugetlb.move_hugetlb_state(src, dst);
  k.unlock_page(src);
  put_page(k, dst);
  return rc;
}

/**
 * Move a huge page of the pool to another of it, or to a fresh one. Context: the caller's reference goes; may sleep.
 * Return: whether it has been moved, so that the page is free.
 */
export function* migrate_hugetlb(k: Kernel, folio: Page): Task<boolean> {
  let rc = -EAGAIN;
  for (let pass = 0; pass < PASSES && rc === -EAGAIN; pass++) rc = yield* unmap_and_move_huge_page(k, folio);
  k.hugetlb.isolated.delete(folio);
  put_page(k, folio);
  return rc === 0;
}
