// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: mm/memcontrol.c: memory cgroups, which folio is charged to which, and what is given back. Fidelity:
 * simplified: all cgroups are children of the root, and the kernel's own memory is not charged. DIVERGES: memory.stat is
 * never out of date, and has only what a scenario can see.
 *
 * A machine without cgroups has none of this: `k.memcgs` is null, and nobody asks a second time.
 */
import { KernelBug } from '../sim/errors.js';
import type { Page } from '../sim/memmap.js';
import { HPAGE_PMD_NR } from '../uapi/mman.js';
import type { Kernel } from './kernel.js';
import {
  folio_mapped,
  folio_nr_pages,
  folio_test_anon,
  folio_test_large,
  PG_swapbacked,
} from './page_flags.js';
import type { MmStruct } from './types.js';

/** Pages that are charged at once, and kept for the next charges of the same cgroup. */
export const MEMCG_CHARGE_BATCH = 64;

/** MEMCG_*: what has happened, how often. */
export interface MemcgEvents {
  max: number;
  oom: number;
  oom_kill: number;
}

/** struct mem_cgroup, with the counters that it has. */
export class MemCgroup {
  /** Pages that are charged, with those that are kept for later. */
  memory = 0;
  /** memory.max, in pages. */
  max = Number.POSITIVE_INFINITY;
  /** Slots of the swap device. */
  swap = 0;
  /** How often there was no room. */
  failcnt = 0;
  readonly events: MemcgEvents = { max: 0, oom: 0, oom_kill: 0 };
  /** MOVE_ANON, MOVE_FILE: of the first hierarchy. */
  move_charge_at_immigrate = 0;
  /** It has a directory. */
  online = true;

  constructor(
    /** From 1 on, as its LRU lists are numbered; 0 is the root. */
    readonly id: number,
    /** As the kernel log has it: "/c0". */
    readonly name: string,
  ) {}
}

/** Pages that are charged to a cgroup already, and that nobody has yet (struct memcg_stock_pcp). */
interface Stock {
  readonly memcg: MemCgroup;
  pages: number;
}

/** All cgroups of a machine that has some. */
export class MemCgroups {
  /** Those that ever were: what is charged to one may outlive its directory. */
  readonly all: MemCgroup[] = [];
  /** By folio; what the root has is not here. */
  readonly ofFolio = new Map<Page, MemCgroup>();
  /** By slot of the swap device. */
  readonly ofSlot = new Map<number, MemCgroup>();
  readonly #stocks: Stock[] = [];
  #drain = 0;

  constructor(
    /** The controller is in the first hierarchy, where charges may move. */
    readonly legacy: boolean,
    /** How many cgroups one processor keeps pages for. */
    private readonly slots: number,
  ) {}

  add(name: string): MemCgroup {
    const memcg = new MemCgroup(this.all.length + 1, name);
    this.all.push(memcg);
    return memcg;
  }

  /** Pages that are kept for the cgroup. */
  stocked(memcg: MemCgroup): number {
    return this.#stocks.find((stock) => stock.memcg === memcg)?.pages ?? 0;
  }

  /** Whether there were `nr` pages for the cgroup. */
  consume_stock(memcg: MemCgroup, nr: number): boolean {
    const stock = this.#stocks.find((one) => one.memcg === memcg);
    if (stock === undefined || stock.pages < nr) return false;
    stock.pages -= nr;
    return true;
  }

  /** Keep `nr` pages; another cgroup's go where there is no place for both. */
  refill_stock(memcg: MemCgroup, nr: number): void {
    const stock = this.#stocks.find((one) => one.memcg === memcg);
    if (stock !== undefined) {
      stock.pages += nr;
      if (stock.pages > MEMCG_CHARGE_BATCH) this.drain_stock(memcg);
    } else if (this.#stocks.length < this.slots) {
      this.#stocks.push({ memcg, pages: nr });
    } else {
      const at = this.#drain++ % this.slots;
      this.drain_stock(this.#stocks[at]!.memcg);
      this.#stocks[at] = { memcg, pages: nr };
    }
  }

  drain_stock(memcg: MemCgroup): void {
    const stock = this.#stocks.find((one) => one.memcg === memcg);
    if (stock === undefined) return;
    memcg.memory -= stock.pages;
    stock.pages = 0;
  }
}

/** The cgroup that memory of `mm` is charged to; null: the root, which counts nothing. */
export const mem_cgroup_from_mm = (mm: MmStruct | null): MemCgroup | null => mm?.memcg ?? null;

/** The address space of whoever runs; null: none. */
export const current_mm = (k: Kernel): MmStruct | null => k.oomTasks?.current()?.mm ?? null;

/** How many pages could be charged yet. */
export const mem_cgroup_margin = ({ max, memory }: MemCgroup): number => Math.max(max - memory, 0);

/** From now on the folio is the cgroup's: its pages have been counted. */
export function commit_charge(k: Kernel, folio: Page, memcg: MemCgroup): void {
  k.memcgs!.ofFolio.set(folio, memcg);
  if (k.trace === null) return;
  k.note({ event: 'mem_cgroup_charge', fn: 'commit_charge', page: folio, args: { memcg: memcg.name } });
}

/** Pages of the folio that is about to be free. */
export function mem_cgroup_uncharge(k: Kernel, folio: Page): void {
  const memcg = k.memcgs!.ofFolio.get(folio);
  if (memcg === undefined) return;
  k.memcgs!.ofFolio.delete(folio);
  uncharge(memcg, folio_nr_pages(k.mem, folio));
}

function uncharge(memcg: MemCgroup, nr: number): void {
  memcg.memory -= nr;
  if (memcg.memory < 0) throw new KernelBug('page_counter_cancel', `page_counter underflow: ${memcg.memory}`);
}

/** Give back what was charged in vain. */
export const mem_cgroup_cancel_charge = uncharge;

/** The charge goes with the contents of a folio to the one that takes its place, whatever memory that is. */
export function mem_cgroup_migrate(k: Kernel, old: Page, folio: Page): void {
  const { ofFolio } = k.memcgs!;
  const memcg = ofFolio.get(old);
  if (memcg === undefined) return;
  ofFolio.delete(old);
  ofFolio.set(folio, memcg);
  if (k.trace === null) return;
  k.note({ event: 'mem_cgroup_migrate', fn: 'mem_cgroup_migrate', page: folio, args: { from: old } });
}

/** A huge folio has become small ones, which are charged where it was. */
export function split_page_memcg(k: Kernel, head: Page): void {
  const memcg = k.memcgs!.ofFolio.get(head);
  if (memcg === undefined) return;
  for (let page = head + 1; page < head + HPAGE_PMD_NR; page++) k.memcgs!.ofFolio.set(page, memcg);
}

/** The folio's cgroup has a slot of the swap device. */
export function mem_cgroup_charge_swap(k: Kernel, folio: Page, slot: number): void {
  const memcg = k.memcgs!.ofFolio.get(folio);
  if (memcg === undefined) return;
  k.memcgs!.ofSlot.set(slot, memcg);
  memcg.swap++;
}

/** Nobody has the slot any more. */
export function mem_cgroup_uncharge_swap(k: Kernel, slot: number): void {
  const memcg = k.memcgs!.ofSlot.get(slot);
  if (memcg === undefined) return;
  k.memcgs!.ofSlot.delete(slot);
  memcg.swap--;
}

/** Who pays for what comes back from a slot: who had it, as long as there is that cgroup, else whoever reads it. */
export function mem_cgroup_of_slot(k: Kernel, slot: number, mm: MmStruct): MemCgroup | null {
  const memcg = k.memcgs?.ofSlot.get(slot);
  return memcg?.online === true ? memcg : mem_cgroup_from_mm(mm);
}

/** Pages by kind, as memory.stat has them. */
export interface MemcgStat {
  anon: number;
  file: number;
  shmem: number;
  anon_thp: number;
}

/** Count what is charged to the cgroup. Device pages are anonymous memory like any other. */
export function memcg_page_state(k: Kernel, of: MemCgroup): MemcgStat {
  const stat = { anon: 0, file: 0, shmem: 0, anon_thp: 0 };
  const { mem } = k;
  for (const [folio, memcg] of k.memcgs!.ofFolio) {
    if (memcg !== of) continue;
    const nr = folio_nr_pages(mem, folio);
    if (folio_test_anon(mem, folio)) {
      if (!folio_mapped(mem, folio)) continue;
      stat.anon += nr;
      if (folio_test_large(mem, folio)) stat.anon_thp += nr;
    } else if (mem.mapping[folio]! < 0) {
      stat.file += nr;
      if ((mem.flags[folio]! & PG_swapbacked) !== 0) stat.shmem += nr;
    }
  }
  return stat;
}
