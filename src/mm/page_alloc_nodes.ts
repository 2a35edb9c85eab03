// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: mm/page_alloc.c, get_page_from_freelist() over the zonelist of a machine with several NUMA nodes: memory
 * comes from the node of the processor, and from the others when that has none above its low watermark; when none has, all
 * their daemons are woken, and it comes from the first that has some above its min watermark. Fidelity: simplified: one zone a
 * node; the one processor is on node 0, so that its zonelist has the nodes in order. A node may be a device's, and then is on
 * no zonelist but its own.
 */
import { NO_PAGE, PAGEBLOCK, type Page } from '../sim/memmap.js';
import {
  type MigrateType,
  MOVABLE,
  type PageAllocator,
  type PageBlocks,
  type Pages,
  type RamRun,
  type Watermarks,
} from './page_alloc.js';

/** Page blocks to a node at least: 32 MiB (FAKE_NODE_MIN_SIZE). */
export const NODE_MIN_BLOCKS = 16;

interface RamRange {
  readonly pfn: number;
  readonly pages: number;
}

/**
 * The same memory, cut into `count` nodes of the same size, in pieces of 32 MiB: what remains of a share is collected for
 * the first nodes, and what remains then is the last one's (split_nodes_interleave).
 */
export function split_nodes(ram: readonly RamRange[], count: number): RamRange[][] {
  if (count === 1) return [[...ram]];
  const total = ram.reduce((sum, { pages }) => sum + pages, 0);
  const share = Math.floor(total / count);
  const unit = NODE_MIN_BLOCKS * PAGEBLOCK;
  const big = Math.floor(((share % unit) * count) / unit);
  const sizeOf = (nid: number): number => (Math.floor(share / unit) + (nid < big ? 1 : 0)) * unit;
  const nodes: RamRange[][] = Array.from({ length: count }, () => []);
  let nid = 0;
  let room = sizeOf(0);
  for (let { pfn, pages } of ram) {
    while (pages > 0) {
      const last = nid === count - 1;
      const taken = last ? pages : Math.min(pages, room);
      if (taken > 0) nodes[nid]!.push({ pfn, pages: taken });
      pfn += taken;
      pages -= taken;
      room -= taken;
      if (room > 0 || last) continue;
      nid++;
      room = sizeOf(nid);
    }
  }
  return nodes;
}

/** Which node a page of system memory is of. */
export class NodeMap {
  /** By node: the number after its last page. */
  readonly #ends: readonly Page[];

  constructor(runs: readonly (readonly RamRun[])[]) {
    this.#ends = runs.map((own) => own.at(-1)!.first + own.at(-1)!.pages);
  }

  get count(): number {
    return this.#ends.length;
  }

  page_to_nid(page: Page): number {
    const nid = this.#ends.findIndex((end) => page < end);
    return Math.max(nid, 0);
  }
}

/** Where a page may come from: what policy_nodemask() tells the allocator. */
export interface NodeChoice {
  /** The node whose zonelist it is. */
  readonly nid: number;
  /** The nodes of that list that may be taken; null: all. */
  readonly nodemask: readonly number[] | null;
  /** Whether a process may be killed for it. */
  readonly mayKill: boolean;
}

/** What a node that is a device's may be used for, by the proposal that its driver is written after. */
export interface DeviceNodeRules {
  /** Whether policies of programs may name it: otherwise its memory comes from its driver alone. */
  readonly policies: boolean;
  /** Whether system calls move pages there. */
  readonly moves: boolean;
  /** Whether who prefers it, and finds it full, is given memory of the system. */
  readonly fallsBack: boolean;
  /** Whether its pages are reclaimed for who may take no others. */
  readonly reclaims: boolean;
}

/** A node off the zonelists. */
interface DeviceNode {
  readonly nid: number;
  readonly rules: DeviceNodeRules;
}

export class NodePages implements Pages {
  should_fail_alloc_page: (() => boolean) | null = null;
  readonly watermarks: Watermarks;
  /** Nodes that memory comes from where nobody says anything, in this order: that of the processor first. */
  zonelist: readonly number[];
  private device: DeviceNode | null = null;

  constructor(
    readonly zones: readonly PageAllocator[],
    private readonly nodes: NodeMap,
  ) {
    this.zonelist = [...zones.keys()];
    const sum = (of: (zone: PageAllocator) => number): number =>
      zones.reduce((all, zone) => all + of(zone), 0);
    this.watermarks = {
      min: sum(({ watermarks }) => watermarks.min),
      low: sum(({ watermarks }) => watermarks.low),
      high: sum(({ watermarks }) => watermarks.high),
    };
  }

  /** A node is a device's from now on, on no zonelist but its own; null: none is. */
  isolate_node(device: DeviceNode | null): void {
    this.device = device;
    this.zonelist = [...this.zones.keys()].filter((nid) => nid !== device?.nid);
  }

  /** What may be done with the node; null: it is no device's. */
  rules_of(nid: number): DeviceNodeRules | null {
    return nid === this.device?.nid ? this.device.rules : null;
  }

  /** Nodes that there is memory of, for policies (node_states[N_MEMORY]). */
  get policy_nodes(): readonly number[] {
    return [...this.zones.keys()].filter((nid) => this.rules_of(nid)?.policies ?? true);
  }

  /** Nodes that system calls move pages to. */
  get target_nodes(): readonly number[] {
    return [...this.zones.keys()].filter((nid) => this.rules_of(nid)?.moves ?? true);
  }

  /** The zonelist of a node: itself, the next ones, and those before it; of a device's, itself, then those of the system. */
  private zonelist_of(nid: number): readonly number[] {
    const rules = this.rules_of(nid);
    if (rules !== null) return rules.fallsBack ? [nid, ...this.zonelist] : [nid];
    return [
      ...this.zonelist.filter((other) => other >= nid),
      ...this.zonelist.filter((other) => other < nid),
    ];
  }

  /** The nodes of a choice, in the order in which they are asked. No list but a device's own has its node: that one is taken. */
  nodes_of({ nid, nodemask }: NodeChoice): readonly number[] {
    if (nodemask === null) return this.zonelist_of(nid);
    const own = nodemask.find((other) => this.rules_of(other) !== null) ?? nid;
    return this.zonelist_of(own).filter((other) => nodemask.includes(other));
  }

  /** Those of them that reclaim may look at; none where all are devices' that forbid it. */
  nodes_to_reclaim(choice: NodeChoice): readonly number[] {
    return this.nodes_of(choice).filter((nid) => this.rules_of(nid)?.reclaims ?? true);
  }

  /** alloc_page() of a choice. */
  alloc_page_of(choice: NodeChoice): Page {
    if (this.should_fail_alloc_page?.()) return NO_PAGE;
    return this.single(MOVABLE, true, this.nodes_of(choice));
  }

  /** What the watermark keeps there, for who is to die. */
  alloc_reserve_of(choice: NodeChoice): Page {
    return this.first((zone) => zone.alloc_reserve(MOVABLE, true), this.nodes_of(choice));
  }

  /** alloc_huge() of a choice. */
  alloc_huge_of(choice: NodeChoice): Page {
    if (this.should_fail_alloc_page?.()) return NO_PAGE;
    return this.huge(MOVABLE, this.nodes_of(choice));
  }

  get blocks(): PageBlocks {
    return this.zones[0]!.blocks;
  }

  get totalPages(): number {
    return this.zones.reduce((sum, zone) => sum + zone.totalPages, 0);
  }

  get nr_free_pages(): number {
    return this.zones.reduce((sum, zone) => sum + zone.nr_free_pages, 0);
  }

  /** The first that a zone has, in the order of the nodes. */
  private first(take: (zone: PageAllocator) => Page, nodes = this.zonelist): Page {
    for (const nid of nodes) {
      const page = take(this.zones[nid]!);
      if (page !== NO_PAGE) return page;
    }
    return NO_PAGE;
  }

  /** A single page: where there is much, or else where there is any (get_page_from_freelist, then wake_all_kswapds). */
  private single(type: MigrateType, init: boolean, nodes = this.zonelist): Page {
    const take = (zone: PageAllocator): Page => zone.rmqueue(type, init);
    const page = this.first((zone) => (zone.isLow() ? NO_PAGE : take(zone)), nodes);
    if (page !== NO_PAGE) return page;
    for (const nid of nodes) this.zones[nid]!.kswapd.wakeup_kswapd();
    return this.first(take, nodes);
  }

  /** The same of a huge page, for which no daemon is woken (GFP_TRANSHUGE_LIGHT). */
  private huge(type: MigrateType, nodes = this.zonelist): Page {
    const take = (zone: PageAllocator): Page => zone.alloc_huge(type);
    const page = this.first((zone) => (zone.isLow(PAGEBLOCK) ? NO_PAGE : take(zone)), nodes);
    return page !== NO_PAGE ? page : this.first(take, nodes);
  }

  alloc_page(type: MigrateType = MOVABLE, init = true): Page {
    return this.should_fail_alloc_page?.() ? NO_PAGE : this.rmqueue(type, init);
  }

  rmqueue(type: MigrateType, init = true): Page {
    return this.single(type, init);
  }

  alloc_reserve(type: MigrateType = MOVABLE, half = false): Page {
    return this.first((zone) => zone.alloc_reserve(type, half));
  }

  alloc_huge(type: MigrateType = MOVABLE): Page {
    if (this.should_fail_alloc_page?.()) return NO_PAGE;
    return this.huge(type);
  }

  /** The pool of huge pages is filled from all nodes in turns: at boot, before any is a device's. */
  set_aside_huge(nr: number): number {
    const { length } = this.zones;
    let granted = 0;
    for (const [nid, zone] of this.zones.entries()) {
      granted += zone.set_aside_huge(Math.floor(nr / length) + (nid < nr % length ? 1 : 0));
    }
    for (const zone of this.zones) granted += zone.set_aside_huge(nr - granted);
    return granted;
  }

  alloc_set_aside_huge(): Page {
    return this.zones.find((zone) => zone.hasSetAside)!.alloc_set_aside_huge();
  }

  free_unref_page(page: Page): void {
    this.zones[this.nodes.page_to_nid(page)]!.free_unref_page(page);
  }

  free_huge(head: Page): void {
    this.zones[this.nodes.page_to_nid(head)]!.free_huge(head);
  }

  take_page_off_buddy(page: Page): void {
    this.zones[this.nodes.page_to_nid(page)]!.take_page_off_buddy(page);
  }
}
