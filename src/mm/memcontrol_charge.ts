// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: mm/memcontrol.c, try_charge_memcg() and who calls it: a charge that may have to reclaim first. Fidelity:
 * ported: without memory.high, and without limits of what is in memory and on the swap device together.
 */
import { NO_PAGE, type Page } from '../sim/memmap.js';
import { done, type Task } from '../sim/task.js';
import { ENOMEM } from '../uapi/errno.js';
import type { Kernel } from './kernel.js';
import {
  commit_charge,
  MEMCG_CHARGE_BATCH,
  type MemCgroup,
  mem_cgroup_from_mm,
  mem_cgroup_margin,
} from './memcontrol.js';
import { MAX_RECLAIM_RETRIES } from './node_reclaim.js';
import { out_of_memory, wait_for_victim } from './oom_kill.js';
import { MOVABLE, put_page } from './page_alloc.js';
import type { NodeChoice } from './page_alloc_nodes.js';
import { alloc_page } from './page_alloc_slow.js';
import { folio_nr_pages } from './page_flags.js';
import { type MmStruct, VM_HUGEPAGE, type VmArea } from './types.js';
import { try_to_free_mem_cgroup_pages } from './vmscan.js';

/** 2 to PAGE_ALLOC_COSTLY_ORDER. */
const COSTLY_PAGES = 8;

/** What a charge may do: GFP_KERNEL; the same with __GFP_NORETRY; nothing that sleeps. */
export type ChargeGfp = 'kernel' | 'noretry' | 'atomic';

/** page_counter_try_charge(). */
function counter_try_charge(memcg: MemCgroup, nr: number): boolean {
  if (memcg.memory + nr > memcg.max) {
    memcg.failcnt++;
    return false;
  }
  memcg.memory += nr;
  return true;
}

/** As long as the limit is not reached; `batch`: some for later, too, where there is room. Return: whether it went well. */
function charge_at_once(k: Kernel, memcg: MemCgroup, nr: number, batch: boolean): boolean {
  const memcgs = k.memcgs!;
  if (memcgs.consume_stock(memcg, nr)) return true;
  if (batch && nr < MEMCG_CHARGE_BATCH && counter_try_charge(memcg, MEMCG_CHARGE_BATCH)) {
    memcgs.refill_stock(memcg, MEMCG_CHARGE_BATCH - nr);
    return true;
  }
  return counter_try_charge(memcg, nr);
}

/**
 * The limit is reached, and nothing of the cgroup can be reclaimed: let one of its processes die.
 * Context: may sleep. Return: whether trying again makes sense.
 */
export function* mem_cgroup_oom(k: Kernel, memcg: MemCgroup, nr: number): Task<boolean> {
  if (nr > COSTLY_PAGES) return false;
  memcg.events.oom++;
  if (mem_cgroup_margin(memcg) >= nr || k.signals.pending()) return true;
  if (!out_of_memory(k, { gfp: '0xcc0(GFP_KERNEL)', order: 0, memcg, nodemask: null })) return false;
  yield* wait_for_victim(k, 'mem_cgroup_out_of_memory');
  return true;
}

/** Whose memory has been taken already, or is about to go. */
function dies(k: Kernel): boolean {
  const current = k.oomTasks?.current() ?? null;
  return current !== null && k.oomVictims.get(current)?.oom_skip === true;
}

/** Charge `nr` pages. Context: may sleep, and may reclaim. Return: 0 or -ENOMEM. */
export function* try_charge_memcg(k: Kernel, memcg: MemCgroup, nr: number, gfp: ChargeGfp): Task<number> {
  let nr_retries = MAX_RECLAIM_RETRIES;
  let drained = false;
  let passed_oom = false;
  for (let batch = true; !charge_at_once(k, memcg, nr, batch); batch = false) {
    memcg.events.max++;
    if (gfp === 'atomic' || dies(k)) return -ENOMEM;
    const nr_reclaimed = yield* try_to_free_mem_cgroup_pages(k, memcg, nr);
    if (mem_cgroup_margin(memcg) >= nr) continue;
    if (!drained) {
      k.memcgs!.drain_stock(memcg);
      drained = true;
      continue;
    }
    if (gfp === 'noretry') return -ENOMEM;
    if (nr_reclaimed > 0 && nr <= COSTLY_PAGES) continue;
    if (nr_retries-- > 0) continue;
    if (passed_oom && k.signals.pending()) return -ENOMEM;
    if (!(yield* mem_cgroup_oom(k, memcg, nr))) return -ENOMEM;
    passed_oom = true;
    nr_retries = MAX_RECLAIM_RETRIES;
  }
  return 0;
}

/** Why a page is not charged. */
export const charge_refused = ({ name, max, memory }: MemCgroup) =>
  ({ id: 'memcg-limit', memcg: name, max, memory }) as const;

function refused(k: Kernel, memcg: MemCgroup, folio: Page): number {
  if (k.trace !== null)
    k.note({ event: 'skip', fn: 'try_charge_memcg', page: folio, reason: charge_refused(memcg) });
  return -ENOMEM;
}

function* charge_slowly(k: Kernel, folio: Page, memcg: MemCgroup, gfp: ChargeGfp): Task<number> {
  const err = yield* try_charge_memcg(k, memcg, folio_nr_pages(k.mem, folio), gfp);
  if (err !== 0) return refused(k, memcg, folio);
  commit_charge(k, folio, memcg);
  return 0;
}

/** Charge a new folio. Context: may sleep. Return: 0 or -ENOMEM. */
export function mem_cgroup_charge(
  k: Kernel,
  folio: Page,
  memcg: MemCgroup | null,
  gfp: ChargeGfp = 'kernel',
): Task<number> {
  if (memcg === null) return done(0);
  return charge_slowly(k, folio, memcg, gfp);
}

/** A huge folio; where those are not asked for, nothing is reclaimed for it (vma_thp_gfp_mask). Return: whether it is charged. */
export function* charge_thp(vma: VmArea, folio: Page): Task<boolean> {
  const { kernel: k, memcg } = vma.vm_mm;
  const gfp = (vma.vm_flags & VM_HUGEPAGE) !== 0 ? 'kernel' : 'atomic';
  return (yield* mem_cgroup_charge(k, folio, memcg, gfp)) === 0;
}

/**
 * mem_cgroup_charge() without sleep. DIVERGES: some who may sleep call this: fork, for a page that the parent may have
 * pinned, and read-ahead.
 */
export function mem_cgroup_charge_atomic(k: Kernel, folio: Page, memcg: MemCgroup | null): number {
  if (memcg === null) return 0;
  if (!charge_at_once(k, memcg, folio_nr_pages(k.mem, folio), true)) {
    memcg.events.max++;
    return refused(k, memcg, folio);
  }
  commit_charge(k, folio, memcg);
  return 0;
}

/**
 * A new page of user memory, paid for by the cgroup of `mm` (folio_prealloc(), and shmem_alloc_and_add_folio()).
 * Where policies say so, it comes from that node.
 * Context: may sleep. Return: the page, with one reference; NO_PAGE where there is none, or the charge fails.
 */
export function folio_prealloc(k: Kernel, mm: MmStruct | null, choice: NodeChoice | null): Task<Page> {
  const memcg = mem_cgroup_from_mm(mm);
  return memcg === null ? alloc_page(k, MOVABLE, choice) : alloc_charged(k, memcg, choice);
}

function* alloc_charged(k: Kernel, memcg: MemCgroup, choice: NodeChoice | null): Task<Page> {
  const page = yield* alloc_page(k, MOVABLE, choice);
  if (page === NO_PAGE || (yield* mem_cgroup_charge(k, page, memcg)) === 0) return page;
  put_page(k, page);
  return NO_PAGE;
}
