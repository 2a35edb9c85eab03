// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: mm/page_alloc.c, get_page_from_freelist() over the zonelist of a machine with several NUMA nodes: memory
 * comes from the node of the processor, and from the others when that has none above its min watermark. Fidelity:
 * simplified (DIVERGES: no policies, no balancing): one zone a node; the one processor is on node 0, so that its zonelist
 * has the nodes in order.
 */
import { NO_PAGE, PAGEBLOCK, type Page } from '../sim/memmap.js';
import type { Task, Wait } from '../sim/task.js';
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

export class NodePages implements Pages {
  should_fail_alloc_page: (() => boolean) | null = null;
  readonly watermarks: Watermarks;
  /** Nodes that memory may come from, in this order. */
  zonelist: readonly number[];
  /** The node that the next step of a task gets its user memory from (MPOL_BIND); null: whichever the zonelist says. */
  private bound: number | null = null;

  constructor(
    readonly zones: readonly PageAllocator[],
    private readonly nodes: NodeMap,
  ) {
    this.zonelist = [...zones.keys()];
    const sum = (of: (zone: PageAllocator) => number): number =>
      zones.reduce((all, zone) => all + of(zone), 0);
    this.watermarks = {
      min: sum(({ watermarks }) => watermarks.min),
      high: sum(({ watermarks }) => watermarks.high),
    };
  }

  /** Take a node off the zonelist, a device's; null: none is off. */
  isolate_node(isolated: number | null): void {
    this.zonelist = [...this.zones.keys()].filter((nid) => nid !== isolated);
  }

  /** Whether user memory comes from one node alone now: no other serves who asked for that. */
  get isBound(): boolean {
    return this.bound !== null;
  }

  /** Do what `begin` begins with its user memory from `nid`, and from nowhere else; other tasks go on with theirs. */
  *binding<T>(nid: number, begin: () => Task<T>): Task<T> {
    let body: Task<T> | null = null;
    for (;;) {
      this.bound = nid;
      let step: IteratorResult<Wait, T>;
      try {
        // What needs not sleep is done when it begins.
        body ??= begin();
        step = body.next();
      } finally {
        this.bound = null;
      }
      if (step.done) return step.value;
      yield step.value;
    }
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

  /** The first that a zone has, in the order of the zonelist. */
  private first(take: (zone: PageAllocator) => Page): Page {
    for (const nid of this.zonelist) {
      const page = take(this.zones[nid]!);
      if (page !== NO_PAGE) return page;
    }
    return NO_PAGE;
  }

  alloc_page(type: MigrateType = MOVABLE, init = true): Page {
    return this.should_fail_alloc_page?.() ? NO_PAGE : this.rmqueue(type, init);
  }

  rmqueue(type: MigrateType, init = true): Page {
    if (this.bound !== null && type === MOVABLE) return this.zones[this.bound]!.rmqueue(type, init);
    return this.first((zone) => zone.rmqueue(type, init));
  }

  alloc_reserve(type: MigrateType = MOVABLE, half = false): Page {
    return this.first((zone) => zone.alloc_reserve(type, half));
  }

  alloc_huge(type: MigrateType = MOVABLE): Page {
    if (this.should_fail_alloc_page?.()) return NO_PAGE;
    if (this.bound !== null && type === MOVABLE) return this.zones[this.bound]!.alloc_huge(type);
    return this.first((zone) => zone.alloc_huge(type));
  }

  /** The pool of huge pages is filled from all nodes in turns. */
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
}
