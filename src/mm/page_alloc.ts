// SPDX-License-Identifier: GPL-2.0-only
/**
 * Answers for: mm/page_alloc.c, mm/swap.c (folio_put). Fidelity: simplified: one zone a node, orders 0 and 9. What is
 * here takes pages down to the zone's min watermark and never sleeps; page_alloc_slow.ts reclaims when there are none.
 *
 * Freed pages keep their contents and are reused last in, first out, per migrate type, through lists linked in
 * page->private. Whole page blocks come from a bump pointer, or from blocks whose pages are all free.
 */
import { COST_CLEAR } from '../sim/costs.js';
import { KernelBug } from '../sim/errors.js';
import { NO_PAGE, PAGEBLOCK, type Page } from '../sim/memmap.js';
import type { Kernel } from './kernel.js';
import type { Kswapd } from './kswapd.js';
import { mem_cgroup_uncharge } from './memcontrol.js';
import { free_zone_device_folio, put_devmap_managed_page } from './memremap.js';
import {
  compound_head,
  folio_mapcount,
  PG_buddy,
  PG_head,
  PG_hugetlb,
  PG_hwpoison,
  PG_locked,
  PG_lru,
  PG_tail,
  prep_compound_page,
} from './page_flags.js';

export interface RamRun {
  readonly first: Page;
  readonly pages: number;
}

/** What is known of each page block. */
export interface PageBlocks {
  readonly free: Uint16Array;
  readonly type: Uint8Array;
}

/** Migrate types: user memory, and what the kernel keeps for itself. Each page block has one. */
export const MOVABLE = 0;
export const UNMOVABLE = 1;
export type MigrateType = typeof MOVABLE | typeof UNMOVABLE;

/** The same memory, from block `begin` of the first run on; what lies before it comes last. */
function beginningAt(runs: readonly RamRun[], begin: number): readonly RamRun[] {
  const [{ first, pages }, ...rest] = runs as [RamRun, ...RamRun[]];
  const skipped = (begin % (pages / PAGEBLOCK)) * PAGEBLOCK;
  if (skipped === 0) return runs;
  return [{ first: first + skipped, pages: pages - skipped }, ...rest, { first, pages: skipped }];
}

/** Free pages of the zone: below `min` only who must not fail takes one; at `low` kswapd begins to reclaim, up to `high`. */
export interface Watermarks {
  readonly min: number;
  readonly low: number;
  readonly high: number;
}

/**
 * As min_free_kbytes has them, with what khugepaged asks for: eleven page blocks of each zone, but no more than a
 * twentieth of memory. DIVERGES: the min watermark is whole page blocks.
 */
function setup_per_zone_wmarks(managed: number, khugepaged: boolean): Watermarks {
  const kilobytes = Math.min(Math.max(Math.floor(Math.sqrt(managed * 4 * 16)), 128), 262144);
  const recommended = khugepaged ? Math.min(11 * PAGEBLOCK, Math.floor(managed / 20)) : 0;
  const min = Math.ceil(Math.max(kilobytes / 4, recommended) / PAGEBLOCK) * PAGEBLOCK;
  const distance = Math.max(Math.floor(min / 4), Math.floor(managed / 1000));
  return { min, low: min + distance, high: min + 2 * distance };
}

/** The memory of a machine, of one node or of several. */
export type Pages = Pick<
  PageAllocator,
  | 'alloc_page'
  | 'rmqueue'
  | 'alloc_reserve'
  | 'alloc_huge'
  | 'set_aside_huge'
  | 'alloc_set_aside_huge'
  | 'free_unref_page'
  | 'free_huge'
  | 'take_page_off_buddy'
  | 'blocks'
  | 'nr_free_pages'
  | 'should_fail_alloc_page'
  | 'totalPages'
  | 'watermarks'
>;

/** The memory of a node: its one zone. */
export class PageAllocator {
  /** Free single pages, by migrate type. */
  private readonly freeHead: [Page, Page] = [NO_PAGE, NO_PAGE];
  private freeCount = 0;
  /** Whole free blocks, by first page. */
  private readonly freeBlocks: Page[] = [];
  private run = 0;
  private nextBlock: Page;
  /** The blocks that single pages are cut from, by migrate type. */
  private readonly cut: [Page, Page] = [0, 0];
  private readonly cutEnd: [Page, Page] = [0, 0];
  /** Free pages of each block, to find blocks that became whole again. */
  private readonly freeInBlock: Uint16Array;
  /** MigrateType of each block that single pages have been cut from. */
  private readonly blockType: Uint8Array;
  private readonly firstPage: Page;
  /** Memory in the order in which it is handed out. */
  private runs: readonly RamRun[];
  /** Pages that nobody is given any more: their block is to go, or has gone. */
  private isolated: readonly RamRun[] = [];
  /** Whole blocks that belong to the hugetlb pool, which takes each when it first needs it. */
  private setAside = 0;
  /** Fault injection (CONFIG_FAIL_PAGE_ALLOC): whether this allocation fails, of whatever order; null: nobody asked for it. */
  should_fail_alloc_page: (() => boolean) | null = null;
  totalPages: number;
  readonly watermarks: Watermarks;
  /** Whole blocks that ordinary allocations leave alone: the min watermark. */
  private readonly reserve: number;
  /** So many pages can be taken before the low watermark is looked at again. */
  private aboveLow = 0;

  constructor(
    private readonly k: Kernel,
    runs: readonly RamRun[],
    reuse: PageBlocks | null,
    begin: number,
    readonly kswapd: Kswapd,
  ) {
    this.firstPage = runs[0]!.first;
    this.runs = beginningAt(runs, begin);
    this.nextBlock = this.runs[0]!.first;
    this.totalPages = runs.reduce((sum, run) => sum + run.pages, 0);
    const blocks = this.totalPages / PAGEBLOCK;
    this.watermarks = setup_per_zone_wmarks(this.totalPages, k.thp !== 'never');
    this.reserve = this.watermarks.min / PAGEBLOCK;
    this.freeInBlock = reuse?.free.fill(0) ?? new Uint16Array(blocks);
    this.blockType = reuse?.type ?? new Uint8Array(blocks);
  }

  /** For the allocator of the next boot with the same memory. */
  get blocks(): PageBlocks {
    return { free: this.freeInBlock, type: this.blockType };
  }

  /** Free base pages. */
  get nr_free_pages(): number {
    const cut = this.cutEnd[0] - this.cut[0] + this.cutEnd[1] - this.cut[1];
    return this.freeCount + cut + (this.wholeBlocks - this.setAside) * PAGEBLOCK;
  }

  /** Free blocks, without those whose pages were freed one by one. */
  private get wholeBlocks(): number {
    let fresh = 0;
    for (let i = this.run; i < this.runs.length; i++) {
      const run = this.runs[i]!;
      const from = i === this.run ? this.nextBlock : run.first;
      fresh += run.first + run.pages - from;
    }
    return this.freeBlocks.length + fresh / PAGEBLOCK;
  }

  /** Whether no more pages are free than the low watermark asks for, where `nr_pages` in a row are wanted (zone_watermark_fast). */
  isLow(nr_pages = 1): boolean {
    if (this.aboveLow >= nr_pages) return false;
    this.aboveLow = Math.max(this.nr_free_pages - this.watermarks.low, 0);
    return this.aboveLow < nr_pages;
  }

  /** Set `nr` blocks aside for the hugetlb pool, untouched. Return: how many there were. */
  set_aside_huge(nr: number): number {
    const granted = Math.min(nr, this.wholeBlocks - this.setAside);
    this.setAside += granted;
    this.aboveLow = 0;
    return granted;
  }

  /** Whether some of them have not been taken yet. */
  get hasSetAside(): boolean {
    return this.setAside > 0;
  }

  /** One of the blocks set aside, as alloc_huge() gives it. */
  alloc_set_aside_huge(): Page {
    this.setAside--;
    return this.prep_new_page(this.takeBlock(0), MOVABLE);
  }

  /**
   * A page for whoever may go below the watermark: half of it, because it is to die and will free some (ALLOC_OOM); or
   * all of it, because it must not fail.
   */
  alloc_reserve(type: MigrateType = MOVABLE, half = false): Page {
    const page = this.rmqueue(type);
    if (page !== NO_PAGE || !this.cutBlock(type, half ? Math.ceil(this.reserve / 2) : 0)) return page;
    return this.rmqueue(type);
  }

  /**
   * alloc_page(): one page with one reference, or NO_PAGE. It holds zeros, as with CONFIG_INIT_ON_ALLOC_DEFAULT_ON, so
   * that whoever reads it through a stale pointer gets them; with `init` false it holds what it held before, where it is
   * of the list of its kind.
   */
  alloc_page(type: MigrateType = MOVABLE, init = true): Page {
    return this.should_fail_alloc_page?.() ? NO_PAGE : this.rmqueue(type, init);
  }

  /** The same, whatever fault injection says. Who finds little wakes kswapd, and goes on. */
  rmqueue(type: MigrateType, init = true): Page {
    if (this.isLow()) this.kswapd.wakeup_kswapd();
    else this.aboveLow--;
    let page = this.freeHead[type];
    const { mem } = this.k;
    if (page !== NO_PAGE) {
      this.freeHead[type] = mem.priv[page]!;
      this.freeCount--;
      this.freeInBlock[(page - this.firstPage) >>> 9]!--;
      mem.priv[page] = 0;
    } else {
      if (this.cut[type] === this.cutEnd[type] && !this.cutBlock(type, this.reserve)) return this.steal(type);
      page = this.cut[type]++;
    }
    mem.flags[page] = 0;
    mem.refcount[page] = 1;
    if (init) this.k.clear_highpage(page);
    if (this.k.trace !== null) this.tell_alloc(page, 0, type === MOVABLE);
    return page;
  }

  /** A compound page of 512, its head with one reference, or NO_PAGE. */
  alloc_huge(type: MigrateType = MOVABLE): Page {
    if (this.should_fail_alloc_page?.()) return NO_PAGE;
    return this.prep_new_page(this.takeBlock(this.reserve), type);
  }

  private prep_new_page(head: Page, type: MigrateType): Page {
    if (head === NO_PAGE) return NO_PAGE;
    this.aboveLow -= PAGEBLOCK;
    if (type !== MOVABLE) this.blockType[(head - this.firstPage) >>> 9] = type;
    const { mem } = this.k;
    mem.flags.fill(0, head, head + PAGEBLOCK);
    prep_compound_page(mem, head);
    mem.refcount[head] = 1;
    this.k.executor.charge(COST_CLEAR * PAGEBLOCK);
    if (this.k.trace !== null) this.tell_alloc(head, 9, type === MOVABLE);
    return head;
  }

  // --- page isolation (mm/page_isolation.c) and memory hotplug -----------------------------------------------------

  private isIsolated(page: Page): boolean {
    return this.isolated.some(({ first, pages }) => page >= first && page < first + pages);
  }

  /** Free pages of the isolated ranges, which are not among `nr_free_pages`. */
  get isolatedFree(): number {
    let free = 0;
    for (const { first, pages } of this.isolated)
      for (let page = first; page < first + pages; page++) if (this.isFree(page)) free++;
    return free;
  }

  private isFree(page: Page): boolean {
    return this.k.mem.refcount[page] === 0 && (this.k.mem.flags[page]! & PG_tail) === 0;
  }

  /** From now on pages of the range, whole page blocks, are given to nobody (MIGRATE_ISOLATE). */
  isolate(first: Page, pages: number): void {
    const end = first + pages;
    const inside = (page: Page): boolean => page >= first && page < end;
    for (const type of [MOVABLE, UNMOVABLE] as const) {
      this.dropFromList(type, inside);
      if (this.cut[type] !== this.cutEnd[type] && inside(this.cut[type])) this.cut[type] = this.cutEnd[type];
    }
    this.freeInBlock.fill(0, (first - this.firstPage) >>> 9, (end - this.firstPage) >>> 9);
    const kept = this.freeBlocks.filter((head) => !inside(head));
    this.freeBlocks.splice(0, this.freeBlocks.length, ...kept);
    const fresh = this.runs.slice(this.run).map((run, n) => {
      const from = n === 0 ? this.nextBlock : run.first;
      return { first: from, pages: run.first + run.pages - from };
    });
    this.runs = fresh
      .flatMap((run) => [
        { first: run.first, pages: Math.min(run.pages, Math.max(first - run.first, 0)) },
        { first: Math.max(run.first, end), pages: run.first + run.pages - Math.max(run.first, end) },
      ])
      .filter((run) => run.pages > 0);
    this.run = 0;
    this.nextBlock = this.runs[0]?.first ?? 0;
    this.isolated = [...this.isolated, { first, pages }];
    this.aboveLow = 0;
  }

  private dropFromList(type: MigrateType, inside: (page: Page) => boolean): void {
    const { priv } = this.k.mem;
    const kept: Page[] = [];
    for (let page = this.freeHead[type]; page !== NO_PAGE; page = priv[page]!) {
      if (inside(page)) this.freeCount--;
      else kept.push(page);
    }
    kept.forEach((page, n) => {
      priv[page] = kept[n + 1] ?? NO_PAGE;
    });
    this.freeHead[type] = kept[0] ?? NO_PAGE;
  }

  /** Who is given pages is given those of the range again, as far as they are free. */
  undo_isolate(first: Page, pages: number): void {
    this.isolated = this.isolated.filter((range) => range.first !== first);
    for (let head = first; head < first + pages; head += PAGEBLOCK) {
      const free = Array.from({ length: PAGEBLOCK }, (_, i) => head + i).filter((page) => this.isFree(page));
      if (free.length === PAGEBLOCK) this.freeBlocks.push(head);
      else for (const page of free) this.put_on_list(page);
    }
    this.k.mem.touch(first, pages);
  }

  /** The isolated range, all of which is free, is no memory any more; or it is again. */
  set_online(first: Page, pages: number, online: boolean): void {
    this.totalPages += online ? pages : -pages;
    if (online) this.undo_isolate(first, pages);
  }

  private put_on_list(page: Page): void {
    const { mem } = this.k;
    const block = (page - this.firstPage) >>> 9;
    const type = this.blockType[block] as MigrateType;
    mem.flags[page] = PG_buddy;
    mem.priv[page] = this.freeHead[type];
    this.freeHead[type] = page;
    this.freeCount++;
    this.freeInBlock[block]!++;
  }

  /** Give a page back whose last reference is gone. */
  free_unref_page(page: Page): void {
    const { mem } = this.k;
    if (mem.mapcount[page] !== 0 || (mem.flags[page]! & PG_locked) !== 0) {
      throw new KernelBug('free_unref_page', `bad page state: page ${page} is still mapped or locked`);
    }
    mem.mapping[page] = 0;
    mem.index[page] = 0;
    if (this.isolated.length > 0 && this.isIsolated(page)) mem.flags[page] = PG_buddy;
    else this.put_on_list(page);
    if (this.k.trace !== null) this.tell_free(page, 0);
  }

  free_huge(head: Page): void {
    const { mem } = this.k;
    if (folio_mapcount(mem, head) !== 0) {
      throw new KernelBug('free_unref_page', `bad page state: folio ${head} is still mapped`);
    }
    mem.flags.fill(PG_buddy, head, head + PAGEBLOCK);
    mem.mapping.fill(0, head, head + PAGEBLOCK);
    mem.index.fill(0, head, head + PAGEBLOCK);
    mem.priv.fill(0, head, head + PAGEBLOCK);
    if (this.isolated.length === 0 || !this.isIsolated(head)) this.freeBlocks.push(head);
    if (this.k.trace !== null) this.tell_free(head, 9);
  }

  /** One page of a block that is wholly free is never given to anybody, and has a reference; the others are free single pages. */
  take_page_off_buddy(page: Page): void {
    const { mem } = this.k;
    const head = page - ((page - this.firstPage) % PAGEBLOCK);
    const at = this.freeBlocks.indexOf(head);
    if (at >= 0) this.freeBlocks.splice(at, 1);
    if (at >= 0) for (let i = PAGEBLOCK - 1; i >= 0; i--) if (head + i !== page) this.put_on_list(head + i);
    mem.flags[page] = PG_hwpoison;
    mem.refcount[page] = 1;
    this.aboveLow = 0;
    this.k.leakedReferences.push(page);
  }

  private tell_alloc(page: Page, order: number, movable: boolean): void {
    this.k.note({ event: 'mm_page_alloc', fn: '__alloc_pages', page, movable, args: { order } });
  }

  private tell_free(page: Page, order: number): void {
    this.k.note({ event: 'mm_page_free', fn: 'free_unref_page', page, args: { order } });
  }

  private cutBlock(type: MigrateType, reserve: number): boolean {
    const block = this.takeBlock(reserve);
    if (block === NO_PAGE) return false;
    this.cut[type] = block;
    this.cutEnd[type] = block + PAGEBLOCK;
    this.blockType[(block - this.firstPage) >>> 9] = type;
    return true;
  }

  /** No block is left for this type: take a page of the other. */
  private steal(type: MigrateType): Page {
    const other = type === MOVABLE ? UNMOVABLE : MOVABLE;
    const some = this.freeHead[other] !== NO_PAGE || this.cut[other] !== this.cutEnd[other];
    return some ? this.rmqueue(other) : NO_PAGE;
  }

  /** `reserve`: whole blocks that are to be left. */
  private takeBlock(reserve: number): Page {
    const untouchable = this.setAside + reserve;
    if (this.wholeBlocks <= untouchable) this.compact();
    if (this.wholeBlocks <= untouchable) return NO_PAGE;
    const block = this.freeBlocks.pop();
    if (block !== undefined) return block;
    while (this.run < this.runs.length) {
      const { first, pages } = this.runs[this.run]!;
      if (this.nextBlock < first + pages) {
        const fresh = this.nextBlock;
        this.nextBlock += PAGEBLOCK;
        this.k.mem.touch(fresh, PAGEBLOCK);
        return fresh;
      }
      this.run++;
      if (this.run < this.runs.length) this.nextBlock = this.runs[this.run]!.first;
    }
    return NO_PAGE;
  }

  /** All fresh memory is used up: collect the blocks whose pages have all been freed one by one. */
  private compact(): void {
    const whole = new Set<Page>();
    this.compactList(MOVABLE, whole);
    this.compactList(UNMOVABLE, whole);
    for (const head of whole) {
      this.freeInBlock[(head - this.firstPage) >>> 9] = 0;
      this.freeBlocks.push(head);
    }
  }

  /** Take the pages of whole blocks out of a free list; the rest keeps its order. */
  private compactList(type: MigrateType, whole: Set<Page>): void {
    const { priv } = this.k.mem;
    let keptTail: Page = NO_PAGE;
    let page = this.freeHead[type];
    this.freeHead[type] = NO_PAGE;
    while (page !== NO_PAGE) {
      const next = priv[page]!;
      const block = (page - this.firstPage) >>> 9;
      if (this.freeInBlock[block] === PAGEBLOCK) {
        whole.add(this.firstPage + block * PAGEBLOCK);
        priv[page] = 0;
        this.freeCount--;
      } else {
        if (keptTail === NO_PAGE) this.freeHead[type] = page;
        else priv[keptTail] = page;
        priv[page] = NO_PAGE;
        keptTail = page;
      }
      page = next;
    }
  }
}

/** folio_get(). */
export function get_page(k: Kernel, page: Page): void {
  const folio = compound_head(k.mem, page);
  if (k.mem.refcount[folio]! <= 0) {
    throw new KernelBug('folio_get', `VM_BUG_ON_FOLIO: page ${folio} has no reference to start from`);
  }
  k.mem.refcount[folio]!++;
}

/** folio_try_get(): false when the folio is free. */
export function folio_try_get(k: Kernel, folio: Page): boolean {
  if (k.mem.refcount[folio]! <= 0) return false;
  k.mem.refcount[folio]!++;
  return true;
}

/** folio_put(): drop `refs` references; the last one frees. */
export function put_page(k: Kernel, page: Page, refs = 1): void {
  const { mem } = k;
  const folio = compound_head(mem, page);
  const left = mem.refcount[folio]! - refs;
  if (left < 0) throw new KernelBug('folio_put', `VM_BUG_ON_PAGE: refcount of page ${folio} falls below 0`);
  mem.refcount[folio] = left;
  if (left > 0) {
    if (left === 1 && k.is_zone_device_page(folio)) put_devmap_managed_page(k, folio);
    return;
  }
  k.executor.point('last reference', folio);
  __folio_put(k, folio);
}

function __folio_put(k: Kernel, folio: Page): void {
  const { mem } = k;
  if (k.is_zone_device_page(folio)) {
    free_zone_device_folio(k, folio);
    return;
  }
  if ((mem.flags[folio]! & PG_hugetlb) !== 0) {
    k.hugetlb.free_huge_folio(folio);
    return;
  }
  if ((mem.flags[folio]! & PG_lru) !== 0) k.lru.del(folio);
  if (k.memcgs !== null) mem_cgroup_uncharge(k, folio);
  if ((mem.flags[folio]! & PG_head) !== 0) k.pages.free_huge(folio);
  else k.pages.free_unref_page(folio);
}
