// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: mm/migrate.c, move_pages(): pages one by one, each to a node of its own. Fidelity: simplified: pages of the
 * hugetlb pool stay where they are.
 */
import { NO_PAGE, type Page } from '../sim/memmap.js';
import type { Task } from '../sim/task.js';
import { EACCES, EBUSY, EFAULT, ENODEV, ENOENT } from '../uapi/errno.js';
import { MPOL_MF_MOVE_ALL } from '../uapi/mempolicy.js';
import type { Kernel } from './kernel.js';
import { folio_isolate_lru } from './lru.js';
import { folio_likely_mapped_shared } from './madvise_folios.js';
import { this_node } from './mempolicy.js';
import { vma_migratable } from './mempolicy_bind.js';
import { migrate_pages } from './migrate_pages.js';
import { compound_head } from './page_flags.js';
import { FLAGS, pmd_index, pmd_is_huge, pte_index, pte_present, vm_normal_page } from './pgtable.js';
import { type MmStruct, type VmArea, vma_is_anonymous } from './types.js';

/** The page that is mapped at `addr` (folio_walk_start). Return: -EFAULT for a page of zeros; -ENOENT for none. */
export function mapped_page(vma: VmArea, addr: number): Page | number {
  const { kernel: k, pt } = vma.vm_mm;
  // Kernels before that dumped the page, and have none of holes of memory without a file.
  const hole = !k.behaviour.movePagesSeesHoles && vma_is_anonymous(vma) ? -EFAULT : -ENOENT;
  const pmd = pt.pmdTable(addr);
  if (pmd === null) return hole;
  const m = pmd_index(addr);
  if (pmd_is_huge(pmd, m)) {
    if (!pte_present(pmd.e[FLAGS + m]!)) return -ENOENT;
    return pmd.e[m] === k.hugeZeroFolio ? -EFAULT : pmd.e[m]! + pte_index(addr);
  }
  const table = pmd.child[m] ?? null;
  const flags = table === null ? 0 : table[FLAGS + pte_index(addr)]!;
  if (flags === 0) return hole;
  if (!pte_present(flags)) return -ENOENT;
  const page = vm_normal_page(flags, table![pte_index(addr)]!);
  if (page === NO_PAGE) return -EFAULT;
  return k.is_zone_device_page(page) ? -ENOENT : page;
}

/** do_pages_stat(): which node each page is on, or -errno. Context: may sleep. */
export function* do_pages_stat(mm: MmStruct, addrs: readonly number[]): Task<number[]> {
  const { kernel: k } = mm;
  yield* mm.mmap_lock.down_read('do_pages_stat_array');
  const status = addrs.map((addr) => {
    const vma = mm.vmas.vma_lookup(addr);
    const page = vma === null ? -EFAULT : mapped_page(vma, addr);
    return page < 0 ? page : k.nodes.page_to_nid(page);
  });
  mm.mmap_lock.up_read();
  return status;
}

/** add_folio_for_migration(). Return: the folio, off the LRU; its node where it is there already; -errno. */
function add_folio(mm: MmStruct, addr: number, node: number, flags: number): { folio: Page } | number {
  const { kernel: k } = mm;
  const vma = mm.vmas.vma_lookup(addr);
  if (vma === null || !vma_migratable(vma)) return -EFAULT;
  const page = mapped_page(vma, addr);
  if (page < 0) return page;
  if (k.nodes.page_to_nid(page) === node) return node;
  const folio = compound_head(k.mem, page);
  if ((flags & MPOL_MF_MOVE_ALL) === 0 && folio_likely_mapped_shared(k, folio)) return -EACCES;
  return folio_isolate_lru(k, folio) ? { folio } : -EBUSY;
}

/** Whether pages may be asked to go to a node. Return: 0 or -errno. */
function refused(k: Kernel, node: number): number {
  if (node < 0 || node >= k.nodes.count) return -ENODEV;
  return (k.severalNodes?.target_nodes.includes(node) ?? true) ? 0 : -EACCES;
}

/** Pages in a row, from number `from` on, that go to one node together. */
interface Batch {
  readonly folios: Page[];
  readonly from: number;
  readonly node: number;
}

/** The nodes of pages, or -errno, by their numbers; what is not there has not been seen to. */
type Status = Map<number, number>;

/** move_pages_and_store_status(). Return: 0; how many of `all` pages have not moved, those from `upto` on with them. */
function* move_batch(
  k: Kernel,
  batch: Batch | null,
  upto: number,
  all: number,
  status: Status,
): Task<number> {
  if (batch === null || batch.folios.length === 0) return 0;
  const stay = yield* migrate_pages(k, batch.folios, 'MR_SYSCALL', () => this_node(batch.node));
  if (stay > 0) return stay + all - upto;
  for (let n = batch.from; n < upto; n++) status.set(n, batch.node);
  return 0;
}

/** move_pages(2) with nodes. Context: may sleep. Return: 0; pages that have not moved; -EINVAL, -ENODEV, -EACCES. */
export function* do_pages_move(
  mm: MmStruct,
  addrs: readonly number[],
  nodes: readonly number[],
  flags: number,
  status: Status,
): Task<number> {
  const { kernel: k } = mm;
  const all = addrs.length;
  let batch: Batch | null = null;
  for (let n = 0; n < all; n++) {
    const node = nodes[n]!;
    const err = refused(k, node);
    if (err !== 0) {
      yield* move_batch(k, batch, n, all, status);
      return err;
    }
    if (batch !== null && batch.node !== node) {
      const stay = yield* move_batch(k, batch, n, all, status);
      if (stay > 0) return stay;
      batch = null;
    }
    batch ??= { folios: [], from: n, node };
    yield* mm.mmap_lock.down_read('add_folio_for_migration');
    const added = add_folio(mm, addrs[n]!, node, flags);
    mm.mmap_lock.up_read();
    if (typeof added !== 'number') {
      batch.folios.push(added.folio);
      continue;
    }
    status.set(n, added);
    const stay = yield* move_batch(k, batch, n, all, status);
    // This page has been seen to.
    if (stay > 0) return stay - 1;
    batch = null;
  }
  return yield* move_batch(k, batch, all, all, status);
}
