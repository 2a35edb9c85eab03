// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: mm/migrate.c migrate_vma() as v25 has it: one call, which asks its driver back twice. Between any two kinds
 * of memory: what is collected is whatever is mapped. Fidelity: ported. DIVERGES: a page that is locked when it is
 * collected stays; v25 tries its lock once more in migrate_vma_prepare().
 */
import { COST_ISOLATE, COST_MIGRATE, COST_PAGE } from '../sim/costs.js';
import { NO_PAGE, type Page } from '../sim/memmap.js';
import type { Task } from '../sim/task.js';
import { EINVAL } from '../uapi/errno.js';
import { PAGE_SIZE } from '../uapi/mman.js';
import { folio_add_lru, lruvec_del_folio } from './lru.js';
import {
  migrate_vma_check_page,
  migrate_vma_finalize,
  migrate_vma_pages,
  note_pinned,
  note_skip,
  restore_pinned,
} from './migrate_device.js';
import { migrate_vma_collect, smallPages } from './migrate_device_collect.js';
import {
  MIGRATE_PFN_MIGRATE,
  MIGRATE_VMA_SELECT_DEVICE_COHERENT,
  MIGRATE_VMA_SELECT_DEVICE_PRIVATE,
  MIGRATE_VMA_SELECT_SYSTEM,
  type MigrateVma,
  migrate_pfn_to_page,
  new_migrate_vma,
  skip,
} from './migrate_vma.js';
import { folio_mapped, PG_lru } from './page_flags.js';
import { try_to_migrate } from './rmap.js';
import { is_vm_hugetlb_page, VM_SPECIAL, type VmArea } from './types.js';

/** struct migrate_vma_ops. Both see the entries of migrate.src and migrate.dst, and may sleep. */
export interface MigrateVmaOps<Private> {
  /** Pages are locked and unmapped: give those of src that migrate a page in dst, locked, with the contents. */
  alloc_and_copy(migrate: MigrateVma, priv: Private): Task;
  /** What still says MIGRATE_PFN_MIGRATE in src has migrated: update the device. */
  finalize_and_map(migrate: MigrateVma, priv: Private): Task;
}

/** migrate_vma(): any page that is mapped is what the caller wants. */
const ANY =
  MIGRATE_VMA_SELECT_SYSTEM | MIGRATE_VMA_SELECT_DEVICE_PRIVATE | MIGRATE_VMA_SELECT_DEVICE_COHERENT;

/** Call `each` for the pages that still migrate; where it answers false, the page goes back to where it was mapped. */
function* sift(migrate: MigrateVma, each: (migrate: MigrateVma, page: Page) => Task<boolean>): Task {
  const k = migrate.vma.vm_mm.kernel;
  const { src, npages } = migrate;
  let restore = 0;
  for (let n = 0; n < npages; n++) {
    const page = migrate_pfn_to_page(src[n]!);
    if (page === NO_PAGE || (src[n]! & MIGRATE_PFN_MIGRATE) === 0) continue;
    if (yield* each(migrate, page)) continue;
    src[n]! &= ~MIGRATE_PFN_MIGRATE;
    migrate.cpages--;
    restore++;
  }
  if (restore > 0) restore_pinned(k, src, npages, NO_PAGE);
}

/** Take one page off the LRU, and leave it alone where somebody else holds it. Return: whether it may migrate. */
// biome-ignore lint/correctness/useYield: the other pass over the pages sleeps
function* prepare_page({ vma }: MigrateVma, page: Page): Task<boolean> {
  const k = vma.vm_mm.kernel;
  k.executor.charge(COST_MIGRATE);
  const device = k.is_zone_device_page(page);
  if (!device) {
    k.enter('folio_isolate_lru');
    k.executor.charge(COST_ISOLATE);
    if ((k.mem.flags[page]! & PG_lru) === 0) {
      if (k.trace !== null) note_skip(k, 'migrate_vma_prepare', page, 'not-on-lru');
      return false;
    }
    // Isolation takes a reference and drops collect's.
    lruvec_del_folio(k, page);
  }
  return checked(migrate_vma_check_page(k, page, NO_PAGE), page, vma);
}

/** Unmap one page everywhere else. Return: whether it may migrate. */
function* unmap_page({ vma }: MigrateVma, page: Page): Task<boolean> {
  const k = vma.vm_mm.kernel;
  if (folio_mapped(k.mem, page)) yield* try_to_migrate(k, page);
  return checked(!folio_mapped(k.mem, page) && migrate_vma_check_page(k, page, NO_PAGE), page, vma);
}

/** A page that stays is told, and goes back to the LRU. */
function checked(may: boolean, page: Page, { vm_mm: { kernel: k } }: VmArea): boolean {
  if (may) return true;
  note_pinned(k, page, k.is_zone_device_page(page), NO_PAGE);
  if (!k.is_zone_device_page(page)) folio_add_lru(k, page);
  return false;
}

/** Whether [start, end) is a range of the VMA, and this a mapping whose pages may move. */
function may_migrate(vma: VmArea, start: number, end: number): boolean {
  if (is_vm_hugetlb_page(vma) || (vma.vm_flags & VM_SPECIAL) !== 0) return false;
  return start >= vma.vm_start && start < end && end <= vma.vm_end;
}

/**
 * Migrate [start, end) to where the driver says. Context: mmap_lock held for read; may sleep. Return: 0, whatever
 * migrated, or -EINVAL for a range or a mapping that cannot.
 */
export function* migrate_vma<Private>(
  ops: MigrateVmaOps<Private>,
  vma: VmArea,
  start: number,
  end: number,
  priv: Private,
): Task<number> {
  const migrate = new_migrate_vma({ vma, start, end, pgmap_owner: null, flags: ANY });
  if (!may_migrate(vma, start, end)) {
    const because = is_vm_hugetlb_page(vma) ? 'hugetlb-mapping' : 'device-mapping';
    skip(migrate, start, NO_PAGE, 'migrate_vma', because, end);
    return -EINVAL;
  }
  yield* migrate_vma_collect(migrate, smallPages);
  vma.vm_mm.kernel.executor.charge(COST_PAGE * ((end - start) / PAGE_SIZE));
  if (migrate.cpages > 0) yield* sift(migrate, prepare_page);
  if (migrate.cpages > 0) yield* sift(migrate, unmap_page);
  if (migrate.cpages === 0) return 0;
  yield* ops.alloc_and_copy(migrate, priv);
  yield* migrate_vma_pages(migrate);
  yield* ops.finalize_and_map(migrate, priv);
  migrate_vma_finalize(migrate);
  return 0;
}
