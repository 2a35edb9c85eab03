// SPDX-License-Identifier: GPL-2.0-only
/** Answers for: mm/khugepaged.c, MADV_COLLAPSE of anonymous memory. Fidelity: simplified: no shmem, no swap. */
import { NO_PAGE, type Page } from '../sim/memmap.js';
import type { Task } from '../sim/task.js';
import { EAGAIN, EBUSY, EINVAL, ENOMEM } from '../uapi/errno.js';
import { HPAGE_PMD_NR } from '../uapi/mman.js';
import { anon_vma_prepare } from './anon_vma.js';
import { pmd_trans_huge } from './huge_split.js';
import { vm_normal_page } from './memory.js';
import {
  mmu_notifier_invalidate_range_end,
  mmu_notifier_invalidate_range_start,
  mmu_notifier_range,
} from './mmu_notifier.js';
import { put_page } from './page_alloc.js';
import {
  compound_head,
  folio_mapcount,
  folio_test_anon,
  folio_test_large,
  PG_lru,
  PG_uptodate,
} from './page_flags.js';
import { FLAGS, PTE_DIRTY, PTE_HUGE, PTE_YOUNG, type PteTable, pmd_index, pte_present } from './pgtable.js';
import { folio_add_new_anon_rmap, folio_remove_rmap_pte } from './rmap.js';
import { flush_tlb_range } from './tlb.js';
import { VM_NOHUGEPAGE, VM_SPECIAL, type VmArea, vma_is_anonymous } from './types.js';
import { maybe_mkwrite } from './vma.js';

/** madvise(MADV_COLLAPSE). Context: mmap_lock held for read; may sleep. Return: 0 or -errno. */
export function* madvise_collapse(vma: VmArea, start: number, end: number): Task<number> {
  vma.vm_mm.kernel.enter('madvise_collapse', start);
  if (!vma_is_anonymous(vma) || (vma.vm_flags & (VM_SPECIAL | VM_NOHUGEPAGE)) !== 0) return -EINVAL;
  const from = Math.ceil(start / 0x200000) * 0x200000;
  const to = end - (end % 0x200000);
  let last = 0;
  let collapsed = 0;
  for (let addr = from; addr < to; addr += 0x200000) {
    const ret = yield* collapse_pmd(vma, addr);
    if (ret === 0) collapsed++;
    else last = ret;
    if (ret === -ENOMEM) break;
  }
  return collapsed === (to - from) / 0x200000 ? 0 : last;
}

/** Whether every entry can move into a huge page (__collapse_huge_page_isolate): 0 or -errno. */
function collapsible(vma: VmArea, table: PteTable): number {
  const k = vma.vm_mm.kernel;
  let mapped = 0;
  for (let i = 0; i < HPAGE_PMD_NR; i++) {
    const flags = table[FLAGS + i]!;
    if (flags === 0) continue;
    if (!pte_present(flags)) return -EINVAL;
    const page = vm_normal_page(flags, table[i]!);
    if (page === NO_PAGE) continue;
    const folio = compound_head(k.mem, page);
    if (k.is_zone_device_page(page) || !folio_test_anon(k.mem, folio)) return -EINVAL;
    if (k.mem.refcount[folio] !== folio_mapcount(k.mem, folio) || folio_test_large(k.mem, folio))
      return -EAGAIN;
    mapped++;
  }
  return mapped === 0 ? -EINVAL : 0;
}

function* collapse_pmd(vma: VmArea, addr: number): Task<number> {
  const mm = vma.vm_mm;
  const k = mm.kernel;
  const pmd = mm.pt.pmdTable(addr);
  if (pmd === null) return -EINVAL;
  const i = pmd_index(addr);
  if (pmd_trans_huge(pmd, i)) return 0;
  const table = pmd.child[i]!;
  if (table === null) return -EINVAL;
  const refused = collapsible(vma, table);
  if (refused !== 0) return refused;
  const huge = k.pages.alloc_huge();
  if (huge === NO_PAGE) return -ENOMEM;
  anon_vma_prepare(vma);
  const range = mmu_notifier_range(mm, addr, addr + 0x200000, 'MMU_NOTIFY_CLEAR');
  yield* mmu_notifier_invalidate_range_start(range);
  if (collapsible(vma, table) !== 0) {
    mmu_notifier_invalidate_range_end(range);
    put_page(k, huge);
    return -EBUSY;
  }
  move_contents(vma, table, huge);
  flush_tlb_range(mm, addr, addr + 0x200000);
  mm.pt.free_pgd_range(addr, addr + 0x200000, addr, addr + 0x200000);
  k.mem.flags[huge]! |= PG_uptodate | PG_lru;
  folio_add_new_anon_rmap(k, huge, vma, addr);
  mm.rss += HPAGE_PMD_NR;
  mm.pt.set_pmd(pmd, i, huge, maybe_mkwrite(vma.vm_page_prot | PTE_HUGE | PTE_DIRTY | PTE_YOUNG, vma));
  mmu_notifier_invalidate_range_end(range);
  return 0;
}

/** Copy the small pages into the huge one and let go of them. */
function move_contents(vma: VmArea, table: PteTable, huge: Page): void {
  const k = vma.vm_mm.kernel;
  for (let i = 0; i < HPAGE_PMD_NR; i++) {
    const flags = table[FLAGS + i]!;
    const page = flags === 0 ? NO_PAGE : vm_normal_page(flags, table[i]!);
    if (page === NO_PAGE) {
      k.contents.clear_page(huge + i);
    } else {
      k.contents.copy_page(huge + i, page);
      folio_remove_rmap_pte(k, page, page, vma);
      vma.vm_mm.rss--;
      put_page(k, page);
    }
    table[i] = 0;
    table[FLAGS + i] = 0;
  }
}
