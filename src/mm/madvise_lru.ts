// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: mm/madvise.c, MADV_COLD and MADV_PAGEOUT. Fidelity: ported. */
import { NO_PAGE, type Page } from '../sim/memmap.js';
import type { Task } from '../sim/task.js';
import { EINVAL } from '../uapi/errno.js';
import { PAGE_SIZE } from '../uapi/mman.js';
import type { Kernel } from './kernel.js';
import { folio_isolate_lru, folio_move_lru } from './lru.js';
import { folio_likely_mapped_shared, folio_pte_batch, split_locked } from './madvise_folios.js';
import {
  compound_head,
  folio_mapcount,
  folio_nr_pages,
  folio_test_large,
  PG_active,
  PG_lru,
  PG_referenced,
  PG_unevictable,
  PG_workingset,
  page_mapcount,
} from './page_flags.js';
import {
  FLAGS,
  type PmdTable,
  PTE_YOUNG,
  type PteTable,
  pmd_addr_end,
  pmd_index,
  pmd_trans_huge,
  pte_index,
  pte_present,
  pud_addr_end,
  vm_normal_page,
} from './pgtable.js';
import { refused } from './reasons.js';
import { flush_tlb_range } from './tlb.js';
import { VM_HUGETLB, VM_LOCKED, VM_PFNMAP, type VmArea } from './types.js';
import { reclaim_pages } from './vmscan.js';

/** What one walk over a range needs. */
interface Walk {
  readonly vma: VmArea;
  readonly pageout: boolean;
  /** Off the LRU, to be reclaimed at the end of each table. */
  readonly folios: Page[];
}

/** Context: mmap_lock held for read; may sleep. Return: 0 or -EINVAL. */
export function* madvise_cold_or_pageout(
  vma: VmArea,
  start: number,
  end: number,
  pageout: boolean,
): Task<number> {
  const fn = pageout ? 'madvise_pageout' : 'madvise_cold';
  if ((vma.vm_flags & VM_LOCKED) !== 0) return refused(vma.vm_mm, fn, start, 'mlocked', EINVAL);
  if ((vma.vm_flags & VM_PFNMAP) !== 0) return refused(vma.vm_mm, fn, start, 'special-mapping', EINVAL);
  if ((vma.vm_flags & VM_HUGETLB) !== 0) return refused(vma.vm_mm, fn, start, 'hugetlb-mapping', EINVAL);
  const { pt } = vma.vm_mm;
  for (let addr = start; addr < end; ) {
    const pmd = pt.pmdTable(addr);
    if (pmd === null) {
      addr = pud_addr_end(addr, end);
      continue;
    }
    const next = pmd_addr_end(addr, end);
    const folios: Page[] = [];
    yield* walk_pmd({ vma, pageout, folios }, pmd, addr, next);
    if (folios.length > 0) yield* reclaim_pages(vma.vm_mm.kernel, folios);
    addr = next;
  }
  flush_tlb_range(vma.vm_mm, start, end);
  return 0;
}

function* walk_pmd(walk: Walk, pmd: PmdTable, addr: number, next: number): Task {
  const i = pmd_index(addr);
  if (pmd_trans_huge(pmd, i) && !(yield* walk_huge_pmd(walk, pmd, i, next - addr))) return;
  const table = pmd.child[i]!;
  if (table === null) return;
  const first = pte_index(addr);
  yield* walk_ptes(walk, table, first, first + (next - addr) / PAGE_SIZE);
}

/** Return: whether the huge page was split, so that its small ones are to be walked. */
function* walk_huge_pmd(walk: Walk, pmd: PmdTable, i: number, bytes: number): Task<boolean> {
  const k = walk.vma.vm_mm.kernel;
  const folio = pmd.e[i]!;
  if (folio === k.hugeZeroFolio || mapped_by_others(k, folio)) return false;
  if (bytes !== 0x200000) return yield* split_locked(k, folio);
  if (!walk.pageout) pmd.e[FLAGS + i]! &= ~PTE_YOUNG;
  deactivate(walk, folio);
  return false;
}

/** Whether somebody else maps the huge page that is mapped here as a whole. */
function mapped_by_others(k: Kernel, folio: Page): boolean {
  return k.behaviour.madviseFreeKeepsWholeFolios
    ? folio_likely_mapped_shared(k, folio)
    : page_mapcount(k.mem, folio) !== 1;
}

/** To the end of the LRU, or off it, to be reclaimed. */
function deactivate({ vma, pageout, folios }: Walk, folio: Page): void {
  const k = vma.vm_mm.kernel;
  const wasActive = k.behaviour.coldKeepsWorkingset && (k.mem.flags[folio]! & PG_active) !== 0;
  folio_move_lru(k, folio, PG_referenced | PG_active, wasActive ? PG_workingset : 0);
  if (pageout && (k.mem.flags[folio]! & PG_unevictable) === 0 && folio_isolate_lru(k, folio))
    folios.push(folio);
}

function* walk_ptes(walk: Walk, table: PteTable, first: number, last: number): Task {
  const k = walk.vma.vm_mm.kernel;
  const { mem } = k;
  for (let n = first; n < last; n++) {
    const flags = table[FLAGS + n]!;
    if (flags === 0 || !pte_present(flags)) continue;
    const page = vm_normal_page(flags, table[n]!);
    if (page === NO_PAGE || k.is_zone_device_page(page)) continue;
    const folio = compound_head(mem, page);
    let nr = 1;
    if (folio_test_large(mem, folio)) {
      const whole = k.behaviour.madviseFreeKeepsWholeFolios;
      if (!whole && page_mapcount(mem, page) !== 1) return;
      nr = folio_pte_batch(table, n, last, folio);
      if (!whole || nr < folio_nr_pages(mem, folio)) {
        const shared = whole && folio_likely_mapped_shared(k, folio);
        if (!shared && (yield* split_locked(k, folio))) n--;
        else if (whole) n += nr - 1;
        else return;
        continue;
      }
    }
    n += nr - 1;
    if ((mem.flags[folio]! & PG_lru) === 0 || folio_mapcount(mem, folio) !== nr) continue;
    if (!walk.pageout) for (let j = n - nr + 1; j <= n; j++) table[FLAGS + j]! &= ~PTE_YOUNG;
    deactivate(walk, folio);
  }
}
