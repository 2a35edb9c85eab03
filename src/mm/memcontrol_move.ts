// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: mm/memcontrol.c of 6.1, mm/memcontrol-v1.c of 6.12: a process moves to another cgroup, and what it has
 * mapped moves with it, where memory.move_charge_at_immigrate says so. Fidelity: ported.
 */
import { NO_PAGE, type Page } from '../sim/memmap.js';
import type { Task } from '../sim/task.js';
import { HPAGE_PMD_NR, PAGE_SIZE } from '../uapi/mman.js';
import type { Kernel } from './kernel.js';
import { folio_isolate_lru, folio_putback_lru } from './lru.js';
import { type MemCgroup, mem_cgroup_cancel_charge } from './memcontrol.js';
import { try_charge_memcg } from './memcontrol_charge.js';
import { compound_head, folio_mapped, folio_test_anon, folio_test_large } from './page_flags.js';
import {
  FLAGS,
  is_device_private_entry,
  is_swap_entry,
  PTE_SPECIAL,
  pmd_addr_end,
  pmd_index,
  pmd_is_huge,
  pmd_trans_huge,
  pte_index,
  pte_none_mostly,
  pte_present,
  pud_addr_end,
} from './pgtable.js';
import { is_vm_hugetlb_page, linear_page_index, type MmStruct, type VmArea } from './types.js';

/** Bits of memory.move_charge_at_immigrate. */
const MOVE_ANON = 1;
const MOVE_FILE = 2;
export const MOVE_MASK = MOVE_ANON | MOVE_FILE;

/** struct mc: a move of what `mm` has. null: the root, whose pages count nowhere. */
interface Move {
  readonly mm: MmStruct;
  readonly from: MemCgroup | null;
  readonly to: MemCgroup | null;
  readonly flags: number;
  /** Pages that `to` is charged for in advance. */
  precharge: number;
  moved_charge: number;
  moved_swap: number;
}

/** MC_TARGET_*: what an entry has to move. */
type Target =
  | { readonly type: 'page' | 'device'; readonly folio: Page; readonly pages: number }
  | { readonly type: 'swap'; readonly slot: number; readonly pages: 1 };

/** Whether the folio is charged where the move begins. */
function is_from(k: Kernel, { from }: Move, folio: Page): boolean {
  return (k.memcgs!.ofFolio.get(folio) ?? null) === from;
}

/** Device memory that is on no LRU list, and moves anyway; generic pages are not among it. */
const MOVABLE: ReadonlySet<string> = new Set(['MEMORY_DEVICE_PRIVATE', 'MEMORY_DEVICE_COHERENT']);

function page_target(k: Kernel, folio: Page, pages: number): Target {
  const device = k.is_zone_device_page(folio) && MOVABLE.has(k.pgmapOf(folio).type);
  return { type: device ? 'device' : 'page', folio, pages };
}

/** mc_handle_present_pte(). */
function present_page(k: Kernel, mc: Move, page: Page, flags: number): Page {
  if ((flags & PTE_SPECIAL) !== 0) return NO_PAGE;
  const anon = folio_test_anon(k.mem, compound_head(k.mem, page));
  return (mc.flags & (anon ? MOVE_ANON : MOVE_FILE)) !== 0 ? page : NO_PAGE;
}

/** mc_handle_file_pte(): what the file has there, mapped or not. */
function file_page(mc: Move, vma: VmArea, addr: number): Page {
  if (vma.vm_file === null || (mc.flags & MOVE_FILE) === 0) return NO_PAGE;
  return vma.vm_file.mapping?.i_pages.get(linear_page_index(vma, addr)) ?? NO_PAGE;
}

/** mc_handle_swap_pte(): a page on a device, or in the swap cache. */
function swap_page(k: Kernel, mc: Move, value: number, flags: number): Page {
  if ((mc.flags & MOVE_ANON) === 0) return NO_PAGE;
  if (is_device_private_entry(flags)) return k.behaviour.moveChargeFindsPrivate ? value : NO_PAGE;
  return is_swap_entry(flags) ? (k.swap!.cache.get(value) ?? NO_PAGE) : NO_PAGE;
}

/** get_mctgt_type(). `moving`: not only counted. */
function target_of(
  mc: Move,
  vma: VmArea,
  addr: number,
  value: number,
  flags: number,
  moving: boolean,
): Target | null {
  const k = mc.mm.kernel;
  const present = pte_present(flags);
  let page: Page;
  if (present) page = present_page(k, mc, value, flags);
  else if (pte_none_mostly(flags)) page = file_page(mc, vma, addr);
  else page = swap_page(k, mc, value, flags);
  const slot = !present && is_swap_entry(flags) && (mc.flags & MOVE_ANON) !== 0 ? value : -1;
  if (page !== NO_PAGE) {
    const folio = compound_head(k.mem, page);
    if (moving && !present && folio_mapped(k.mem, folio) && k.behaviour.moveChargeSkipsMapped) {
      if (k.trace !== null && is_from(k, mc, folio)) note_stays(k, mc, folio);
      return null;
    }
    if (is_from(k, mc, folio)) return page_target(k, folio, 1);
  }
  if (slot < 0 || (k.memcgs!.ofSlot.get(slot) ?? null) !== mc.from) return null;
  return { type: 'swap', slot, pages: 1 };
}

const nameOf = (memcg: MemCgroup | null): string => memcg?.name ?? '/';

function note_stays(k: Kernel, mc: Move, folio: Page): void {
  const args = { memcg: nameOf(mc.from) };
  const reason = { id: 'mapped-not-present' } as const;
  k.note({ event: 'mem_cgroup_charge_stays', fn: 'get_mctgt_type', page: folio, reason, args });
}

/** A huge leaf moves as a whole; one that is not present does not (get_mctgt_type_thp). */
function huge_target(mc: Move, page: Page, flags: number): Target | null {
  const k = mc.mm.kernel;
  if (!pte_present(flags) || (mc.flags & MOVE_ANON) === 0 || page === k.hugeZeroFolio) return null;
  return is_from(k, mc, page) ? page_target(k, page, HPAGE_PMD_NR) : null;
}

/** Each target, in the order of addresses. */
function* targets(mc: Move, moving: boolean): Generator<Target> {
  const { pt, vmas } = mc.mm;
  for (const vma of vmas) {
    if (is_vm_hugetlb_page(vma)) continue;
    for (let addr = vma.vm_start; addr < vma.vm_end; ) {
      const pmd = pt.pmdTable(addr);
      if (pmd === null) {
        addr = pud_addr_end(addr, vma.vm_end);
        continue;
      }
      const next = pmd_addr_end(addr, vma.vm_end);
      const m = pmd_index(addr);
      if (pmd_is_huge(pmd, m)) {
        const huge = pmd_trans_huge(pmd, m) ? huge_target(mc, pmd.e[m]!, pmd.e[FLAGS + m]!) : null;
        if (huge !== null) yield huge;
      }
      const table = pmd.child[m] ?? null;
      for (let i = pte_index(addr), at = addr; table !== null && at < next; i++, at += PAGE_SIZE) {
        const target = target_of(mc, vma, at, table[i]!, table[FLAGS + i]!, moving);
        if (target !== null) yield target;
      }
      addr = next;
    }
  }
}

/** mem_cgroup_move_account(). Context: folio locked, and off the LRU. */
function move_account(mc: Move, folio: Page, pages: number): void {
  const k = mc.mm.kernel;
  const { ofFolio } = k.memcgs!;
  if (k.trace !== null) {
    const args = { from: nameOf(mc.from), memcg: nameOf(mc.to) };
    k.note({ event: 'mem_cgroup_move_account', fn: 'mem_cgroup_move_account', page: folio, args });
  }
  if (mc.to === null) ofFolio.delete(folio);
  else ofFolio.set(folio, mc.to);
  mc.precharge -= pages;
  mc.moved_charge += pages;
}

/** Context: nothing sleeps. */
function move_page(mc: Move, target: Extract<Target, { readonly folio: Page }>): void {
  const k = mc.mm.kernel;
  const { type, folio, pages } = target;
  // Part of a huge page stays where it is.
  if (pages === 1 && folio_test_large(k.mem, folio)) return;
  if (!k.trylock_page(folio)) return;
  if (type === 'device') move_account(mc, folio, pages);
  else if (folio_isolate_lru(k, folio)) {
    move_account(mc, folio, pages);
    folio_putback_lru(k, folio);
  }
  k.unlock_page(folio);
}

function move_slot(mc: Move, slot: number): void {
  const { ofSlot } = mc.mm.kernel.memcgs!;
  if (mc.to === null) ofSlot.delete(slot);
  else ofSlot.set(slot, mc.to);
  mc.precharge--;
  mc.moved_swap++;
}

/** mem_cgroup_do_precharge(): all at once, else one by one. Context: may sleep. Return: 0 or -ENOMEM. */
function* do_precharge(mc: Move, count: number): Task<number> {
  const k = mc.mm.kernel;
  const { to } = mc;
  if (to === null || (yield* try_charge_memcg(k, to, count, 'atomic')) === 0) {
    mc.precharge += count;
    return 0;
  }
  for (let n = 0; n < count; n++) {
    const err = yield* try_charge_memcg(k, to, 1, 'noretry');
    if (err !== 0) return err;
    mc.precharge++;
  }
  return 0;
}

/** What was charged in vain is given back, and what was moved is no longer charged where it was (mem_cgroup_clear_mc). */
function clear_mc(mc: Move): void {
  if (mc.to !== null) mem_cgroup_cancel_charge(mc.to, mc.precharge + mc.moved_swap);
  if (mc.from !== null) {
    mem_cgroup_cancel_charge(mc.from, mc.moved_charge);
    mc.from.swap -= mc.moved_swap;
  }
  if (mc.to !== null) mc.to.swap += mc.moved_swap;
}

/** mem_cgroup_move_charge(), as far as what was charged in advance reaches. */
function move_charge(mc: Move): void {
  for (const target of targets(mc, true)) {
    if (mc.precharge < target.pages) break;
    if (target.type === 'swap') move_slot(mc, target.slot);
    else move_page(mc, target);
  }
}

/**
 * The process of `mm` moves to another cgroup (can_attach(), attach() and post_attach() of the controller).
 * Context: may sleep. Return: 0, or -ENOMEM where `to` has no room for what is to come along: then nothing has changed.
 */
export function* mem_cgroup_move_task(mm: MmStruct, to: MemCgroup | null): Task<number> {
  const flags = to?.move_charge_at_immigrate ?? 0;
  if (mm.memcg === to) return 0;
  const mc: Move = { mm, from: mm.memcg, to, flags, precharge: 0, moved_charge: 0, moved_swap: 0 };
  if (flags !== 0) {
    yield* mm.mmap_lock.down_read('mem_cgroup_count_precharge');
    let count = 0;
    for (const { pages } of targets(mc, false)) count += pages;
    mm.mmap_lock.up_read();
    const err = yield* do_precharge(mc, count);
    if (err !== 0) {
      clear_mc(mc);
      return err;
    }
  }
  mm.memcg = to;
  if (flags === 0) return 0;
  yield* mm.mmap_lock.down_read('mem_cgroup_move_charge');
  move_charge(mc);
  mm.mmap_lock.up_read();
  clear_mc(mc);
  return 0;
}
