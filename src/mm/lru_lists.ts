// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: include/linux/mm_inline.h, the LRU lists of mm/swap.c. Fidelity: ported: no batches of a
 * processor in front of the lists, no multi-generational LRU.
 *
 * Nobody looks at a list before memory runs short. Until then folios are only noted in the order in which they come to
 * the front, which costs a word each; the first reclaim makes lists of what was noted, and from then on they are kept.
 */
import { type Memmap, PAGEBLOCK, type Page } from '../sim/memmap.js';
import { folio_nr_pages, PG_active, PG_lru, PG_swapbacked, PG_tail, PG_unevictable } from './page_flags.js';

export const LRU_INACTIVE_ANON = 0;
export const LRU_ACTIVE_ANON = 1;
export const LRU_INACTIVE_FILE = 2;
export const LRU_ACTIVE_FILE = 3;
export type LruList = 0 | 1 | 2 | 3;
/** Lists of one lruvec. */
const NR_LRU_LISTS = 4;

/** A folio that cannot be evicted is on no list. */
const LRU_UNEVICTABLE = -1;

const FIRST_LOG = 1 << 14;

/** What is counted for anonymous memory, and for files. */
type AnonAndFile = [anon: number, file: number];

/** What reclaim has learnt of a lruvec (struct lruvec, its node_stat_items), in base pages. */
export interface LruvecState {
  /** How many were evicted or activated: the clock by which the age of those that are away is told. */
  nonresident_age: number;
  /** WORKINGSET_REFAULT_*: came back, WORKINGSET_ACTIVATE_*: soon enough to be active, WORKINGSET_RESTORE_*: and had been so. */
  readonly refault: AnonAndFile;
  readonly activate: AnonAndFile;
  readonly restore: AnonAndFile;
  /** PGROTATE_*: reclaim looked at them, and they stayed. */
  readonly rotate: AnonAndFile;
  /** NR_VMSCAN_WRITE: reclaim wrote them. */
  readonly write: AnonAndFile;
  /** anon_cost and file_cost: what reclaim cost lately. */
  readonly cost: AnonAndFile;
  /** `activate` as it was when reclaim last ended. */
  readonly refaults: AnonAndFile;
  /** What has been made part of the cost. */
  readonly lastRotated: AnonAndFile;
  readonly lastIo: AnonAndFile;
  /**
   * LRUVEC_CONGESTED, later LRUVEC_NODE_CONGESTED of the root, LRUVEC_CGROUP_CONGESTED of others: all that was dirty is being written, and
   * reclaim has met it twice.
   */
  congested: boolean;
}

/** Items that are a cgroup's, and those of all that it is in. */
export type LruvecItem = 'refault' | 'activate' | 'restore' | 'rotate' | 'write' | 'cost';

const newState = (): LruvecState => ({
  nonresident_age: 0,
  refault: [0, 0],
  activate: [0, 0],
  restore: [0, 0],
  rotate: [0, 0],
  write: [0, 0],
  cost: [0, 0],
  refaults: [0, 0],
  lastRotated: [0, 0],
  lastIo: [0, 0],
  congested: false,
});

/** The list of a folio with these flags. */
function folio_lru_list(flags: number): LruList | typeof LRU_UNEVICTABLE {
  if ((flags & PG_unevictable) !== 0) return LRU_UNEVICTABLE;
  const base = (flags & PG_swapbacked) !== 0 ? LRU_INACTIVE_ANON : LRU_INACTIVE_FILE;
  return ((flags & PG_active) !== 0 ? base + 1 : base) as LruList;
}

/** The lists, doubly linked, by page number. */
class Links {
  private readonly newer: Uint32Array;
  private readonly older: Uint32Array;
  /** By folio: its list, and one more; 0: none. */
  private readonly list: Uint32Array;
  private readonly newest: Page[] = [];
  readonly oldest: Page[] = [];
  /** Base pages of each list. */
  readonly pages: number[] = [];

  constructor(
    private readonly mem: Memmap,
    limit: Page,
    private readonly memcgOf: (folio: Page) => number,
  ) {
    this.newer = new Uint32Array(limit);
    this.older = new Uint32Array(limit);
    this.list = new Uint32Array(limit);
  }

  /** To the front of the list that its flags say; `tail`: to its end. */
  add(folio: Page, tail = false): void {
    this.del(folio);
    const own = folio_lru_list(this.mem.flags[folio]!);
    if (own === LRU_UNEVICTABLE) return;
    const list = this.memcgOf(folio) * NR_LRU_LISTS + own;
    while (list >= this.newest.length) {
      this.newest.push(0);
      this.oldest.push(0);
      this.pages.push(0);
    }
    if (tail) this.insert(folio, list, 0, this.oldest[list]!);
    else this.insert(folio, list, this.newest[list]!, 0);
  }

  private insert(folio: Page, list: number, older: Page, newer: Page): void {
    this.list[folio] = list + 1;
    this.older[folio] = older;
    this.newer[folio] = newer;
    if (older === 0) this.oldest[list] = folio;
    else this.newer[older] = folio;
    if (newer === 0) this.newest[list] = folio;
    else this.older[newer] = folio;
    this.pages[list]! += folio_nr_pages(this.mem, folio);
  }

  del(folio: Page): void {
    const list = this.list[folio]! - 1;
    if (list < 0) return;
    const older = this.older[folio]!;
    const newer = this.newer[folio]!;
    if (older === 0) this.oldest[list] = newer;
    else this.newer[older] = newer;
    if (newer === 0) this.newest[list] = older;
    else this.older[newer] = older;
    this.list[folio] = 0;
    this.pages[list]! -= folio_nr_pages(this.mem, folio);
  }

  /** The huge folio is 512 small ones now, each behind the one before it. */
  split(head: Page): void {
    const list = this.list[head]! - 1;
    if (list < 0) return;
    this.pages[list]! -= PAGEBLOCK - 1;
    for (let page = head; page < head + PAGEBLOCK - 1; page++)
      this.insert(page + 1, list, page, this.newer[page]!);
  }
}

/** struct lruvec of a node, and of each memory cgroup there, by its id; 0: of what no cgroup has. */
export class LruLists {
  /** Which of them a folio belongs to. */
  memcgOf: (folio: Page) => number = () => 0;
  /** Folios that came to the front of a list, oldest first; the last mention of each counts. */
  #log: Uint32Array;
  #logged = 0;
  #links: Links | null = null;
  /** By cgroup. */
  readonly #states: LruvecState[] = [newState()];

  constructor(
    private readonly mem: Memmap,
    reuse: Uint32Array | null,
  ) {
    this.#log = reuse ?? new Uint32Array(FIRST_LOG);
  }

  /** For the lists of the next boot. */
  get log(): Uint32Array {
    return this.#log;
  }

  /** The folio, with PG_lru, comes to the front of the list that its flags say. */
  add(folio: Page): void {
    if (this.#links !== null) {
      this.#links.add(folio);
      return;
    }
    if (this.#logged === this.#log.length) this.#compact();
    this.#log[this.#logged++] = folio;
  }

  /** The same to the end of it, where reclaim begins. Context: there are lists (link()). */
  add_tail(folio: Page): void {
    this.#links!.add(folio, true);
  }

  /** The folio is on its list no longer; its flags are still those that it was there with. */
  del(folio: Page): void {
    if (this.#links !== null) this.#links.del(folio);
  }

  /** Flags that decide the list have changed: to the front of the other one. */
  moved(folio: Page): void {
    if ((this.mem.flags[folio]! & PG_lru) !== 0) this.add(folio);
  }

  split(head: Page): void {
    this.#links?.split(head);
  }

  /** The folio that was longest without being touched; 0: the list is empty. */
  oldest(list: LruList, memcgId = 0): Page {
    return this.#links!.oldest[memcgId * NR_LRU_LISTS + list] ?? 0;
  }

  /** Base pages of the cgroup's own list (lruvec_lru_size). */
  size(list: LruList, memcgId = 0): number {
    return this.#links!.pages[memcgId * NR_LRU_LISTS + list] ?? 0;
  }

  /** The same with those of the cgroups below it (lruvec_page_state): of the root, all of the node. */
  page_state(list: LruList, memcgId: number): number {
    if (memcgId !== 0) return this.size(list, memcgId);
    const { pages } = this.#links!;
    let sum = 0;
    for (let i: number = list; i < pages.length; i += NR_LRU_LISTS) sum += pages[i]!;
    return sum;
  }

  state(memcgId: number): LruvecState {
    while (memcgId >= this.#states.length) this.#states.push(newState());
    return this.#states[memcgId]!;
  }

  /** Count pages of a cgroup, which are its parent's, too. */
  mod_lruvec_state(item: LruvecItem, file: boolean, pages: number, memcgId: number): void {
    const type = file ? 1 : 0;
    this.state(memcgId)[item][type] += pages;
    if (memcgId !== 0) this.state(0)[item][type] += pages;
  }

  /** Memory is short: from now on there are lists. `limit`: no page of system memory has a higher number. */
  link(limit: Page): void {
    if (this.#links !== null) return;
    const links = new Links(this.mem, limit, (folio) => this.memcgOf(folio));
    for (const folio of this.#ordered()) links.add(folio);
    this.#links = links;
    this.#logged = 0;
  }

  /** What was noted and is still there, oldest first. Small pages that a huge one was split into follow their head. */
  #ordered(): Uint32Array {
    const { flags } = this.mem;
    const log = this.#log.subarray(0, this.#logged);
    const limit = log.reduce((most, page) => Math.max(most, page), 0) + PAGEBLOCK;
    const last = new Uint32Array(limit);
    log.forEach((page, n) => {
      last[page] = n + 1;
    });
    const order = new Uint32Array(limit);
    let count = 0;
    log.forEach((page, n) => {
      if (last[page] !== n + 1) return;
      if ((flags[page]! & PG_lru) !== 0) order[count++] = page;
      if (page % PAGEBLOCK !== 0) return;
      for (let tail = page + 1; tail < page + PAGEBLOCK; tail++)
        if (last[tail] === 0 && (flags[tail]! & (PG_lru | PG_tail)) === PG_lru) order[count++] = tail;
    });
    return order.subarray(0, count);
  }

  /** Forget what is noted twice, or gone; where that is little, there is to be more room. */
  #compact(): void {
    const order = this.#ordered();
    if (order.length > this.#log.length / 2) this.#log = new Uint32Array(this.#log.length * 2);
    this.#log.set(order);
    this.#logged = order.length;
  }
}

/** What happens to folios, whichever node's lists they are on. */
export type Lru = Pick<LruLists, 'add' | 'add_tail' | 'del' | 'moved' | 'split' | 'link'>;

/** The lists of a machine with several nodes: each node has its own. */
export class NodeLru implements Lru {
  constructor(
    private readonly lruvecs: readonly LruLists[],
    private readonly nodes: { page_to_nid(page: Page): number },
  ) {}

  private of(folio: Page): LruLists {
    return this.lruvecs[this.nodes.page_to_nid(folio)]!;
  }

  add(folio: Page): void {
    this.of(folio).add(folio);
  }

  add_tail(folio: Page): void {
    this.of(folio).add_tail(folio);
  }

  del(folio: Page): void {
    this.of(folio).del(folio);
  }

  moved(folio: Page): void {
    this.of(folio).moved(folio);
  }

  split(head: Page): void {
    this.of(head).split(head);
  }

  link(limit: Page): void {
    for (const lruvec of this.lruvecs) lruvec.link(limit);
  }
}
